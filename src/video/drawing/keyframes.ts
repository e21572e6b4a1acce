/**
 * Heatmaps over time: which one belongs to a frame, on what scale the heatmaps of an event are compared, and what was not
 * analyzed at all. Pure functions on values.
 */
import { Recent } from '../../base/recent.ts';
import type { Heatmap, RegionMask, TimeSpan } from '../../base/types.ts';

/** A sampled moment and what the network looked at then. */
export interface Keyframe {
  /** Real presentation time of the sampled frame, seconds from the start of the clip. */
  readonly timestampSec: number;
  readonly heatmap: Heatmap;
  /** For signed maps: what argues against the output, as a positive number; `heatmap` is then what argues for it. */
  readonly opposing?: Heatmap | undefined;
}

/** What is shown at a sampled moment. */
type Maps = Omit<Keyframe, 'timestampSec'>;

/**
 * Keyframes whose heatmaps are made when they are read, and forgotten soon after: those of a long drive would not fit into
 * memory. As long as one is being shown, reading it again gives the same heatmap.
 *
 * @param timesSec increasing
 * @param make the maps of the keyframe at this place
 */
export function lazyKeyframes(timesSec: readonly number[], make: (place: number) => Maps): Keyframe[] {
  const recent = new Recent<number, Maps>(KEYFRAMES_KEPT);
  const read = (place: number): Maps => {
    const known = recent.get(place);
    if (known) return known;
    const maps = make(place);
    recent.set(place, maps);
    return maps;
  };
  return timesSec.map((timestampSec, place) => ({
    timestampSec,
    get heatmap() {
      return read(place).heatmap;
    },
    get opposing() {
      return read(place).opposing;
    },
  }));
}

/** A blend needs two, and a short event is drawn without making anything twice. */
const KEYFRAMES_KEPT = 8;

/**
 * What becomes 0 and 1 in a heatmap: the least and greatest value of each `frame` by itself, those of the whole `clip`,
 * or, with `none`, the filter's own 0 and 1 (a filter has unit norm, so no value exceeds 1).
 */
export type NormalizeMode = 'frame' | 'clip' | 'none';

/** The modes, the default first. */
export const NORMALIZE_MODES: readonly NormalizeMode[] = ['frame', 'clip', 'none'];

/**
 * Rescales heatmaps, whatever their scale was: `min` and `max` keep the filter's values, so nothing is lost.
 *
 * @param ignored heatmap points that count for nothing: they become 0 and do not influence the scale
 */
export function normalizeKeyframes(
  keyframes: readonly Keyframe[],
  mode: NormalizeMode,
  ignored?: RegionMask,
): Keyframe[] {
  const rangeAt = (place: number): Range => rangeOf(keyframes[place]!.heatmap, ignored);
  const clipRange = (): Range => {
    const ranges = keyframes.map((_, place) => rangeAt(place));
    return { min: Math.min(...ranges.map(({ min }) => min)), max: Math.max(...ranges.map(({ max }) => max)) };
  };
  const fixed = { frame: undefined, clip: mode === 'clip' ? clipRange() : undefined, none: { min: 0, max: 1 } }[mode];
  return lazyKeyframes(
    keyframes.map(({ timestampSec }) => timestampSec),
    (place) => {
      const { heatmap, opposing } = keyframes[place]!;
      return { heatmap: rescale(heatmap, fixed ?? rangeAt(place), ignored), opposing };
    },
  );
}

/** One line for a legend: the scale that {@link normalizeKeyframes} gave these heatmaps. */
export function describeScale(keyframes: readonly Keyframe[], mode: NormalizeMode): string {
  const { min, max, opacity } = keyframes[0]?.heatmap ?? { min: 0, max: 1 };
  const ofMode = {
    frame: opacity === undefined ? 'each frame' : 'each frame, faint: less important',
    clip: `clip, ${min.toFixed(2)}–${max.toFixed(2)}`,
    none: 'fixed, 0–1',
  };
  return `scale: ${ofMode[mode]}`;
}

/**
 * The heatmap at any time: a linear blend of the two sampled moments around it, that of the first moment before it and
 * that of the last after it. Where nothing is blended, the keyframe's own heatmap is returned, not a copy. Moments beyond
 * a gap do not count; within a gap, and between two gaps without a moment, there is none.
 *
 * @param keyframes by increasing time, heatmaps of one shape
 * @param side which of the two maps of signed keyframes
 */
export function heatmapAt(
  keyframes: readonly Keyframe[],
  timeSec: number,
  gaps: readonly TimeSpan[] = [],
  side: keyof Maps = 'heatmap',
): Heatmap | undefined {
  const [from, to] = momentsAround(keyframes, timeSec, gaps).map((place) => keyframes[place]!);
  if (from === undefined) return undefined;
  if (to === undefined) return from[side];
  const [earlier, later] = [from[side], to[side]];
  const part = (timeSec - from.timestampSec) / (to.timestampSec - from.timestampSec);
  return earlier && later && blend(earlier, later, part);
}

/**
 * Places of the sampled moments that the heatmap of a time comes from, see {@link heatmapAt}: one, or the two between which
 * it is blended; none where nothing was analyzed.
 */
