/**
 * When the frames of a video are shown: those of one segment as in its clip, those of several segments on one clock that
 * starts with the first frame of each. Every frame of every segment is there; one that ends first keeps its last frame.
 */
import type { Rational } from '../../base/types.ts';

/** The frames of one segment. */
export interface Segment {
  /** Real presentation times, increasing; at least one. */
  readonly timesSec: Float64Array;
  /** The clip's average rate, frames per second. */
  readonly rate: Rational;
}

/** How the frames' times get into the file. */
export interface Timing {
  readonly constantRate: boolean;
  /** When each frame of the video is shown, seconds from its start. */
  readonly timesSec: Float64Array;
  /** From the first frame to the end of the last, seconds. */
  readonly durationSec: number;
  /** How long the last frame is shown, seconds. */
  readonly lastFrameSec: number;
  /** When each layer begins, microseconds: a little before its frame, so that rounding cannot show it one frame late. */
  readonly layerTimesUs: readonly number[];
  /** Per segment: which of its frames, from 0, is on screen with each frame of the video; the last one stays. */
  readonly onScreen: readonly Uint32Array[];
  /** Per segment: when its last frame ends, seconds from the start of the video. */
  readonly endsSec: readonly number[];
  /** Filters that set the time base and times of each segment's decoded frames, and the filter after the overlay. */
  readonly clock: string;
  readonly finish: string;
  /** Options of the output. */
  readonly options: readonly string[];
}

/**
 * Evenly spaced frames, of several segments if they share their rate, are numbered, so that the file states their exact
 * rational rate. Others keep their own times, on the 90 kHz clock of MPEG; where such times come from several clocks, to
 * the millisecond, so that frames meant for one moment are shown at one moment.
 */
export function timingOf(segments: readonly Segment[]): Timing {
  const rates = new Set(segments.map(({ rate }) => rate.numerator / rate.denominator));
  return rates.size === 1 && segments.every(isEvenlySpaced) ? numbered(segments) : timed(segments);
}

function numbered(segments: readonly Segment[]): Timing {
  const { rate } = segments[0]!;
  const sec = frameSec(rate);
  const count = Math.max(...segments.map(({ timesSec }) => timesSec.length));
  const timesSec = Float64Array.from({ length: count }, (_, n) => n * sec);
  const shownSec = segments.map((segment) => timesSec.subarray(0, segment.timesSec.length));
  return {
    constantRate: true,
    timesSec,
    durationSec: count * sec,
    lastFrameSec: sec,
    layerTimesUs: Array.from(timesSec, (_, n) => Math.max(0, Math.floor((n - 0.5) * sec * 1e6))),
    onScreen: shownSec.map((shown) => onScreen(timesSec, shown)),
    endsSec: endsOf(segments, shownSec),
    clock: `settb=${rate.denominator}/${rate.numerator},setpts=N`,
    finish: 'null',
    options: ['-fps_mode', 'cfr', '-r', `${rate.numerator}/${rate.denominator}`],
  };
}

function timed(segments: readonly Segment[]): Timing {
  const isOneClock = new Set(segments.map(({ timesSec }) => timesSec.join())).size === 1;
  const gridUs = isOneClock ? 1 : 1000;
  const leadUs = LAYER_LEAD_US + gridUs;
  const shownSec = segments.map(({ timesSec }) =>
    timesSec.map((time) => (Math.round(((time - timesSec[0]!) * 1e6) / gridUs) * gridUs) / 1e6),
  );
  const timesSec = Float64Array.from(new Set(shownSec.flatMap((times) => [...times]))).sort();
  const endsSec = endsOf(segments, shownSec);
  const durationSec = Math.max(...endsSec);
  return {
    constantRate: false,
    timesSec,
    durationSec,
    lastFrameSec: durationSec - timesSec.at(-1)!,
    layerTimesUs: Array.from(timesSec, (time) => Math.round(time * 1e6)),
    onScreen: shownSec.map((shown) => onScreen(timesSec, shown)),
    endsSec,
    clock: `setpts=round((PTS-STARTPTS)/${gridUs})*${gridUs}+${leadUs}`,
    finish: 'setpts=PTS-STARTPTS',
    options: ['-fps_mode', 'passthrough', '-bf', '0', '-enc_time_base', '1:90000', '-video_track_timescale', '90000'],
  };
}

/** Less than the gap between any two frames, more than the rounding of any timestamp. */
const LAYER_LEAD_US = 200;

/** Position of the last of the moments `shownSec` up to each of `timesSec`. */
function onScreen(timesSec: Float64Array, shownSec: Float64Array): Uint32Array {
  let frame = 0;
  return Uint32Array.from(timesSec, (time) => {
    while ((shownSec[frame + 1] ?? Number.POSITIVE_INFINITY) <= time + 1e-9) frame++;
    return frame;
  });
}

function endsOf(segments: readonly Segment[], shownSec: readonly Float64Array[]): number[] {
  return segments.map(({ rate }, k) => shownSec[k]!.at(-1)! + frameSec(rate));
}

function frameSec({ numerator, denominator }: Rational): number {
  return denominator / numerator;
}

/**
 * Whether the frames lie on a line, up to the rounding of container clocks (1 ms), and playing them at the stated rate
 * drifts by less than half a frame.
 */
function isEvenlySpaced({ timesSec, rate: { numerator, denominator } }: Segment): boolean {
  const gaps = timesSec.length - 1;
  const lengthSec = timesSec[gaps]! - timesSec[0]!;
  if (Math.abs(lengthSec * numerator - gaps * denominator) > denominator / 2) return false;
  return timesSec.every((time, n) => Math.abs(time - timesSec[0]! - (gaps && (n / gaps) * lengthSec)) < 0.0015);
}
