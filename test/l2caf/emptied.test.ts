/** What of an answer is lost without a part of a frame. */
import { expect, it } from 'vitest';
import { lossesWithout } from '../../src/l2caf/emptied.ts';
import type { Tail } from '../../src/l2caf/tail.ts';
import { bindWorth } from '../../src/l2caf/worth.ts';
import { toyLinearTail, toyRecurrent } from './toys.ts';

const OBLIVIOUS = { objective: { kind: 'oblivious' as const }, seed: 0 };

/** Adds up the cells of a slot, each with its weight: `FT(f) = Σ wᵢ fᵢ` on a grid of 2 by 2. */
function adding(weights: readonly number[]): Tail {
  const value = (filters: Float32Array, row: number): number =>
    weights.reduce((all, weight, i) => all + weight * filters[row * weights.length + i]!, 0);
  return {
    ...{ slots: 1, grid: { height: 2, width: 2 }, outputSize: 1 },
    reference: Float32Array.of(weights.reduce((all, weight) => all + weight, 0)),
    evaluate: async (filters, slots) => Float32Array.from(slots, (_, row) => value(filters, row)),
    dispose: () => {},
  };
}

it('takes away what the covered part of cells adds, by hand', async () => {
  const tail = adding([4, 2, 1, 1]); // of 8
  const [corner, half, all] = await lossesWithout(
    tail,
    { slot: 0 },
    [{ covered: [1, 0, 0, 0] }, { covered: [0, 0.5, 0.5, 0] }, { covered: [1, 1, 1, 1] }],
    OBLIVIOUS,
  );
  expect(corner!.lost).toBeCloseTo(0.5, 6);
  expect(half!.lost).toBeCloseTo(1.5 / 8, 6);
  expect(all).toEqual({ lost: 1, elsewhere: 1 });
  expect([4, 2, 1].map((weight) => weight / 8).some((least) => corner!.elsewhere >= least - 1e-6)).toBe(true);
  expect(corner!.elsewhere).toBeLessThanOrEqual(0.5);
});

it('moves a part to every place of the frame alike', async () => {
  const tail = adding([4, 2, 1, 1]);
  const seeds = Array.from({ length: 60 }, (_, seed) => seed);
  const corners = await Promise.all(
    seeds.map((seed) => lossesWithout(tail, { slot: 0 }, [{ covered: [1, 0, 0, 0] }], { ...OBLIVIOUS, seed })),
  );
  const elsewhere = corners.map(([corner]) => corner!.elsewhere);
  expect(elsewhere.reduce((sum, value) => sum + value, 0) / seeds.length).toBeCloseTo(0.25, 1.3);
  expect(new Set(elsewhere).size).toBeGreaterThan(5);
  expect(elsewhere.every((value) => Number.isInteger(Math.round(value * 8 * 5 * 1e6) / 1e6))).toBe(true); // of five
  // A row of two moves up and down, and what is covered of a part moves with it.
  const [row] = await lossesWithout(tail, { slot: 0 }, [{ covered: [0.5, 0.5, 0, 0] }], { ...OBLIVIOUS, seed: 3 });
  expect([3, 1].map((sum) => sum / 8).some((value) => Math.abs(row!.lost - value) < 1e-6)).toBe(true);
  expect(row!.elsewhere * 8).toBeGreaterThanOrEqual(1);
  expect(row!.elsewhere * 8).toBeLessThanOrEqual(3);
});

it('empties only the rows of the frame, where a slot holds several', async () => {
  const tail = adding([4, 2, 1, 1]);
  const [part] = await lossesWithout(tail, { slot: 0, rows: { from: 1, count: 1 } }, [{ covered: [1, 0] }], OBLIVIOUS);
  expect(part!.lost).toBeCloseTo(0.5, 6); // of the 2 that the second row adds
  expect(part!.elsewhere).toBeCloseTo(0.5, 6);
});

it('agrees with an evaluation of the tail, of a collapsed recurrent one too', async () => {
  const { tail } = toyRecurrent();
  const covered = [0.25, 1, 0.5, 0, 0, 1, 1, 0, 0, 0, 0, 0.1];
  for (const own of [toyLinearTail(), tail]) {
    const slot = own.slots - 1;
    const [loss] = await lossesWithout(own, { slot }, [{ covered }], OBLIVIOUS);
    const filters = Float32Array.from([...covered.map((part) => 1 - part), ...covered.map(() => 0)]);
    const outputs = await own.evaluate(filters, [slot, slot]);
    const d = own.outputSize;
    const worth = bindWorth(OBLIVIOUS.objective, own.reference, outputs.subarray(d));
    expect(loss!.lost).toBeCloseTo(worth(own.reference) - worth(outputs.subarray(0, d)), 4);
    own.dispose();
  }
});

it('is the same every time, and nothing without parts', async () => {
  const tail = adding([4, 2, 1, 1]);
  const once = await lossesWithout(tail, { slot: 0 }, [{ covered: [1, 0, 0, 0] }], OBLIVIOUS);
  expect(await lossesWithout(tail, { slot: 0 }, [{ covered: [1, 0, 0, 0] }], OBLIVIOUS)).toEqual(once);
  expect(await lossesWithout(tail, { slot: 0 }, [], OBLIVIOUS)).toEqual([]);
});
