/** Numbers that are no function of anything, as far as gradients are concerned. */
import * as tf from './tensorflow.ts';

/**
 * What `compute` makes of tensors, as a constant: gradients do not go through it, and its operations need none. The core has no
 * `stop_gradient`.
 */
export function untaped<T extends tf.Tensor>(compute: () => T): T {
  const constant = tf.customGrad((start) => ({
    value: compute(),
    gradFunc: () => tf.zerosLike(start as tf.Tensor),
  }));
  return tf.tidy(() => constant(tf.scalar(0)) as T);
}
