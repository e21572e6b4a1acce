import { describe, expect, it } from 'vitest';
import type { Progress } from '../../src/base/types.ts';
import type { AttentionMap } from '../../src/l2caf/heatmap.ts';
import { checkSanity, type SanityOptions } from '../../src/l2caf/sanity.ts';
import { normals } from './toys.ts';

const map = (values: ArrayLike<number>): AttentionMap => ({ height: 5, width: 5, values: Float32Array.from(values) });
const trained = map(normals(25, 1, 1));
const options = (mapsWithout: SanityOptions['mapsWithout']): SanityOptions => ({
  trained: [trained],
  parts: ['classifier', 'conv5', 'conv4'],
  mapsWithout,
});

describe('checkSanity', () => {
  it('passes maps that change with the weights, and says how much', async () => {
    const seen: Progress[] = [];
    const report = await checkSanity({
      ...options(async (count) => [map(normals(25, 1, 10 * count))]),
      onProgress: (progress) => seen.push(progress),
    });
    expect(report.verdict).toBe('passed');
    expect(report.steps.map(({ part }) => part)).toEqual(['classifier', 'conv5', 'conv4']);
    const correlations = report.steps.map(({ similarities }) => similarities[0]!.rankCorrelation);
    expect(report.meanRankCorrelations[0]).toBeCloseTo(correlations.reduce((sum, value) => sum + value, 0) / 3, 12);
    expect(seen.at(-1)).toMatchObject({ done: 3, total: 3 });
  });

  it('fails a map that ignores the weights, even with its signs and scale changed', async () => {
    const report = await checkSanity(options(async (count) => [map(trained.values.map((value) => -value / count))]));
    expect(report).toMatchObject({ verdict: 'failed' });
    expect(report.meanRankCorrelations[0]).toBeCloseTo(1, 6);
    expect(report.steps[2]!.similarities[0]!.ssim).toBeCloseTo(1, 4);
  });

  it('fails when one of several maps does', async () => {
    const report = await checkSanity({
      ...options(async (count) => [map(normals(25, 1, 10 * count)), trained]),
      trained: [trained, trained],
    });
    expect(report.verdict).toBe('failed');
  });

  it('stops when asked to', async () => {
    const run = checkSanity({ ...options(async () => [trained]), signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
  });
});
