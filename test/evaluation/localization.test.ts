/** Pointing game, energy lift, box accuracy and intervals against answers worked out by hand. */
import { describe, expect, it } from 'vitest';
import type { Heatmap } from '../../src/base/types.ts';
import { bootstrap } from '../../src/evaluation/bootstrap.ts';
import { energyLift, isLocalized, isPointingHit } from '../../src/evaluation/localization.ts';

const [WIDTH, HEIGHT] = [60, 40];

function heatmap(valueAt: (x: number, y: number) => number): Heatmap {
  const values = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => valueAt(i % WIDTH, Math.floor(i / WIDTH)));
  return { width: WIDTH, height: HEIGHT, values, min: Math.min(...values), max: Math.max(...values) };
}

function object(left: number, top: number, right: number, bottom: number) {
  const pixels = Uint8Array.from(heatmap((x, y) => Number(x >= left && x < right && y >= top && y < bottom)).values);
  return { width: WIDTH, height: HEIGHT, pixels };
}

describe('isPointingHit', () => {
  const pointed = heatmap((x, y) => Number(x === 20 && y === 10));
  it('allows 15 pixels, not 16, as the crow flies', () => {
    expect(isPointingHit(pointed, object(35, 10, 40, 11))).toBe(true);
    expect(isPointingHit(pointed, object(36, 10, 40, 11))).toBe(false);
    expect(isPointingHit(pointed, object(32, 19, 33, 20))).toBe(true); // 12, 9: distance 15
    expect(isPointingHit(pointed, object(32, 20, 33, 21))).toBe(false);
  });
  it('is missed by a constant map, wherever the object is', () => {
    expect(
      isPointingHit(
        heatmap(() => 0),
        object(0, 0, 60, 40),
      ),
    ).toBe(false);
  });
  it('refuses an object of another size', () => {
    expect(() => isPointingHit(pointed, { width: 1, height: 1, pixels: Uint8Array.of(1) })).toThrow(/60x40 and 1x1/);
  });
});

describe('energyLift', () => {
  it('is 1 for a constant map, the inverse share when all energy is inside, 0 when none is', () => {
    const quarter = object(0, 0, 30, 20);
    expect(
      energyLift(
        heatmap(() => 0.5),
        quarter,
      ),
    ).toBeCloseTo(1, 6);
    expect(
      energyLift(
        heatmap(() => 0),
        quarter,
      ),
    ).toBe(1);
    expect(
      energyLift(
        heatmap((x, y) => Number(x < 30 && y < 20)),
        quarter,
      ),
    ).toBeCloseTo(4, 6);
    expect(
      energyLift(
        heatmap((x) => Number(x >= 30)),
        quarter,
      ),
    ).toBe(0);
  });
});

describe('isLocalized', () => {
  const found = heatmap((x, y) => (x >= 10 && x < 30 && y >= 10 && y < 30 ? 1 : x > 50 ? 0.4 : 0));
  const truth = [[10, 10, 30, 30]] as const;
  it('takes the largest region above the level', () => {
    expect(isLocalized({ heatmap: found, level: 0.2, boxes: truth, isClassCorrect: true })).toBe(true);
    expect(isLocalized({ heatmap: found, level: 0.2, boxes: [[51, 0, 59, 39]], isClassCorrect: true })).toBe(false);
  });
  it('needs the class and half the box', () => {
    expect(isLocalized({ heatmap: found, level: 0.2, boxes: truth, isClassCorrect: false })).toBe(false);
    expect(isLocalized({ heatmap: found, level: 0.2, boxes: [[10, 10, 30, 52]], isClassCorrect: true })).toBe(false);
    expect(isLocalized({ heatmap: found, level: 0.2, boxes: [[10, 10, 30, 50]], isClassCorrect: true })).toBe(true);
  });
});

describe('bootstrap', () => {
  const values = Array.from({ length: 200 }, (_, i) => i % 2);
  const mean = (indices: readonly number[]): number => indices.reduce((sum, i) => sum + values[i]!, 0) / indices.length;
  it('has the width of the sampling distribution', () => {
    const { value, low, high } = bootstrap(200, mean, { seed: 1, resamples: 2000 });
    expect(value).toBe(0.5);
    // 1.96 · sqrt(0.25 / 200) = 0.069
    expect(high - 0.5).toBeGreaterThan(0.055);
    expect(high - 0.5).toBeLessThan(0.085);
    expect(0.5 - low).toBeCloseTo(high - 0.5, 1);
  });
  it('leaves out a fortieth of the resamples at each end', () => {
    let calls = 0; // the statistic of the resamples is 0, 1, …, 400
    const { low, high } = bootstrap(2, () => calls++, { seed: 1, resamples: 401 });
    expect([low, high]).toEqual([10, 390]);
  });
  it('is the same for a seed, another for another, and leaves out what is not a number', () => {
    expect(bootstrap(200, mean, { seed: 1 })).toEqual(bootstrap(200, mean, { seed: 1 }));
    expect(bootstrap(200, mean, { seed: 1 })).not.toEqual(bootstrap(200, mean, { seed: 2 }));
    const sometimes = bootstrap(2, (indices) => (indices[0] === indices[1] ? Number.NaN : 3), { seed: 1 });
    expect(sometimes).toEqual({ value: 3, low: 3, high: 3 });
  });
  it('gives a single thing no interval', () => {
    expect(bootstrap(1, () => 2, { seed: 1 })).toEqual({ value: 2, low: Number.NaN, high: Number.NaN });
  });
});
