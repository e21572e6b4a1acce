/** The figures of a localization study as a picture: one panel per measure, one dot with its interval per method. */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { drawText, fitText, font, heightOf } from '../video/text.ts';
import type { Estimate } from './bootstrap.ts';
import type { MethodFigures } from './summary.ts';

/** What {@link drawFigures} needs. */
export interface FiguresContent {
  readonly title: string;
  readonly caption: string;
  /** One per method, over all labels. */
  readonly figures: readonly MethodFigures[];
}

/** Draws the figures; a dashed line marks chance where it is known. Returns a PNG file's bytes. */
export function drawFigures({ title, caption, figures }: FiguresContent): Uint8Array {
  const context = createCanvas(1, 1).getContext('2d');
  const heading = fitText(context, title, { widthPx: WIDTH - 2 * GAP, sizePx: 22, minPx: 14, weight: 'bold' });
  const footer = fitText(context, caption, { widthPx: WIDTH - 2 * GAP, sizePx: 14, minPx: 12 });
  const top = heightOf(heading) + 4 * GAP;
  const bottom = top + figures.length * ROW;
  const canvas = createCanvas(WIDTH, bottom + 3 * GAP + heightOf(footer));
  const ink = canvas.getContext('2d');
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, canvas.width, canvas.height);
  ink.fillStyle = '#111';
  drawText(ink, heading, GAP, GAP);
  ink.fillStyle = '#444';
  drawText(ink, footer, GAP, bottom + 2 * GAP + 4);
  ink.textBaseline = 'middle';
  for (const [row, { method }] of figures.entries()) write(ink, method, GAP, top + (row + 0.5) * ROW, 'left');
  for (const [i, panel] of PANELS.entries()) drawPanel(ink, panel, figures, NAMES + i * PANEL, top);
  return canvas.toBuffer('image/png');
}

interface Panel {
  readonly title: string;
  readonly chance?: number;
  of(figures: MethodFigures): Estimate;
}

const PANELS: readonly Panel[] = [
  { title: 'energy lift', chance: 1, of: ({ energyLift }) => energyLift },
  { title: 'pointing hits', of: ({ pointing }) => pointing },
  { title: 'PxAP', of: ({ pxAP }) => pxAP },
];
const GAP = 16;
const ROW = 34;
/** Width of the names' column, and of a panel. */
const NAMES = 170;
const PANEL = 270;
const WIDTH = NAMES + PANELS.length * PANEL + GAP;
/** L2-CAF's dots and the baselines' (Okabe and Ito: distinguishable by colour-blind eyes). */
const [OWN, OTHERS] = ['#d55e00', '#0072b2'];

function drawPanel(
  ink: SKRSContext2D,
  panel: Panel,
  figures: readonly MethodFigures[],
  left: number,
  top: number,
): void {
  const bottom = top + figures.length * ROW;
  const width = PANEL - 2 * GAP;
  const highest = niceCeiling(Math.max(panel.chance ?? 0, ...figures.map((own) => highestOf(panel.of(own)))));
  const x = (value: number): number => left + (value / highest) * width;
  write(ink, panel.title, left, top - 1.2 * GAP, 'left', 'bold');
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    line(ink, '#ddd', [x(share * highest), top], [x(share * highest), bottom]);
    write(ink, String(Number((share * highest).toPrecision(3))), x(share * highest), bottom + 0.7 * GAP, 'center');
  }
  if (panel.chance !== undefined) {
    ink.setLineDash([5, 4]);
    line(ink, '#555', [x(panel.chance), top], [x(panel.chance), bottom]);
    ink.setLineDash([]);
  }
  for (const [row, own] of figures.entries()) {
    const { value, low, high } = panel.of(own);
    if (!Number.isFinite(value)) continue;
    const y = top + (row + 0.5) * ROW;
    const colour = own.method.startsWith('l2caf') && own.method !== 'l2caf-reinit' ? OWN! : OTHERS!;
    ink.lineWidth = 3;
    if (Number.isFinite(low)) line(ink, colour, [x(low), y], [x(high), y]);
    ink.lineWidth = 1;
    ink.fillStyle = colour;
    ink.beginPath();
    ink.arc(x(value), y, 6, 0, 2 * Math.PI);
    ink.fill();
  }
}

function line(
  ink: SKRSContext2D,
  colour: string,
  from: readonly [number, number],
  to: readonly [number, number],
): void {
  ink.strokeStyle = colour;
  ink.beginPath();
  ink.moveTo(...from);
  ink.lineTo(...to);
  ink.stroke();
}

function write(
  ink: SKRSContext2D,
  text: string,
  x: number,
  y: number,
  align: 'left' | 'center',
  weight: 'normal' | 'bold' = 'normal',
): void {
  ink.fillStyle = '#111';
  ink.font = font(align === 'center' ? 12 : 15, weight);
  ink.textAlign = align;
  ink.fillText(text, x, y);
}

/** Of the figure and its interval, what is a number; 0 if nothing is. */
function highestOf({ value, high }: Estimate): number {
  return Math.max(0, ...[value, high].filter(Number.isFinite));
}

/** The next of 1, 2, 4, 6, 8 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-3)));
  return power * [1, 2, 4, 6, 8, 10].find((step) => step * power >= value)!;
}
