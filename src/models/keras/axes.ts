/** Axes as functions of Keras count them: from the batch, which is 0. */
import * as tf from '../../base/tensorflow.ts';
import type { Layer } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

/**
 * An axis from 1, the batch being 0, among some behind the batch.
 *
 * @throws L2cafError `model-invalid` when it is not there, or is that of the batch
 */
export function axisOf(config: LayerConfig, axis: number, axes: number): number {
  const own = axis < 0 ? axes + 1 + axis : axis;
  if (Number.isSafeInteger(own) && own >= 1 && own <= axes) return own;
  throw config.refused(own === 0 ? 'works over the batch' : `works along axis ${axis}, which its input lacks`);
}

/** One place along an axis, counted from 1 as the batch is 0: that axis is gone. */
export function placeAlong(input: Shape, axis: number, place: number): Omit<Layer, 'more'> {
  const shape = input.toSpliced(axis - 1, 1);
  const sizes = [-1, ...input.with(axis - 1, 1)];
  const begin = sizes.map((_, i) => (i === axis ? place : 0));
  return {
    shape,
    weights: [],
    ...(axis === 1 && { takes: place }),
    apply: ([x]) => tf.reshape(tf.slice(x!, begin, sizes), [x!.shape[0]!, ...shape]),
  };
}
