/**
 * The tail of a classic classification network: global average pooling, then one dense layer. It is linear in the
 * filter, so L2-CAF has a closed form (METHOD §4).
 */

import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { FeatureTail, LinearProjection } from './tail.ts';
import { featureTail } from './tensor-tail.ts';

/** Everything the tail is made of. */
export interface PooledDenseParts {
  readonly grid: GridShape;
  /** `[h, w, c]` row by row. */
  readonly features: Float32Array;
  /** `[c, d]` row by row. */
  readonly kernel: Float32Array;
  /** `[d]` */
  readonly bias: Float32Array;
}

/**
 * A tail of one slot: `FT(f) = mean_ij(f_ij A_ij) · W + b`. The caller disposes of it.
 *
 * @throws L2cafError `shape-mismatch` when the parts do not fit each other.
 */
export function pooledDenseTail({ grid, features, kernel, bias }: PooledDenseParts): FeatureTail {
  const cells = grid.height * grid.width;
  const channels = features.length / cells;
  const outputSize = bias.length;
  if (kernel.length !== channels * outputSize) {
    throw new L2cafError(
      'shape-mismatch',
      `a dense layer of ${kernel.length} weights and ${outputSize} outputs cannot follow ${channels} channels`,
    );
  }
  const map = tf.tensor3d(features, [grid.height, grid.width, channels]);
  const weights = tf.tensor2d(kernel, [channels, outputSize]);
  const offsets = tf.tensor1d(bias);
  const contributions = tf.tidy(
    () => tf.div(tf.matMul(tf.reshape(map, [cells, channels]), weights), cells) as tf.Tensor2D,
  );
  const output = (perCell: tf.Tensor2D): tf.Tensor2D => tf.add(tf.matMul(perCell, contributions), offsets);
  let projection: LinearProjection | undefined;
  return featureTail({
    slots: 1,
    grid,
    outputSize,
    reference: tf.tidy(() => output(tf.ones([1, cells])).dataSync<'float32'>()),
    filtered: (filters) => tf.tidy(() => output(tf.reshape(filters, [-1, cells]))),
    features: () => map,
    outputsOf: (maps: tf.Tensor4D): tf.Tensor2D =>
      tf.tidy(() => tf.add(tf.matMul(tf.mean(maps, [1, 2]) as tf.Tensor2D, weights), offsets)),
    linear: () => {
      projection ??= {
        matrix: Float64Array.from(tf.tidy(() => tf.transpose(contributions).dataSync())),
        bias: Float64Array.from(bias),
      };
      return projection;
    },
    dispose: () => tf.dispose([map, weights, offsets, contributions]),
  });
}
