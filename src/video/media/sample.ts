/**
 * Chooses the moments of an event that the network sees, and decodes exactly the frames on screen at those moments, at
 * the network's input size or as shown. `samplingTimes` is the only definition of these moments.
 */
import { L2cafError, messageOf } from '../../base/errors.ts';
import { assertUnchanged } from '../../base/files.ts';
import type { FittedSize } from '../../base/fit.ts';
import type { FrameBatch, TimeSpan, VideoClip } from '../../base/types.ts';
import { FrameTroubles, framesInWords } from './damage.ts';
import { type DecodedFrames, type DecodeOptions, decodeFrames } from './decode.ts';
import { type FrameList, listFrames, placeUntil, without } from './frame-list.ts';
import { secondsPer } from './stated.ts';
import { surveyFrames } from './survey.ts';

/** Frames as they are on screen, and what is wrong with them. */
export interface ShownFrames extends FrameBatch {
  readonly troubles: FrameTroubles;
}

/** Settings of {@link sampleFrames}. */
export interface SampleOptions {
  readonly span: TimeSpan;
  /** Number of frames, at least 1. */
  readonly count: number;
  /** Frames are brought to this size; without it they keep the size at which the clip is shown. */
  readonly size?: FittedSize;
  readonly signal?: AbortSignal;
}

/**
 * The middles of `count` equal parts of the span, seconds: `start + (k + ½)/count · (end − start)`. An event's frames are
 * thus spread over all of it and avoid its uncertain borders.
 */
export function samplingTimes(span: TimeSpan, count: number): number[] {
  const length = span.endSec - span.startSec;
  return Array.from({ length: count }, (_, k) => span.startSec + ((k + 0.5) / count) * length);
}

/**
 * The time span asked for, by default the whole clip. An end within a frame of the clip's, before or after it, is rounding,
 * and becomes the end of the clip.
 *
 * @throws L2cafError `time-span` when it is empty, negative, not a number, or beyond the end of the clip.
 */
export function resolveSpan(clip: VideoClip, wanted: { startSec?: number; endSec?: number } = {}): TimeSpan {
  const { startSec = 0, endSec = clip.durationSec } = wanted;
  const frameSec = clip.frameRate.denominator / clip.frameRate.numerator;
  const span = `${startSec}–${endSec} s`;
  if (!Number.isFinite(startSec) || !Number.isFinite(endSec))
    throw wrongSpan(clip, `${span} is not made of two numbers`);
  if (startSec < 0) throw wrongSpan(clip, `${span} starts before the clip`);
  if (startSec >= clip.durationSec) throw wrongSpan(clip, `${span} starts after the end of the clip`);
  if (startSec >= endSec) throw wrongSpan(clip, `${span} is empty, as it does not start before its end`);
  if (Math.abs(endSec - clip.durationSec) < frameSec + ROUNDING_SEC) return { startSec, endSec: clip.durationSec };
  if (endSec > clip.durationSec) throw wrongSpan(clip, `${span} reaches beyond the end of the clip`);
  return { startSec, endSec };
}

/**
 * Decodes the frames on screen at {@link samplingTimes}: `[count, height, width, 3]`, rotation applied.
 *
 * @throws L2cafError `time-span` when the span holds fewer frames than asked for; else as {@link framesAt}
 */
export async function sampleFrames(clip: VideoClip, options: SampleOptions): Promise<ShownFrames> {
  const { count, size, signal } = options;
  if (!Number.isSafeInteger(count) || count < 1) throw new L2cafError('usage', `cannot sample ${count} frames`);
  const span = resolveSpan(clip, options.span);
  const { timesSec } = await listFrames(clip, span, signal);
  checkHolds(clip, span, timesSec.length, count);
  return framesAt(clip, samplingTimes(span, count), { ...(size && { size }), ...(signal && { signal }) });
}

/**
 * Chooses the frames of an event where those of its video are known: the times at which the frames on screen at
 * {@link samplingTimes} are shown first.
 *
 * @param shownSec when each frame of the clip is shown first, ascending
 * @throws L2cafError `time-span` when the span holds fewer frames than asked for
 */
export function chooseFrames(clip: VideoClip, span: TimeSpan, count: number, shownSec: Float64Array): number[] {
  const held = shownSec.filter((time) => time >= span.startSec && time < span.endSec).length;
  checkHolds(clip, span, held, count);
  return samplingTimes(span, count).map((time) => onScreen(shownSec, time));
}

