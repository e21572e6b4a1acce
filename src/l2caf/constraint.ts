/**
 * The constraints that keep a filter from simply being large (paper, Sec. 4.4 and Fig. 11). Each maps free parameters to
 * a filter, row by row, so that gradient descent can work on the parameters without knowing about the constraint.
 */

import { assertNever } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { Constraint } from './choices.ts';

/** How free parameters start: uniform in [0, 1) or standard normal, per cell, or all ones. */
export type InitialFilter = 'uniform' | 'normal' | 'ones';

/** Free parameters per filter: one per cell, or the two coordinates (row, column; cells) of a Gaussian's centre. */
export function parameterCount(constraint: Constraint, { height, width }: GridShape): number {
  return constraint === 'gaussian' ? 2 : height * width;
}

/**
 * Starting parameters of one filter. A Gaussian starts anywhere on the grid (`uniform`), near its middle (`normal`), or
 * in its middle (`ones`).
 */
export function initialParameters(
  constraint: Constraint,
  initial: InitialFilter,
  grid: GridShape,
  random: Random,
): Float32Array {
  if (constraint === 'gaussian') {
    const offset = { uniform: () => random.uniform() - 0.5, normal: () => random.normal() / 4, ones: () => 0 }[initial];
    return Float32Array.of((0.5 + offset()) * (grid.height - 1), (0.5 + offset()) * (grid.width - 1));
  }
  const draw = { uniform: random.uniform, normal: random.normal, ones: () => 1 }[initial];
  return Float32Array.from({ length: grid.height * grid.width }, draw);
}

/** Parameters `[n, p]` → filters `[n, h, w]`, differentiable; rows are independent. The caller disposes of the result. */
export function constrain(constraint: Constraint, parameters: tf.Tensor2D, { height, width }: GridShape): tf.Tensor3D {
  return tf.tidy(() => {
    const rows = parameters.shape[0];
    const flat =
      constraint === 'gaussian' ? gaussian(parameters, { height, width }) : normalize(constraint, parameters);
    return tf.reshape(flat, [rows, height, width]);
  });
}

function normalize(constraint: Exclude<Constraint, 'gaussian'>, parameters: tf.Tensor2D): tf.Tensor {
  switch (constraint) {
    case 'l2':
      return tf.div(parameters, tf.sqrt(tf.sum(tf.square(parameters), 1, true)));
    case 'l1':
      return tf.div(parameters, tf.sum(tf.abs(parameters), 1, true));
    case 'softmax':
      return tf.softmax(parameters, 1);
    default:
      return assertNever(constraint);
  }
}

/** Centres `[n, 2]` → `[n, h·w]`: `exp(−½‖(i, j) − μ‖²)`, divided by its sum. */
function gaussian(centres: tf.Tensor2D, { height, width }: GridShape): tf.Tensor {
  const rows = Array.from({ length: height * width }, (_, cell) => Math.floor(cell / width));
  const columns = Array.from({ length: height * width }, (_, cell) => cell % width);
  const [y, x] = tf.split(centres, 2, 1) as [tf.Tensor2D, tf.Tensor2D]; // [n, 1] each
  const distance = tf.add(tf.square(tf.sub([rows], y)), tf.square(tf.sub([columns], x))); // [n, h·w]
  return tf.softmax(tf.mul(distance, -0.5), 1); // exp, divided by the sum
}
