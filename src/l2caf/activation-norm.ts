/** The simplest map of a frame: how strong its features are, cell by cell. */
import type { AttentionMap } from './heatmap.ts';
import type { MapTail } from './tail.ts';

/** The length of each cell's feature vector, `‖A_ij‖₂`. */
export function activationNorm(tail: Pick<MapTail, 'grid' | 'mapOf'>, slot: number): AttentionMap {
  const { grid } = tail;
  const data = tail.mapOf(slot);
  const cells = grid.height * grid.width;
  const channels = data.length / cells;
  const values = Float32Array.from({ length: cells }, (_, cell) => {
    let sum = 0;
    for (let at = cell * channels; at < (cell + 1) * channels; at++) sum += data[at]! ** 2;
    return Math.sqrt(sum);
  });
  return { ...grid, values };
}
