/** Draws a contact sheet: one event per row, what it is on the left, its frames beside it. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { FrameBatch, Heatmap, PictureSize } from '../../base/types.ts';
import { createCanvas } from './canvas.ts';
import { frameCanvas } from './frame-canvas.ts';
import { drawHeatmap } from './overlay.ts';
import type { OverlayStyle } from './style.ts';
import { drawText, type FittedText, fitText, heightOf, type TextFit } from './text.ts';

/** An event of the sheet. */
export interface SheetRow {
  /** The first line, in bold. */
  readonly heading: string;
  /** Further lines. */
  readonly lines: readonly string[];
  /** CSS colour of the bar that marks the row. */
  readonly color: string;
  /** Its frames at any size, or why they cannot be shown. */
  readonly frames: FrameBatch | string;
  /** What is drawn over the frames, one per frame. */
  readonly heatmaps?: readonly Heatmap[] | undefined;
}

/** What {@link drawContactSheet} needs. */
export interface SheetContent {
  readonly title: string;
  /** One or two sentences at the bottom. */
  readonly caption: string;
  readonly rows: readonly SheetRow[];
  /** Frames in a row. */
  readonly columns: number;
  readonly style: OverlayStyle;
}

/** Draws the sheet; long texts shrink and wrap, and rows grow with them. Returns a PNG file's bytes. */
export function drawContactSheet({ title, caption, rows, columns, style }: SheetContent): Uint8Array {
  const picture = cellSize(rows, columns);
  const width = TEXT_LEFT + TEXT_WIDTH + columns * (picture.width + GAP) + GAP;
  const textOf = fitter();
  const heading = textOf(title, { widthPx: width - 2 * GAP, sizePx: 26, minPx: 18, weight: 'bold' });
  const footer = textOf(caption, { widthPx: width - 2 * GAP, sizePx: 16, minPx: 13 });
  const texts = rows.map((row) => [
    textOf(row.heading, { widthPx: TEXT_WIDTH, sizePx: 20, minPx: 15, weight: 'bold' }),
    ...row.lines.map((line) => textOf(line, { widthPx: TEXT_WIDTH, sizePx: 16, minPx: 13 })),
  ]);
  const heights = texts.map((lines) => Math.max(picture.height, sum(lines.map(heightOf))));
  const top = heightOf(heading) + 2 * GAP;
  const bottom = top + sum(heights) + rows.length * GAP;

  const sheet = createCanvas(width, bottom + heightOf(footer) + GAP);
  const ink = sheet.getContext('2d');
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, sheet.width, sheet.height);
  write(ink, [heading], GAP, GAP, '#111');
  let y = top;
  for (const [i, row] of rows.entries()) {
    ink.fillStyle = row.color;
    ink.fillRect(GAP, y, BAR, heights[i]!);
    write(ink, texts[i]!, TEXT_LEFT, y, '#111');
    drawFrames(ink, row, { x: TEXT_LEFT + TEXT_WIDTH + GAP, y, picture, columns }, style);
    y += heights[i]! + GAP;
  }
  write(ink, [footer], GAP, bottom, '#444');
  return sheet.toBuffer('image/png');
}

const GAP = 14;
const BAR = 8;
const TEXT_LEFT = GAP + BAR + GAP;
const TEXT_WIDTH = 280;
/** Width of all frames of a row together, and of one, at most. */
const FRAMES_WIDTH = 1250;
const MAX_PICTURE_WIDTH = 400;

/** Room for the pictures of every row: those of another shape than the first row's stand in its middle, as they are. */
function cellSize(rows: readonly SheetRow[], columns: number): PictureSize {
  const width = Math.min(MAX_PICTURE_WIDTH, Math.floor(FRAMES_WIDTH / columns) - GAP);
  const [, height, ownWidth] = rows.flatMap(({ frames }) => (typeof frames === 'string' ? [] : [frames]))[0]?.shape ?? [
    1, 9, 16,
  ];
  return { width, height: Math.max(Math.round((width * height) / ownWidth), Math.round(LEAST_SHARE * width)) };
}

/** A cell is at least so high, as a share of its width: others' pictures need room beside very wide ones. */
const LEAST_SHARE = 0.4;

/** The largest area of a cell with the proportions of a picture, in its middle. */
function fitted(
  { width, height }: PictureSize,
  [, rows, columns]: FrameBatch['shape'],
): PictureSize & {
  readonly left: number;
  readonly top: number;
} {
  const scale = Math.min(width / columns, height / rows);
  const own = { width: Math.max(1, Math.round(columns * scale)), height: Math.max(1, Math.round(rows * scale)) };
  return { ...own, left: Math.floor((width - own.width) / 2), top: Math.floor((height - own.height) / 2) };
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly picture: PictureSize;
  readonly columns: number;
}

function drawFrames(ink: SKRSContext2D, row: SheetRow, { x, y, picture, columns }: Place, style: OverlayStyle): void {
  const { frames, heatmaps } = row;
  if (typeof frames === 'string') {
    const width = columns * (picture.width + GAP) - GAP;
    ink.fillStyle = '#eee';
    ink.fillRect(x, y, width, picture.height);
    write(
      ink,
      [fitter()(frames, { widthPx: width - 4 * GAP, sizePx: 16, minPx: 13 })],
      x + 2 * GAP,
      y + 2 * GAP,
      '#444',
    );
    return;
  }
  const area = fitted(picture, frames.shape);
  for (let i = 0; i < frames.shape[0]; i++) {
    const heatmap = heatmaps?.[i];
    ink.save();
    ink.translate(x + i * (picture.width + GAP) + area.left, y + area.top);
    ink.beginPath();
    ink.rect(0, 0, area.width, area.height);
    ink.clip();
    ink.imageSmoothingQuality = 'high';
    ink.drawImage(frameCanvas(frames, i), 0, 0, area.width, area.height);
    if (heatmap) drawHeatmap(ink, area, heatmap, style);
    ink.restore();
  }
}

function fitter(): (text: string, fit: TextFit) => FittedText {
  const context = createCanvas(1, 1).getContext('2d');
  return (text, fit) => fitText(context, text, fit);
}

/** Texts below each other. */
function write(ink: SKRSContext2D, texts: readonly FittedText[], x: number, topPx: number, color: string): void {
  ink.fillStyle = color;
  ink.textAlign = 'left';
  let y = topPx;
  for (const text of texts) {
    drawText(ink, text, x, y);
    y += heightOf(text);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
