/**
 * Gauss–Newton and quasi-Newton for tails in tensors: output and Jacobian of a slot from `filtered` alone. Since rows of a batch
 * do not influence each other, one gradient call on a batch of copies of the filter, each asking for another output, gives
 * many rows of the Jacobian at once.
 */

import { addRows } from '../base/matrix.ts';
import { oneHot } from '../base/one-hot.ts';
import * as tf from '../base/tensorflow.ts';
import type { BoundObjective } from './objective.ts';
import type { LossWithGradient } from './quasi-newton.ts';
import type { ImmediateResponse, SmoothResponse, TensorTail } from './tail.ts';

/** Outputs differentiated in one batch; bounds the memory of tails with many outputs. */
export const ROWS_PER_BATCH = 64;

/** The response of a slot through automatic differentiation, in the backend's single precision. Holds no tensors. */
export function differentiated(tail: TensorTail, slot: number): ImmediateResponse {
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
          const places = Array.from({ length: count }, (_, i) => first + i);
          const pick = oneHot(places, outputSize); // [count, d]
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

/** The loss of a slot's filter with its gradient, from how the slot responds. */
export function lossOfResponse(response: SmoothResponse, { lossOf }: BoundObjective): LossWithGradient {
  return async (filter) => {
    const { loss, gradient: ofOutputs } = lossOf(await response.output(filter));
    const gradient = new Float64Array(filter.length);
    addRows(ofOutputs, await response.jacobian(filter), gradient, filter.length);
    return { loss, gradient };
  };
}

/** The same by one `tf.grad`, for a tail of many outputs. */
export function differentiatedLoss(tail: TensorTail, slot: number, { losses }: BoundObjective): LossWithGradient {
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
