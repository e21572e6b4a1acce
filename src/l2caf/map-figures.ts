/** The numbers that the verdict on a map goes by (`verdict.ts`), cheap where the tail is collapsed. */
import { mean } from '../base/matrix.ts';
import { createRandom, shuffled } from '../base/random.ts';
import { activationNorm } from './activation-norm.ts';
import { filteredOutputs } from './emptied.ts';
import type { AttentionMap } from './heatmap.ts';
import type { Objective } from './objective.ts';
import { rankCorrelation } from './similarity.ts';
import { isMapTail, type Tail } from './tail.ts';
import type { VerdictFigures } from './verdict.ts';
import { bindWorth, distanceBetween } from './worth.ts';

/** Share of a map's cells that are its top ones. */
export const TOP_SHARE = 0.2;
/** Draws of as many random cells. */
const RANDOM_DRAWS = 20;
/** Keeps them apart from other draws of the same seed. */
const CELLS_STREAM = 307;

/** The figures of the maps of some slots, in their order, without what takes other networks or moments to tell. */
export async function deletionFigures(
  tail: Tail,
  maps: readonly AttentionMap[],
  { objective, seed, slots = maps.map((_, slot) => slot) }: DeletionOptions,
): Promise<VerdictFigures[]> {
  const { grid, reference } = tail;
  const cells = grid.height * grid.width;
  const count = Math.max(1, Math.round(TOP_SHARE * cells));
  const length = Math.hypot(...reference);
  const figures: VerdictFigures[] = [];
  for (const [i, map] of maps.entries()) {
    const slot = slots[i]!;
    const random = createRandom(seed, CELLS_STREAM, slot);
    const everyCell = Array.from({ length: cells }, (_, cell) => cell);
    const sets = [
      everyCell,
      topCells(map.values, count),
      ...(isMapTail(tail) ? [topCells(activationNorm(tail, slot).values, count)] : []),
      ...Array.from({ length: RANDOM_DRAWS }, () => shuffled(everyCell, random).slice(0, count)),
    ];
    const [empty, ...outputs] = await outputsWithout(tail, slot, sets);
    const worth = bindWorth(objective, reference, empty!);
    const whole = worth(reference);
    const lost = outputs.map((output) => whole - worth(output));
    figures.push({
      moved: length > 0 ? distanceBetween(empty!, reference) / length : 0,
      top: lost[0]!,
      ...(isMapTail(tail) && { strongest: lost[1]! }),
      random: mean(lost.slice(-RANDOM_DRAWS)),
    });
  }
  return figures;
}

/** What is explained, and how it is measured. */
export interface DeletionOptions {
  readonly objective: Objective;
  /** Of the random cells. */
  readonly seed: number;
  /** Of the maps; default: the first, the second, … */
  readonly slots?: readonly number[];
}

/** The map's cells of the largest weights, whatever their sign; of equal ones the first. */
export function topCells(values: ArrayLike<number>, count: number): number[] {
  return Array.from(values, (_, cell) => cell)
    .sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!))
    .slice(0, count);
}

/** Outputs with some cells of a slot emptied, `[d]` each. */
function outputsWithout(tail: Tail, slot: number, sets: readonly (readonly number[])[]): Promise<ArrayLike<number>[]> {
  const cells = tail.grid.height * tail.grid.width;
  const filters = sets.map((set) => {
    const filter = new Float64Array(cells).fill(1);
    for (const cell of set) filter[cell] = 0;
    return filter;
  });
  return filteredOutputs(tail, slot, filters);
}

/** Rank correlation of maps with their counterparts, without signs; the mean over several sets of counterparts. */
export function meanCorrelations(
  maps: readonly AttentionMap[],
  others: readonly (readonly AttentionMap[])[],
): number[] | undefined {
  if (others.length === 0) return undefined;
  const size = ({ values }: AttentionMap): Float32Array => values.map(Math.abs);
  return maps.map((map, i) => mean(others.map((other) => rankCorrelation(size(map), size(other[i]!)))));
}
