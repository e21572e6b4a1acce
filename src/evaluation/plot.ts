/** A table of figures as a picture: one panel per measure, one dot with its interval per row. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { createCanvas } from '../video/drawing/canvas.ts';
import { OKABE_ITO } from '../video/drawing/palette.ts';
import { drawText, fitText, font, heightOf } from '../video/drawing/text.ts';
import type { Estimate } from './bootstrap.ts';
import type { FigureRow, FigureTable, Measure } from './figure-table.ts';

/** Draws the rows of all events (of all groups where there are no others). Returns a PNG file's bytes. */
export function drawFigures({ title, rows: all, measures, highlighted }: FigureTable, caption: string): Uint8Array {
  const whole = all.filter(({ group }) => group === undefined);
  const rows = whole.length > 0 ? whole : all;
  const context = createCanvas(1, 1).getContext('2d');
  context.font = font(ROW_TEXT);
  const names = GAP * 2 + Math.max(...rows.map((row) => context.measureText(nameOf(row)).width));
  const width = names + measures.length * PANEL + GAP;
  const heading = fitText(context, title, { widthPx: width - 2 * GAP, sizePx: 22, minPx: 14, weight: 'bold' });
  const footer = fitText(context, caption, { widthPx: width - 2 * GAP, sizePx: 14, minPx: 12 });
  const top = heightOf(heading) + 4 * GAP;
  const bottom = top + rows.length * ROW;
  const canvas = createCanvas(width, bottom + 3 * GAP + heightOf(footer));
  const ink = canvas.getContext('2d');
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, canvas.width, canvas.height);
  ink.fillStyle = '#111';
  drawText(ink, heading, GAP, GAP);
  ink.fillStyle = '#444';
  drawText(ink, footer, GAP, bottom + 2 * GAP + 4);
  ink.textBaseline = 'middle';
  for (const [i, row] of rows.entries()) write(ink, nameOf(row), GAP, top + (i + 0.5) * ROW, 'left');
  for (const [i, measure] of measures.entries()) {
    const [left, panelWidth] = [names + i * PANEL, PANEL - 3 * GAP];
    const axis = axisOf(measure, rows, left, panelWidth);
    drawPanel(ink, { measure, rows, highlighted, axis, left, top, bottom });
  }
  return canvas.toBuffer('image/png');
}

const GAP = 16;
const ROW = 34;
const ROW_TEXT = 15;
/** Width of a panel. */
const PANEL = 270;
/** What is examined and what it is compared with. */
const [OWN, OTHERS] = [OKABE_ITO.vermilion, OKABE_ITO.blue];

function nameOf({ group, name }: FigureRow): string {
  return group === undefined ? name : `${group}: ${name}`;
}

interface Axis {
  readonly ticks: readonly number[];
  /** Pixels from the left of the picture. */
  x(value: number): number;
}

/** From 0 or the lowest negative number to the highest; on a logarithmic axis whole powers of ten. */
function axisOf({ key, chance = 0, scale }: Measure, rows: readonly FigureRow[], left: number, width: number): Axis {
  const values = rows.flatMap(({ figures }) => numbersOf(figures[key]!));
  if (scale === 'log') {
    const positive = values.filter((value) => value > 0);
    const low = Math.floor(Math.log10(Math.min(...positive)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
    const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
    return { ticks, x: (value) => left + ((Math.log10(value) - low) / (high - low)) * width };
  }
  const high = niceCeiling(Math.max(chance, 0, ...values));
  const lowest = Math.min(0, ...values);
  const low = lowest < 0 ? -niceCeiling(-lowest) : 0;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * high).filter((_, i) => low === 0 || i % 2 === 0);
  if (-low > high / 4) ticks.unshift(low); // nearer to 0 there is no room for it
  return { ticks, x: (value) => left + ((value - low) / (high - low)) * width };
}

interface PanelContent {
  readonly measure: Measure;
  readonly rows: readonly FigureRow[];
  readonly highlighted: readonly string[];
  readonly axis: Axis;
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
}

function drawPanel(ink: SKRSContext2D, { measure, rows, highlighted, axis, left, top, bottom }: PanelContent): void {
  write(ink, measure.title, left, top - 1.2 * GAP, 'left', 'bold');
  for (const tick of axis.ticks) {
    line(ink, '#ddd', [axis.x(tick), top], [axis.x(tick), bottom]);
    write(ink, String(Number(tick.toPrecision(3))), axis.x(tick), bottom + 0.7 * GAP, 'center');
  }
  if (measure.chance !== undefined) {
    ink.setLineDash([5, 4]);
    line(ink, '#555', [axis.x(measure.chance), top], [axis.x(measure.chance), bottom]);
    ink.setLineDash([]);
  }
  for (const [row, { name, group = '', figures }] of rows.entries()) {
    const { value, low, high } = figures[measure.key]!;
    if (!Number.isFinite(value)) continue;
    const y = top + (row + 0.5) * ROW;
    const colour = highlighted.includes(name) || highlighted.includes(group) ? OWN! : OTHERS!;
    ink.lineWidth = 3;
    if (Number.isFinite(low)) line(ink, colour, [axis.x(low), y], [axis.x(high), y]);
    ink.lineWidth = 1;
    ink.fillStyle = colour;
    ink.beginPath();
    ink.arc(axis.x(value), y, 6, 0, 2 * Math.PI);
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
  ink.font = font(align === 'center' ? 12 : ROW_TEXT, weight);
  ink.textAlign = align;
  ink.fillText(text, x, y);
}

/** Of the figure and its interval, what is a number. */
function numbersOf({ value, low, high }: Estimate): number[] {
  return [value, low, high].filter(Number.isFinite);
}

/** The next of 1, 2, 4, 6, 8 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-3)));
  return power * [1, 2, 4, 6, 8, 10].find((step) => step * power >= value * (1 - 1e-9))!;
}
