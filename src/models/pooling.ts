/**
 * Average pooling to a grid of a given size, as a matrix: linear, so a tail that pools before its LSTM can still be
 * collapsed. Bins are PyTorch's `AdaptiveAvgPool2d`: bin i of n over a side of s cells is `[⌊i·s/n⌋, ⌈(i+1)·s/n⌉)`, so
 * that any grid can be pooled to any other.
 */
import { L2cafError } from '../base/errors.ts';
import type { GridShape } from '../base/types.ts';

/**
 * The matrix `[pooled cells, cells]` that averages a grid to a smaller one.
 *
 * @throws L2cafError `weights-invalid` when the pooled grid is empty or larger than the grid.
 */
export function poolingWeights(grid: GridShape, pooled: GridShape): Float64Array {
  if (!(pooled.height >= 1 && pooled.width >= 1 && pooled.height <= grid.height && pooled.width <= grid.width)) {
    throw new L2cafError(
      'weights-invalid',
      `cannot pool ${grid.height}×${grid.width} maps to ${pooled.height}×${pooled.width} cells`,
    );
  }
  const cells = grid.height * grid.width;
  const weights = new Float64Array(pooled.height * pooled.width * cells);
  for (const [i, rows] of bins(grid.height, pooled.height).entries()) {
    for (const [j, columns] of bins(grid.width, pooled.width).entries()) {
      const share = 1 / ((rows.end - rows.start) * (columns.end - columns.start));
      for (let y = rows.start; y < rows.end; y++) {
        const at = (i * pooled.width + j) * cells + y * grid.width;
        weights.fill(share, at + columns.start, at + columns.end);
      }
    }
  }
  return weights;
}

/** Half-open ranges of cells. */
function bins(size: number, count: number): { readonly start: number; readonly end: number }[] {
  return Array.from({ length: count }, (_, i) => ({
    start: Math.floor((i * size) / count),
    end: Math.ceil(((i + 1) * size) / count),
  }));
}
