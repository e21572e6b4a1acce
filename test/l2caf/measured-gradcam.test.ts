/** Grad-CAM by evaluations alone is Grad-CAM by gradients. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { gradCam } from '../../src/l2caf/gradcam.ts';
import { measuredGradCam } from '../../src/l2caf/measured-gradcam.ts';
import { findAttention } from '../../src/l2caf/method.ts';
import type { FeatureTail, MapTail } from '../../src/l2caf/tail.ts';
import { useBackend } from '../../src/models/backend.ts';
import { evaluating } from './evaluating.ts';
import { toyLinearTail, toyRecurrent } from './toys.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

const TAILS: readonly (readonly [string, () => FeatureTail])[] = [
  ['linear', toyLinearTail],
  ['recurrent', () => toyRecurrent().tail],
];

describe.each(TAILS)('of a %s tail', (_, make) => {
  it.each([
    ['relu', { kind: 'embedding' }],
    ['abs', { kind: 'embedding' }],
    ['relu', { kind: 'class', index: 1 }],
    ['abs', { kind: 'class', index: 2 }],
  ] as const)('%s, %j', async (variant, target) => {
    const tail = make();
    const golden = gradCam(tail, target, variant);
    const maps = await measuredGradCam(evaluating(tail), target, variant);
    expect(maps).toHaveLength(tail.slots);
    for (const [slot, { values, height, width }] of maps.entries()) {
      expect({ height, width }).toEqual(tail.grid);
      const expected = golden[slot]!.values;
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const [cell, value] of values.entries())
        expect(Math.abs(value - expected[cell]!)).toBeLessThan(2e-3 * largest);
    }
    tail.dispose();
  });

  it('of some slots, and through the one door', async () => {
    const tail = make();
    const last = tail.slots - 1;
    const [golden] = gradCam(tail, { kind: 'embedding' }, 'abs', [last]);
    const [map, ...others] = await measuredGradCam(evaluating(tail), { kind: 'embedding' }, 'abs', [last]);
    expect(others).toEqual([]);
    const norm = Math.hypot(...golden!.values);
    const { filters, reason } = await findAttention(evaluating(tail), 'gradcam-abs', { slots: [last] });
    expect(reason).toContain('measured');
    for (const [cell, value] of filters[0]!.values.entries()) {
      expect(value).toBeCloseTo(golden!.values[cell]! / norm, 2);
      expect(map!.values[cell]! / norm).toBeCloseTo(value, 2);
    }
    tail.dispose();
  });

  it('refuses a class that there is not', async () => {
    const tail = make();
    await expect(measuredGradCam(evaluating(tail), { kind: 'class', index: 99 })).rejects.toMatchObject({
      code: 'usage',
    });
    tail.dispose();
  });
});

it('is zero where the map is', async () => {
  const tail = toyLinearTail();
  const cells = tail.grid.height * tail.grid.width;
  const still = async (filters: Float32Array): Promise<Float32Array> =>
    Float32Array.from(
      { length: (filters.length / cells) * tail.outputSize },
      (_, i) => tail.reference[i % tail.outputSize]!,
    );
  const dark: MapTail = {
    ...evaluating(tail),
    mapOf: (slot) => new Float32Array(tail.mapOf(slot).length),
    evaluate: still,
  };
  const [map] = await measuredGradCam(dark, { kind: 'embedding' }, 'abs');
  expect(Math.max(...map!.values)).toBe(0);
  tail.dispose();
});

/** Behind the mean over cells, or the largest, a bent function of more channels than cells; counts the maps that it is asked for. */
function pooledTail(pool: (values: readonly number[]) => number) {
  const [cells, channels] = [6, 40];
  const random = createRandom(3);
  const draw = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
  const [map, kernel] = [draw(cells * channels), draw(channels)];
  let asked = 0;
  const answer = (own: Float32Array): number => {
    asked++;
    const pooled = Array.from({ length: channels }, (_, k) =>
      pool(Array.from({ length: cells }, (__, cell) => own[cell * channels + k]!)),
    );
    return Math.tanh(pooled.reduce((sum, value, k) => sum + (value * kernel[k]!) / 40, 0));
  };
  const answers = (maps: Float32Array): Float32Array =>
    Float32Array.from({ length: maps.length / map.length }, (_, row) =>
      answer(maps.subarray(row * map.length, (row + 1) * map.length)),
    );
  const tail: MapTail = {
    ...{ slots: 1, grid: { height: 2, width: 3 }, outputSize: 1, reference: Float32Array.of(answer(map)) },
    mapOf: () => map,
    evaluateMaps: async (maps) => answers(maps),
    evaluate: async (filters) =>
      answers(
        Float32Array.from({ length: (filters.length / cells) * map.length }, (_, i) => {
          const row = Math.floor(i / map.length);
          return map[i % map.length]! * filters[row * cells + Math.floor((i % map.length) / channels)]!;
        }),
      ),
    dispose: () => {},
  };
  /** By differences in every channel, in double precision. */
  const expected = Array.from({ length: cells }, (_, cell) =>
    Array.from({ length: channels }, (__, k) => {
      const at = (by: number): number => answer(map.map((value, i) => (i % channels === k ? value + by : value)));
      return (map[cell * channels + k]! * (at(1e-2) - at(-1e-2))) / (2e-2 * cells);
    }).reduce((sum, value) => sum + value, 0),
  );
  asked = 0;
  return { tail, expected, asked: () => asked };
}

