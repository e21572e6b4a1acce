/** What removing random cells says of a map, and how simple a map is: worked out by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { histogramEntropy, sparseness } from '../../src/evaluation/complexity.ts';
import { infidelity, REMOVED_SHARES, remove, removeAtRandom, sensitivityN } from '../../src/evaluation/removals.ts';
import { useBackend } from '../../src/models/backend.ts';
import { additiveTail } from '../l2caf/toys.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

const options = { slot: 0, objective: { kind: 'oblivious' } } as const;
const mapOf = (...values: number[]) => ({ height: 2, width: 2, values: Float32Array.from(values) });

describe('removals', () => {
  it('lose what the removed cells are worth', async () => {
    const tail = additiveTail();
    const { lost } = await remove(tail, [[0], [1, 2], [0, 1, 2, 3], []], options);
    for (const [i, parts] of [4, 3, 7, 0].entries()) expect(lost[i]).toBeCloseTo(parts / 7, 5);
    tail.dispose();
  });

  it('are of every size once, the same for a seed, and keep no tensor', async () => {
    const before = tf.memory().numTensors;
    const tail = additiveTail();
    const removals = await removeAtRandom(tail, { ...options, seed: 4 });
    expect(removals.map(({ sets }) => [...new Set(sets.map(({ length }) => length))])).toEqual([[1], [2], [3]]); // of four cells
    expect(REMOVED_SHARES.length).toBeGreaterThan(removals.length);
    expect(await removeAtRandom(tail, { ...options, seed: 4 })).toEqual(removals);
    expect(await removeAtRandom(tail, { ...options, seed: 5 })).not.toEqual(removals);
    tail.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('sensitivity-n and infidelity', () => {
  it('are perfect for a map that adds up to what is lost, at any scale', async () => {
    const tail = additiveTail();
    const removals = await removeAtRandom(tail, { ...options, seed: 0 });
    for (const map of [mapOf(4, 2, 1, 0), mapOf(0.4, 0.2, 0.1, 0)]) {
      expect(sensitivityN(map, removals)).toBeCloseTo(1, 5);
      expect(infidelity(map, removals)).toBeCloseTo(0, 5);
    }
    tail.dispose();
  });

  it('have the values worked out by hand', async () => {
    const tail = additiveTail();
    const single = await remove(tail, [[0], [1], [2]], options); // 4/7, 2/7 and 1/7 lost
    expect(sensitivityN(mapOf(1, 3, 2, 9), [single])).toBeCloseTo(-6 / Math.sqrt(84), 5);
    expect(sensitivityN(mapOf(1, 1, 1, 1), [single])).toBe(0);
    const two = await remove(tail, [[0], [1]], options);
    expect(infidelity(mapOf(1, 1, 0, 0), [two])).toBeCloseTo(0.1, 5); // 1 − (6/7)² / (2 · 20/49)
    expect(infidelity(mapOf(0, 0, 1, 1), [two])).toBe(1); // foretells nothing
    expect(infidelity(mapOf(1, 1, 1, 1), [await remove(tail, [[3]], options)])).toBeNaN(); // nothing is lost
    tail.dispose();
  });
});

describe('sparseness', () => {
  it('is the Gini index of the sizes', () => {
    expect(sparseness(mapOf(0, 0, -1, 0))).toBeCloseTo(0.75, 10);
    expect(sparseness(mapOf(2, 2, 2, -2))).toBeCloseTo(0, 10);
    expect(sparseness({ height: 1, width: 3, values: Float32Array.of(3, 1, 2) })).toBeCloseTo(1 - 14 / 18, 10);
    expect(sparseness(mapOf(0, 0, 0, 0))).toBe(0);
  });
});

describe('the entropy of a heatmap', () => {
  it('is that of its levels, of which a slope between two cells has eight, in two columns each', () => {
    const map = { height: 1, width: 2, values: Float32Array.of(0, 5) };
    expect(histogramEntropy(map)).toBeCloseTo(Math.log(8), 10);
  });

  it('is nothing for a constant map', () => {
    expect(histogramEntropy(mapOf(3, 3, 3, 3))).toBe(0);
  });
});
