/**
 * The rows of the ribbon under a video: one small plot each. Colours are those of Okabe and Ito, which all common kinds of
 * colour vision tell apart.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { TimeSpan } from '../../base/types.ts';
import type { EventLanes } from './event-lanes.ts';
import { spansAround } from './keyframes.ts';
import type { Area } from './overlay.ts';
import { OKABE_ITO } from './palette.ts';
import type { AttentionShares } from './regions.ts';
import { type ShareLines, topOfShares } from './share-lines.ts';
import { type SignalRow, scaleOf } from './signal-lines.ts';
import { cutToFit, font } from './text.ts';

/** What the ribbon shows of one sampled frame. */
export interface RibbonSample {
  /** Seconds from the start of the clip. */
  readonly timestampSec: number;
  /** Final loss of the frame's filter. */
  readonly loss: number;
  /** How far the embedding moves when this frame is dropped; in any unit, at least 0. */
  readonly importance?: number;
  /** Where the frame's attention lies, as `attentionShares` tells. */
  readonly shares?: AttentionShares;
}

/** What the ribbon shows. Rows for which there is no data are left out. */
export interface RibbonContent {
  /** By increasing time. */
  readonly samples: readonly RibbonSample[];
  /** Labelled events. */
  readonly events?: EventLanes;
  /** Class probabilities at each sample. */
  readonly classes?: ShareLines;
  /** Shares of the attention on objects at each sample. */
  readonly objects?: ShareLines;
  /** Recorded and predicted numbers over time. */
  readonly signals?: readonly SignalRow[];
}

/** The time axis that the ribbon shares with the video. */
export interface RibbonTime {
  readonly span: TimeSpan;
  readonly gaps: readonly TimeSpan[];
}

/** Where a row is drawn, and how times lie along it. */
export interface Plot extends Area {
  readonly context: SKRSContext2D;
  readonly unit: number;
  /** Where a time lies, pixels from the left of the canvas. */
  xOf(timeSec: number): number;
}

/** A line of a row's description, in the colour of what it names. */
export interface Name {
  readonly text: string;
  readonly color: string;
}

/** A plot of the ribbon with its description. */
export interface Row {
  /** For a picture whose longer side has 1280 pixels. */
  readonly height: number;
  readonly names: readonly Name[];
  /** Whether it shows samples, of which gaps have none. */
  readonly isSampled: boolean;
  /** Draws the plot. */
  draw(plot: Plot, time: RibbonTime): void;
  /** What is written beside the cursor at a sample, and at what height. */
  valuesAt?(plot: Plot, sample: number): readonly PlottedValue[];
}

/** A value in a plot. */
export interface PlottedValue extends Name {
  /** Pixels from the top of the canvas. */
  readonly y: number;
}

/** The rows for which there is data, from the top. */
export function ribbonRows({ samples, events, classes, objects, signals = [] }: RibbonContent): Row[] {
  const rows: Row[] = [];
  if (events) rows.push(eventsRow(events));
  rows.push(barsRow('loss', sky, samples, ({ loss }) => loss));
  if (samples.some(({ importance }) => importance !== undefined)) {
    rows.push(barsRow('importance', orange, samples, ({ importance }) => importance));
  }
  if (samples.some(({ shares }) => shares)) {
    rows.push(stackRow(['left', 'centre', 'right'], [sky, GREY, orange], samples));
    rows.push(stackRow(['far', 'near'], [purple, green], samples));
  }
  if (classes) rows.push(sharesRow(classes, samples, 1));
  if (objects) rows.push(sharesRow(objects, samples, topOfShares(objects)));
  for (const row of signals) rows.push(signalRow(row, samples));
  return rows;
}

/** Size of text, for a picture whose longer side has 1280 pixels. */
export const FONT_PX = 14;

/** The colour of text. */
export const INK = '#dfe3e8';
/** The middle of three parts. */
const GREY = '#c9ced6';
const { orange, sky, green, yellow, purple } = OKABE_ITO;

