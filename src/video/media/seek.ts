/**
 * Decoding that starts with exactly the wanted frame, whose picture is whole. ffmpeg's own seeking is only a hint for where
 * to begin to decode: containers keep different promises about it, and what is decoded from the middle of a group of
 * pictures is grey. So decoding begins at or before the key frame that the frame's packets name; that this key frame came
 * through, and the wanted frames after it, is read back and checked.
 */
import type { VideoClip } from '../../base/types.ts';
import type { FfmpegInput, GeneratedInput } from './ffmpeg.ts';
import { videoOfPictures } from './picture-folder.ts';
import type { StreamDetails } from './probe.ts';
import { secondsPer } from './stated.ts';

/** ffmpeg options that keep the file's own timestamps; needed once per run, with {@link inputFrom}. */
export const KEEP_TIMESTAMPS: readonly string[] = ['-copyts'];

/** Where to begin to look for the key frame: close to it, some seconds before, or at the start of the file. */
export type SeekMode = 'near' | 'far' | 'from-start';

/** Which frames are wanted, seconds from the start of the clip. */
export interface WantedFrames {
  readonly details: StreamDetails;
  /** The key frame from which on the first of them is decoded; NaN where none is known. */
  readonly keySec: number;
  /** Ascending, at least one. */
  readonly timesSec: ArrayLike<number>;
}

/** The modes that differ for these frames, in the order in which to try them. */
export function seekModes(wanted: readonly WantedFrames[]): SeekMode[] {
  const modes = (['near', 'far'] as const).filter((mode) =>
    wanted.some((frames) => seekTo(frames, mode) !== undefined),
  );
  return [...modes, 'from-start'];
}

/**
 * Whether what did not come from the key frame on cannot be decoded. Not when decoding began shortly before that: decoders
 * that begin between key frames may know too little of how pictures are reordered, and drop sound ones for some seconds
 * (ffmpeg of 2018, H.264 with open groups of pictures).
 */
export function isLastWord(mode: SeekMode): boolean {
  return mode !== 'near';
}

/**
 * An input that decodes from the key frame of the wanted frames on, or from before it.
 *
 * @param earlierSec begins so much earlier, seconds
 * @returns `seek`: those of its options that do this
 */
export function inputFrom(
  { path }: Pick<VideoClip, 'path'>,
  wanted: WantedFrames,
  mode: SeekMode,
  earlierSec = 0,
): FfmpegInput & { readonly source: string | GeneratedInput; readonly seek: readonly string[] } {
  const { pictures } = wanted.details;
  if (pictures) {
    // A picture is shown as it is stored, whatever the camera noted about how it was held: not every ffmpeg knows of that.
    const options = [...AS_THEY_ARE, '-noautorotate'];
    return { source: videoOfPictures(pictures, wanted.timesSec), seek: [], options };
  }
  const timeSec = seekTo(wanted, mode);
  const isSeek = timeSec !== undefined && timeSec - earlierSec > 0;
  const seek = isSeek
    ? ['-noaccurate_seek', '-seek_timestamp', '1', '-ss', (wanted.details.originSec + timeSec - earlierSec).toFixed(6)]
    : [];
  return { source: path, seek, options: [...seek, ...AS_THEY_ARE] };
}

/** An input that decodes all of a clip. */
export function wholeInput({ path }: Pick<VideoClip, 'path'>, details: StreamDetails): FfmpegInput {
  const timesSec = details.pictures?.pictures.map(({ timeSec }) => timeSec);
  return timesSec ? inputFrom({ path }, { details, keySec: 0, timesSec }, 'from-start') : { source: path };
}

/** Frames that change their size go through the filters as they are: set up anew, these would begin to count again. */
const AS_THEY_ARE: readonly string[] = ['-reinit_filter', '0'];

