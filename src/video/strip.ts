/**
 * Draws the figure of an event, as the paper's Fig. 9: its sampled frames side by side with their contours, and under
 * each when it was and how well its filter was found.
 */
import { type Canvas, createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { L2cafError } from '../errors.ts';
import type { FrameBatch, Heatmap, PictureSize, SolverStatus } from '../types.ts';
import { checkStyle, drawHeatmap, type OverlayStyle } from './overlay.ts';
import { frameCanvas } from './picture.ts';
import { drawSigned } from './signed.ts';
import { drawText, type FittedText, fitText, heightOf, type TextFit } from './text.ts';

/** What is shown with one sampled frame. */
export interface StripCell {
  readonly heatmap: Heatmap;
  /** For signed maps: what argues against the output; `heatmap` is then what argues for it. */
  readonly opposing?: Heatmap | undefined;
  /** The objective that the frame's filter reached. */
  readonly loss: number;
  /** Absent while the solver is still at work. */
  readonly status?: SolverStatus | undefined;
}

/** What {@link drawStrip} needs. */
export interface StripContent {
  /** The sampled frames, `[t, h, w, 3]`, at any size. */
  readonly frames: FrameBatch;
  /** One per frame. */
  readonly cells: readonly StripCell[];
  readonly style: OverlayStyle;
  readonly title: string;
  /** One or two sentences below the frames. */
  readonly caption?: string;
  /** What must not be overlooked, e.g. `UNTRAINED HEAD`: drawn in a band of its own. */
  readonly warning?: string;
  /** Width of the figure, pixels; 1600 by default. */
  readonly widthPx?: number;
  /** Size of the clip as shown, when the frames have been stretched to another shape. */
  readonly size?: PictureSize;
}

/**
 * Draws the strip: up to five frames in a row, more in further rows. Long texts shrink and wrap, and the figure grows.
 *
 * @returns a PNG file's bytes
 * @throws L2cafError `shape-mismatch` when frames and cells differ in number; `usage` for a wrong style
 */
export function drawStrip(content: StripContent): Uint8Array {
  const { frames, cells, style, title, caption = '', warning = '', widthPx = 1600 } = content;
  checkStyle(style);
  const count = frames.shape[0];
  if (cells.length !== count) {
    throw new L2cafError('shape-mismatch', `a strip of ${count} frames needs as many heatmaps, not ${cells.length}`);
  }
  const fitLine = fitter(widthPx - 2 * GAP_PX);
  const heading = fitLine(title, HEADING);
  const alarm = fitLine(warning, HEADING);
  const footer = fitLine(caption, { sizePx: 20, minPx: 16 });
  const { columns, picture, leftPx } = layOut(count, content.size ?? sizeOf(frames), widthPx);
  const fitLabel = fitter(picture.width);
  const labels = cells.map((cell, i) => fitLabel(labelOf(cell, frames.timestampsSec[i]!), { sizePx: 20, minPx: 14 }));
  const rowHeight = picture.height + Math.max(...labels.map(heightOf)) + GAP_PX;
  const rowsHeight = Math.ceil(count / columns) * rowHeight;
  const textsHeight = [heading, alarm, footer].reduce((sum, text) => sum + spaceFor(text), 0);
  const context = createCanvas(widthPx, GAP_PX + textsHeight + rowsHeight).getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, widthPx, context.canvas.height);

  let top = GAP_PX;
  drawCentred(context, heading, widthPx / 2, top, '#111');
  top += spaceFor(heading);
  context.fillStyle = '#b00020';
  context.fillRect(0, top - GAP_PX / 2, widthPx, spaceFor(alarm));
  drawCentred(context, alarm, widthPx / 2, top, '#fff');
  top += spaceFor(alarm);
  for (const [i, label] of labels.entries()) {
    const x = leftPx + (i % columns) * (picture.width + GAP_PX);
    const y = top + Math.floor(i / columns) * rowHeight;
    drawPicture(context, x, y, frameCanvas(frames, i), picture, cells[i]!, style);
    drawCentred(context, label, x + picture.width / 2, y + picture.height + GAP_PX / 4, '#111');
  }
  drawCentred(context, footer, widthPx / 2, top + rowsHeight, '#444');
  return context.canvas.toBuffer('image/png');
}

