/**
 * Draws heatmaps and the marks of time over a picture, on a canvas of any size: lines and text scale with it. The same
 * drawing serves the video and the strip.
 */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { L2cafError } from '../errors.ts';
import type { Heatmap, PictureSize, TimeSpan } from '../types.ts';
import { COLORMAP_NAMES, type ColormapName, colorOf, cssColor } from './colormap.ts';
import { contourLines } from './contour.ts';
import { drawText, fitText, heightOf } from './text.ts';

/** How a heatmap is shown. */
export interface OverlayStyle {
  readonly kind: 'contour' | 'heatmap' | 'both';
  readonly colormap: ColormapName;
  /** Heatmap levels at which contours are drawn, in (0, 1). */
  readonly levels: readonly number[];
  /** Opacity of the heatmap where it is 1, in [0, 1]; it falls to nothing where the heatmap is 0. */
  readonly opacity: number;
  /** Width of the contours, pixels on a picture of 1280×720; scales with the picture. */
  readonly lineWidthPx: number;
  /** Whether the timeline and the marks of sampled moments are drawn. */
  readonly showMarks: boolean;
}

/** Contours at four levels in a colour map that is safe for colour-blind eyes, with marks. */
export const defaultStyle: OverlayStyle = {
  kind: 'contour',
  colormap: 'viridis',
  levels: [0.25, 0.5, 0.75, 0.9],
  opacity: 0.6,
  lineWidthPx: 3,
  showMarks: true,
};

/** A sampled moment and what the network looked at then. */
export interface Keyframe {
  /** Real presentation time of the sampled frame, seconds from the start of the clip. */
  readonly timestampSec: number;
  readonly heatmap: Heatmap;
}

/** What the marks of one frame show. */
export interface Marks {
  readonly span: TimeSpan;
  /** The sampled moments, seconds from the start of the clip. */
  readonly momentsSec: readonly number[];
  /** The frame's own time, seconds from the start of the clip. */
  readonly timeSec: number;
  /** Position of the frame among the sampled moments, from 0, if it is one of them. */
  readonly moment?: number | undefined;
  readonly title?: string | undefined;
}

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

/**
 * The heatmap at any time: a linear blend of the two sampled moments around it, that of the first moment before it and
 * that of the last after it. Where nothing is blended, the keyframe's own heatmap is returned, not a copy.
 *
 * @param keyframes at least one, by increasing time, heatmaps of one shape
 */
export function heatmapAt(keyframes: readonly Keyframe[], timeSec: number): Heatmap {
  const after = keyframes.findIndex(({ timestampSec }) => timestampSec >= timeSec);
  const next = keyframes.at(after)!;
  const previous = keyframes[after - 1];
  if (after <= 0 || previous === undefined || next.timestampSec === timeSec) return next.heatmap;
  const part = (timeSec - previous.timestampSec) / (next.timestampSec - previous.timestampSec);
  const from = previous.heatmap;
  const to = next.heatmap;
  const blend = (a: number, b: number): number => a + (b - a) * part;
  return {
    height: from.height,
    width: from.width,
    values: from.values.map((value, i) => blend(value, to.values[i]!)),
    min: blend(from.min, to.min),
    max: blend(from.max, to.max),
  };
}

/** A part of a picture, pixels; may be empty or reach beyond the picture. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Draws a heatmap over a picture of the given size that lies at the context's origin.
 *
 * @returns the area outside which nothing was drawn
 */
export function drawHeatmap(context: SKRSContext2D, size: PictureSize, heatmap: Heatmap, style: OverlayStyle): Area {
  if (style.kind !== 'contour') drawColors(context, size, heatmap, style);
  if (style.kind === 'heatmap') return whole(size);
  const lines = drawContours(context, size, heatmap, style);
  return style.kind === 'contour' ? lines : whole(size);
}

/**
 * Draws the timeline along the lower edge, the title, and a border and badge on a sampled moment.
 *
 * @returns areas outside which nothing was drawn
 */
export function drawMarks(context: SKRSContext2D, size: PictureSize, marks: Marks): Area[] {
  const unit = unitOf(size);
  if (marks.moment !== undefined) {
    context.strokeStyle = MARK_COLOR;
    context.lineWidth = 6 * unit;
    context.strokeRect(3 * unit, 3 * unit, size.width - 6 * unit, size.height - 6 * unit);
  }
  const areas = [drawTimeline(context, size, marks, unit)];
  if (marks.title) areas.push(drawBadge(context, size, marks.title, 'left', { background: '#0009', ink: '#fff' }));
  if (marks.moment === undefined) return areas;
  const text = `sampled ${marks.moment + 1}/${marks.momentsSec.length} · t = ${marks.timeSec.toFixed(2)} s`;
  drawBadge(context, size, text, 'right', { background: MARK_COLOR, ink: '#000' });
  return [whole(size)];
}

const MARK_COLOR = '#ffb000';