/** Blocks with their labels, below each other where they overlap. */
function eventsRow({ blocks, lanes, hidden }: EventLanes): Row {
  const draw = ({ context, unit, top, bottom, xOf }: Plot): void => {
    const height = (bottom - top) / lanes;
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    for (const { label, startSec, endSec, roomEndSec, lane, color } of blocks) {
      const [left, right] = [xOf(startSec) + unit / 2, xOf(endSec) - unit / 2];
      const [upper, lower] = [top + lane * height + unit / 2, top + (lane + 1) * height - unit / 2];
      context.fillStyle = color;
      context.beginPath();
      const width = Math.max(unit, right - left); // of a moment, too
      context.roundRect(left, upper, width, lower - upper, Math.min(4 * unit, width / 2));
      context.fill();
      context.fillStyle = '#fff';
      context.font = font(FONT_PX * unit, 'bold');
      context.fillText(
        cutToFit(context, label, xOf(roomEndSec) - left - 10 * unit),
        left + 6 * unit,
        (upper + lower) / 2,
      );
    }
  };
  const names = [{ text: lanes > 1 ? 'events' : 'event', color: INK }];
  if (hidden.length > 0) names.push({ text: `and ${hidden.length} more`, color: INK });
  return { height: EVENT_HEIGHT * lanes, names, isSampled: false, draw };
}

const EVENT_HEIGHT = 24;

/** One bar per sample, from 0 to its value; the row's name states the greatest, and the least where that is below 0. */
function barsRow(
  name: string,
  color: string,
  samples: readonly RibbonSample[],
  read: (sample: RibbonSample) => number | undefined,
): Row {
  const values = samples.map((sample) => read(sample) ?? 0);
  const scale = { min: Math.min(0, ...values), max: Math.max(0, ...values) };
  const names = [
    { text: name, color },
    { text: scale.min < 0 ? `${short(scale.min)} to ${short(scale.max)}` : `max ${short(scale.max)}`, color: INK },
  ];
  const draw = ({ context, unit, left, right, top, bottom, xOf }: Plot, { span, gaps }: RibbonTime): void => {
    const pxPerOne = scale.max > scale.min ? (bottom - top - 3 * unit) / (scale.max - scale.min) : 0;
    const zero = bottom + scale.min * pxPerOne;
    if (scale.min < 0) {
      context.fillStyle = ZERO_LINE;
      context.fillRect(left, zero - unit / 2, right - left, unit);
    }
    context.fillStyle = color;
    for (const [i, cell] of spansAround(samples, span, gaps).entries()) {
      const width = Math.max(unit, Math.min(14 * unit, 0.7 * (xOf(cell.endSec) - xOf(cell.startSec))));
      const height = values[i]! * pxPerOne;
      context.fillRect(xOf(samples[i]!.timestampSec) - width / 2, zero - Math.max(0, height), width, Math.abs(height));
    }
  };
  return { height: 44, names, isSampled: true, draw };
}

/** Shares that add up to 1, stacked from the top; each sample stands for the time around it. */
function stackRow(
  parts: readonly (keyof AttentionShares)[],
  colors: readonly string[],
  samples: readonly RibbonSample[],
): Row {
  const draw = ({ context, top, bottom, xOf }: Plot, { span, gaps }: RibbonTime): void => {
    for (const [i, cell] of spansAround(samples, span, gaps).entries()) {
      const [left, right] = [Math.round(xOf(cell.startSec)), Math.round(xOf(cell.endSec))];
      let from = top;
      for (const [k, part] of parts.entries()) {
        const height = (samples[i]!.shares?.[part] ?? 0) * (bottom - top);
        context.fillStyle = colors[k]!;
        context.fillRect(left, from, right - left, height);
        from += height;
      }
    }
  };
  const names = parts.map((text, k) => ({ text, color: colors[k]! }));
  return { height: 18 * parts.length, names, isSampled: true, draw };
}

/** Shares over time as lines, from 0 below to the top of their scale. */
function sharesRow({ lines, hidden, notes = [] }: ShareLines, samples: readonly RibbonSample[], max: number): Row {
  const scale = { min: 0, max };
  const timesSec = samples.map(({ timestampSec }) => timestampSec);
  const draw = (plot: Plot, { gaps }: RibbonTime): void => {
    drawScale(plot, scale);
    for (const { shares, color } of lines) drawLine(plot, color, { timesSec, values: shares, gaps, scale });
  };
  const valuesAt = (plot: Plot, sample: number): PlottedValue[] =>
    lines.flatMap(({ shares, color }) => {
      const value = shares[sample] ?? null;
      return value === null ? [] : [{ text: `${Math.round(100 * value)} %`, color, y: heightAt(plot, value, scale) }];
    });
  const names = lines.map(({ name, color }) => ({ text: name, color }));
  if (hidden > 0) names.push({ text: `and ${hidden} more`, color: INK });
  names.push(...notes.map((text) => ({ text, color: INK })));
  if (lines.length === 0) return { height: 17 * names.length, names, isSampled: false, draw: () => {} };
  return { height: Math.max(60, 17 * names.length), names, isSampled: true, draw, valuesAt };
}

