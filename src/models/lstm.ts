/**
 * The LSTM that fuses the frames of an event: its weights as plain arrays, their conversion from PyTorch's layout, and
 * one step of it in TensorFlow.js. Gates are in the order i, f, g, o (input, forget, candidate, output); that is also
 * the order of Keras, whose names differ.
 */

import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';

/** Weights of one LSTM layer of H units over inputs of length `inputSize`. */
export interface LstmWeights {
  readonly inputSize: number;
  /** H */
  readonly units: number;
  /** `[inputSize, 4H]` row by row, gates i, f, g, o. */
  readonly inputKernel: Float32Array;
  /** `[H, 4H]` */
  readonly recurrentKernel: Float32Array;
  /** `[4H]` */
  readonly bias: Float32Array;
}

/** A PyTorch `nn.LSTM` layer: `weight_ih_l0` `[4H, inputSize]`, `weight_hh_l0` `[4H, H]`, and its two biases `[4H]`. */
export interface TorchLstmWeights {
  readonly weightIh: Float32Array;
  readonly weightHh: Float32Array;
  readonly biasIh: Float32Array;
  readonly biasHh: Float32Array;
}

/**
 * Converts PyTorch's weights: kernels transposed, biases added. The order in which maps were flattened is kept: a network
 * that flattened `[c, h, w]` needs its input kernel's rows reordered to our `[h, w, c]` first.
 *
 * @throws L2cafError `weights-invalid` when the four arrays do not belong together.
 */
export function lstmFromTorch(torch: TorchLstmWeights): LstmWeights {
  const units = torch.biasIh.length / 4;
  const inputSize = torch.weightIh.length / (4 * units);
  const weights: LstmWeights = {
    inputSize,
    units,
    inputKernel: transposed(torch.weightIh, 4 * units, inputSize),
    recurrentKernel: transposed(torch.weightHh, 4 * units, units),
    bias: torch.biasIh.map((value, i) => value + torch.biasHh[i]!),
  };
  checkLstmWeights(weights);
  return weights;
}

/** @throws L2cafError `weights-invalid` when an array's length does not fit `inputSize` and `units`. */
export function checkLstmWeights(weights: LstmWeights): void {
  const { inputSize, units } = weights;
  const expected = { inputKernel: inputSize * 4 * units, recurrentKernel: units * 4 * units, bias: 4 * units };
  for (const name of ['inputKernel', 'recurrentKernel', 'bias'] as const) {
    if (Number.isInteger(units) && weights[name].length === expected[name]) continue;
    throw new L2cafError(
      'weights-invalid',
      `LSTM ${name} has ${weights[name].length} values; ${inputSize} inputs and ${units} units need ${expected[name]}`,
    );
  }
}

/** The state of an LSTM, both `[n, H]`. */
export type LstmState = {
  readonly hidden: tf.Tensor2D;
  readonly cell: tf.Tensor2D;
};

/**
 * One step: `preactivation` `[n, 4H]` is `x·W + h·R + b`, `cell` `[n, H]` the previous cell state. Call inside
 * `tf.tidy`; the caller disposes of the new state.
 */
export function lstmStep(preactivation: tf.Tensor2D, cell: tf.Tensor2D): LstmState {
  const [input, forget, candidate, output] = tf.split(preactivation, 4, 1) as [
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const next = tf.add(tf.mul(tf.sigmoid(forget), cell), tf.mul(tf.sigmoid(input), tf.tanh(candidate))) as tf.Tensor2D;
  return { hidden: tf.mul(tf.sigmoid(output), tf.tanh(next)) as tf.Tensor2D, cell: next };
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!;
  return result;
}
