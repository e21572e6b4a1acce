import { describe, expect, it } from 'vitest';
import type { AttentionFilter } from '../../src/base/types.ts';
import { VIEW_OFFSETS, wovenFilter } from '../../src/l2caf/woven.ts';

/** A filter of 1×2 cells. */
const filterOf = (values: readonly number[], rest: Partial<AttentionFilter> = {}): AttentionFilter => ({
  ...{ height: 1, width: 2, values: Float32Array.from(values) },
  ...{ loss: 1, lossHistory: [4, 1], iterations: 2, status: 'converged', ...rest },
});

describe('a woven filter', () => {
  it('has each view’s cells where the view shows them, and unit length', () => {
    expect(VIEW_OFFSETS).toEqual([
      { rows: -0.25, columns: -0.25 },
      { rows: -0.25, columns: 0.25 },
      { rows: 0.25, columns: -0.25 },
      { rows: 0.25, columns: 0.25 },
    ]);
    const views = [
      [1, 2],
      [3, -4],
      [5, 6],
      [7, 8],
    ].map((values) => filterOf(values));
    const { height, width, values } = wovenFilter(views, 'l2');
    expect([height, width]).toEqual([2, 4]);
    const norm = Math.sqrt(204);
    for (const [i, value] of [1, 3, 2, -4, 5, 7, 6, 8].entries()) expect(values[i]).toBeCloseTo(value / norm, 6);
  });

  it('weaves rows as well as columns', () => {
    const views = [0, 1, 2, 3].map((view) => ({
      ...filterOf([1, 2, 3, 4, 5, 6].map((value) => 10 * view + value)),
      ...{ height: 3, width: 2 },
    }));
    const { height, width, values } = wovenFilter(views, 'l1');
    expect([height, width]).toEqual([6, 4]);
    const all = views.flatMap((view) => [...view.values]).reduce((sum, value) => sum + value, 0);
    const rows = [
      [1, 11, 2, 12],
      [21, 31, 22, 32],
      [3, 13, 4, 14],
      [23, 33, 24, 34],
      [5, 15, 6, 16],
      [25, 35, 26, 36],
    ];
    for (const [i, value] of rows.flat().entries()) expect(values[i]! * all).toBeCloseTo(value, 3);
  });

  it('has the mean loss, at each step that of the views by then, and has converged when all have', () => {
    const views = [
      filterOf([1, 0]),
      filterOf([1, 0], { loss: 3, lossHistory: [8, 5, 3], iterations: 5 }),
      filterOf([1, 0], { loss: 2, lossHistory: [2], iterations: 0 }),
      filterOf([1, 0], { loss: 2, lossHistory: [2], iterations: 0, status: 'max-iterations' }),
    ];
    expect(wovenFilter(views, 'l2')).toMatchObject({
      ...{ loss: 2, lossHistory: [4, 2.5, 2], iterations: 7, status: 'max-iterations' },
    });
    expect(wovenFilter(views.slice(0, 3).concat(filterOf([1, 0])), 'l2').status).toBe('converged');
  });

  it('obeys the constraint of the views', () => {
    const views = Array.from({ length: 4 }, () => filterOf([0.25, 0.75]));
    for (const constraint of ['l1', 'softmax', 'gaussian'] as const) {
      const { values } = wovenFilter(views, constraint);
      expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
    }
  });

  it('of nothing is nothing', () => {
    expect([
      ...wovenFilter(
        Array.from({ length: 4 }, () => filterOf([0, 0])),
        'l2',
      ).values,
    ]).toEqual(new Array(8).fill(0));
  });
});
