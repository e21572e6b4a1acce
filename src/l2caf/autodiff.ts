/**
 * Gauss–Newton and quasi-Newton for any tail: output and Jacobian of a slot from `filtered` alone. Since rows of a batch
 * do not influence each other, one gradient call on a batch of copies of the filter, each asking for another output, gives
 * many rows of the Jacobian at once.
 */

import { addRows, dot } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { BoundObjective } from './objective.ts';
import type { LossWithGradient } from './quasi-newton.ts';
import type { SmoothResponse, Tail } from './tail.ts';

/** Outputs differentiated in one batch; bounds the memory of tails with many outputs. */
export const ROWS_PER_BATCH = 64;

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
          const pick = tf.cast(tf.oneHot(tf.range(first, first + count, 1, 'int32'), outputSize), 'float32'); // [count, d]
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

/** The loss of a slot's filter with its gradient: in double precision where the tail offers it, else by one `tf.grad`. */
export function lossWithGradient(tail: Tail, slot: number, { losses, weights }: BoundObjective): LossWithGradient {
  const response = weights && tail.smooth?.(slot);
  if (response !== undefined) {
    const ofOutputs = Float64Array.from(weights!);
    return (filter) => {
      const gradient = new Float64Array(filter.length);
      addRows(ofOutputs, response.jacobian(filter), gradient, filter.length);
      return { loss: dot(ofOutputs, 0, response.output(filter), 0, ofOutputs.length), gradient };
    };
  }
  const { height, width } = tail.grid;
  const differentiate = tf.valueAndGrad((x: tf.Tensor) => tf.sum(losses(tail.filtered(x as tf.Tensor3D, [slot]))));
  return (filter) => {
    const { value, grad } = tf.tidy(() => differentiate(tf.tensor3d(Float32Array.from(filter), [1, height, width])));
    const gradient = Float64Array.from(grad.dataSync());
    const loss = value.dataSync()[0]!;
    tf.dispose([value, grad]);
    return { loss, gradient };
  };
}
