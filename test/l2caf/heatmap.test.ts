import { describe, expect, it } from 'vitest';
import { peakCell, resize, toHeatmap } from '../../src/l2caf/heatmap.ts';

const filter = { height: 2, width: 2, values: Float32Array.of(-2, 0, 1, 0.5) };

describe('toHeatmap', () => {
  it('shows the size of the filter by default, and keeps the scale', () => {
    const map = toHeatmap(filter, { height: 2, width: 2 });
    expect([...map.values]).toEqual([1, 0, 0.5, 0.25]);
    expect([map.min, map.max]).toEqual([0, 2]);
  });

  it('shows the positive or the negative part', () => {
    expect([...toHeatmap(filter, { height: 2, width: 2, part: 'positive' }).values]).toEqual([0, 0, 1, 0.5]);
    expect([...toHeatmap(filter, { height: 2, width: 2, part: 'negative' }).values]).toEqual([1, 0, 0, 0]);
  });

  it('begins at the smallest value, whatever that is', () => {
    const map = toHeatmap({ height: 1, width: 3, values: Float32Array.of(1, 2, 3) }, { height: 1, width: 3 });
    expect([...map.values]).toEqual([0, 0.5, 1]);
    expect([map.min, map.max]).toEqual([1, 3]);
  });

  it('makes a constant map all zeros', () => {
    const map = toHeatmap({ ...filter, values: new Float32Array(4).fill(-0.5) }, { height: 5, width: 3 });
    expect([...map.values]).toEqual(new Array(15).fill(0));
    expect([map.min, map.max]).toEqual([0.5, 0.5]);
  });
});

describe('peakCell', () => {
  it('is where the filter is greatest, whatever its sign; the first of several', () => {
    expect(peakCell({ width: 3, values: [1, 2, -1, 0, -3, 3] })).toEqual({ row: 1, column: 1 });
    expect(peakCell({ width: 1, values: [0, 0] })).toEqual({ row: 0, column: 0 });
  });
});

describe('resize', () => {
  it('interpolates between cell centres and mirrors at the border', () => {
    // centres of four pixels over two cells: −0.25, 0.25, 0.75, 1.25; mirrored about cell 0 and cell 1
    const row = resize({ height: 1, width: 2, values: Float32Array.of(0, 1) }, { height: 1, width: 4 });
    expect([...row]).toEqual([0.25, 0.25, 0.75, 0.75]);
  });

  it('knows nothing of what lies outside of the grid', () => {
    const left = { left: 0, top: 0, right: 0.5, bottom: 1 };
    const row = resize({ height: 1, width: 2, values: Float32Array.of(0, 1) }, { height: 1, width: 4 }, left);
    expect([...row]).toEqual([0, 1, Number.NaN, Number.NaN]);
  });

  it('keeps a map of the same size, and spreads a single cell', () => {
    expect(resize(filter, { height: 2, width: 2 })).toEqual(filter.values);
    expect([...resize({ height: 1, width: 1, values: Float32Array.of(3) }, { height: 2, width: 2 })]).toEqual([
      3, 3, 3, 3,
    ]);
  });
});
