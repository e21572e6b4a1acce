/**
 * The ribbon under a video: what the analysis found over time, as small plots that share the video's time axis, with a
 * cursor that follows the video. Its rows are in ribbon-rows.ts.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { TimeSpan } from '../../base/types.ts';
import { isInside, spansAround } from './keyframes.ts';
import { drawHatching } from './marks.ts';
import type { Area, DrawnPicture } from './overlay.ts';
import { FONT_PX, INK, type Name, type Plot, type RibbonContent, type RibbonTime, ribbonRows } from './ribbon-rows.ts';
import { cutToFit, fitText, font } from './text.ts';

/** Height of the ribbon under a picture, pixels; even. */
export function ribbonHeight(picture: DrawnPicture, content: RibbonContent): number {
  const rows = ribbonRows(content).reduce((sum, { height }) => sum + height + GAP, 0);
  return 2 * Math.ceil(((rows + AXIS_HEIGHT + GAP) * unitOf(picture)) / 2);
}

/** Draws everything but the cursor under a picture that lies at the context's origin; returns the ribbon's area. */
export function drawRibbon(
  context: SKRSContext2D,
  picture: DrawnPicture,
  time: RibbonTime,
  content: RibbonContent,
): Area {
  const unit = unitOf(picture);
  const plot = plotOf(context, picture, time.span);
  const area = { left: 0, top: picture.height, right: picture.width, bottom: 0 };
  area.bottom = area.top + ribbonHeight(picture, content);
  context.fillStyle = BACKGROUND;
  context.fillRect(0, area.top, area.right, area.bottom - area.top);
  let top = area.top + GAP * unit;
  for (const row of ribbonRows(content)) {
    const bottom = top + row.height * unit;
    context.fillStyle = PANEL;
    context.fillRect(plot.left, top, plot.right - plot.left, bottom - top);
    row.draw({ ...plot, top, bottom }, time);
    if (row.isSampled) {
      for (const gap of time.gaps) {
        drawHatching(context, { left: plot.xOf(gap.startSec), right: plot.xOf(gap.endSec), top, bottom }, unit);
      }
    }
    drawNames(context, row.names, { left: 0, right: plot.left, top, bottom }, unit);
    top = bottom + GAP * unit;
  }
  drawAxis({ ...plot, top, bottom: top + AXIS_HEIGHT * unit }, time.span);
  return area;
}

/** Draws the cursor, its time and the classes' values there; returns the area outside which nothing was drawn. */
export function drawCursor(
  context: SKRSContext2D,
  picture: DrawnPicture,
  { span, gaps, timeSec, ribbon }: RibbonTime & { readonly timeSec: number; readonly ribbon: RibbonContent },
): Area {
  const unit = unitOf(picture);
  const { xOf, left, right } = plotOf(context, picture, span);
  const top = picture.height;
  const axisTop = top + ribbonHeight(picture, ribbon) - AXIS_HEIGHT * unit;
  const x = Math.round(xOf(timeSec));
  context.fillStyle = '#0008';
  context.fillRect(x - 2 * unit, top, 4 * unit, axisTop - top);
  context.fillStyle = '#fff';
  context.fillRect(x - unit, top, 2 * unit, axisTop - top);
  context.font = font(FONT_PX * unit, 'bold');
  const text = `${timeSec.toFixed(2)} s`;
  const width = context.measureText(text).width + 12 * unit;
  const labelLeft = Math.min(right - width, Math.max(left, x - width / 2));
  context.beginPath();
  context.roundRect(labelLeft, axisTop, width, 20 * unit, 4 * unit);
  context.fill();
  context.fillStyle = '#000';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, labelLeft + width / 2, axisTop + 10 * unit);
  const values = drawValues(plotOf(context, picture, span), x, picture.height, { span, gaps, timeSec, ribbon });
  return {
    left: Math.min(x - 2 * unit, labelLeft, values.left),
    right: Math.max(x + 2 * unit, labelLeft + width, values.right),
    top,
    bottom: axisTop + 20 * unit,
  };
}

