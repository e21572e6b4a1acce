/**
 * Bicubic resizing with the kernel of Keys (1981), a = −0.75, half-pixel centres and repeated edges: what
 * `cv2.resize(…, INTER_CUBIC)` computes, which the localization protocols are defined by. Heatmaps that are shown are
 * resized bilinearly (`l2caf/heatmap.ts`).
 */

import type { GridShape } from '../base/types.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';

/** A map at another size, row by row; one of the same size is returned as it is. */
export function resizeCubic({ height, width, values }: AttentionMap, size: GridShape): Float32Array {
  const rows = taps(height, size.height);
  const columns = taps(width, size.width);
  const wide = new Float32Array(height * size.width);
  for (let y = 0; y < height; y++) {
    for (const [x, { cells, weights }] of columns.entries()) {
      wide[y * size.width + x] = cells.reduce((sum, cell, k) => sum + weights[k]! * values[y * width + cell]!, 0);
    }
  }
  const out = new Float32Array(size.height * size.width);
  for (const [y, { cells, weights }] of rows.entries()) {
    for (let x = 0; x < size.width; x++) {
      out[y * size.width + x] = cells.reduce((sum, cell, k) => sum + weights[k]! * wide[cell * size.width + x]!, 0);
    }
  }
  return out;
}

const A = -0.75;

interface Taps {
  readonly cells: readonly number[];
  readonly weights: readonly number[];
}

/** The four cells that each output position reads, and their weights. */
function taps(from: number, to: number): Taps[] {
  return Array.from({ length: to }, (_, i) => {
    const position = ((i + 0.5) * from) / to - 0.5;
    const low = Math.floor(position);
    const offsets = [-1, 0, 1, 2];
    return {
      cells: offsets.map((offset) => Math.min(from - 1, Math.max(0, low + offset))),
      weights: offsets.map((offset) => kernel(Math.abs(position - low - offset))),
    };
  });
}

function kernel(distance: number): number {
  const d = distance;
  if (d <= 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  return d < 2 ? ((A * d - 5 * A) * d + 8 * A) * d - 4 * A : 0;
}
