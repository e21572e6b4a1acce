/**
 * Deletion of parts of a frame, such as objects: what of the answer is lost when what the network has seen there is emptied, beside
 * what is lost when as much is emptied elsewhere. Cheap where the tail is collapsed, as the deletion of single cells is.
 */
import { mean } from '../base/matrix.ts';
import { createRandom } from '../base/random.ts';
import type { Objective } from './objective.ts';
import type { Tail } from './tail.ts';
import { bindWorth } from './worth.ts';

/** A part of the feature map of a slot. */
export interface EmptiedPart {
  /** How much of each cell belongs to it, 0 to 1, row by row: `[h·w]` of the tail's grid. */
  readonly covered: ArrayLike<number>;
}

/** What emptying a part takes away from what an output is worth (`bindWorth`). */
export interface EmptiedLoss {
  readonly lost: number;
  /** The same when as much is emptied elsewhere: the part moved to random places of the frame, mean of five. */
  readonly elsewhere: number;
}

/** Random places that a part is moved to, see `EmptiedLoss`. */
const MOVES = 5;
/** Keeps them apart from other draws of the same seed. */
const MOVES_STREAM = 311;

/** Where the feature map of a frame lies in a tail. */
export interface FramePlace {
  readonly slot: number;
  /** Rows of the slot's grid that are the frame's; default all. */
  readonly rows?: { readonly from: number; readonly count: number };
}

/**
 * Empties parts of a frame, one at a time: cells are multiplied by how much of them does not belong to the part.
 *
 * @param parts of the frame's rows of the grid
 */
export async function lossesWithout(
  tail: Tail,
  place: FramePlace,
  parts: readonly EmptiedPart[],
  { objective, seed }: { readonly objective: Objective; readonly seed: number },
): Promise<EmptiedLoss[]> {
  return (await withoutParts(tail, place, parts, seed))(objective);
}

/** `lossesWithout` for several objectives of one tail, which is run once for all of them. */
export async function withoutParts(
  tail: Tail,
  { slot, rows = { from: 0, count: tail.grid.height } }: FramePlace,
  parts: readonly EmptiedPart[],
  seed: number,
): Promise<(objective: Objective) => EmptiedLoss[]> {
  if (parts.length === 0) return () => [];
  const { height, width } = tail.grid;
  const random = createRandom(seed, MOVES_STREAM, slot, rows.from);
  const shift = (size: number): number => Math.floor(random.uniform() * size);
  const keeping = (covered: ArrayLike<number>, down: number, right: number): Float64Array => {
    const filter = new Float64Array(height * width).fill(1);
    for (let i = 0; i < rows.count * width; i++) {
      const row = (Math.floor(i / width) + down) % rows.count;
      const column = ((i % width) + right) % width;
      filter[(rows.from + row) * width + column] = 1 - covered[i]!;
    }
    return filter;
  };
  const emptied = keeping(new Float64Array(rows.count * width).fill(1), 0, 0);
  const filters = parts.flatMap(({ covered }) => [
    keeping(covered, 0, 0),
    ...Array.from({ length: MOVES }, () => keeping(covered, shift(rows.count), shift(width))),
  ]);
  const [nothing, ...outputs] = await filteredOutputs(tail, slot, [emptied, ...filters]);
  return (objective) => {
    const worth = bindWorth(objective, tail.reference, nothing!);
    const whole = worth(tail.reference);
    const lost = outputs.map((output) => whole - worth(output));
    return parts.map((_, k) => {
      const [own, ...moved] = lost.slice(k * (MOVES + 1), (k + 1) * (MOVES + 1));
      return { lost: own!, elsewhere: mean(moved) };
    });
  };
}

/** Outputs of one slot with filters `[h·w]` over it, `[d]` each. */
export async function filteredOutputs(
  tail: Tail,
  slot: number,
  filters: readonly Float64Array[],
): Promise<ArrayLike<number>[]> {
  if (tail.smooth) {
    const response = tail.smooth(slot);
    const outputs: Float64Array[] = [];
    for (const filter of filters) outputs.push(Float64Array.from(await response.output(filter)));
    return outputs;
  }
  const cells = tail.grid.height * tail.grid.width;
  const rows = new Float32Array(filters.length * cells);
  for (const [row, filter] of filters.entries()) rows.set(filter, row * cells);
  const outputs = await tail.evaluate(rows, new Array<number>(filters.length).fill(slot));
  return filters.map((_, row) => outputs.subarray(row * tail.outputSize, (row + 1) * tail.outputSize));
}
