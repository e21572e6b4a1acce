/** Whether a tail in parts gives what the whole one gives. */
import { createRandom } from '../../base/random.ts';
import type { CutTail, TailEvent } from './front-part.ts';

/** By how much outputs may differ from those of the whole tail, of the largest: rounding, in single and half precision. */
const TOLERANCE = { single: 1e-4, half: 2e-2 };

/** Filters `[rows, h·w]` of slices of time of an event → outputs `[rows, d]`. */
export type Evaluate = (
  event: TailEvent,
  filters: Float32Array,
  slots: readonly number[],
  output: string,
) => Promise<Float32Array>;

/** Whether outputs are the same, for filters of the first slice of time and of the last, several at once. */
export async function isAsWhole(
  { cut, sizes, seen }: CutTail,
  event: TailEvent,
  whole: Evaluate,
  inParts: (filters: Float32Array, slots: readonly number[], output: string) => Promise<Float32Array>,
): Promise<boolean> {
  const cells = sizes.h * sizes.w;
  const random = createRandom(1, cells);
  const slots = [0, sizes.t - 1, sizes.t - 1];
  const filters = Float32Array.from({ length: slots.length * cells }, () => random.normal());
  const tolerance = seen.get(cut.layer)!.type === 'float16' ? TOLERANCE.half : TOLERANCE.single;
  for (const output of cut.outputs) {
    const [ours, theirs] = [await inParts(filters, slots, output), await whole(event, filters, slots, output)];
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (!theirs.every((value, i) => Math.abs(value - ours[i]!) <= tolerance * largest)) return false;
  }
  return true;
}
