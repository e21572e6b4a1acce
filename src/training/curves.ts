/** The training's curves as a picture: the parts of the loss and the validation figures over the steps. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { createCanvas } from '../video/drawing/canvas.ts';
import { CATEGORY_COLORS } from '../video/drawing/palette.ts';
import type { StepRecord, ValidationRecord } from './checkpoint.ts';

interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [step: number, value: number])[];
}

interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly top: number;
}

const WIDTH = 900;
const PANEL_HEIGHT = 320;
const MARGIN = { left: 60, right: 190, top: 40, bottom: 36 } as const;

/** A PNG file: losses above, and below, if there was a validation, its retrieval figures. */
export async function drawCurves(
  history: readonly StepRecord[],
  validation: readonly ValidationRecord[],
): Promise<Uint8Array> {
  const parts = Object.keys(history[0]?.parts ?? {});
  const losses = [
    { name: 'loss', points: history.map(({ step, loss }) => [step, loss] as const) },
    ...parts.map((name) => ({ name, points: history.map(({ step, parts: own }) => [step, own[name] ?? 0] as const) })),
  ];
  const shown = Object.keys(validation[0]?.figures ?? {}).filter((name) => / (knn|mapAtRNoOverlap)$/.test(name));
  const figures = shown.map((name) => ({
    name,
    points: validation.map(({ step, figures: own }) => [step, own[name] ?? 0] as const),
  }));
  const canvas = createCanvas(WIDTH, PANEL_HEIGHT * (figures.length > 0 ? 2 : 1));
  const context = canvas.getContext('2d');
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawPanel(context, { title: 'training loss', curves: losses, top: 0 });
  if (figures.length > 0) drawPanel(context, { title: 'validation', curves: figures, top: PANEL_HEIGHT });
  return canvas.encode('png');
}

function drawPanel(context: SKRSContext2D, { title, curves, top }: Panel): void {
  const points = curves.flatMap((curve) => curve.points);
  const lastStep = Math.max(1, ...points.map(([step]) => step));
  const highest = Math.max(1e-6, ...points.map(([, value]) => value).filter(Number.isFinite));
  const plot = {
    left: MARGIN.left,
    right: WIDTH - MARGIN.right,
    top: top + MARGIN.top,
    bottom: top + PANEL_HEIGHT - MARGIN.bottom,
  };
  const x = (step: number): number => plot.left + (step / lastStep) * (plot.right - plot.left);
  const y = (value: number): number => plot.bottom - (value / highest) * (plot.bottom - plot.top);
  context.font = '13px sans-serif';
  context.fillStyle = '#333333';
  context.fillText(title, plot.left, top + 24);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    context.strokeStyle = '#dddddd';
    line(context, [plot.left, y(share * highest)], [plot.right, y(share * highest)]);
    context.textAlign = 'right';
    context.fillText((share * highest).toPrecision(2), plot.left - 6, y(share * highest) + 4);
    context.textAlign = 'center';
    context.fillText(String(Math.round(share * lastStep)), x(share * lastStep), plot.bottom + 18);
  }
  context.textAlign = 'left';
  for (const [i, { name, points: own }] of curves.entries()) {
    context.strokeStyle = CATEGORY_COLORS[i % CATEGORY_COLORS.length]!;
    context.fillStyle = context.strokeStyle;
    context.lineWidth = 1.5;
    for (const [k, [step, value]] of own.entries()) {
      const [before, earlier] = own[Math.max(0, k - 1)]!;
      line(context, [x(before), y(earlier)], [x(step), y(value)]);
    }
    context.fillText(name, plot.right + 12, plot.top + 12 + 18 * i);
  }
  context.lineWidth = 1;
}

function line(context: SKRSContext2D, from: readonly [number, number], to: readonly [number, number]): void {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}
