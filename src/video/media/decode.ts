/**
 * Decodes single frames of a clip into memory. What comes back is what was asked for: each frame was decoded from its key
 * frame on, and those that cannot be decoded are named rather than replaced.
 */
import { Writable } from 'node:stream';
import { L2cafError } from '../../base/errors.ts';
import { BLACK, type FittedSize, placementOf } from '../../base/fit.ts';
import type { PictureRegion, PictureSize, VideoClip } from '../../base/types.ts';
import { damagedAmong } from './damage.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { type FrameList, placeUntil, SAME_TIME_SEC } from './frame-list.ts';
import { hideParts } from './hide.ts';
import {
  framesOf,
  inputFrom,
  KEEP_TIMESTAMPS,
  type SeekMode,
  ShownTimes,
  seekModes,
  type WantedFrames,
} from './seek.ts';
import { secondsPer } from './stated.ts';

/** How frames are decoded. */
export interface DecodeOptions {
  /** Frames are brought to this size; without it they keep the size at which the clip is shown. */
  readonly size?: FittedSize;
  /** Threads per decoder: where all cores have work, one takes a sixth less of their time than several, the default. */
  readonly decoderThreads?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came out of the decoder. */
export interface DecodedFrames {
  /** The frame shown at a time, `height·width·3` bytes, if it could be decoded. */
  readonly pictures: ReadonlyMap<number, Uint8Array>;
  /** Those that may not show what was filmed, as the file is damaged before or in them. */
  readonly damagedSec: readonly number[];
  /** Sizes at which frames are stored, where these differ. */
  readonly sizes: readonly string[];
  /** Why nothing came, where nothing did. */
  readonly failure?: unknown;
}

/**
 * Decodes the frames of a list that are shown first at exactly these times.
 *
 * @param list frames of the clip, these among them
 * @throws L2cafError `ffmpeg-missing`, `ffmpeg-crashed`, `aborted`
 */
export async function decodeFrames(
  clip: VideoClip,
  list: FrameList,
  timesSec: readonly number[],
  options: DecodeOptions,
): Promise<DecodedFrames> {
  const times = [...new Set(timesSec)].sort((a, b) => a - b);
  const groups = groupsOf(list, times);
  const pictures = new Map<number, Uint8Array>();
  const sizes = new Set<string>();
  const suspects: number[] = [];
  let failure: unknown;
  const check = (wanted: readonly number[]): Promise<number[]> => damagedAmong(clip, list, wanted, options.signal);
  // A seek without an index ends within a group of pictures, of which ffmpeg nearly always complains: no use to wait for it.
  const early = list.details.isIndexed || seekModes(groups).length === 1 ? undefined : check(times);
  early?.catch(() => {}); // seen when it is awaited
  for (let first = 0; first < groups.length; first += INPUTS_PER_RUN) {
    const together = groups.slice(first, first + INPUTS_PER_RUN);
    const run = await decodeRun(clip, together, options, seekModes(together)[0]!);
    const runs = run.isRight ? [{ run, groups: together }] : [];
    // Something is wrong with one of them: each alone, so that none loses its frames by another's fault.
    if (!run.isRight) {
      for (const group of together) runs.push({ run: await decodeGroup(clip, group, options), groups: [group] });
    }
    for (const { run: done, groups: ofRun } of runs) {
      for (const [time, picture] of done.pictures) pictures.set(time, picture);
      for (const size of done.sizes) sizes.add(size);
      if (done.hasComplaints || list.hasComplaints)
        suspects.push(...ofRun.flatMap((group) => Array.from(group.timesSec)));
      failure ??= done.failure;
    }
  }
  const decoded = suspects.filter((time) => pictures.has(time));
  const damaged = decoded.length > 0 ? await (early ?? check(decoded)) : [];
  const damagedSec = damaged.filter((time) => decoded.includes(time));
  return { pictures, damagedSec, sizes: [...sizes], failure };
}

/** Frames that are at most this far apart are decoded in one go: seeking would decode as many again from a key frame. */
const NEIGHBOUR_FRAMES = 8;
/** Times that are sought in one run; the expression that finds them has as many parts. */
const TIMES_PER_GROUP = 100;
/** Each input has a decoder of its own; this bounds their memory. */
const INPUTS_PER_RUN = 8;

/** Splits times where the next one has another key frame and is far away. */
function groupsOf(list: FrameList, timesSec: readonly number[]): WantedFrames[] {
  const { details, keysSec } = list;
  const farSec = (NEIGHBOUR_FRAMES + 0.5) * secondsPer(details.rate);
  const groups: { details: FrameList['details']; keySec: number; timesSec: number[] }[] = [];
  let lastKeySec = Number.NaN;
  for (const time of timesSec) {
    const keySec = keysSec[placeUntil(list, time + SAME_TIME_SEC / 2)] ?? Number.NaN;
    const group = groups.at(-1);
    const last = group?.timesSec.at(-1) ?? Number.NEGATIVE_INFINITY;
    const isNear = time - last < farSec || Object.is(keySec, lastKeySec);
    if (group && isNear && group.timesSec.length < TIMES_PER_GROUP) group.timesSec.push(time);
    else groups.push({ details, keySec, timesSec: [time] });
    lastKeySec = keySec;
  }
  return groups;
}

interface Run {
  readonly pictures: ReadonlyMap<number, Uint8Array>;
  readonly sizes: readonly string[];
  /** Whether every wanted frame came, each decoded from its key frame on. */
  readonly isRight: boolean;
  /** Whether what did not come, will not come. */
  readonly isSettled: boolean;
  readonly hasComplaints: boolean;
  readonly failure: unknown;
}

/** One group, from further and further back until all of its frames came, decoded from their key frame on, that can come. */
async function decodeGroup(clip: VideoClip, group: WantedFrames, options: DecodeOptions): Promise<Run> {
  let run: Run | undefined;
  for (const mode of seekModes([group])) {
    run = await decodeRun(clip, [group], options, mode);
    if (run.isSettled) break;
  }
  return run!;
}

async function decodeRun(
  clip: VideoClip,
  groups: readonly WantedFrames[],
  { size = clip, decoderThreads, signal }: DecodeOptions,
  mode: SeekMode,
): Promise<Run> {
  const branches = groups.map((group, k) => `${framesOf(k, group)},setpts=N,${scaleToRgb(clip, size)}[v${k}]`);
  const labels = groups.map((_, k) => `[v${k}]`).join('');
  const shown = new ShownTimes(groups);
  const frameBytes = size.width * size.height * 3;
  const { sink, frames } = frameSink(frameBytes);
  const threads = decoderThreads === undefined ? [] : ['-threads', String(decoderThreads)];
  let complaints: readonly string[] = [];
  let failure: unknown;
  try {
    const run = await runFfmpeg({
      inputs: groups.map((group) => {
        const { source, options = [] } = inputFrom(clip, group, mode);
        return { source, options: [...options, ...threads] };
      }),
      filtergraph: `${branches.join(';')};${labels}concat=n=${groups.length}[out]`,
      options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-fps_mode', 'passthrough', '-f', 'rawvideo'],
      output: sink,
      signal,
      onLine: shown.read,
    });
    complaints = run.complaints;
  } catch (error) {
    // Without a frame from one input, ffmpeg cannot set up its filters.
    if (!(error instanceof L2cafError && error.code === 'ffmpeg-failed')) throw error;
    failure = error;
  }
  const isProven = shown.isAllProven(mode);
  // What did not begin with its key frame is no picture of anything; a number that does not fit cannot be told apart.
  const isUsable = isProven && frames.length === shown.count;
  if (isUsable) for (const frame of frames) hideParts(clip, size, frame);
  const times = groups.flatMap((group, k) => shown.of(k).map((time) => timeIn(group, time)));
  return {
    pictures: new Map(isUsable ? times.map((time, i) => [time, frames[i]!]) : []),
    sizes: groups.flatMap((_, k) => shown.sizesOf(k)),
    isRight: isUsable && shown.isAllComplete,
    isSettled: shown.isSettled(mode),
    hasComplaints: complaints.length > 0,
    failure,
  };
}

/** The wanted time nearest to what a log says. */
function timeIn({ timesSec }: WantedFrames, timeSec: number): number {
  return Array.from(timesSec).reduce((best, time) =>
    Math.abs(time - timeSec) < Math.abs(best - timeSec) ? time : best,
  );
}

/** The end of a filtergraph: frames of a picture's shape brought to a size, as RGB bytes. */
export function scaleToRgb(picture: PictureSize, size: FittedSize): string {
  const { part } = size;
  const { scaled, left, top } = placementOf(part ?? picture, size);
  const scale = `${part ? `${cropTo(part, picture)},` : ''}scale=${scaled.width}:${scaled.height}:flags=bicubic+accurate_rnd+full_chroma_int,setsar=1,format=rgb24`;
  if (size.resize === 'cover') return `${scale},crop=${size.width}:${size.height}:${left}:${top}`;
  if (size.resize !== 'contain') return scale;
  const { padding = BLACK } = size;
  const colour = padding.map((value) => value.toString(16).padStart(2, '0')).join('');
  return `${scale},pad=${size.width}:${size.height}:${-left}:${-top}:color=0x${colour}`;
}

/** Frames may be stored with pixels that are not square: a part is given in those of the picture as shown. */
function cropTo({ x, y, width, height }: PictureRegion, picture: PictureSize): string {
  const across = (length: number): string => `iw*${length}/${picture.width}`;
  const down = (length: number): string => `ih*${length}/${picture.height}`;
  return `crop=${across(width)}:${down(height)}:${across(x)}:${down(y)}`;
}

/** A stream that cuts what it gets into frames. */
export function frameSink(frameBytes: number): { sink: Writable; frames: Uint8Array[] } {
  const frames: Uint8Array[] = [];
  let partial = new Uint8Array(frameBytes);
  let filled = 0;
  const sink = new Writable({
    // fluent-ffmpeg takes `close` for a broken pipe when it comes before the end of the process
    emitClose: false,
    write(chunk: Uint8Array, _encoding, done) {
      for (let from = 0; from < chunk.length; ) {
        const part = chunk.subarray(from, from + frameBytes - filled);
        partial.set(part, filled);
        filled += part.length;
        from += part.length;
        if (filled < frameBytes) break;
        frames.push(partial);
        partial = new Uint8Array(frameBytes);
        filled = 0;
      }
      done();
    },
  });
  return { sink, frames };
}