function checkHolds(clip: VideoClip, { startSec, endSec }: TimeSpan, held: number, count: number): void {
  if (held >= count) return;
  const frames = held === 1 ? '1 frame' : `${held} frames`;
  throw wrongSpan(clip, `${startSec}–${endSec} s holds ${frames}, fewer than the ${count} asked for`);
}

/** The last frame shown by a time, or the first. */
function onScreen(shownSec: Float64Array, timeSec: number): number {
  return shownSec[Math.max(0, placeUntil({ timesSec: shownSec }, timeSec + ROUNDING_SEC))]!;
}

/** Times are sums of fractions: a frame due this little after a moment is on screen at that moment. */
const ROUNDING_SEC = 1e-4;

/**
 * Decodes the frame on screen at each of the given times (the last one shown by then, or the clip's first):
 * `[t, height, width, 3]`, with the real time of each frame. A frame that cannot be decoded is replaced by the one before
 * it, or after it at the start of the clip, and `troubles` say so, as of frames that are damaged.
 *
 * @throws L2cafError `input-unreadable` when no frame can be decoded; `input-changed` when it is not the file that was
 *   probed; `aborted`
 */
export async function framesAt(
  clip: VideoClip,
  timesSec: readonly number[],
  options: DecodeOptions = {},
): Promise<ShownFrames> {
  const { list, shownSec } = await framesOnScreen(clip, timesSec, options.signal);
  const frames = await decodeShown(clip, list, shownSec, options);
  noteHoles(list, timesSec, frames.timestampsSec, frames.troubles);
  return frames;
}

/**
 * Where a file is damaged and frames are missing, a moment shows one of long before it: that is to be told.
 *
 * @param shownSec the frame of each moment
 */
export function noteHoles(
  list: FrameList,
  momentsSec: readonly number[],
  shownSec: readonly number[],
  troubles: FrameTroubles,
): void {
  if (!list.hasComplaints) return;
  for (const [i, moment] of momentsSec.entries()) {
    const isLate = moment - shownSec[i]! > HOLE_FRAMES * secondsPer(list.details.rate);
    if (isLate && !troubles.lost.has(shownSec[i]!)) troubles.lost.set(moment, shownSec[i]);
  }
}

/** A frame stays no longer on screen, in frames, where none is missing. */
const HOLE_FRAMES = 2.5;

/**
 * Decodes the frames that are shown first at exactly these times, as `listFrames` gives them; others where some cannot be
 * decoded, as {@link framesAt}.
 *
 * @param list frames of the clip, these among them
 * @throws L2cafError `input-unreadable` when no frame can be decoded; `input-changed` when it is not the file that was
 *   probed; `aborted`
 */
export async function decodeShown(
  clip: VideoClip,
  list: FrameList,
  shownSec: readonly number[],
  options: DecodeOptions = {},
): Promise<ShownFrames> {
  const { height, width } = options.size ?? clip;
  const first = await decodeFrames(clip, list, shownSec, options);
  const lost = shownSec.filter((time) => !first.pictures.has(time));
  const { usable, replacements } = lost.length > 0 ? await findReplacements(clip, list, lost, options) : noneLost(list);
  if (usable.timesSec.length === 0) throw undecodable(clip, lost, first.failure);
  const takenSec = shownSec.map((time) => replacements.get(time) ?? time);
  const rest = takenSec.filter((time) => !first.pictures.has(time));
  const second = rest.length > 0 ? await decodeFrames(clip, usable, rest, options) : undefined;
  const rgb = new Uint8Array(shownSec.length * height * width * 3);
  for (const [i, time] of takenSec.entries()) {
    const picture = first.pictures.get(time) ?? second?.pictures.get(time);
    if (picture === undefined) throw undecodable(clip, [time], second?.failure ?? first.failure);
    rgb.set(picture, i * height * width * 3);
  }
  await assertUnchanged(clip);
  const troubles = troublesOf(takenSec, lost, replacements, second ? [first, second] : [first]);
  troubles.addContradictions(list, takenSec);
  return { rgb, shape: [shownSec.length, height, width, 3], timestampsSec: takenSec, troubles };
}

function troublesOf(
  takenSec: readonly number[],
  lostSec: readonly number[],
  replacements: ReadonlyMap<number, number>,
  decoded: readonly DecodedFrames[],
): FrameTroubles {
  const troubles = new FrameTroubles();
  for (const time of lostSec) troubles.lost.set(time, replacements.get(time));
  for (const { damagedSec, sizes } of decoded) {
    for (const time of damagedSec) if (takenSec.includes(time)) troubles.damagedSec.push(time);
    for (const size of sizes) troubles.sizes.add(size);
  }
  return troubles;
}

