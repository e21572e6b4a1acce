/** The cells of recurrent layers: what they make of one step and the states before it. */
import * as tf from '../../base/tensorflow.ts';
import { activationOf } from './activations.ts';
import { channelsLast, outLength, type Padding, pair, positive } from './convolutions.ts';
import { convolved3d } from './convolutions-3d.ts';
import { type MakeLayer, trained, type WeightSpec } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

/** One step of a recurrent layer. */
export interface Cell {
  /** Of its output. */
  readonly shape: Shape;
  readonly states: readonly Shape[];
  readonly weights: readonly WeightSpec[];
  readonly noGradient?: true;
  /** What the cell makes of inputs `[n, …]` alone. */
  inputs(x: tf.Tensor, weights: readonly tf.Tensor[]): tf.Tensor;
  /** The states after a step. */
  step(input: tf.Tensor, states: readonly tf.Tensor[], weights: readonly tf.Tensor[]): tf.Tensor[];
  /** Which of its states is its output. */
  readonly output: number;
}

/** Makes the cell of a class for inputs of one step. */
export type CellMaker = (config: LayerConfig, input: Shape, make: MakeLayer) => Cell;

/** The cells of all recurrent layers, by the class of the layer. */
export const CELLS: Readonly<Record<string, CellMaker>> = {
  SimpleRNN: (config, input, make) => {
    const { units, hasBias, weights, activation } = denseCell(config, input, make, 1);
    return {
      shape: [units],
      states: [[units]],
      output: 0,
      weights,
      inputs: (x, [kernel, , bias]) => affine(x, kernel!, hasBias ? bias : undefined),
      step: (input, [hidden], [, recurrent]) => [activation(tf.add(input, product(hidden!, recurrent!)))],
    };
  },
  LSTM: (config, input, make) => {
    const { units, hasBias, weights, activation, gate } = denseCell(config, input, make, 4);
    return {
      shape: [units],
      states: [[units], [units]],
      output: 0,
      weights,
      inputs: (x, [kernel, , bias]) => affine(x, kernel!, hasBias ? bias : undefined),
      step: (input, [hidden, cell], [, recurrent]) =>
        lstmStates(tf.add(input, product(hidden!, recurrent!)), cell!, gate, activation),
    };
  },
  GRU: (config, input, make) => {
    const resetsAfter = config.flag('reset_after', false);
    const { units, hasBias, weights, activation, gate } = denseCell(config, input, make, 3, resetsAfter);
    const biasOf = (bias: tf.Tensor, row: number): tf.Tensor =>
      resetsAfter ? tf.reshape(tf.slice(bias, [row, 0], [1, 3 * units]), [3 * units]) : bias;
    return {
      shape: [units],
      states: [[units]],
      output: 0,
      weights,
      inputs: (x, [kernel, , bias]) => affine(x, kernel!, hasBias ? biasOf(bias!, 0) : undefined),
      step: (input, [hidden], [, recurrent, bias]) => {
        const [inputZ, inputR, inputH] = tf.split(input, 3, -1);
        const after = hasBias ? biasOf(bias!, 1) : undefined;
        const [kernelZR, kernelH] = tf.split(recurrent!, [2 * units, units], 1);
        const all = resetsAfter ? affine(hidden!, recurrent!, after) : product(hidden!, kernelZR!);
        const [hiddenZ, hiddenR, hiddenH] = tf.split(all, resetsAfter ? 3 : 2, -1);
        const z = gate(tf.add(inputZ!, hiddenZ!));
        const r = gate(tf.add(inputR!, hiddenR!));
        const recalled = resetsAfter ? tf.mul(r, hiddenH!) : product(tf.mul(r, hidden!), kernelH!);
        const candidate = activation(tf.add(inputH!, recalled));
        return [tf.add(tf.mul(z, hidden!), tf.mul(tf.sub(1, z), candidate))];
      },
    };
  },
  ConvLSTM1D: (config, input, make) => convLstm(config, input, make, 1),
  ConvLSTM2D: (config, input, make) => convLstm(config, input, make, 2),
  ConvLSTM3D: (config, input, make) => convLstm(config, input, make, 3),
};

