/** What verdicts go by, on a tail whose numbers are known by hand. */
import { describe, expect, it } from 'vitest';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { deletionFigures, meanCorrelations, topCells } from '../../src/l2caf/map-figures.ts';
import type { Tail } from '../../src/l2caf/tail.ts';
import { advantageOf, meanFigures, VERDICT_LIMITS, type VerdictFigures, verdictOf } from '../../src/l2caf/verdict.ts';
import { useBackend } from '../../src/models/backend.ts';

/** One output, the mean of five cells worth 6, 2, 1, 1 and 0. */
async function toyTail() {
  await useBackend('cpu');
  return pooledDenseTail({
    grid: { height: 1, width: 5 },
    features: Float32Array.of(6, 2, 1, 1, 0),
    kernel: Float32Array.of(1),
    bias: Float32Array.of(2),
  });
}

const map = (...values: number[]) => ({ height: 1, width: values.length, values: Float32Array.from(values) });

describe('deletionFigures', () => {
  it('are what is lost with the top fifth of the cells, with random ones, and with the strongest features', async () => {
    const tail = await toyTail();
    const objective = { kind: 'oblivious' } as const;
    const [good, poor] = await deletionFigures(tail, [map(-0.9, 0.1, 0, 0, 0.4), map(0, 0, 0, 0.3, 0.9)], {
      objective,
      seed: 1,
      slots: [0, 0],
    });
    // The output is 2 + (6 + 2 + 1 + 1) / 5 = 4; without the first cell 2.8, which loses 1.2 of the 2 that the cells give.
    expect(good).toEqual({
      moved: expect.closeTo(0.5, 6),
      top: expect.closeTo(0.6, 6),
      strongest: expect.closeTo(0.6, 6),
      random: expect.any(Number),
    });
    expect(poor!.top).toBeCloseTo(0, 6);
    expect(good!.random).toBe(poor!.random); // the same draws
    expect(good!.random).toBeGreaterThan(0.05);
    expect(good!.random).toBeLessThan(0.5); // on the average 0.2
    expect(verdictOf(poor!)).toBe('nothing here matters');
    tail.dispose();
  });
});

it('compares with the mean of twenty random sets of as many cells', async () => {
  const tail = await toyTail();
  const seeds = Array.from({ length: 60 }, (_, seed) => seed);
  const found = await Promise.all(
    seeds.map((seed) => deletionFigures(tail, [map(1, 0, 0, 0, 0)], { objective: { kind: 'oblivious' }, seed })),
  );
  const random = found.map(([figures]) => figures!.random);
  const middle = random.reduce((sum, value) => sum + value, 0) / seeds.length;
  const spread = Math.sqrt(random.reduce((sum, value) => sum + (value - middle) ** 2, 0) / seeds.length);
  // One cell of worth 0.6, 0.2, 0.1, 0.1 or 0: mean 0.2, standard deviation 0.21, and 0.047 of the mean of twenty.
  expect(middle).toBeCloseTo(0.2, 1.5);
  expect(spread).toBeGreaterThan(0.03);
  expect(spread).toBeLessThan(0.065);
  tail.dispose();
});

it('has none of the strongest cells where a network shows no features, and has not moved from nothing', async () => {
  const tail: Tail = {
    ...{ slots: 1, grid: { height: 1, width: 2 }, outputSize: 1, reference: Float32Array.of(0) },
    evaluate: async (_, slots) => new Float32Array(slots.length),
    dispose: () => {},
  };
  const [figures] = await deletionFigures(tail, [map(1, 0)], { objective: { kind: 'oblivious' }, seed: 0 });
  expect(figures).toEqual({ moved: 0, top: 0, random: 0 });
});

describe('verdictOf', () => {
  const fine: VerdictFigures = { moved: 0.9, top: 0.5, random: 0.1, redrawn: -0.2, steady: 0.95 };
  it.each<[string, Partial<VerdictFigures>]>([
    ['says what the network uses', {}],
    ['nothing here matters', { moved: VERDICT_LIMITS.moved / 2 }],
    ['says what the network uses', { moved: VERDICT_LIMITS.moved }],
    ['nothing here matters', { top: 0.1, random: 0.1 }],
    ['says what the network uses', { steady: VERDICT_LIMITS.steady }],
    ['says what the network uses', { redrawn: VERDICT_LIMITS.redrawn }],
    ['unstable', { steady: 0, redrawn: 1 }],
    ['nothing here matters', { moved: 0, steady: 0, redrawn: 1 }],
    ['nothing here matters', { top: 0.1, random: 0.2 }],
    ['unstable', { steady: VERDICT_LIMITS.steady - 0.01 }],
    ['shows what the first layers see', { redrawn: VERDICT_LIMITS.redrawn + 0.01 }],
  ])('%s: %j', (words, change) => {
    expect(verdictOf({ ...fine, ...change })).toBe(words);
  });

  it('goes by what is known', () => {
    const { redrawn: _, steady: __, ...deletion } = fine;
    expect(verdictOf(deletion)).toBe('says what the network uses');
  });
});

describe('figures', () => {
  it('of several maps are weighed by what may be negative, and equally where nothing counts', () => {
    const figures = [
      { moved: 1, top: 0.4, random: 0.2, redrawn: 0.5 },
      { moved: 0.5, top: 0.8, random: 0.4 },
    ];
    const first = { moved: 1, top: expect.closeTo(0.4, 9), random: 0.2, redrawn: 0.5 };
    expect(meanFigures(figures, [0.3, -1])).toEqual(first);
    expect(meanFigures(figures, [-1, 0])).toEqual(meanFigures(figures));
    const equal = meanFigures(figures);
    expect([equal.moved, equal.top, equal.redrawn]).toEqual([0.75, expect.closeTo(0.6, 9), 0.5]);
    expect(Object.keys(equal)).toEqual(['moved', 'top', 'random', 'redrawn']);
    const all = { moved: 1, top: 0.5, random: 0.25, strongest: 0.75, redrawn: 0.125, steady: -0.5 };
    expect(meanFigures([all])).toEqual(all);
    expect(meanFigures([all, { ...all, strongest: 0.25, steady: 1 }], [3, 1])).toMatchObject({
      ...{ strongest: 0.625, steady: -0.125 },
    });
  });

  it('compare maps without their signs, and cells by their size', () => {
    expect(meanCorrelations([map(1, -2, 3)], [[map(-1, 2, -3)], [map(3, 2, 1)]])).toEqual([expect.closeTo(0, 9)]);
    expect(meanCorrelations([map(1, 2, 3)], [])).toBeUndefined();
    expect(topCells([0.1, -0.7, 0.3, 0.7], 2)).toEqual([1, 3]);
    expect([advantageOf(3, 1), advantageOf(0, 0), advantageOf(0, 2)]).toEqual([0.5, 0, -1]);
  });
});
