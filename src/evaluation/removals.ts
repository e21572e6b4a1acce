/**
 * How well a map's numbers add up: random sets of cells are removed, and what the map says they are worth is compared with what
 * the output loses. Unlike insertion and deletion, which ask for the order of the cells, these ask for their sizes. As there,
 * a removed cell of the feature map is 0.
 */
import { mean } from '../base/matrix.ts';
import { createRandom, shuffled } from '../base/random.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import { correlation } from '../l2caf/starts.ts';
import type { Tail } from '../l2caf/tail.ts';
import { bindWorth } from '../l2caf/worth.ts';
import type { FaithfulnessOptions } from './faithfulness.ts';

/** Random sets of cells of one size, and what the output loses without each. */
export interface Removals {
  readonly sets: readonly (readonly number[])[];
  /** Less worth than the whole output (`bindWorth`), `[sets]`. */
  readonly lost: Float64Array;
}

/** Sizes of the sets, as shares of the cells: up to .8, as in the paper's figures, closer together where sets are small. */
export const REMOVED_SHARES: readonly number[] = [0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8];
/** Sets of each size. */
const SETS = 40;
/** Keeps their draws apart from others of the same seed. */
const REMOVALS_STREAM = 309;

/**
 * Removes random sets of a slot's cells, of {@link REMOVED_SHARES}; of sizes that come to the same number of cells the first. What
 * is lost does not depend on a map, so that all maps of a frame are compared with the same removals.
 *
 * @param seed of the sets; the same for all maps of a frame
 */
export async function removeAtRandom(
  tail: Tail,
  { slot, objective, seed }: FaithfulnessOptions & { readonly seed: number },
): Promise<Removals[]> {
  const count = tail.grid.height * tail.grid.width;
  const cells = Array.from({ length: count }, (_, cell) => cell);
  const sizes = new Set(REMOVED_SHARES.map((share) => Math.max(1, Math.round(share * count))));
  const random = createRandom(seed, REMOVALS_STREAM, slot);
  const sets = [...sizes].map((size) => Array.from({ length: SETS }, () => shuffled(cells, random).slice(0, size)));
  return Promise.all(sets.map((own) => remove(tail, own, { slot, objective })));
}

/** Removes each set of cells from the slot, and says what is lost. */
export async function remove(
  tail: Tail,
  sets: readonly (readonly number[])[],
  { slot, objective }: FaithfulnessOptions,
): Promise<Removals> {
  const count = tail.grid.height * tail.grid.width;
  const filters = new Float32Array((sets.length + 1) * count).fill(1, 0, sets.length * count); // the last lets nothing through
  for (const [s, set] of sets.entries()) for (const cell of set) filters[s * count + cell] = 0;
  const outputs = await tail.evaluate(filters, new Array<number>(sets.length + 1).fill(slot)); // [sets + 1, d]
  const row = (s: number): Float32Array => outputs.subarray(s * tail.outputSize, (s + 1) * tail.outputSize);
  const worth = bindWorth(objective, tail.reference, row(sets.length));
  const whole = worth(tail.reference);
  return { sets, lost: Float64Array.from(sets, (_, s) => whole - worth(row(s))) };
}

/**
 * Sensitivity-n (Ancona et al. 2018, https://arxiv.org/abs/1711.06104, Sec. 4): Pearson's correlation between the sum of the map over
 * the removed cells and what is lost, over the sets of one size, averaged over the sizes. 1 at best; 0 for a map that
 * knows nothing, and where either never changes.
 */
export function sensitivityN(map: AttentionMap, removals: readonly Removals[]): number {
  return mean(removals.map(({ sets, lost }) => correlation(sumsOver(map, sets), lost)));
}

/**
 * Infidelity (Yeh et al. 2019, https://arxiv.org/abs/1901.09392, Def. 2.1): the mean square of what the map, times the best constant
 * factor (the paper's Sec. 5 scales so, too), says that a set is worth, less what is lost; over the mean square of what is
 * lost, so that outputs of any scale compare: 0 for a map that foretells everything, 1 for one that foretells nothing. Over
 * the sets of all sizes; not a number where nothing is ever lost.
 */
export function infidelity(map: AttentionMap, removals: readonly Removals[]): number {
  let [foretold, product, happened] = [0, 0, 0];
  for (const { sets, lost } of removals) {
    for (const [s, sum] of sumsOver(map, sets).entries()) {
      foretold += sum * sum;
      product += sum * lost[s]!;
      happened += lost[s]! ** 2;
    }
  }
  return foretold > 0 ? 1 - product ** 2 / (foretold * happened) : happened / happened;
}

function sumsOver({ values }: AttentionMap, sets: readonly (readonly number[])[]): Float64Array {
  return Float64Array.from(sets, (set) => set.reduce((sum, cell) => sum + values[cell]!, 0));
}
