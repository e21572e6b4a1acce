/**
 * Which frame matters: how far the output moves when a frame's feature map is replaced by the mean of the other frames'
 * maps (drop one frame). The filters say where in a frame; this says when.
 */
import * as tf from '../base/tensorflow.ts';
import type { FeatureTail } from './tail.ts';

/**
 * The importance of each slot: `‖NT(x) − NT(x without frame t)‖₂`, `[slots]`.
 *
 * @param tail of at least two slots
 */
export function frameImportance(tail: FeatureTail): Float32Array {
  const slots = Array.from({ length: tail.slots }, (_, slot) => slot);
  return tf.tidy(() => {
    const maps = tf.stack(slots.map((slot) => tail.features(slot))) as tf.Tensor4D; // [t, h, w, c]
    const others = tf.div(tf.sub(tf.sum(maps, 0, true), maps), tail.slots - 1) as tf.Tensor4D;
    const moved = tf.sub(tail.outputsOf(others, slots), tf.tensor2d(tail.reference, [1, tail.outputSize]));
    return tf.norm(moved, 2, 1).dataSync<'float32'>();
  });
}
