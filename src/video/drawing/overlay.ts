/**
 * Draws heatmaps over a picture, on a canvas of any size: lines scale with it. The same drawing serves the video and the
 * strip.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { L2cafError } from '../../base/errors.ts';
import type { Heatmap, PictureSize } from '../../base/types.ts';
import { canvasLibrary, createCanvas } from './canvas.ts';
import { colorOf, cssColor, type Rgb } from './colormap.ts';
import { contourLines, type Ring } from './contour.ts';
import { COLORMAP_NAMES, type OverlayStyle } from './style.ts';

/**
 * Checks a style that a user may have put together.
 *
 * @throws L2cafError `usage`
 */
export function checkStyle(style: OverlayStyle): void {
  const wrong = (what: string): L2cafError => new L2cafError('usage', `overlay style: ${what}`);
  if (!COLORMAP_NAMES.includes(style.colormap)) {
    throw wrong(`unknown colour map "${style.colormap}", choose one of ${COLORMAP_NAMES.join(', ')}`);
  }
  if (!style.levels.every((level) => level > 0 && level < 1)) throw wrong('levels must lie between 0 and 1');
  if (!(style.opacity >= 0 && style.opacity <= 1)) throw wrong('opacity must lie between 0 and 1');
  if (!(style.lineWidthPx > 0)) throw wrong('the line width must be positive');
}

/** A part of a picture, pixels; may be empty or reach beyond the picture. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Draws a heatmap in its style over a picture of the given size that lies at the context's origin. */
export function drawHeatmap(context: SKRSContext2D, size: DrawnPicture, heatmap: Heatmap, style: OverlayStyle): void {
  context.save();
  context.globalAlpha = heatmap.opacity ?? 1;
  if (style.kind !== 'contour') drawColors(context, size, heatmap, style);
  if (style.kind !== 'heatmap') drawContours(context, size, heatmap, style);
  context.restore();
}

/** Draws the contours only: each line on a wider dark one, so that it can be seen on snow as well as in a tunnel. */
export function drawContours(context: SKRSContext2D, size: DrawnPicture, heatmap: Heatmap, style: OverlayStyle): void {
  const width = lineWidth(size, style);
  context.lineJoin = 'round';
  for (const { level, rings } of contourLines(heatmap, style.levels)) {
    // One call per path: each call into the canvas costs more than the drawing of a point.
    const path = new (canvasLibrary().Path2D)(rings.map((ring) => svgPath(ring, size)).join(''));
    context.strokeStyle = `rgba(0, 0, 0, ${HALO_OPACITY})`;
    context.lineWidth = width * HALO_WIDTHS;
    context.stroke(path);
    context.strokeStyle = cssColor(levelColor(level, style));
    context.lineWidth = width;
    context.stroke(path);
  }
}

/** Opacity of the dark line under a contour. */
export const HALO_OPACITY = 0.55;
/** How many times wider than the contour that line is. */
export const HALO_WIDTHS = 2;

/** Width of contours on a picture, pixels. */
export function lineWidth(size: DrawnPicture, style: OverlayStyle): number {
  return Math.max(2, style.lineWidthPx * unitOf(size));
}

/** The colour of a contour. Levels spread over the brighter part of the map: its dark end would vanish in the halo. */
export function levelColor(level: number, { colormap, levels }: OverlayStyle): Rgb {
  const low = Math.min(...levels);
  const high = Math.max(...levels);
  return colorOf(colormap, high === low ? 1 : 0.6 + (0.4 * (level - low)) / (high - low));
}

/** The opacity of a heatmap's colour where it has this value, 0–255. */
export function opacityOf(value: number, { opacity }: OverlayStyle): number {
  return Math.round(255 * opacity * value);
}

/** A picture that is drawn on, pixels. */
export interface DrawnPicture extends PictureSize {
  /** The scale of its lines and text where others beside it decide: see {@link unitOf}. */
  readonly unit?: number;
}

/** The scale of lines and text: 1 on a picture with as many pixels as 1280×720, unless it has its own. */
export function unitOf({ width, height, unit }: DrawnPicture): number {
  return unit ?? Math.max(0.5, Math.sqrt((width * height) / (1280 * 720)));
}

function drawColors(context: SKRSContext2D, size: PictureSize, heatmap: Heatmap, style: OverlayStyle): void {
  const small = createCanvas(heatmap.width, heatmap.height);
  const pixels = small.getContext('2d').createImageData(heatmap.width, heatmap.height);
  heatmap.values.forEach((value, i) => {
    pixels.data.set([...colorOf(style.colormap, value), opacityOf(value, style)], i * 4);
  });
  small.getContext('2d').putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, size.width, size.height);
}

/** A closed line as the path data of SVG, on a picture, without the points that it can do without at this size. */
function svgPath(ring: Ring, { width, height }: PictureSize): string {
  let path = '';
  let [lastX, lastY] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 1; i < ring.length; i++) {
    const x = ring[i]![0] * width;
    const y = ring[i]![1] * height;
    if (Math.abs(x - lastX) + Math.abs(y - lastY) < POINTS_APART_PX) continue;
    path += `${path === '' ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    [lastX, lastY] = [x, y];
  }
  return `${path}Z`;
}

/** Curves of contours are no tighter than a few pixels: points this close make no line rounder, but take time to draw. */
const POINTS_APART_PX = 2;