/** What to ask ffmpeg for, seconds from the start of the clip; undefined for the start of the file. */
function seekTo({ details, keySec, timesSec }: WantedFrames, mode: SeekMode): number | undefined {
  const isWhole = mode === 'from-start' || details.pictures !== undefined;
  if (isWhole || details.clock !== 'packets' || Number.isNaN(keySec)) return undefined;
  // An index leads from any moment to the key frame before; without one, seeking ends anywhere before the time.
  const nearSec = details.isIndexed ? timesSec[0]! - MARGIN_SEC : keySec - leadSec(details);
  const timeSec = mode === 'near' ? nearSec : keySec - FAR_LEAD_SEC;
  return timeSec > MARGIN_SEC ? timeSec : undefined;
}

/** How long before a picture is shown a stream without an index carries it, seconds: its reordering, and a little more. */
export function leadSec({ reorderFrames, rate }: StreamDetails): number {
  return 0.1 + (reorderFrames + 2) * secondsPer(rate);
}

/** The same in a bad case. */
const FAR_LEAD_SEC = 6;

/**
 * The beginning of a filtergraph, `[input:track]` with its chains, up to where the wanted frames come out: as many as
 * there are times, from the first time on. {@link ShownTimes} reads what came through.
 */
export function framesFrom(input: number, wanted: WantedFrames): string {
  const { timesSec } = wanted;
  return `${head(input, wanted)},${ONE_PER_TIME},${tail(input, wanted, timesSec.length)}`;
}

/** As {@link framesFrom}, but only the frames at exactly these times: what lies between them is decoded and dropped. */
export function framesOf(input: number, wanted: WantedFrames): string {
  const { details, timesSec } = wanted;
  if (timesSec.length === 1) return framesFrom(input, wanted);
  const timesUs = Array.from(timesSec, (time) => Math.round((details.originSec + time) * 1e6));
  return `${head(input, wanted)},select='${oneOf(timesUs, 0, timesUs.length)}',${ONE_PER_TIME},${tail(input, wanted, timesSec.length)}`;
}

/** A filter: of frames at one time, the first; none that goes back in time, as decoders give after an error. */
export const ONE_PER_TIME = `select='not(lt(pts,prev_selected_pts+900))'`;

/**
 * An expression that holds for frames at one of these times, ascending: a search by halves, as ffmpeg evaluates it for
 * every decoded frame and refuses expressions that are nested deeper than a hundred times.
 */
function oneOf(timesUs: readonly number[], from: number, end: number): string {
  if (end - from === 1) return `lt(abs(pts-${timesUs[from]}),${MARGIN_SEC * 1e6})`;
  const middle = (from + end) >> 1;
  const border = Math.round((timesUs[middle - 1]! + timesUs[middle]!) / 2);
  return `if(lt(pts,${border}),${oneOf(timesUs, from, middle)},${oneOf(timesUs, middle, end)})`;
}

/** Up to the cut before the first wanted frame; beside it, the key frame is reported and dropped. */
function head(input: number, { details, keySec, timesSec }: WantedFrames): string {
  const { originSec, track } = details;
  const from = `trim=start=${seconds(originSec + timesSec[0]! - MARGIN_SEC)}`;
  const to = `end=${seconds(originSec + timesSec[timesSec.length - 1]! + MARGIN_SEC)}`;
  const clock = `[${input}:${track}]${clockOf(details)}`;
  if (!(keySec < timesSec[0]!)) return `${clock},${from}:${to}`;
  const key = originSec + keySec;
  const report = `trim=start=${seconds(key - MARGIN_SEC)}:end=${seconds(key + MARGIN_SEC)},showinfo@key${input},nullsink`;
  return `${clock},split[w${input}][k${input}];[k${input}]${report};[w${input}]${from}:${to}`;
}

function tail(input: number, { details }: WantedFrames, count: number): string {
  // A filter that selects does not tell the decoder when it has enough: the cuts must end.
  return `trim=end_frame=${count},showinfo@frames${input}${details.toneMapping ? `,${details.toneMapping}` : ''}`;
}

