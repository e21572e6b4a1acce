import { describe, expect, it } from 'vitest';
import type { Heatmap } from '../../src/base/types.ts';
import { rankCorrelation, structuralSimilarity } from '../../src/l2caf/similarity.ts';

describe('rankCorrelation', () => {
  it('sees the order only', () => {
    expect(rankCorrelation([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(rankCorrelation([1, 2, 3, 4], [8, 3, -1, -2])).toBeCloseTo(-1, 12);
  });

  it('gives ties their mean rank', () => {
    // Ranks 0.5 0.5 2 3 against 0 1 2 3: 4.5 / √(4.5 · 5).
    expect(rankCorrelation([7, 7, 8, 9], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(22.5), 12);
    expect(rankCorrelation([5, 5, 5], [1, 2, 3])).toBe(0);
  });
});

describe('structuralSimilarity', () => {
  const heatmap = (value: (i: number) => number, height = 8, width = 9): Heatmap => ({
    height,
    width,
    values: Float32Array.from({ length: height * width }, (_, i) => value(i)),
    min: 0,
    max: 1,
  });
  const wave = heatmap((i) => 0.5 + 0.5 * Math.sin(i));

  it('is 1 for equal heatmaps and low for unlike ones', () => {
    expect(structuralSimilarity(wave, wave)).toBeCloseTo(1, 10);
    expect(
      structuralSimilarity(
        wave,
        heatmap((i) => 0.5 - 0.5 * Math.sin(i)),
      ),
    ).toBeLessThan(-0.9);
  });

  it('compares brightness where there is no structure', () => {
    const [a, b] = [0.25, 0.75];
    const luminance = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4);
    expect(
      structuralSimilarity(
        heatmap(() => a),
        heatmap(() => b),
      ),
    ).toBeCloseTo(luminance, 10);
  });

  it('gives one window its value by hand: half the points 1, a quarter of them shared', () => {
    // 49 points; a is 1 in the first 24, b in the first 12: means 24/49 and 12/49.
    const [p, q] = [24 / 49, 12 / 49];
    const sample = 49 / 48;
    const covariance = sample * (12 / 49 - p * q);
    const expected =
      ((2 * p * q + 1e-4) * (2 * covariance + 9e-4)) /
      ((p * p + q * q + 1e-4) * (sample * (p - p * p) + sample * (q - q * q) + 9e-4));
    const first = (count: number): Heatmap => heatmap((i) => (i < count ? 1 : 0), 7, 7);
    expect(structuralSimilarity(first(24), first(12))).toBeCloseTo(expected, 10);
  });

  it('refuses heatmaps of different or too small sizes', () => {
    expect(() =>
      structuralSimilarity(
        wave,
        heatmap(() => 0, 9, 8),
      ),
    ).toThrow(/9x8 and 8x9/);
    const small = heatmap(() => 0, 6, 9);
    expect(() => structuralSimilarity(small, small)).toThrow(/at least 7x7/);
  });
});
