/**
 * Chooses the moments of an event that the network sees, and decodes exactly the frames on screen at those moments, at
 * the network's input size or as shown. `samplingTimes` is the only definition of these moments.
 */
import { Writable } from 'node:stream';
import { L2cafError } from '../errors.ts';
import type { FrameBatch, PictureSize, TimeSpan, VideoClip } from '../types.ts';
import { type FfmpegJob, runFfmpeg } from './ffmpeg.ts';
import { listFrames } from './probe.ts';
import { framesOf, inputFrom, KEEP_TIMESTAMPS, type SeekMode, ShownTimes } from './seek.ts';

/** Settings of {@link sampleFrames}. */
export interface SampleOptions {
  readonly span: TimeSpan;
  /** Number of frames, at least 1. */
  readonly count: number;
  /** Frames are stretched to this size; without it they keep the size at which the clip is shown. */
  readonly size?: PictureSize;
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
 * The time span asked for, by default the whole clip. An end that exceeds the clip by less than a frame is rounding, and
 * becomes the end of the clip.
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
  if (endSec >= clip.durationSec + frameSec) throw wrongSpan(clip, `${span} reaches beyond the end of the clip`);
  return { startSec, endSec: Math.min(endSec, clip.durationSec) };
}

/**
 * Decodes the frames on screen at {@link samplingTimes}: `[count, height, width, 3]`, rotation applied.
 *
 * @throws L2cafError `time-span` when the span holds fewer frames than asked for; `input-unreadable`; `aborted`
 */
export async function sampleFrames(clip: VideoClip, options: SampleOptions): Promise<FrameBatch> {
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
  return lastUntil(shownSec, timeSec + ROUNDING_SEC) ?? shownSec[0]!;
}

/**
 * Decodes the frame on screen at each of the given times (the last one shown by then, or the clip's first):
 * `[t, height, width, 3]`, with the real time of each frame.
 *
 * @throws L2cafError `input-unreadable` when a frame cannot be decoded; `aborted`
 */
export async function framesAt(
  clip: VideoClip,
  timesSec: readonly number[],
  options: { readonly size?: PictureSize; readonly signal?: AbortSignal } = {},
): Promise<FrameBatch> {
  const { shownSec, originSec } = await framesOnScreen(clip, timesSec, options.signal);
  return decodeShown(clip, originSec, shownSec, options);
}

/**
 * Decodes the frames that are shown first at exactly these times, as `listFrames` gives them.
 *
 * @param originSec the container's first timestamp
 * @param options `decoderThreads`: where all cores have work, one thread takes a sixth less of their time than several
 * @throws L2cafError `input-unreadable` when a frame cannot be decoded; `aborted`
 */
export async function decodeShown(
  clip: VideoClip,
  originSec: number,
  shownSec: readonly number[],
  options: { readonly size?: PictureSize; readonly decoderThreads?: number; readonly signal?: AbortSignal } = {},
): Promise<FrameBatch> {
  const { size = { width: clip.width, height: clip.height }, decoderThreads, signal } = options;
  const frameBytes = size.width * size.height * 3;
  const rgb = new Uint8Array(frameBytes * shownSec.length);
  const groups = neighbours(clip, shownSec);
  let done = 0;
  for (let first = 0; first < groups.length; first += INPUTS_PER_RUN) {
    const part = groups.slice(first, first + INPUTS_PER_RUN);
    const count = part.flat().length;
    const target = rgb.subarray(done * frameBytes, (done + count) * frameBytes);
    const attempt = { clip, groups: part, originSec, size, decoderThreads, signal };
    if (!((await decodeInto(target, attempt, 'near')) || (await decodeInto(target, attempt, 'from-start')))) {
      throw undecodable(clip, part.flat());
    }
    done += count;
  }
  return { rgb, shape: [shownSec.length, size.height, size.width, 3], timestampsSec: shownSec };
}

/** Frames that are at most this far apart are decoded in one go: seeking would decode as many again from a key frame. */
const NEIGHBOUR_FRAMES = 8;

/** Splits times where the next one is far away, or not later. */
function neighbours({ frameRate }: VideoClip, timesSec: readonly number[]): number[][] {
  const farSec = ((NEIGHBOUR_FRAMES + 0.5) * frameRate.denominator) / frameRate.numerator;
  const groups: number[][] = [];
  for (const time of timesSec) {
    const group = groups.at(-1);
    const last = group?.at(-1) ?? Number.POSITIVE_INFINITY;
    if (time > last && time - last < farSec) group!.push(time);
    else groups.push([time]);
  }
  return groups;
}

/** Each input has a decoder of its own; this bounds their memory. */
const INPUTS_PER_RUN = 8;

/** Times are sums of fractions: a frame due this little after a moment is on screen at that moment. */
const ROUNDING_SEC = 1e-4;

/** How far before a moment its frame may have appeared, seconds: the usual case first, then any. */
const LOOK_BACK_SEC: readonly number[] = [2, Number.POSITIVE_INFINITY];

