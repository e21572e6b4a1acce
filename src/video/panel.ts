/**
 * Draws figures made of pictures in rows, each with something painted over it and a label below: the classes of one
 * picture side by side (paper, Fig. 1), constraints (Fig. 11), or the steps of a sanity check (Fig. 10).
 */
import { type Canvas, createCanvas, type Image, type SKRSContext2D } from '@napi-rs/canvas';
import type { PictureSize } from '../types.ts';
import { drawText, type FittedText, fitText, heightOf } from './text.ts';

/** One picture of a figure. */
export interface PanelCell {
  readonly picture: Image | Canvas;
  readonly label: string;
  /** Paints over the picture, which lies at the context's origin; cut at the picture's border. */
  paint?(context: SKRSContext2D, size: PictureSize): void;
}

/** What {@link drawPanel} needs. */
export interface PanelContent {
  /** Row by row; shown in the proportions of the first. */
  readonly cells: readonly PanelCell[];
  /** Pictures in a row. */
  readonly columns: number;
  readonly title: string;
  /** One or two sentences below the pictures. */
  readonly caption: string;
}

/** The number of columns that spreads pictures evenly over rows of at most four. */
export function balancedColumns(count: number): number {
  return Math.ceil(count / Math.ceil(count / MAX_BALANCED_COLUMNS));
}

/** Draws the figure; long texts shrink and wrap, and it grows. Returns a PNG file's bytes. */
export function drawPanel({ cells, columns, title, caption }: PanelContent): Uint8Array {
  const size = cellSize(cells, columns);
  const width = GAP_PX + columns * (size.width + GAP_PX);
  const context = createCanvas(1, 1).getContext('2d');
  const heading = fitText(context, title, { widthPx: width - 2 * GAP_PX, sizePx: 26, minPx: 16, weight: 'bold' });
  const footer = fitText(context, caption, { widthPx: width - 2 * GAP_PX, sizePx: 17, minPx: 13 });
  const labels = cells.map(({ label }) => fitText(context, label, { widthPx: size.width, sizePx: 18, minPx: 12 }));
  const rowHeight = size.height + Math.max(...labels.map(heightOf)) + GAP_PX;
  const top = heightOf(heading) + 2 * GAP_PX;
  const bottom = top + Math.ceil(cells.length / columns) * rowHeight;

  const figure = createCanvas(width, bottom + heightOf(footer) + GAP_PX);
  const ink = figure.getContext('2d');
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, figure.width, figure.height);
  write(ink, heading, width / 2, GAP_PX, '#111');
  for (const [i, cell] of cells.entries()) {
    const x = GAP_PX + (i % columns) * (size.width + GAP_PX);
    const y = top + Math.floor(i / columns) * rowHeight;
    drawCell(ink, x, y, size, cell);
    write(ink, labels[i]!, x + size.width / 2, y + size.height + GAP_PX / 4, '#111');
  }
  write(ink, footer, width / 2, bottom, '#444');
  return figure.toBuffer('image/png');
}

const GAP_PX = 16;
const MAX_BALANCED_COLUMNS = 4;
/** Width of a figure with many columns, and of a picture in one with few. */
const FIGURE_PX = 1600;
const MAX_CELL_PX = 420;

function cellSize(cells: readonly PanelCell[], columns: number): PictureSize {
  const width = Math.min(MAX_CELL_PX, Math.floor((FIGURE_PX - GAP_PX) / columns) - GAP_PX);
  const { picture } = cells[0]!;
  return { width, height: Math.max(1, Math.round((width * picture.height) / picture.width)) };
}

function drawCell(context: SKRSContext2D, x: number, y: number, size: PictureSize, cell: PanelCell): void {
  context.save();
  context.translate(x, y);
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.clip();
  context.imageSmoothingQuality = 'high';
  context.drawImage(cell.picture, 0, 0, size.width, size.height);
  cell.paint?.(context, size);
  context.restore();
}

function write(context: SKRSContext2D, text: FittedText, x: number, topPx: number, color: string): void {
  context.fillStyle = color;
  context.textAlign = 'center';
  drawText(context, text, x, topPx);
}