function whole({ width, height }: PictureSize): Area {
  return { left: 0, top: 0, right: width, bottom: height };
}

/** The scale of lines and text: 1 on a picture with as many pixels as 1280×720. */
function unitOf({ width, height }: PictureSize): number {
  return Math.max(0.5, Math.sqrt((width * height) / (1280 * 720)));
}

function drawColors(context: SKRSContext2D, size: PictureSize, heatmap: Heatmap, style: OverlayStyle): void {
  const small = createCanvas(heatmap.width, heatmap.height);
  const pixels = small.getContext('2d').createImageData(heatmap.width, heatmap.height);
  heatmap.values.forEach((value, i) => {
    pixels.data.set([...colorOf(style.colormap, value), Math.round(255 * style.opacity * value)], i * 4);
  });
  small.getContext('2d').putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, size.width, size.height);
}

/** Each line on a wider dark one, so that it can be seen on snow as well as in a tunnel. */
function drawContours(context: SKRSContext2D, size: PictureSize, heatmap: Heatmap, style: OverlayStyle): Area {
  const points: (readonly [number, number])[] = [];
  const width = Math.max(2, style.lineWidthPx * unitOf(size));
  context.lineJoin = 'round';
  for (const { level, rings } of contourLines(heatmap, style.levels)) {
    context.beginPath();
    for (const ring of rings) {
      points.push(...ring);
      ring.forEach(([x, y], i) => {
        if (i === 0) context.moveTo(x * size.width, y * size.height);
        else context.lineTo(x * size.width, y * size.height);
      });
      context.closePath();
    }
    context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
    context.lineWidth = width * 2;
    context.stroke();
    context.strokeStyle = cssColor(colorOf(style.colormap, lineShade(level, style.levels)));
    context.lineWidth = width;
    context.stroke();
  }
  return boundsOf(points, size, width + 1);
}

/** The box of unit coordinates on a picture, wider by a margin in pixels. */
function boundsOf(points: readonly (readonly [number, number])[], size: PictureSize, marginPx: number): Area {
  const box = { left: 1, top: 1, right: 0, bottom: 0 };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.top = Math.min(box.top, y);
    box.right = Math.max(box.right, x);
    box.bottom = Math.max(box.bottom, y);
  }
  return {
    left: box.left * size.width - marginPx,
    top: box.top * size.height - marginPx,
    right: box.right * size.width + marginPx,
    bottom: box.bottom * size.height + marginPx,
  };
}

/** Levels spread over the brighter part of the colour map: its dark end would vanish in the halo. */
function lineShade(level: number, levels: readonly number[]): number {
  const low = Math.min(...levels);
  const high = Math.max(...levels);
  return high === low ? 1 : 0.6 + (0.4 * (level - low)) / (high - low);
}

function drawTimeline(context: SKRSContext2D, size: PictureSize, marks: Marks, unit: number): Area {
  const { startSec, endSec } = marks.span;
  const bar = Math.max(4, Math.round(8 * unit));
  const xOf = (timeSec: number): number => ((timeSec - startSec) / (endSec - startSec)) * size.width;
  const top = size.height - bar;
  context.fillStyle = 'rgba(0, 0, 0, 0.55)';
  context.fillRect(0, top, size.width, bar);
  context.fillStyle = 'rgba(255, 255, 255, 0.55)';
  context.fillRect(0, top, xOf(marks.timeSec), bar);
  for (const [i, momentSec] of marks.momentsSec.entries()) {
    const width = (i === marks.moment ? 8 : 4) * unit;
    context.fillStyle = MARK_COLOR;
    context.fillRect(xOf(momentSec) - width / 2, top - bar / 2, width, bar * 1.5);
  }
  context.fillStyle = '#fff';
  context.fillRect(xOf(marks.timeSec) - unit, top - bar / 2, 2 * unit, bar * 1.5);
  return { ...whole(size), top: top - bar / 2 };
}

function drawBadge(
  context: SKRSContext2D,
  size: PictureSize,
  content: string,
  side: 'left' | 'right',
  { background, ink }: { background: string; ink: string },
): Area {
  const unit = unitOf(size);
  const sizePx = Math.max(11, Math.round(22 * unit));
  const padding = sizePx / 2;
  const text = fitText(context, content, { widthPx: size.width / 2 - 4 * padding, sizePx, minPx: 9, weight: 'bold' });
  context.font = text.font;
  const width = Math.max(...text.lines.map((line) => context.measureText(line).width)) + 2 * padding;
  const x = side === 'left' ? padding : size.width - padding - width;
  context.fillStyle = background;
  context.beginPath();
  context.roundRect(x, padding, width, heightOf(text) + padding / 2, padding / 2);
  context.fill();
  context.fillStyle = ink;
  context.textAlign = 'left';
  drawText(context, text, x + padding, padding * 1.25);
  return { left: x, top: padding, right: x + width, bottom: heightOf(text) + 1.5 * padding };
}
