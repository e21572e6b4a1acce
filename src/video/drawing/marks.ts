/**
 * Draws what a viewer needs to read an attention video: where in the event a frame lies, which frames the network saw,
 * and what was not analyzed.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { TimeSpan } from '../../base/types.ts';
import { isInside } from './keyframes.ts';
import { type Area, type DrawnPicture, unitOf } from './overlay.ts';
import { drawText, fitText, heightOf } from './text.ts';

/** What the marks of one frame show. */
export interface Marks {
  readonly span: TimeSpan;
  /** The sampled moments, seconds from the start of the clip. */
  readonly momentsSec: readonly number[];
  /** The parts of the span that were not analyzed. */
  readonly gaps: readonly TimeSpan[];
  /** The frame's own time, seconds from the start of the clip. */
  readonly timeSec: number;
  /** Whether the file is damaged at this moment. */
  readonly isDamaged?: boolean | undefined;
  /** Position of the frame among the sampled moments, from 0, if it is one of them. */
  readonly moment?: number | undefined;
  /** Which moments the picture's map comes from, in a few words. */
  readonly origin?: string | undefined;
}

/** The colour of what the network saw, orange: it stays apart from every colour map's bright end and from the picture. */
export const MARK_COLOR = '#ffb000';

/**
 * Draws a border and a badge on a sampled moment, or a badge where nothing was analyzed; elsewhere where the map comes from.
 *
 * @param hasBadge whether there are badges; without them there is the border alone
 * @returns areas outside which nothing was drawn
 */
export function drawMoment(context: SKRSContext2D, size: DrawnPicture, marks: Marks, hasBadge = true): Area[] {
  const { moment, momentsSec, gaps, timeSec } = marks;
  if (!hasBadge) return moment === undefined ? [] : drawBorder(context, size);
  if (moment === undefined) {
    if (isInside(gaps, timeSec)) {
      return [drawBadge(context, size, 'not analyzed', 'right', { background: '#000b', ink: '#ddd' })];
    }
    if (marks.origin === undefined) return [];
    return [drawBadge(context, size, marks.origin, 'right', { background: '#0009', ink: '#ddd', sizePx: 15 })];
  }
  const damage = marks.isDamaged ? ' · damaged' : '';
  const text = `sampled ${moment + 1}/${momentsSec.length} · t = ${timeSec.toFixed(2)} s${damage}`;
  const badge = drawBadge(context, size, text, 'right', { background: MARK_COLOR, ink: '#000' });
  return [badge, ...drawBorder(context, size)];
}

/**
 * Which sampled moments a map comes from, in a few words.
 *
 * @param places of the moments, of which there are `momentsSec`; one or two
 * @param isNumbered whether they are counted, as the few of an event
 * @param part of the map that is shown, see `nearness`
 */
export function originInWords(
  places: readonly number[],
  momentsSec: readonly number[],
  isNumbered: boolean,
  part: number,
): string | undefined {
  const [first, last = first] = places;
  if (first === undefined || last === undefined) return undefined;
  const times = [...new Set([first, last])].map((place) => momentsSec[place]!.toFixed(2)).join('–');
  if (part === 0) return `no frame near (${times} s)`;
  if (!isNumbered) return `map of ${times} s`;
  const numbers = first === last ? `frame ${first + 1}` : `frames ${first + 1}, ${last + 1}`;
  return `map of ${numbers} (${times} s)`;
}

/** Draws a title in the left upper corner; returns the area outside which nothing was drawn. */
export function drawTitle(context: SKRSContext2D, size: DrawnPicture, title: string): Area {
  return drawBadge(context, size, title, 'left', { background: '#0009', ink: '#fff' });
}

/**
 * Draws what the network answers at a moment in the left upper corner.
 *
 * @param topPx where a title above it ends; 0 without one
 * @returns the area outside which nothing was drawn
 */
export function drawAnswer(context: SKRSContext2D, size: DrawnPicture, answer: string, topPx: number): Area {
  return drawBadge(context, size, answer, 'left', { background: '#000b', ink: '#fff', topPx });
}

