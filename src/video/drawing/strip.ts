/**
 * The figure of an event, as the paper's Fig. 9: its sampled frames side by side with their contours, and under each when
 * it was and how well its filter was found.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { L2cafError } from '../../base/errors.ts';
import type { FrameBatch, Heatmap, PictureSize, SolverStatus } from '../../base/types.ts';
import { type DrawnBoxes, drawBoxes } from './boxes.ts';
import { createCanvas } from './canvas.ts';
import { frameCanvas } from './frame-canvas.ts';
import { checkStyle, drawHeatmap } from './overlay.ts';
import { balancedColumns, drawCell, drawPanel, type FigureFormat, type PanelContent, rowsOf } from './panel.ts';
import { drawSigned } from './signed.ts';
import type { OverlayStyle } from './style.ts';
import { boldFont } from './text.ts';

/** A heatmap as drawn: for signed maps `heatmap` is what argues for the output and `opposing` what argues against it. */
export interface DrawnMap {
  readonly heatmap: Heatmap;
  readonly opposing?: Heatmap | undefined;
  /** Boxes of objects over it. */
  readonly boxes?: DrawnBoxes | undefined;
}

/** What is shown with one sampled frame. */
export interface StripCell extends DrawnMap {
  /** The objective that the frame's filter reached. */
  readonly loss: number;
  /** Absent while the solver is still at work. */
  readonly status?: SolverStatus | undefined;
  /** Whether the file is damaged there. */
  readonly damaged?: boolean | undefined;
}

/** What {@link drawStrip} needs. */
export interface StripContent extends Pick<PanelContent, 'title' | 'caption' | 'warning' | 'widthPx'> {
  /** The sampled frames, `[t, h, w, 3]`, at any size. */
  readonly frames: FrameBatch;
  /** One per frame. */
  readonly cells: readonly StripCell[];
  readonly style: OverlayStyle;
  /** Size of the clip as shown, when the frames have been stretched to another shape. */
  readonly size?: PictureSize;
}

/**
 * Draws the strip: up to five frames in a row, more in further rows.
 *
 * @returns the bytes of a file
 * @throws L2cafError `shape-mismatch` when frames and cells differ in number; `usage` for a wrong style
 */
export function drawStrip(
  { frames, cells, style, size, ...texts }: StripContent,
  format: FigureFormat = 'png',
): Uint8Array {
  checkStyle(style);
  const count = frames.shape[0];
  if (cells.length !== count) {
    throw new L2cafError('shape-mismatch', `a strip of ${count} frames needs as many heatmaps, not ${cells.length}`);
  }
  const pictures = cells.map((cell, i) => ({
    picture: frameCanvas(frames, i),
    ...(size && { size }),
    label: labelOf(cell, frames.timestampsSec[i]!),
    paint: painterOf(cell, style),
  }));
  return drawPanel({ ...texts, rows: rowsOf(pictures, balancedColumns(count, 5)) }, format);
}

/** What {@link drawThumbnail} needs, as in {@link StripContent}. */
export interface ThumbnailContent extends Pick<StripContent, 'frames' | 'cells' | 'style' | 'size'> {
  /** Which of the frames. */
  readonly index: number;
  readonly widthPx: number;
}

/** One frame with its heatmap, small. Returns a JPEG file's bytes. */
export function drawThumbnail({ frames, cells, style, size, index, widthPx }: ThumbnailContent): Uint8Array {
  const picture = frameCanvas(frames, index);
  const { width, height } = size ?? picture;
  const area = { width: widthPx, height: Math.round((widthPx * height) / width) };
  const context = createCanvas(area.width, area.height).getContext('2d');
  drawCell(context, 0, 0, area, { picture, paint: painterOf(cells[index]!, style) });
  return context.canvas.toBuffer('image/jpeg', THUMBNAIL_QUALITY);
}

const THUMBNAIL_QUALITY = 80;

/** Draws a map over a picture. */
export function painterOf({ heatmap, opposing, boxes }: DrawnMap, style: OverlayStyle) {
  return (context: SKRSContext2D, size: PictureSize): void => {
    if (opposing) drawSigned(context, size, heatmap, opposing, style);
    else drawHeatmap(context, size, heatmap, style);
    if (boxes) drawBoxes(context, size, boxes, boldFont);
  };
}

function labelOf({ loss, status, damaged }: StripCell, timestampSec: number): string {
  const parts = [
    `t = ${timestampSec.toFixed(2)} s`,
    `loss ${formatLoss(loss)}`,
    ...(status ? [status] : []),
    ...(damaged ? ['DAMAGED'] : []),
  ];
  return parts.join(' · ');
}

/** Three significant digits; very small losses in powers of ten. */
function formatLoss(loss: number): string {
  return loss !== 0 && Math.abs(loss) < 1e-4 ? loss.toExponential(1) : loss.toPrecision(3);
}