/** An LSTM whose products are convolutions over one, two or three axes. */
function convLstm(config: LayerConfig, input: Shape, make: MakeLayer, axes: 1 | 2 | 3): Cell {
  channelsLast(config);
  if (input.length !== axes + 1)
    throw config.refused(`takes ${axes + 1} axes behind that of time, not ${input.length}`);
  const filters = config.count('filters');
  const size = config.counts('kernel_size', axes);
  const strides = config.counts('strides', axes, 1);
  const dilation = config.counts('dilation_rate', axes, 1);
  const padding = config.oneOf('padding', ['valid', 'same'], 'valid');
  const hasBias = config.flag('use_bias', true);
  const lengths = size.map((one, axis) =>
    outLength(input[axis]!, (one - 1) * dilation[axis]! + 1, strides[axis]!, padding),
  );
  const shape = positive(config, [...lengths, filters]);
  const activation = activationOf(config, shape, make, 'activation', 'tanh');
  const gate = activationOf(config, shape, make, 'recurrent_activation', 'hard_sigmoid');
  const isDilated = dilation.some((one) => one !== 1);
  return {
    shape,
    states: [shape, shape],
    output: 0,
    ...((isDilated || axes === 3) && { noGradient: true }),
    weights: [
      trained('kernel', ...size, input[axes]!, 4 * filters),
      trained('recurrent_kernel', ...size, filters, 4 * filters),
      ...(hasBias ? [trained('bias', 4 * filters)] : []),
    ],
    inputs: (x, [kernel, , bias]) => {
      const maps = convolvedAlong(x, kernel!, strides, padding, dilation);
      return hasBias ? tf.add(maps, bias!) : maps;
    },
    step: (input, [hidden, cell], [, recurrent]) => {
      const ones = strides.map(() => 1);
      const recalled = convolvedAlong(hidden!, recurrent!, ones, 'same', ones);
      return lstmStates(tf.add(input, recalled), cell!, gate, activation);
    },
  };
}

/** A convolution over all axes but the first and the last, of which there are one, two or three. */
function convolvedAlong(
  x: tf.Tensor,
  kernel: tf.Tensor,
  strides: readonly number[],
  padding: Padding,
  dilation: readonly number[],
): tf.Tensor {
  if (strides.length === 3) return convolved3d(x, kernel, { strides, padding, dilation, groups: 1 });
  if (strides.length === 2) {
    return tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, pair(strides), padding, 'NHWC', pair(dilation));
  }
  const row = convolvedAlong(tf.expandDims(x, 1), tf.expandDims(kernel, 0), [1, ...strides], padding, [1, ...dilation]);
  return tf.squeeze(row, [1]);
}

/** What cells with dense weights have in common. */
function denseCell(config: LayerConfig, input: Shape, make: MakeLayer, gates: number, twoBiases = false) {
  if (input.length !== 1) throw config.refused(`takes vectors along time, not ${input.length} axes`);
  const units = config.count('units');
  const hasBias = config.flag('use_bias', true);
  const bias = twoBiases ? trained('bias', 2, gates * units) : trained('bias', gates * units);
  return {
    units,
    hasBias,
    weights: [
      trained('kernel', input[0]!, gates * units),
      trained('recurrent_kernel', units, gates * units),
      ...(hasBias ? [bias] : []),
    ],
    activation: activationOf(config, [units], make, 'activation', 'tanh'),
    gate: activationOf(config, [units], make, 'recurrent_activation', 'sigmoid'),
  };
}

function product(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return tf.matMul(x as tf.Tensor2D, kernel as tf.Tensor2D);
}

function affine(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor {
  return bias === undefined ? product(x, kernel) : tf.add(product(x, kernel), bias);
}

/** Gates in Keras's order: input, forget, candidate, output. */
function lstmStates(
  gates: tf.Tensor,
  cell: tf.Tensor,
  gate: (x: tf.Tensor) => tf.Tensor,
  activation: (x: tf.Tensor) => tf.Tensor,
): tf.Tensor[] {
  const [i, f, c, o] = tf.split(gates, 4, -1);
  const next = tf.add(tf.mul(gate(f!), cell), tf.mul(gate(i!), activation(c!)));
  return [tf.mul(gate(o!), activation(next)), next];
}