/** Draws the timeline along the lower edge; returns the area outside which nothing was drawn. */
export function drawTimeline(context: SKRSContext2D, size: DrawnPicture, marks: Marks): Area {
  const { startSec, endSec } = marks.span;
  const unit = unitOf(size);
  const bar = timelineHeight(size);
  const top = size.height - bar;
  const xOf = (timeSec: number): number => ((timeSec - startSec) / (endSec - startSec)) * size.width;
  context.fillStyle = 'rgba(0, 0, 0, 0.55)';
  context.fillRect(0, top, size.width, bar);
  context.fillStyle = 'rgba(255, 255, 255, 0.55)';
  context.fillRect(0, top, xOf(marks.timeSec), bar);
  for (const gap of marks.gaps) {
    const [left, right] = [xOf(gap.startSec), xOf(gap.endSec)];
    drawHatching(context, { left, top, right, bottom: size.height }, unit);
  }
  for (const [i, momentSec] of marks.momentsSec.entries()) {
    const width = (i === marks.moment ? 8 : 4) * unit;
    context.fillStyle = MARK_COLOR;
    context.fillRect(xOf(momentSec) - width / 2, top - bar / 2, width, bar * 1.5);
  }
  context.fillStyle = '#fff';
  context.fillRect(xOf(marks.timeSec) - unit, top - bar / 2, 2 * unit, bar * 1.5);
  return { left: 0, right: size.width, bottom: size.height, top: top - bar / 2 };
}

/** Fills an area with the pattern of what was not analyzed: grey with dark stripes. */
export function drawHatching(context: SKRSContext2D, area: Area, unit: number): void {
  const { left, top, right, bottom } = area;
  const height = bottom - top;
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, height);
  context.clip();
  context.fillStyle = '#777';
  context.fillRect(left, top, right - left, height);
  context.strokeStyle = '#444';
  context.lineWidth = 2 * unit;
  context.beginPath();
  for (let x = left - height; x < right; x += 7 * unit) {
    context.moveTo(x, bottom);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

/** Height of the timeline, pixels; its marks stand out by half of that. */
export function timelineHeight(size: DrawnPicture): number {
  return Math.max(4, Math.round(8 * unitOf(size)));
}

/** Draws a border; returns its four sides. */
function drawBorder(context: SKRSContext2D, size: DrawnPicture): Area[] {
  const { width, height } = size;
  const thickness = Math.ceil(6 * unitOf(size));
  const whole = { left: 0, top: 0, right: width, bottom: height };
  const sides = [
    { ...whole, bottom: thickness },
    { ...whole, top: height - thickness },
    { ...whole, right: thickness },
    { ...whole, left: width - thickness },
  ];
  context.fillStyle = MARK_COLOR;
  for (const { left, top, right, bottom } of sides) context.fillRect(left, top, right - left, bottom - top);
  return sides;
}

/** To the usual size of a badge's text, before it is wrapped. */
const NOT_MUCH_SMALLER = 0.7;

function drawBadge(
  context: SKRSContext2D,
  size: DrawnPicture,
  content: string,
  side: 'left' | 'right',
  {
    background,
    ink,
    sizePx: fullPx = 22,
    topPx = 0,
  }: { background: string; ink: string; sizePx?: number; topPx?: number },
): Area {
  const sizePx = Math.max(11, Math.round(fullPx * unitOf(size)));
  const padding = sizePx / 2;
  const text = fitText(context, content, {
    ...{ widthPx: size.width / 2 - 4 * padding, sizePx, weight: 'bold' },
    minPx: Math.max(9, NOT_MUCH_SMALLER * sizePx),
  });
  context.font = text.font;
  const width = Math.max(...text.lines.map((line) => context.measureText(line).width)) + 2 * padding;
  const x = side === 'left' ? padding : size.width - padding - width;
  context.fillStyle = background;
  context.beginPath();
  context.roundRect(x, topPx + padding, width, heightOf(text) + padding / 2, padding / 2);
  context.fill();
  context.fillStyle = ink;
  context.textAlign = 'left';
  drawText(context, text, x + padding, topPx + padding * 1.25);
  return { left: x, top: topPx + padding, right: x + width, bottom: topPx + heightOf(text) + 1.5 * padding };
}
