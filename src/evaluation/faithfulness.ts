/**
 * Is a map faithful to the network: does the output come back when cells are inserted in the map's order, and go when
 * they are deleted? Insertion and deletion (Petsiuk et al. 2018, https://arxiv.org/abs/1806.07421, Sec. 3.4) on the feature
 * map's cells rather than on pixels, so that nothing has to be invented for what is missing: a cell is 0 or as it was.
 */

import { createRandom, shuffled } from '../base/random.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { Tail } from '../l2caf/tail.ts';
import { bindWorth } from '../l2caf/worth.ts';

/** Areas under the curves of the score over the share of cells, trapezoidal. */
export interface FaithfulnessAreas {
  /** Cells inserted into an empty frame, the map's highest first; high is faithful. */
  readonly insertion: number;
  /** Cells deleted from the whole frame, the map's highest first; low is faithful. */
  readonly deletion: number;
}

/** What is filtered, and what is measured. */
export interface FaithfulnessOptions {
  readonly slot: number;
  /** What is measured of the output: what it is worth (`bindWorth`). */
  readonly objective: Objective;
}

/**
 * Inserts and deletes the cells of a slot one by one in the order of a map (of equal cells the first first). The other
 * frames pass untouched.
 *
 * @param map of the tail's grid
 */
export async function faithfulness(
  tail: Tail,
  map: AttentionMap,
  options: FaithfulnessOptions,
): Promise<FaithfulnessAreas> {
  const order = Array.from(map.values, (_, cell) => cell).sort((a, b) => map.values[b]! - map.values[a]!);
  return areasOf(tail, order, options);
}

/** What to expect of an order that knows nothing: the mean areas over random orders. */
export async function randomFaithfulness(
  tail: Tail,
  options: FaithfulnessOptions & { readonly seed: number; readonly orders?: number },
): Promise<FaithfulnessAreas> {
  const { slot, seed, orders = 10 } = options;
  const cells = Array.from({ length: tail.grid.height * tail.grid.width }, (_, cell) => cell);
  const all: FaithfulnessAreas[] = [];
  for (let i = 0; i < orders; i++)
    all.push(await areasOf(tail, shuffled(cells, createRandom(seed, ORDERS_STREAM, slot, i)), options));
  const mean = (of: (areas: FaithfulnessAreas) => number): number =>
    all.reduce((sum, areas) => sum + of(areas), 0) / orders;
  return { insertion: mean(({ insertion }) => insertion), deletion: mean(({ deletion }) => deletion) };
}

async function areasOf(
  tail: Tail,
  order: readonly number[],
  { slot, objective }: FaithfulnessOptions,
): Promise<FaithfulnessAreas> {
  return {
    insertion: areaUnder(await scoresAlong(tail, slot, objective, order, 'insert')),
    deletion: areaUnder(await scoresAlong(tail, slot, objective, order, 'delete')),
  };
}

/** Keeps the orders apart from other draws of the same seed. */
const ORDERS_STREAM = 303;

/** The score after 0, 1, … all cells of the order were inserted or deleted, `[cells + 1]`. */
async function scoresAlong(
  tail: Tail,
  slot: number,
  objective: Objective,
  order: readonly number[],
  way: 'insert' | 'delete',
): Promise<number[]> {
  const steps = order.length + 1;
  const filters = new Float32Array(steps * order.length);
  for (let step = 0; step < steps; step++) {
    for (const [place, cell] of order.entries()) {
      filters[step * order.length + cell] = Number(way === 'insert' ? place < step : place >= step);
    }
  }
  const outputs = await tail.evaluate(filters, new Array<number>(steps).fill(slot)); // [steps, d]
  const size = tail.outputSize;
  const rows = Array.from({ length: steps }, (_, step) => outputs.subarray(step * size, (step + 1) * size));
  return rows.map(bindWorth(objective, tail.reference, rows[way === 'insert' ? 0 : steps - 1]!));
}

function areaUnder(scores: readonly number[]): number {
  const inner = scores.reduce((sum, score) => sum + score, 0) - (scores[0]! + scores.at(-1)!) / 2;
  return inner / (scores.length - 1);
}
