/**
 * Finer maps: the same frames are seen four times, moved by a quarter of a cell up or down and to the left or right, so that
 * the cells' centres lie half a cell apart. Each view has its own filter, found as ever, and their values woven together are
 * a map of twice the rows and columns.
 */
import { mean } from '../base/matrix.ts';
import type { AttentionFilter } from '../base/types.ts';
import type { Constraint } from './choices.ts';
import { obeying, worstOf } from './combined.ts';

/** Views each way, and so cells of the map for each of the network's. */
const PER_SIDE = 2;

/** Where in the picture the cells of each view lie, off those of the frames as they are: cells, row by row. */
export const VIEW_OFFSETS: readonly { readonly rows: number; readonly columns: number }[] = offsets().flatMap((rows) =>
  offsets().map((columns) => ({ rows, columns })),
);

function offsets(): number[] {
  return Array.from({ length: PER_SIDE }, (_, i) => (2 * i + 1) / (2 * PER_SIDE) - 1 / 2);
}

/**
 * The filters of one slot in each view, in the order of {@link VIEW_OFFSETS}, as one under their constraint. Its loss is their mean,
 * at every step that of the views' last one by then; it has converged when all have.
 *
 * @param filters of one size
 */
export function wovenFilter(filters: readonly AttentionFilter[], constraint: Constraint): AttentionFilter {
  const [{ height, width }] = filters as [AttentionFilter];
  const values = new Float32Array(filters.length * height * width);
  for (const [view, filter] of filters.entries()) {
    const [row, column] = [Math.floor(view / PER_SIDE), view % PER_SIDE];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        values[(y * PER_SIDE + row) * width * PER_SIDE + x * PER_SIDE + column] = filter.values[y * width + x]!;
      }
    }
  }
  const steps = Math.max(...filters.map(({ lossHistory }) => lossHistory.length));
  return {
    height: height * PER_SIDE,
    width: width * PER_SIDE,
    values: obeying(values, constraint),
    loss: mean(filters.map(({ loss }) => loss)),
    lossHistory: Array.from({ length: steps }, (_, step) =>
      mean(filters.map(({ lossHistory }) => lossHistory[Math.min(step, lossHistory.length - 1)]!)),
    ),
    iterations: filters.reduce((sum, { iterations }) => sum + iterations, 0),
    status: worstOf(filters.map(({ status }) => status)),
  };
}