/** What {@link drawThumbnail} needs, as in {@link StripContent}. */
export interface ThumbnailContent extends Pick<StripContent, 'frames' | 'cells' | 'style' | 'size'> {
  /** Which of the frames. */
  readonly index: number;
  readonly widthPx: number;
}

/** One frame with its heatmap, small. Returns a JPEG file's bytes. */
export function drawThumbnail({ frames, cells, style, size, index, widthPx }: ThumbnailContent): Uint8Array {
  const { width, height } = size ?? sizeOf(frames);
  const picture = { width: widthPx, height: Math.round((widthPx * height) / width) };
  const context = createCanvas(picture.width, picture.height).getContext('2d');
  context.imageSmoothingQuality = 'high';
  drawPicture(context, 0, 0, frameCanvas(frames, index), picture, cells[index]!, style);
  return context.canvas.toBuffer('image/jpeg', THUMBNAIL_QUALITY);
}

const THUMBNAIL_QUALITY = 80;
const GAP_PX = 16;
const MAX_COLUMNS = 5;
const HEADING: Omit<TextFit, 'widthPx'> = { sizePx: 30, minPx: 20, weight: 'bold' };
/** A single frame would otherwise fill the whole figure. */
const MAX_PICTURE_PX = 800;

/** Where the pictures go: equal columns, centred. */
function layOut(
  count: number,
  { height, width }: PictureSize,
  widthPx: number,
): { columns: number; picture: PictureSize; leftPx: number } {
  const rows = Math.ceil(count / MAX_COLUMNS);
  const columns = Math.ceil(count / rows);
  const columnWidth = Math.min(MAX_PICTURE_PX, Math.floor((widthPx - (columns + 1) * GAP_PX) / columns));
  const picture = { width: columnWidth, height: Math.round((columnWidth * height) / width) };
  return { columns, picture, leftPx: Math.floor((widthPx - columns * columnWidth - (columns - 1) * GAP_PX) / 2) };
}

function sizeOf({ shape: [, height, width] }: FrameBatch): PictureSize {
  return { width, height };
}

/** One frame with its heatmap, cut at the picture's border. */
function drawPicture(
  context: SKRSContext2D,
  x: number,
  y: number,
  frame: Canvas,
  size: PictureSize,
  { heatmap, opposing }: StripCell,
  style: OverlayStyle,
): void {
  context.save();
  context.translate(x, y);
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.clip();
  context.drawImage(frame, 0, 0, size.width, size.height);
  if (opposing) drawSigned(context, size, heatmap, opposing, style);
  else drawHeatmap(context, size, heatmap, style);
  context.restore();
}

/** Fits texts to a width; an empty text takes no line. */
function fitter(widthPx: number): (text: string, fit: Omit<TextFit, 'widthPx'>) => FittedText {
  const context = createCanvas(1, 1).getContext('2d');
  return (text, fit) => fitText(context, text, { ...fit, widthPx });
}

/** Height of a text and the gap below it; nothing for an empty one. */
function spaceFor(text: FittedText): number {
  return text.lines.length === 0 ? 0 : heightOf(text) + GAP_PX;
}

function drawCentred(context: SKRSContext2D, text: FittedText, x: number, topPx: number, color: string): void {
  context.fillStyle = color;
  context.textAlign = 'center';
  drawText(context, text, x, topPx);
}

function labelOf({ loss, status }: StripCell, timestampSec: number): string {
  const parts = [`t = ${timestampSec.toFixed(2)} s`, `loss ${formatLoss(loss)}`, ...(status ? [status] : [])];
  return parts.join(' · ');
}

/** Three significant digits; very small losses in powers of ten. */
function formatLoss(loss: number): string {
  return loss !== 0 && Math.abs(loss) < 1e-4 ? loss.toExponential(1) : loss.toPrecision(3);
}