/** Filters after which a frame's time is in microseconds of the container. */
export function clockOf({ clock, rate: { numerator, denominator } }: StreamDetails): string {
  const counted = `,setpts=round(N*${denominator}*1000000/${numerator})`;
  return `settb=1/1000000${clock === 'counted' ? counted : ''}`;
}

/** Collects what ffmpeg logs about the frames of each input of a filtergraph. */
export class ShownTimes {
  readonly #wanted: readonly WantedFrames[];
  readonly #shown: number[][];
  readonly #keys = new Set<number>();
  readonly #sizes: Set<string>[];

  /** @param wanted what was asked of each input, in order */
  constructor(wanted: readonly WantedFrames[]) {
    this.#wanted = wanted;
    this.#shown = wanted.map(() => []);
    this.#sizes = wanted.map(() => new Set());
  }

  /** Takes one line of ffmpeg's log; whether it reports a wanted frame. */
  readonly read = (line: string): boolean => {
    const match = /showinfo@(key|frames)(\d+) .*? pts: *(-?\d+).*? s:(\d+x\d+) /.exec(line);
    if (!match) return false;
    const [, kind, input, pts, size] = match as unknown as [string, string, string, string, string];
    const { details, keySec } = this.#wanted[Number(input)]!;
    const timeSec = Number(pts) / 1e6 - details.originSec;
    if (kind === 'key') {
      if (isClose(timeSec, keySec)) this.#keys.add(Number(input));
      return false;
    }
    this.#shown[Number(input)]!.push(timeSec);
    this.#sizes[Number(input)]!.add(size);
    return true;
  };

  /** Frames that came through so far. */
  get count(): number {
    return this.#shown.reduce((sum, { length }) => sum + length, 0);
  }

  /** Sizes at which the frames of an input are stored, `WIDTHxHEIGHT`. */
  sizesOf(input: number): readonly string[] {
    return [...this.#sizes[input]!];
  }

  /** Times of the frames that came through an input, seconds from the start of the clip. */
  of(input: number): readonly number[] {
    return this.#shown[input]!;
  }

  /** Whether frame `index` that came through an input is the one at `timeSec` from the start of the clip. */
  isAt(input: number, index: number, timeSec: number): boolean {
    return isClose(this.#shown[input]![index] ?? Number.NaN, timeSec);
  }

  /** Whether exactly the wanted frames came through an input. */
  isComplete(input: number): boolean {
    const { timesSec } = this.#wanted[input]!;
    const shown = this.#shown[input]!;
    return shown.length === timesSec.length && shown.every((time, i) => isClose(time, timesSec[i]!));
  }

  /** Whether exactly the wanted frames came through all inputs. */
  get isAllComplete(): boolean {
    return this.#wanted.every((_, input) => this.isComplete(input));
  }

  /** Whether an input was decoded from the key frame on, as far as that must be and can be known. */
  isProven(input: number, mode: SeekMode): boolean {
    const wanted = this.#wanted[input]!;
    if (seekTo(wanted, mode) === undefined || this.#keys.has(input)) return true;
    return this.#shown[input]!.some((time) => isClose(time, wanted.keySec));
  }

  /** {@link isProven} for all inputs. */
  isAllProven(mode: SeekMode): boolean {
    return this.#wanted.every((_, input) => this.isProven(input, mode));
  }

  /** Whether decoding from further back would give no more: all came, or {@link isLastWord}. */
  isSettled(mode: SeekMode): boolean {
    return this.isAllProven(mode) && (this.isAllComplete || isLastWord(mode));
  }
}

/** Whether two times are those of one frame. */
export function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) < MARGIN_SEC;
}

/** Less than the gap between any two frames, more than the rounding of any timestamp. */
const MARGIN_SEC = 0.0005;

function seconds(timeSec: number): string {
  return timeSec.toFixed(6);
}
