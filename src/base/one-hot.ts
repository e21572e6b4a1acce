/** Numbers as rows of zeros with one 1. */
import * as tf from './tensorflow.ts';

/**
 * One row for each index, `[n, depth]`, with 1 at its place. The core refuses a depth of 1.
 *
 * @param indices from 0, below `depth`
 */
export function oneHot(indices: readonly number[], depth: number): tf.Tensor2D {
  return tf.tidy(() => {
    const rows = tf.oneHot(tf.tensor1d([...indices], 'int32'), Math.max(2, depth));
    return tf.slice(tf.cast(rows, 'float32') as tf.Tensor2D, [0, 0], [indices.length, depth]);
  });
}
