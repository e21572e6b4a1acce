import { describe, expect, it } from 'vitest';
import type { Analysis } from '../../src/analysis/document.ts';
import { agreement, predictionsOf } from '../../src/analysis/predictions.ts';

describe('predictionsOf', () => {
  const frames = [0, 1, 2, 3].map((timestampSec) => ({ timestampSec }) as Analysis['frames'][number]);
  const window = (first: number, value: number) =>
    ({ frames: [first, first + 1], numbers: [value, 0] }) as unknown as NonNullable<Analysis['windows']>[number];

  it("gives a window's numbers to its last frame, beside the signal of the same meaning", () => {
    const document = {
      frames,
      windows: [window(0, 0.1), window(2, 0.3)],
      numbers: { names: ['steering', 'throttle'], values: [0.2, 0] },
      signals: { names: ['user/angle'], values: [[0, 0.2, 0, 0.4]] },
    } as unknown as Analysis;
    const [steering, throttle] = predictionsOf(document);
    expect(steering!.values).toEqual([null, 0.1, null, 0.3]);
    expect(steering!.recorded!.name).toBe('user/angle');
    expect(steering!.agreement).toEqual({
      correlation: expect.closeTo(1, 9),
      meanAbsoluteError: expect.closeTo(0.1, 12),
      n: 2,
    });
    expect(throttle).not.toHaveProperty('recorded');
  });

  it('is empty for a network without numbers', () => {
    expect(predictionsOf({ frames } as unknown as Analysis)).toEqual([]);
  });
});

describe('agreement', () => {
  it('is that of the pairs that are known', () => {
    // By hand: x = 1, 2, 4 and y = 2, 2, 5, means 7/3 and 3; covariance 5, variances 14/3 and 6.
    const found = agreement([1, 2, null, 4, 9], [2, 2, 7, 5, null]);
    expect(found).toMatchObject({ n: 3 });
    expect(found!.meanAbsoluteError).toBeCloseTo(2 / 3, 12);
    expect(found!.correlation).toBeCloseTo(5 / Math.sqrt((14 / 3) * 6), 12);
  });

  it('has no correlation where one does not vary', () => {
    expect(agreement([1, 1], [1, 3])).toEqual({ meanAbsoluteError: 1, n: 2 });
    expect(agreement([0.1, 0.1, 0.1], [1, 2, 3])).not.toHaveProperty('correlation');
    expect(agreement([4], [1])).toEqual({ meanAbsoluteError: 3, n: 1 });
    expect(agreement([null, 1], [1, null])).toBeUndefined();
    expect(agreement([1, 2, 3], [-1, -2, -3])!.correlation).toBeCloseTo(-1, 12);
  });

  it('refuses what does not lie at the same moments', () => {
    expect(() => agreement([1], [1, 2])).toThrow(expect.objectContaining({ code: 'shape-mismatch' }));
  });
});
