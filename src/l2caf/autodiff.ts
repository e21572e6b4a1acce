/**
 * Gauss–Newton for any tail: output and Jacobian of a slot from `filtered` alone. Since rows of a batch do not influence
 * each other, one gradient call on a batch of copies of the filter, each asking for another output, gives many rows of
 * the Jacobian at once.
 */
import * as tf from '@tensorflow/tfjs';
import type { SmoothResponse, Tail } from './tail.ts';

/** Outputs differentiated in one batch; bounds the memory of tails with many outputs. */
const ROWS_PER_BATCH = 64;

/** The response of a slot through automatic differentiation, in the backend's single precision. Holds no tensors. */
export function differentiated(tail: Tail, slot: number): SmoothResponse {
  const { grid, outputSize } = tail;
  const cells = grid.height * grid.width;
  const copies = (filter: Float64Array, count: number): tf.Tensor3D =>
    tf.tile(tf.tensor3d(Float32Array.from(filter), [1, grid.height, grid.width]), [count, 1, 1]);
  return {
    output: (filter) => Float64Array.from(tf.tidy(() => tail.filtered(copies(filter, 1), [slot]).dataSync())),
    jacobian: (filter) => {
      const jacobian = new Float64Array(outputSize * cells);
      for (let first = 0; first < outputSize; first += ROWS_PER_BATCH) {
        const count = Math.min(ROWS_PER_BATCH, outputSize - first);
        const rows = tf.tidy(() => {
          const pick = tf.oneHot(tf.range(first, first + count, 1, 'int32'), outputSize).toFloat(); // [count, d]
          const gradient = tf.grad((x: tf.Tensor) =>
            tail.filtered(x as tf.Tensor3D, new Array<number>(count).fill(slot)),
          );
          return gradient(copies(filter, count), pick).dataSync(); // [count, h, w]
        });
        jacobian.set(rows, first * cells);
      }
      return jacobian;
    },
  };
}
