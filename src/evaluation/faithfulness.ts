/**
 * Is a map faithful to the network: does the output come back when cells are inserted in the map's order, and go when
 * they are deleted? Insertion and deletion (Petsiuk et al. 2018, https://arxiv.org/abs/1806.07421, Sec. 3.4) on the feature
 * map's cells rather than on pixels, so that nothing has to be invented for what is missing: a cell is 0 or as it was.
 */

import { createRandom } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import type { Tail } from '../l2caf/tail.ts';

/**
 * What is measured of an output: `embedding`: `1 − ‖FT − NT‖ / ‖FT(0) − NT‖`, 1 for the unfiltered frame and 0 for an empty
 * one; `class`: the softmax probability of a class, of logits.
 */
export type FaithfulnessScore = { readonly kind: 'embedding' } | { readonly kind: 'class'; readonly index: number };

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
  readonly score: FaithfulnessScore;
}

/**
 * Inserts and deletes the cells of a slot one by one in the order of a map (of equal cells the first first). The other
 * frames pass untouched.
 *
 * @param map of the tail's grid
 */
export function faithfulness(tail: Tail, map: AttentionMap, options: FaithfulnessOptions): FaithfulnessAreas {
  const order = Array.from(map.values, (_, cell) => cell).sort((a, b) => map.values[b]! - map.values[a]!);
  return areasOf(tail, order, options);
}

/** What to expect of an order that knows nothing: the mean areas over random orders. */
export function randomFaithfulness(
  tail: Tail,
  options: FaithfulnessOptions & { readonly seed: number; readonly orders?: number },
): FaithfulnessAreas {
  const { slot, seed, orders = 10 } = options;
  const cells = Array.from({ length: tail.grid.height * tail.grid.width }, (_, cell) => cell);
  const all = Array.from({ length: orders }, (_, i) =>
    areasOf(tail, shuffled(cells, seed, ORDERS_STREAM, slot, i), options),
  );
  const mean = (of: (areas: FaithfulnessAreas) => number): number =>
    all.reduce((sum, areas) => sum + of(areas), 0) / orders;
  return { insertion: mean(({ insertion }) => insertion), deletion: mean(({ deletion }) => deletion) };
}

function areasOf(tail: Tail, order: readonly number[], { slot, score }: FaithfulnessOptions): FaithfulnessAreas {
  return {
    insertion: areaUnder(scoresAlong(tail, slot, score, order, 'insert')),
    deletion: areaUnder(scoresAlong(tail, slot, score, order, 'delete')),
  };
}

/** Keeps the orders apart from other draws of the same seed. */
const ORDERS_STREAM = 303;

/** The score after 0, 1, … all cells of the order were inserted or deleted, `[cells + 1]`. */
function scoresAlong(
  tail: Tail,
  slot: number,
  score: FaithfulnessScore,
  order: readonly number[],
  way: 'insert' | 'delete',
): number[] {
  const { height, width } = tail.grid;
  const steps = order.length + 1;
  const filters = new Float32Array(steps * order.length);
  for (let step = 0; step < steps; step++) {
    for (const [place, cell] of order.entries()) {
      filters[step * order.length + cell] = Number(way === 'insert' ? place < step : place >= step);
    }
  }
  return tf.tidy(() => {
    const slots = new Array<number>(steps).fill(slot);
    const outputs = tail.filtered(tf.tensor3d(filters, [steps, height, width]), slots); // [steps, d]
    if (score.kind === 'class') return [...tf.gather(tf.softmax(outputs), score.index, 1).dataSync<'float32'>()];
    const whole = tf.tensor2d(tail.reference, [1, tail.outputSize]);
    const distances = [...tf.norm(tf.sub(outputs, whole), 2, 1).dataSync<'float32'>()];
    const empty = distances[way === 'insert' ? 0 : steps - 1]!;
    return distances.map((distance) => (empty > 0 ? 1 - distance / empty : 1));
  });
}

function areaUnder(scores: readonly number[]): number {
  const inner = scores.reduce((sum, score) => sum + score, 0) - (scores[0]! + scores.at(-1)!) / 2;
  return inner / (scores.length - 1);
}

/** Fisher–Yates. */
function shuffled(cells: readonly number[], ...keys: readonly number[]): number[] {
  const random = createRandom(...keys);
  const order = [...cells];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