interface Replacements {
  /** Frames that can be decoded. */
  readonly usable: FrameList;
  /** Time of a lost frame → time of the one on screen instead. */
  readonly replacements: ReadonlyMap<number, number>;
}

function noneLost(list: FrameList): Replacements {
  return { usable: list, replacements: new Map() };
}

/** Looks which frames around the lost ones can be decoded, further and further away until there is one for each. */
async function findReplacements(
  clip: VideoClip,
  list: FrameList,
  lostSec: readonly number[],
  { signal }: DecodeOptions,
): Promise<Replacements> {
  const { timesSec, keysSec, details } = list;
  const place = (time: number): number => Math.max(0, placeUntil(list, time + ROUNDING_SEC));
  const keyAt = (i: number): number => keysSec[i] ?? Number.NaN;
  let [from, end] = [place(Math.min(...lostSec)), place(Math.max(...lostSec)) + 1];
  for (;;) {
    // Whole groups of pictures: back to the key frame, and on to the first frame of the next group.
    const keySec = keyAt(from);
    while (from > 0 && !(timesSec[from]! <= keySec)) from--;
    while (end < timesSec.length && Object.is(keyAt(end), keyAt(end - 1))) end++;
    const untilSec = (timesSec[Math.min(end, timesSec.length - 1)] ?? 0) + ROUNDING_SEC;
    const there = await surveyFrames(clip, details, { keySec, untilSec, signal });
    const isThere = (time: number): boolean => there.some(({ timeSec }) => Math.abs(timeSec - time) < ROUNDING_SEC);
    const [first, last] = [timesSec[from]!, untilSec];
    const usable = without(list, (time) => time >= first && time <= last && !isThere(time));
    const surveyed = without(usable, (time) => time < first || time > last);
    const isBefore = surveyed.timesSec[0]! <= Math.min(...lostSec);
    if (isBefore || (from === 0 && surveyed.timesSec.length > 0)) {
      const taken = lostSec.map((time): [number, number] => [time, onScreen(surveyed.timesSec, time)]);
      return { usable, replacements: new Map(taken) };
    }
    if (from === 0 && end >= timesSec.length) return { usable: surveyed, replacements: new Map() };
    from = Math.max(0, from - 1);
    end = Math.min(timesSec.length, end + 1);
  }
}

/** How far before a moment its frame may have appeared, seconds: the usual case first, then any. */
const LOOK_BACK_SEC: readonly number[] = [2, Number.POSITIVE_INFINITY];

/**
 * The real times of the frames on screen at the given times (the last one shown by then, or the clip's first), and the
 * frames around them.
 *
 * @throws L2cafError `input-unreadable`; `aborted`
 */
export async function framesOnScreen(
  clip: VideoClip,
  timesSec: readonly number[],
  signal: AbortSignal | undefined,
): Promise<{ shownSec: number[]; list: FrameList }> {
  const [earliest, latest] = timesSec.reduce(
    ([low, high], time) => [Math.min(low, time), Math.max(high, time)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  for (const lookBack of LOOK_BACK_SEC) {
    const startSec = Math.max(0, earliest - lookBack);
    // One second more, as a clip that starts with sound may show its first frame later than at 0.
    const list = await listFrames(clip, { startSec, endSec: latest + 1 }, signal);
    const first = list.timesSec[0];
    if (startSec > 0 && (first === undefined || first > earliest)) continue;
    if (first !== undefined) return { list, shownSec: timesSec.map((time) => onScreen(list.timesSec, time)) };
  }
  // Before the first frame that can be decoded there may be a long stretch that cannot.
  const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec + 1 }, signal);
  if (list.timesSec.length === 0) throw undecodable(clip, timesSec);
  return { list, shownSec: timesSec.map((time) => onScreen(list.timesSec, time)) };
}

/** The error for frames at these times. */
export function undecodable(clip: VideoClip, timesSec: readonly number[], cause?: unknown): L2cafError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new L2cafError('input-unreadable', `cannot decode ${framesInWords(timesSec)} of ${clip.path}${why}`, {
    hint: 'the file may be damaged there: choose another time span or re-encode it',
    cause,
  });
}

function wrongSpan(clip: VideoClip, why: string): L2cafError {
  return new L2cafError('time-span', `the time span ${why} (${clip.path}, ${clip.durationSec.toFixed(2)} s long)`, {
    hint: `choose a span within 0–${clip.durationSec.toFixed(2)} s that is long enough for the frames asked for`,
  });
}
