import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';

const draw = (count: number, ...keys: number[]): number[] => {
  const random = createRandom(...keys);
  return Array.from({ length: count }, () => random.uniform());
};

describe('createRandom', () => {
  it('repeats itself for the same keys and not for others', () => {
    expect(draw(5, 7, 1)).toEqual(draw(5, 7, 1));
    const streams = [draw(5, 7), draw(5, 7, 0), draw(5, 7, 1), draw(5, 1, 7), draw(5, -7), draw(5, 0)];
    expect(new Set(streams.map(String)).size).toBe(streams.length);
  });

  it('is uniform, uncorrelated between neighbouring seeds, and normal where asked', () => {
    const uniform = draw(20_000, 3);
    const neighbour = draw(20_000, 4);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(uniform)).toBeCloseTo(0.5, 2);
    expect(mean(uniform.map((value, i) => (value - 0.5) * (neighbour[i]! - 0.5)))).toBeCloseTo(0, 2);
    const random = createRandom(5);
    const normal = Array.from({ length: 20_000 }, () => random.normal());
    expect(mean(normal)).toBeCloseTo(0, 1);
    expect(mean(normal.map((value) => value ** 2))).toBeCloseTo(1, 1);
  });
});