/** Writes the values of the sample that stands for a time beside the cursor, none over another. */
function drawValues(
  plot: Plot,
  x: number,
  topPx: number,
  { span, gaps, timeSec, ribbon }: Parameters<typeof drawCursor>[2],
): Pick<Area, 'left' | 'right'> {
  const { context, unit } = plot;
  const sample = spansAround(ribbon.samples, span, gaps).findIndex((cell) => isInside([cell], timeSec));
  const area = { left: x, right: x };
  if (sample < 0) return area;
  const sizePx = AXIS_TEXT * FONT_PX * unit;
  const lineHeight = 1.15 * sizePx;
  context.font = font(sizePx, 'bold');
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  let top = topPx + GAP * unit;
  for (const row of ribbonRows(ribbon)) {
    const bottom = top + row.height * unit;
    const values = [...(row.valuesAt?.({ ...plot, top, bottom }, sample) ?? [])].sort((a, b) => a.y - b.y);
    let free = top;
    const ys = values.map(({ y }, i) => {
      const last = bottom - (values.length - i - 0.5) * lineHeight;
      const own = Math.min(last, Math.max(free + lineHeight / 2, y));
      free = own + lineHeight / 2;
      return own;
    });
    const width = Math.max(0, ...values.map(({ text }) => context.measureText(text).width)) + 8 * unit;
    const isRight = x + 4 * unit + width <= plot.right;
    const left = isRight ? x + 4 * unit : x - 4 * unit - width;
    for (const [i, { text, color }] of values.entries()) {
      context.fillStyle = '#15181dd0';
      context.fillRect(left, ys[i]! - lineHeight / 2, width, lineHeight);
      context.fillStyle = color;
      context.fillText(text, left + 4 * unit, ys[i]!);
      area.left = Math.min(area.left, left);
      area.right = Math.max(area.right, left + width);
    }
    top = bottom + GAP * unit;
  }
  return area;
}

/** Lengths for a picture whose longer side has 1280 pixels; they scale with it. */
const GAP = 8;
const AXIS_HEIGHT = 24;
const AXIS_LABEL_WIDTH = 60;
const GUTTER = 150;
/** Of the picture's width. */
const MAX_GUTTER = 0.45;
const RIGHT_MARGIN = 16;

const BACKGROUND = '#15181d';
const PANEL = '#22272f';

/** The smallest text, pixels, however small the picture is. */
const MIN_TEXT_PX = 10;
/** Of the text along the axis, to that of the names. */
const AXIS_TEXT = 0.9;

/** By the longer side, so that text can be read under upright pictures, too; that of others beside it where there is room. */
function unitOf({ width, height, unit = 0 }: DrawnPicture): number {
  const ofOthers = Math.min(unit, width / LEAST_WIDTH);
  return Math.max(MIN_TEXT_PX / (AXIS_TEXT * FONT_PX), Math.max(width, height) / 1280, ofOthers);
}
/** Least width of a ribbon, in its lengths, that is drawn larger than its picture asks for. */
const LEAST_WIDTH = 640;

function plotOf(context: SKRSContext2D, picture: DrawnPicture, { startSec, endSec }: TimeSpan): Plot {
  const unit = unitOf(picture);
  const left = Math.min(GUTTER * unit, MAX_GUTTER * picture.width);
  const right = picture.width - RIGHT_MARGIN * unit;
  const xOf = (timeSec: number): number => left + ((timeSec - startSec) / (endSec - startSec)) * (right - left);
  return { context, unit, left, right, top: 0, bottom: 0, xOf };
}

function drawNames(context: SKRSContext2D, names: readonly Name[], area: Area, unit: number): void {
  const lineHeight = (area.bottom - area.top) / names.length;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const [i, { text, color }] of names.entries()) {
    const widthPx = area.right - area.left - 16 * unit;
    const { lines, font: fitted } = fitText(context, text, { widthPx, sizePx: FONT_PX * unit, minPx: MIN_TEXT_PX });
    context.font = fitted;
    context.fillStyle = color;
    const shown = lines.length > 1 ? cutToFit(context, text, widthPx) : text;
    context.fillText(shown, area.right - 8 * unit, area.top + (i + 0.5) * lineHeight);
  }
}

/** About eight round times along the lower edge; fewer where there is no room for them. */
function drawAxis({ context, unit, left, right, top, xOf }: Plot, { startSec, endSec }: TimeSpan): void {
  const room = (right - left) / (AXIS_LABEL_WIDTH * unit);
  const step = roundStep((endSec - startSec) / Math.max(1, Math.min(8, room)));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  context.font = font(AXIS_TEXT * FONT_PX * unit);
  context.fillStyle = INK;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let time = Math.ceil(startSec / step - 1e-9) * step; time <= endSec; time += step) {
    const text = `${time.toFixed(digits)} s`;
    const half = context.measureText(text).width / 2;
    const x = Math.min(right - half, Math.max(left + half, xOf(time)));
    context.fillText(text, x, top + 10 * unit);
    context.fillRect(xOf(time) - unit / 2, top - GAP * unit, unit, 4 * unit);
  }
}

/** The smallest of 1, 2 and 5 times a power of ten that is not below `step`. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= step * (1 - 1e-9))!;
}