/** Lines at 0, the middle and the top, with their values at the left end. */
function drawScale(plot: Plot, scale: DrawnLine['scale']): void {
  const { context, unit, left, right } = plot;
  context.font = font(SCALE_TEXT * FONT_PX * unit);
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const part of [0, 0.5, 1]) {
    const value = part * scale.max;
    const y = heightAt(plot, value, scale);
    context.fillStyle = ZERO_LINE;
    context.fillRect(left, y - unit / 2, right - left, unit);
    context.fillStyle = SCALE_INK;
    // Within the plot, also at its ends.
    context.fillText(`${Math.round(100 * value)} %`, left + 4 * unit, y + 8 * unit * (2 * part - 1));
  }
}

/** Of the scale's text to the names'; at the smallest, ten pixels. */
const SCALE_TEXT = 0.9;
const SCALE_INK = '#9aa3ae';

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}

/** Lines between the least and the greatest value, which the row's names state; 0 is marked where it lies between them. */
function signalRow(row: SignalRow, samples: readonly RibbonSample[]): Row {
  const scale = scaleOf(row);
  const sampledSec = samples.map(({ timestampSec }) => timestampSec);
  const draw = (plot: Plot, { gaps }: RibbonTime): void => {
    const { context, unit, left, right } = plot;
    if (scale.min < 0 && scale.max > 0) {
      context.fillStyle = ZERO_LINE;
      context.fillRect(left, heightAt(plot, 0, scale) - unit / 2, right - left, unit);
    }
    for (const [k, { values, timesSec = sampledSec }] of row.lines.entries()) {
      drawLine(plot, SIGNAL_COLORS[k % SIGNAL_COLORS.length]!, { timesSec, values, gaps, scale });
    }
  };
  const names = [
    ...row.lines.map(({ name }, k) => ({ text: name, color: SIGNAL_COLORS[k % SIGNAL_COLORS.length]! })),
    { text: `${short(scale.min)} to ${short(scale.max)}`, color: INK },
  ];
  return { height: Math.max(52, 17 * names.length), names, isSampled: true, draw };
}

const SIGNAL_COLORS: readonly string[] = [yellow, sky, orange];
const ZERO_LINE = '#555d68';

interface DrawnLine {
  readonly timesSec: readonly number[];
  /** One per time; the line is interrupted where there is none. */
  readonly values: readonly (number | null)[];
  readonly gaps: readonly TimeSpan[];
  readonly scale: { readonly min: number; readonly max: number };
}

/** Where a value lies in a row, pixels from the top of the canvas. */
function heightAt({ unit, top, bottom }: Plot, value: number, { min, max }: DrawnLine['scale']): number {
  return bottom - unit - ((value - min) / (max - min)) * (bottom - top - 2 * unit);
}

function drawLine(plot: Plot, color: string, { timesSec, values, gaps, scale }: DrawnLine): void {
  const { context, unit, xOf } = plot;
  context.strokeStyle = color;
  context.fillStyle = color;
  context.lineWidth = 2.5 * unit;
  context.lineJoin = 'round';
  context.beginPath();
  let isCut = true;
  for (const [i, timeSec] of timesSec.entries()) {
    const previousSec = timesSec[i - 1] ?? timeSec;
    isCut ||= gaps.some(({ startSec, endSec }) => startSec < timeSec && endSec > previousSec);
    const value = values[i] ?? null;
    if (value === null) {
      isCut = true;
      continue;
    }
    const [x, y] = [xOf(timeSec), heightAt(plot, value, scale)];
    if (isCut) context.moveTo(x, y);
    else context.lineTo(x, y);
    isCut = false;
    if (timesSec.length <= MAX_DOTS) context.fillRect(x - 3 * unit, y - 3 * unit, 6 * unit, 6 * unit);
  }
  context.stroke();
}

/** Lines with more points than this are drawn without dots. */
const MAX_DOTS = 40;
