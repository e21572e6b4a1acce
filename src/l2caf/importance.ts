/**
 * Which frame matters: how much of the answer is there because of each frame, as its Shapley value (Shapley 1953; as an
 * explanation: Lundberg & Lee 2017, https://arxiv.org/abs/1705.07874). The frames are the players; what a set of them is worth
 * is how much of the answer the network gives when it sees no others. The filters say where in a frame; this says when.
 */
import { createRandom, shuffled } from '../base/random.ts';
import type { Objective } from './objective.ts';
import type { FrameSets, Tail } from './tail.ts';
import { bindWorth } from './worth.ts';

/** Up to so many frames every set of them is evaluated; with more, sets are drawn. */
export const MOST_EXACT_FRAMES = 8;

/** Pairs of orders that are drawn where there are too many sets: each order and its reverse. */
const ORDER_PAIRS = 32;

/** The importance of an event's frames. */
export interface FrameImportance {
  /**
   * Shapley value of each slot, `[slots]`: their sum is what all frames are worth over none. Negative where a frame takes away from
   * the answer.
   */
  readonly values: Float64Array;
  /** Standard error of each value, `[slots]`, where sets were drawn; absent where all were evaluated. */
  readonly errors?: Float64Array;
  /** How a frame was taken away. */
  readonly absent: FrameSets['absent'];
}

/**
 * The importance of each slot; undefined for a tail of one slot, or one that cannot do without some of them.
 *
 * @param seed of the sets that are drawn for more than {@link MOST_EXACT_FRAMES} slots
 */
export async function frameImportance(
  tail: Tail,
  objective: Objective,
  seed: number,
): Promise<FrameImportance | undefined> {
  const { subsets, slots } = tail;
  if (slots === 1 || subsets === undefined) return undefined;
  const found =
    slots <= MOST_EXACT_FRAMES ? await exact(tail, subsets, objective) : await sampled(tail, subsets, objective, seed);
  return { ...found, absent: subsets.absent };
}

/** Every set of slots; a set is a number whose bits are its slots. */
async function exact(tail: Tail, subsets: FrameSets, objective: Objective): Promise<{ values: Float64Array }> {
  const { slots } = tail;
  const sets = Array.from({ length: 2 ** slots }, (_, set) =>
    Uint8Array.from({ length: slots }, (_, slot) => (set >> slot) & 1),
  );
  const worth = await worthOfSets(tail, subsets, objective, sets, 0);
  const values = new Float64Array(slots);
  for (const [set, members] of sets.entries()) {
    const size = members.reduce((sum, one) => sum + one, 0);
    for (let slot = 0; slot < slots; slot++) {
      if (members[slot] === 1) continue;
      // In that share of all orders these members, and no others, come before the slot.
      const share = 1 / (slots * binomial(slots - 1, size));
      values[slot]! += share * (worth[set | (1 << slot)]! - worth[set]!);
    }
  }
  return { values };
}

/** What slots add in random orders, each followed by its reverse, which halves the error or better. */
async function sampled(
  tail: Tail,
  subsets: FrameSets,
  objective: Objective,
  seed: number,
): Promise<{ values: Float64Array; errors: Float64Array }> {
  const { slots } = tail;
  const random = createRandom(seed, ORDERS_STREAM, slots);
  const everyone = Array.from({ length: slots }, (_, slot) => slot);
  const pairs = Array.from({ length: ORDER_PAIRS }, () => {
    const order = shuffled(everyone, random);
    return [order, order.toReversed()];
  });
  const sets = pairs.flat().flatMap((order) => prefixesOf(order));
  const worth = await worthOfSets(tail, subsets, objective, sets, 0);
  const added = pairs.map((pair, p) => {
    const values = new Float64Array(slots);
    for (const [o, order] of pair.entries()) {
      const first = (2 * p + o) * (slots + 1);
      for (const [place, slot] of order.entries())
        values[slot]! += (worth[first + place + 1]! - worth[first + place]!) / 2;
    }
    return values;
  });
  const values = Float64Array.from(everyone, (slot) => added.reduce((sum, own) => sum + own[slot]!, 0) / ORDER_PAIRS);
  const errors = values.map((mean, slot) => {
    const squares = added.reduce((sum, own) => sum + (own[slot]! - mean) ** 2, 0);
    return Math.sqrt(squares / (ORDER_PAIRS * (ORDER_PAIRS - 1)));
  });
  return { values, errors };
}

/** Keeps the orders apart from other draws of the same seed. */
const ORDERS_STREAM = 306;

/** The sets of the first 0, 1, … slots of an order. */
function prefixesOf(order: readonly number[]): Uint8Array[] {
  const members = new Uint8Array(order.length);
  return [
    members.slice(),
    ...order.map((slot) => {
      members[slot] = 1;
      return members.slice();
    }),
  ];
}

/** What each set is worth; the one at `none` must be empty. */
async function worthOfSets(
  tail: Tail,
  subsets: FrameSets,
  objective: Objective,
  sets: readonly Uint8Array[],
  none: number,
): Promise<Float64Array> {
  const present = new Uint8Array(sets.length * tail.slots);
  for (const [i, set] of sets.entries()) present.set(set, i * tail.slots);
  const outputs = await subsets.evaluate(present);
  const row = (i: number): Float32Array => outputs.subarray(i * tail.outputSize, (i + 1) * tail.outputSize);
  const worth = bindWorth(objective, tail.reference, row(none));
  return Float64Array.from(sets, (_, i) => worth(row(i)));
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return value;
}
