/**
 * When the frames of a video are shown: those of one segment as in its clip, those of several segments on one clock that
 * starts with the first frame of each. Every frame of every segment is there; one that ends first keeps its last frame.
 */
import type { Rational } from '../types.ts';

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
  /** Per segment: filters that set the time base and times of its decoded frames. */
  readonly clocks: readonly string[];
  /** The filter after the overlay. */
  readonly finish: string;
  /** Options of the output. */
  readonly options: readonly string[];
}

/**
 * Evenly spaced frames are numbered, so that the file states their exact rational rate; so are those of several segments
 * whose rates are whole parts of the fastest. Others keep their own times, on the 90 kHz clock of MPEG; where such times
 * come from several segments, to the millisecond, so that frames meant for one moment are shown at one moment.
 */
export function timingOf(segments: readonly Segment[]): Timing {
  const fastest = segments.reduce((a, b) => (frameSec(b.rate) < frameSec(a.rate) ? b : a)).rate;
  const steps = segments.map(({ rate }) => frameSec(rate) / frameSec(fastest));
  const isWhole = (step: number): boolean => Math.abs(step - Math.round(step)) < 1e-9;
  return segments.every(isEvenlySpaced) && steps.every(isWhole)
    ? numbered(segments, steps.map(Math.round), fastest)
    : timed(segments);
}

/** Every n-th picture of a video of constant rate is one of the segment. */
function numbered(segments: readonly Segment[], steps: readonly number[], rate: Rational): Timing {
  const sec = frameSec(rate);
  const count = Math.max(...segments.map(({ timesSec }, k) => (timesSec.length - 1) * steps[k]! + 1));
  const timesSec = Float64Array.from({ length: count }, (_, n) => n * sec);
  const shownSec = segments.map((segment, k) => segment.timesSec.map((_, n) => n * steps[k]! * sec));
  return {
    constantRate: true,
    timesSec,
    durationSec: count * sec,
    lastFrameSec: sec,
    layerTimesUs: Array.from({ length: count }, (_, n) => Math.max(0, Math.floor((n - 0.5) * sec * 1e6))),
    onScreen: shownSec.map((shown) => onScreen(timesSec, shown)),
    endsSec: endsOf(segments, shownSec),
    clocks: steps.map((step) => `settb=${rate.denominator}/${rate.numerator},setpts=N*${step}`),
    finish: 'null',
    options: ['-vsync', 'cfr', '-r', `${rate.numerator}/${rate.denominator}`],
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
  const clock = `setpts=round((PTS-STARTPTS)/${gridUs})*${gridUs}+${leadUs}`;
  return {
    constantRate: false,
    timesSec,
    durationSec,
    lastFrameSec: durationSec - timesSec.at(-1)!,
    layerTimesUs: Array.from(timesSec, (time) => Math.round(time * 1e6)),
    onScreen: shownSec.map((shown) => onScreen(timesSec, shown)),
    endsSec,
    clocks: segments.map(() => clock),
    finish: 'setpts=PTS-STARTPTS',
    options: ['-vsync', '0', '-bf', '0', '-enc_time_base', '1:90000', '-video_track_timescale', '90000'],
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