/**
 * The real times of the frames on screen at the given times (the last one shown by then, or the clip's first), and the
 * container's first timestamp.
 *
 * @throws L2cafError `input-unreadable`; `aborted`
 */
export async function framesOnScreen(
  clip: VideoClip,
  timesSec: readonly number[],
  signal: AbortSignal | undefined,
): Promise<{ shownSec: number[]; originSec: number }> {
  const [earliest, latest] = timesSec.reduce(
    ([low, high], time) => [Math.min(low, time), Math.max(high, time)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  for (const lookBack of LOOK_BACK_SEC) {
    const startSec = Math.max(0, earliest - lookBack);
    // One second more, as a clip that starts with sound may show its first frame later than at 0.
    const span = { startSec, endSec: latest + 1 };
    const { timesSec: frames, details } = await listFrames(clip, span, signal);
    const first = frames[0];
    if (first === undefined || (first > earliest && startSec > 0)) continue;
    const shownSec = timesSec.map((time) => onScreen(frames, time));
    return { shownSec, originSec: details.originSec };
  }
  throw undecodable(clip, timesSec);
}

/** The greatest of ascending times that is not after `timeSec`. */
function lastUntil(ascending: Float64Array, timeSec: number): number | undefined {
  let [low, high] = [0, ascending.length]; // those before `low` are not after it, those from `high` on are
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= timeSec) low = middle + 1;
    else high = middle;
  }
  return ascending[low - 1];
}

/** The end of a filtergraph: frames of this size as RGB bytes. */
export function scaleToRgb({ width, height }: PictureSize): string {
  return `scale=${width}:${height}:flags=bicubic+accurate_rnd+full_chroma_int,setsar=1,format=rgb24`;
}

interface DecodeAttempt {
  readonly clip: VideoClip;
  /** Times of frames that lie close together, per input. */
  readonly groups: readonly (readonly number[])[];
  readonly originSec: number;
  readonly size: PictureSize;
  /** As many as there are cores when absent. */
  readonly decoderThreads: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Fills `target` with the frames at exactly these times; false if ffmpeg could not, or delivered others. */
async function decodeInto(target: Uint8Array, attempt: DecodeAttempt, mode: SeekMode): Promise<boolean> {
  const { clip, groups, originSec, size, decoderThreads, signal } = attempt;
  const timesSec = groups.flat();
  const branches = groups.map(
    (times, k) => `[${k}:V:0]${framesOf(originSec, times)},setpts=N,${scaleToRgb(size)}[v${k}]`,
  );
  const labels = groups.map((_, k) => `[v${k}]`).join('');
  const shown = new ShownTimes(originSec);
  const { sink, bytesWritten } = sinkInto(target);
  const job: FfmpegJob = {
    inputs: groups.map(([first]) => {
      const { source, options = [] } = inputFrom(clip.path, originSec, first!, mode);
      return { source, options: decoderThreads ? [...options, '-threads', String(decoderThreads)] : options };
    }),
    filtergraph: `${branches.join(';')};${labels}concat=n=${groups.length}[out]`,
    options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-vsync', '0', '-f', 'rawvideo'],
    output: sink,
    signal,
    onLine: shown.read,
  };
  try {
    await runFfmpeg(job);
  } catch (error) {
    // Without a frame from one input, ffmpeg cannot set up its filters.
    const isNothingDecoded = error instanceof L2cafError && error.code === 'ffmpeg-failed' && bytesWritten() === 0;
    if (!isNothingDecoded) throw error;
  }
  return bytesWritten() === target.length && shown.match(timesSec);
}

/** A stream that copies what it gets into `target` and counts it. */
function sinkInto(target: Uint8Array): { sink: Writable; bytesWritten: () => number } {
  let offset = 0;
  const sink = new Writable({
    // fluent-ffmpeg takes `close` for a broken pipe when it comes before the end of the process
    emitClose: false,
    write(chunk: Uint8Array, _encoding, done) {
      if (offset + chunk.length <= target.length) target.set(chunk, offset);
      offset += chunk.length;
      done();
    },
  });
  return { sink, bytesWritten: () => offset };
}

/** The error for frames at these times. */
export function undecodable(clip: VideoClip, timesSec: readonly number[]): L2cafError {
  const times = timesSec.map((time) => time.toFixed(2)).join(', ');
  return new L2cafError('input-unreadable', `cannot decode the frames of ${clip.path} at ${times} s`, {
    hint: 'the file may be damaged there: choose another time span or re-encode it',
  });
}

function wrongSpan(clip: VideoClip, why: string): L2cafError {
  return new L2cafError('time-span', `the time span ${why} (${clip.path}, ${clip.durationSec.toFixed(2)} s long)`, {
    hint: `choose a span within 0–${clip.durationSec.toFixed(2)} s that is long enough for the frames asked for`,
  });
}
