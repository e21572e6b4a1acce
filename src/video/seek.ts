/**
 * Decoding that starts with exactly the wanted frame. ffmpeg's own seeking is only a hint for where to begin to decode:
 * containers keep different promises about it. A filter on absolute time decides which frame is the first, and the times
 * of the frames that came through are read back and checked.
 */
import type { FfmpegInput } from './ffmpeg.ts';

/** ffmpeg options that keep the file's own timestamps; needed once per run, with {@link inputFrom}. */
export const KEEP_TIMESTAMPS: readonly string[] = ['-copyts'];

/** How to begin: close to the frame, or, where a container cannot seek that well, at the start of the file. */
export type SeekMode = 'near' | 'from-start';

/** An input that decodes from before the frame at `timeSec`, seconds from the start of a clip that begins at `originSec`. */
export function inputFrom(path: string, originSec: number, timeSec: number, mode: SeekMode): FfmpegInput {
  const seek = originSec + timeSec - MARGIN_SEC;
  const isSeek = mode === 'near' && timeSec > MARGIN_SEC;
  const options = isSeek ? ['-noaccurate_seek', '-seek_timestamp', '1', '-ss', seek.toFixed(6)] : [];
  return { source: path, options };
}

/** The beginning of a filtergraph: `count` frames from the one at `timeSec` on, each reported to {@link ShownTimes}. */
export function framesFrom(originSec: number, timeSec: number, count: number): string {
  return `${from(originSec, timeSec)},${first(count)}`;
}

/**
 * The beginning of a filtergraph: the frames at exactly these times, ascending, each reported to {@link ShownTimes}. What
 * lies between them is decoded and dropped, so they should lie close together.
 */
export function framesOf(originSec: number, timesSec: readonly number[]): string {
  const [start, last] = [timesSec[0]!, timesSec.at(-1)!];
  if (timesSec.length === 1) return framesFrom(originSec, start, 1);
  const isWanted = timesSec.map((time) => `lt(abs(pts-${Math.round((originSec + time) * 1e6)}),${MARGIN_SEC * 1e6})`);
  // A filter that selects does not tell the decoder when it has enough, so the cut before it must end as well.
  const end = (originSec + last + MARGIN_SEC).toFixed(6);
  return `${from(originSec, start)}:end=${end},select='${isWanted.join('+')}',${first(timesSec.length)}`;
}

/** Collects the timestamps that ffmpeg logs for the frames of each branch of a filtergraph. */
export class ShownTimes {
  readonly #originSec: number;
  readonly #timesOfBranch = new Map<number, number[]>();

  constructor(originSec: number) {
    this.#originSec = originSec;
  }

  /** Takes one line of ffmpeg's log. */
  readonly read = (line: string): void => {
    const match = /Parsed_showinfo_(\d+) .* pts: *(-?\d+)/.exec(line);
    if (!match) return;
    const branch = Number(match[1]);
    const times = this.#timesOfBranch.get(branch) ?? [];
    times.push(Number(match[2]) / 1e6 - this.#originSec);
    this.#timesOfBranch.set(branch, times);
  };

  /** Frames that came through so far. */
  get count(): number {
    return this.#all().length;
  }

  /** Whether frame `index` that came through, branch after branch, is the one at `timeSec` from the start of the clip. */
  isAt(index: number, timeSec: number): boolean {
    return isClose(this.#all()[index] ?? Number.NaN, timeSec);
  }

  /** Whether exactly these frames came through, seconds from the start of the clip, branch after branch. */
  match(timesSec: Iterable<number>): boolean {
    const shown = this.#all();
    const expected = [...timesSec];
    return shown.length === expected.length && shown.every((time, i) => isClose(time, expected[i]!));
  }

  #all(): number[] {
    const branches = [...this.#timesOfBranch].sort(([a], [b]) => a - b);
    return branches.flatMap(([, times]) => times);
  }
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) < MARGIN_SEC;
}

/** Less than the gap between any two frames, more than the rounding of any timestamp. */
const MARGIN_SEC = 0.0005;

function from(originSec: number, timeSec: number): string {
  return `settb=1/1000000,trim=start=${(originSec + timeSec - MARGIN_SEC).toFixed(6)}`;
}

function first(count: number): string {
  return `trim=end_frame=${count},showinfo`;
}