it.each([
  ['the mean', (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length, 3 + 2 * 6],
  [
    'the mean of what is positive',
    (values: readonly number[]) => values.reduce((sum, value) => sum + Math.max(0, value), 0) / values.length,
    3 + 2 * 40,
  ],
  ['the largest', (values: readonly number[]) => Math.max(...values), 3 + 2 * 40],
] as const)('behind %s over cells, asks no more than it needs', async (_, pool, most) => {
  const { tail, expected, asked } = pooledTail(pool);
  const [map] = await measuredGradCam(tail, { kind: 'embedding' }, 'abs');
  const largest = Math.max(...expected.map(Math.abs));
  for (const [cell, value] of map!.values.entries()) {
    expect(Math.abs(value - Math.abs(expected[cell]!))).toBeLessThan(2e-3 * largest);
  }
  expect(asked()).toBe(most);
});

/** One output: the sum over all cells of a function of each value. */
function summing(channels: number, map: Float32Array, of: (value: number, channel: number) => number) {
  const calls: number[] = [];
  const tail: MapTail = {
    ...{ slots: 1, grid: { height: 1, width: map.length / channels }, outputSize: 1, reference: Float32Array.of(1) },
    mapOf: () => map,
    evaluate: () => Promise.reject(new Error('not asked for')),
    evaluateMaps: async (maps, slots) => {
      calls.push(slots.length);
      return Float32Array.from(slots, (_, row) => {
        let sum = 0;
        for (let i = 0; i < map.length; i++) sum += of(maps[row * map.length + i]!, i % channels);
        return sum;
      });
    },
    dispose: () => {},
  };
  return { tail, calls };
}

it('moves channels by a hundredth of what they are, all of them in one batch', async () => {
  // sin(1000 a) at a = 0.001, −0.001: slopes 1000 cos 1, which steps as long as the values would miss
  const { tail, calls } = summing(2, Float32Array.of(1e-3, -1e-3, 1e-3, -1e-3), (value) => Math.sin(1e3 * value));
  const [map] = await measuredGradCam(tail, { kind: 'class', index: 0 }, 'abs');
  expect(calls).toEqual([4]);
  for (const value of map!.values) expect(value).toBeCloseTo(0, 3); // the channels cancel out
  const [single] = await measuredGradCam(
    summing(1, Float32Array.of(1e-3, 1e-3), (value) => Math.sin(1e3 * value)).tail,
    { kind: 'class', index: 0 },
  );
  for (const value of single!.values) expect(value).toBeCloseTo(Math.cos(1), 3);
});

it('runs so much at once as memory allows, of large maps channel after channel', async () => {
  const map = new Float32Array(3 * 1_000_000).fill(1);
  const { tail, calls } = summing(3, map, (value, channel) => (channel + 1) * (value - 1));
  const [found] = await measuredGradCam(tail, { kind: 'class', index: 0 });
  expect(calls).toEqual([4, 2]);
  expect(found!.values[0]).toBeCloseTo(1 + 2 + 3, 3);
});
