import { describe, expect, it } from 'vitest';
import { heatmapToDraw, peakCell, resize, toHeatmap } from '../../src/l2caf/heatmap.ts';

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

describe('heatmapToDraw', () => {
  const map = { height: 2, width: 3, values: Float32Array.of(0, -1, 2, 3, 0.5, -6) };

  it('has eight points per cell, of the size of the filter all over the picture', () => {
    expect(heatmapToDraw(map)).toEqual(toHeatmap(map, { height: 16, width: 24, part: 'abs' }));
    expect(heatmapToDraw(map, 'negative').values).toEqual(
      toHeatmap(map, { height: 16, width: 24, part: 'negative' }).values,
    );
  });

  it('has as many beside a grid that lies in a part of the picture, whose points stay zero', () => {
    const view = { left: 0.25, top: 0, right: 0.75, bottom: 0.5 };
    const drawn = heatmapToDraw(map, 'abs', view);
    expect([drawn.height, drawn.width]).toEqual([32, 48]);
    const at = (row: number, column: number): number => drawn.values[row * 48 + column]!;
    expect([at(0, 11), at(0, 36), at(16, 20)]).toEqual([0, 0, 0]);
    expect(at(12, 32)).toBeGreaterThan(0.9); // near the middle of the cell of −6
    expect(drawn.max).toBeCloseTo(toHeatmap(map, { height: 16, width: 24 }).max, 5);
  });

  it('has eight at least, of a grid that reaches far beyond the picture', () => {
    const { height, width } = heatmapToDraw(map, 'abs', { left: -5, top: -5, right: 5, bottom: 5 });
    expect([height, width]).toEqual([8, 8]);
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

  it('interpolates along both sides, from a grid that begins and ends beside the picture', () => {
    // Rows: two pixels over half of a picture of two cells, from the middle of the first to that of the second.
    const map = { height: 2, width: 2, values: Float32Array.of(0, 1, 10, 11) };
    const view = { left: 0, top: -0.5, right: 1, bottom: 1.5 };
    expect([...resize(map, { height: 2, width: 2 }, view)]).toEqual([2.5, 3.5, 7.5, 8.5]);
    expect([...resize({ ...map, height: 4, width: 1 }, { height: 2, width: 1 })]).toEqual([0.5, 10.5]);
    // Mirrored about the outermost of three cells: positions −1/4, 1/2, …
    const row = { height: 1, width: 3, values: Float32Array.of(0, 1, 4) };
    const enlarged = resize(row, { height: 1, width: 6 });
    expect([...enlarged]).toEqual([0.25, 0.25, 0.75, 1.75, 3.25, 3.25]);
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