export function momentsAround(
  keyframes: readonly Pick<Keyframe, 'timestampSec'>[],
  timeSec: number,
  gaps: readonly TimeSpan[] = [],
): readonly number[] {
  if (isInside(gaps, timeSec)) return [];
  const isReached = (place: number): boolean => {
    const momentSec = keyframes[place]?.timestampSec;
    if (momentSec === undefined) return false;
    const [from, to] = [timeSec, momentSec].sort((a, b) => a - b) as [number, number];
    return !gaps.some(({ startSec, endSec }) => startSec < to && endSec > from);
  };
  const after = firstFrom(keyframes, timeSec);
  const reached = [after - 1, after].filter(isReached);
  const exact = reached.find((place) => keyframes[place]!.timestampSec === timeSec);
  return exact === undefined ? reached : [exact];
}

/**
 * How much of its heatmap a time may show, in [0, 1]: all of it up to a second from the next sampled moment, nothing
 * from three on, where nobody has looked.
 *
 * @param around times of the moments that the heatmap comes from, seconds
 */
export function nearness(timeSec: number, around: readonly number[]): number {
  const distanceSec = Math.min(...around.map((momentSec) => Math.abs(momentSec - timeSec)));
  return Math.min(1, Math.max(0, (FAR_SEC - distanceSec) / (FAR_SEC - NEAR_SEC)));
}

const NEAR_SEC = 1;
const FAR_SEC = 3;

/** Position of the keyframe that was sampled at this time, from 0, if there is one. */
export function momentAt(keyframes: readonly Keyframe[], timeSec: number): number | undefined {
  const position = firstFrom(keyframes, timeSec - SAME_MOMENT_SEC);
  return (keyframes[position]?.timestampSec ?? Number.NaN) < timeSec + SAME_MOMENT_SEC ? position : undefined;
}

/** The place of the first keyframe that is not before the time; their number, if there is none. */
function firstFrom(keyframes: readonly Pick<Keyframe, 'timestampSec'>[], timeSec: number): number {
  let [low, high] = [0, keyframes.length]; // those before `low` are too early, those from `high` on are not
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyframes[middle]!.timestampSec < timeSec) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The parts of a span that no covered span touches, in order: where nothing was analyzed. */
export function gapsIn(span: TimeSpan, covered: readonly TimeSpan[]): TimeSpan[] {
  const gaps: TimeSpan[] = [];
  let reachedSec = span.startSec;
  for (const { startSec, endSec } of [...covered].sort((a, b) => a.startSec - b.startSec)) {
    if (startSec > reachedSec) gaps.push({ startSec: reachedSec, endSec: Math.min(startSec, span.endSec) });
    reachedSec = Math.max(reachedSec, endSec);
    if (reachedSec >= span.endSec) break;
  }
  if (reachedSec < span.endSec) gaps.push({ startSec: reachedSec, endSec: span.endSec });
  return gaps.filter(({ startSec, endSec }) => endSec - startSec > SAME_MOMENT_SEC);
}

/** The time that each moment stands for: halfway to its neighbours, but not into a gap. */
export function spansAround(
  moments: readonly Pick<Keyframe, 'timestampSec'>[],
  span: TimeSpan,
  gaps: readonly TimeSpan[],
): TimeSpan[] {
  const times = moments.map(({ timestampSec }) => timestampSec);
  return times.map((time, i) => {
    const previous = times[i - 1];
    const next = times[i + 1];
    const starts = gaps.filter(({ endSec }) => endSec <= time).map(({ endSec }) => endSec);
    const ends = gaps.filter(({ startSec }) => startSec > time).map(({ startSec }) => startSec);
    return {
      startSec: Math.max(previous === undefined ? span.startSec : (previous + time) / 2, ...starts),
      endSec: Math.min(next === undefined ? span.endSec : (time + next) / 2, ...ends),
    };
  });
}

/** Whether one of the spans holds the time. */
export function isInside(spans: readonly TimeSpan[], timeSec: number): boolean {
  return spans.some(({ startSec, endSec }) => timeSec >= startSec && timeSec < endSec);
}

/** Times of one frame that took different ways (through JSON, say) differ by less; two frames by more. */
const SAME_MOMENT_SEC = 0.0005;

interface Range {
  readonly min: number;
  readonly max: number;
}

/** The range of the filter's values outside what is ignored; empty (0 to 0) if everything is. */
function rangeOf({ values, min, max }: Heatmap, ignored: RegionMask | undefined): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const [i, value] of values.entries()) {
    if (ignored?.values[i]) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return { min: 0, max: 0 };
  return { min: min + low * (max - min), max: min + high * (max - min) };
}

function rescale(heatmap: Heatmap, { min, max }: Range, ignored: RegionMask | undefined): Heatmap {
  const { values, min: oldMin, max: oldMax } = heatmap;
  const scale = max > min ? 1 / (max - min) : 0;
  const rescaled = values.map((value, i) => {
    const raw = oldMin + value * (oldMax - oldMin);
    return ignored?.values[i] ? 0 : Math.min(1, Math.max(0, (raw - min) * scale));
  });
  return { ...heatmap, values: rescaled, min, max };
}

function blend(from: Heatmap, to: Heatmap, part: number): Heatmap {
  const mix = (a: number, b: number): number => a + (b - a) * part;
  return {
    height: from.height,
    width: from.width,
    values: from.values.map((value, i) => mix(value, to.values[i]!)),
    min: mix(from.min, to.min),
    max: mix(from.max, to.max),
    ...((from.opacity ?? to.opacity) !== undefined && { opacity: mix(from.opacity ?? 1, to.opacity ?? 1) }),
  };
}
