/**
 * The views of an event: the ways in which training shows it. The first is the event as it is, the second its mirror
 * image, further ones are mirrored, brightened and shifted in time at random. Their number is fixed, because each costs
 * a pass through the trunk; training then draws one of them whenever it draws the event.
 */
import { createRandom } from '../base/random.ts';
import type { TimeSpan } from '../base/types.ts';
import { samplingTimes } from '../video/media/sample.ts';

/** One way to show an event. */
export interface EventView {
  readonly mirrored: boolean;
  /** Factor on all picture values. */
  readonly gain: number;
  /** Shift of all sampling times, as a fraction of the time between two of them. */
  readonly shift: number;
}

/** The event as it is. */
export const PLAIN_VIEW: EventView = { mirrored: false, gain: 1, shift: 0 };

/** Largest shift: a frame stays nearer to its own sampling time than to the next one, and inside the event. */
const MAX_SHIFT = 0.25;
/** Brightness is changed by up to this factor either way. */
const MAX_GAIN = 1.3;

/** The first `count` views of event number `index`; the same ones whatever their number. */
export function viewsOf(seed: number, index: number, count: number): EventView[] {
  return Array.from({ length: count }, (_, i) => {
    if (i < 2) return { ...PLAIN_VIEW, mirrored: i === 1 };
    const random = createRandom(seed, VIEWS_STREAM, index, i);
    return {
      mirrored: random.uniform() < 0.5,
      gain: Number((MAX_GAIN ** (2 * random.uniform() - 1)).toFixed(3)),
      shift: Number(((2 * random.uniform() - 1) * MAX_SHIFT).toFixed(3)),
    };
  });
}

/** Views of an event whose sides and labels nobody has to know: as it is, then brightened and shifted in time, never mirrored. */
export function uprightViewsOf(seed: number, index: number, count: number): EventView[] {
  const others = viewsOf(seed, index, count + 1).slice(2);
  return [PLAIN_VIEW, ...others.map((view) => ({ ...view, mirrored: false }))].slice(0, count);
}

/** When a view samples an event, seconds. */
export function viewTimes(span: TimeSpan, frames: number, { shift }: EventView): number[] {
  const spacingSec = (span.endSec - span.startSec) / frames;
  return samplingTimes(span, frames).map((time) => time + shift * spacingSec);
}

/** A frame's pixels as a view shows them; `rgb` holds `height·width·3` bytes and is not changed. */
export function transformPixels(
  rgb: Uint8Array,
  width: number,
  { mirrored, gain }: Omit<EventView, 'shift'>,
): Uint8Array {
  const result = new Uint8Array(rgb.length);
  for (let pixel = 0; pixel < rgb.length / 3; pixel++) {
    const column = pixel % width;
    const from = mirrored ? pixel - column + (width - 1 - column) : pixel;
    for (let c = 0; c < 3; c++) result[3 * pixel + c] = Math.min(255, Math.round(rgb[3 * from + c]! * gain));
  }
  return result;
}

/** Keeps the draws of views apart from other draws of the same seed. */
const VIEWS_STREAM = 101;
