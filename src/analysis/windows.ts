/**
 * Where the sliding window of a dense analysis stands, and which moments it samples. All windows sample one regular grid
 * of moments, so that a frame goes through the trunk once and serves every window that contains it. Pure functions.
 */
import { L2cafError } from '../base/errors.ts';
import type { TimeSpan } from '../base/types.ts';
import type { ModelInput } from '../models/video-model.ts';

/** How the window slides. */
export interface SlideOptions {
  /** Frames per window, the length of the LSTM's sequence. */
  readonly frames: number;
  /** Length of a window, seconds. */
  readonly windowSec: number;
  /** From the start of one window to that of the next, seconds. */
  readonly strideSec: number;
}

/** How a span is to be seen, as far as somebody said so. */
export interface SlideWish {
  /** In windows, however short it is. */
  readonly isDense?: boolean;
  /** As one event, however long it is. */
  readonly isWhole?: boolean;
  /** Length of a window, seconds; default that of the training events, or 1 for each of its frames. */
  readonly windowSec?: number;
  /** From the start of one window to that of the next, seconds; default {@link STRIDE_SEC}. */
  readonly strideSec?: number;
}

/** From the start of one window to that of the next, seconds, unless asked otherwise. */
export const STRIDE_SEC = 0.5;

/**
 * How a window slides over a span; undefined where the span is one event. Without a wish that is so where the network was
 * trained on events that are not much shorter, or does not say on which.
 *
 * @param frames of a window
 */
export function slideOver(
  span: TimeSpan,
  frames: number,
  { eventSec }: Pick<ModelInput, 'eventSec'>,
  { isDense = false, isWhole = false, windowSec, strideSec = STRIDE_SEC }: SlideWish = {},
): SlideOptions | undefined {
  if (isWhole || !(isDense || isLong(span, eventSec))) return undefined;
  return { frames, windowSec: windowSec ?? eventSec ?? frames, strideSec };
}

/** Whether a span is more than twice as long as the events that a network was trained on; false where that is not known. */
export function isLong({ startSec, endSec }: TimeSpan, eventSec: number | undefined): boolean {
  return eventSec !== undefined && endSec - startSec > LONG * eventSec * (1 + 1e-9);
}

/** So many times as long as the training events, a span is not the kind of event that the network knows. */
const LONG = 2;

/** That a span is long for one event, in words. */
export function lengthNote({ startSec, endSec }: TimeSpan, eventSec: number): string {
  const length = Number((endSec - startSec).toFixed(2));
  return `${length} s are more than twice as long as the events of ${eventSec} s that the network was trained on`;
}

/** A window: as an event of its own, it would sample exactly these moments (`samplingTimes`). */
export interface SampledWindow extends TimeSpan {
  /** Places in {@link Slide.momentsSec}, ascending. */
  readonly moments: readonly number[];
}

/** The windows of a span, with lengths as they are after fitting. */
export interface Slide {
  readonly windowSec: number;
  readonly strideSec: number;
  /** The sampled moments, seconds from the start of the clip, ascending. */
  readonly momentsSec: readonly number[];
  /** By increasing start; together they cover the span, if the stride is not longer than a window. */
  readonly windows: readonly SampledWindow[];
}

/**
 * Slides a window over a span. The stride becomes the nearest one with which windows share their moments (a whole part or
 * multiple of the distance between the frames of a window); then everything is stretched or shrunk, by less than half a
 * stride over the whole span, so that the last window ends where the span does.
 *
 * @throws L2cafError `time-span` when the span is shorter than a window; `usage` when a window or stride has no length
 */
export function slideWindow(span: TimeSpan, { frames, windowSec, strideSec }: SlideOptions): Slide {
  if (!(windowSec > 0 && strideSec > 0)) {
    throw new L2cafError('usage', `a window of ${windowSec} s that moves by ${strideSec} s is impossible`);
  }
  const { spacing, stride, count } = gridOf(span, { frames, windowSec, strideSec });
  const lengthSec = span.endSec - span.startSec;
  if (count < 1) {
    const length = `${lengthSec.toFixed(2)} s`;
    throw new L2cafError('time-span', `a window of ${windowSec} s does not fit into the time span of ${length}`, {
      hint: 'choose a longer span or a shorter window, or analyze the span as one event',
    });
  }
  const stepSec = lengthSec / (frames * spacing + (count - 1) * stride);
  const startOf = (window: number): number => span.startSec + window * stride * stepSec;
  const placesOf = (window: number): number[] =>
    Array.from({ length: frames }, (_, k) => window * stride + k * spacing);
  const places = [...new Set(Array.from({ length: count }, (_, window) => placesOf(window)).flat())];
  places.sort((a, b) => a - b);
  const momentOf = new Map(places.map((place, moment) => [place, moment]));
  return {
    windowSec: frames * spacing * stepSec,
    strideSec: stride * stepSec,
    momentsSec: places.map((place) => span.startSec + (spacing / 2 + place) * stepSec),
    windows: Array.from({ length: count }, (_, window) => ({
      startSec: startOf(window),
      endSec: Math.min(span.endSec, startOf(window) + frames * spacing * stepSec),
      moments: placesOf(window).map((place) => momentOf.get(place)!),
    })),
  };
}

/** Says that windows move by another length than was asked for, where they do; undefined where they do not. */
export function strideNote(wantedSec: number, { strideSec, windows }: Slide): string | undefined {
  if (windows.length < 2 || Math.abs(strideSec - wantedSec) < 0.005 * wantedSec) return undefined;
  const why = 'so that windows share their frames and the last one ends with the span';
  return `windows move by ${Number(strideSec.toFixed(3))} s, not ${wantedSec} s, ${why}`;
}

/** Whether a window fits into a span, so that {@link slideWindow} finds one. */
export function fitsIn(span: TimeSpan, slide: SlideOptions): boolean {
  return gridOf(span, slide).count >= 1;
}

/** In steps of the grid: the distance of a window's frames, and of two windows; and how many windows there are. */
function gridOf(
  { startSec, endSec }: TimeSpan,
  { frames, windowSec, strideSec }: SlideOptions,
): { readonly spacing: number; readonly stride: number; readonly count: number } {
  const spacingSec = windowSec / frames;
  const spacing = Math.max(1, Math.round(spacingSec / strideSec));
  const stride = Math.max(1, Math.round((strideSec * spacing) / spacingSec));
  const count = 1 + Math.round((((endSec - startSec - windowSec) / spacingSec) * spacing) / stride);
  return { spacing, stride, count };
}
