/**
 * Recurrent layers: a cell that takes one step, run along the time axis. What a cell makes of its inputs alone is computed for
 * all steps at once.
 */
import * as tf from '../../base/tensorflow.ts';
import { activationOf } from './activations.ts';
import { channelsLast, outLength, pair, positive } from './convolutions.ts';
import { type Layer, type LayerMaker, type MakeLayer, onlyInput, trained, type WeightSpec } from './layer.ts';
import { isObject, LayerConfig, type Shape } from './layer-config.ts';

/** One step of a recurrent layer. Its first state is its output. */
interface Cell {
  /** Of each state, and of what {@link Cell.inputs} makes. */
  readonly shape: Shape;
  readonly states: number;
  readonly weights: readonly WeightSpec[];
  readonly noGradient?: true;
  /** What the cell makes of inputs `[n, …]` alone. */
  inputs(x: tf.Tensor, weights: readonly tf.Tensor[]): tf.Tensor;
  /** The states after a step. */
  step(input: tf.Tensor, states: readonly tf.Tensor[], weights: readonly tf.Tensor[]): tf.Tensor[];
}

type CellMaker = (config: LayerConfig, input: Shape, make: MakeLayer) => Cell;

const CELLS: Readonly<Record<string, CellMaker>> = {
  SimpleRNN: (config, input, make) => {
    const { units, hasBias, weights, activation } = denseCell(config, input, make, 1);
    return {
      shape: [units],
      states: 1,
      weights,
      inputs: (x, [kernel, , bias]) => affine(x, kernel!, hasBias ? bias : undefined),
      step: (input, [hidden], [, recurrent]) => [activation(tf.add(input, product(hidden!, recurrent!)))],
    };
  },
  LSTM: (config, input, make) => {
    const { units, hasBias, weights, activation, gate } = denseCell(config, input, make, 4);
    return {
      shape: [units],
      states: 2,
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
      states: 1,
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
  ConvLSTM2D: (config, input, make) => {
    channelsLast(config);
    const filters = config.count('filters');
    const size = config.counts('kernel_size', 2);
    const strides = pair(config.counts('strides', 2, 1));
    const dilation = pair(config.counts('dilation_rate', 2, 1));
    const padding = config.oneOf('padding', ['valid', 'same'], 'valid');
    const hasBias = config.flag('use_bias', true);
    const lengths = [0, 1].map((axis) =>
      outLength(input[axis]!, (size[axis]! - 1) * dilation[axis]! + 1, strides[axis]!, padding),
    );
    const shape = positive(config, [...lengths, filters]);
    const activation = activationOf(config, shape, make, 'activation', 'tanh');
    const gate = activationOf(config, shape, make, 'recurrent_activation', 'hard_sigmoid');
    return {
      shape,
      states: 2,
      ...(dilation.some((one) => one !== 1) && { noGradient: true }),
      weights: [
        trained('kernel', ...size, input[2]!, 4 * filters),
        trained('recurrent_kernel', ...size, filters, 4 * filters),
        ...(hasBias ? [trained('bias', 4 * filters)] : []),
      ],
      inputs: (x, [kernel, , bias]) => {
        const maps = tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, strides, padding, 'NHWC', dilation);
        return hasBias ? tf.add(maps, bias!) : maps;
      },
      step: (input, [hidden, cell], [, recurrent]) => {
        const recalled = tf.conv2d(hidden as tf.Tensor4D, recurrent as tf.Tensor4D, 1, 'same');
        return lstmStates(tf.add(input, recalled), cell!, gate, activation);
      },
    };
  },
};

/** The layers of this file. */
export const RECURRENT_LAYERS: Readonly<Record<string, LayerMaker>> = {
  SimpleRNN: (config, inputs, make) => alongTime(config, inputs, make, CELLS['SimpleRNN']!),
  LSTM: (config, inputs, make) => alongTime(config, inputs, make, CELLS['LSTM']!),
  GRU: (config, inputs, make) => alongTime(config, inputs, make, CELLS['GRU']!),
  ConvLSTM2D: (config, inputs, make) => alongTime(config, inputs, make, CELLS['ConvLSTM2D']!),
  RNN: (config, inputs, make) => {
    const { className, config: ofCell } = innerLayer(config, 'cell');
    const cell = className.endsWith('Cell') ? className.slice(0, -4) : '';
    if (!Object.hasOwn(CELLS, cell)) throw config.refused(`runs cells of ${className}, which are not supported`);
    return alongTime(config, inputs, make, (_, input) => CELLS[cell]!(ofCell, input, make));
  },
  Bidirectional: (config, inputs, make) => {
    const there = innerLayer(config, 'layer');
    const given = config.get('backward_layer') === undefined ? there : innerLayer(config, 'backward_layer');
    const isReversed = given.config.flag('go_backwards', false);
    const turned = given === there || isReversed === there.config.flag('go_backwards', false);
    const forward = make(there.className, there.config, inputs);
    const backward = make(given.className, turned ? turnedAround(given.config) : given.config, inputs);
    return bothWays(config, forward, backward, there.config.flag('return_sequences', false));
  },
};

/** The layer within a layer, under a key. */
export function innerLayer(config: LayerConfig, key: string): { className: string; config: LayerConfig } {
  const value = config.get(key);
  if (!isObject(value) || typeof value['class_name'] !== 'string' || !isObject(value['config'])) {
    throw config.refused(`lacks its ${key}`);
  }
  const title = `${value['class_name']} in ${config.title}`;
  return { className: value['class_name'], config: new LayerConfig(title, value['config'], config.kerasMajor) };
}

function turnedAround(config: LayerConfig): LayerConfig {
  return config.with({ go_backwards: !config.flag('go_backwards', false) });
}

/** A cell, step by step. */
function alongTime(config: LayerConfig, inputs: readonly Shape[], make: MakeLayer, makeCell: CellMaker): Layer {
  const input = onlyInput(config, inputs);
  const [steps, ...each] = input;
  if (steps === undefined || each.length === 0) throw config.refused('needs an input along time');
  if (config.flag('stateful', false)) {
    throw config.refused(
      'is stateful: what it gives depends on the events before',
      'save the network with stateful=False',
    );
  }
  if (config.flag('time_major', false)) throw config.refused('has time before the batch, which is not supported');
  const cell = makeCell(config, each, make);
  const [sequences, backwards] = [config.flag('return_sequences', false), config.flag('go_backwards', false)];
  return {
    shape: sequences ? [steps, ...cell.shape] : cell.shape,
    weights: cell.weights,
    ...(cell.noGradient && { noGradient: true }),
    apply: ([x], weights) => {
      const [batch, length] = x!.shape as [number, number];
      const flat = cell.inputs(tf.reshape(x!, [batch * length, ...each]), weights);
      const forwards = tf.unstack(tf.reshape(flat, [batch, length, ...flat.shape.slice(1)]), 1);
      const perStep = backwards ? forwards.toReversed() : forwards; // not in place: gradients are told by this very list
      let states: tf.Tensor[] = Array.from({ length: cell.states }, () => tf.zeros([batch, ...cell.shape]));
      const outputs = perStep.map((one) => {
        states = cell.step(one, states, weights);
        return states[0]!;
      });
      return sequences ? tf.stack(outputs, 1) : outputs.at(-1)!;
    },
  };
}

const MERGES: Readonly<Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>> = {
  concat: (a, b) => tf.concat([a, b], -1),
  sum: (a, b) => tf.add(a, b),
  mul: (a, b) => tf.mul(a, b),
  ave: (a, b) => tf.div(tf.add(a, b), 2),
};

function bothWays(config: LayerConfig, forward: Layer, backward: Layer, sequences: boolean): Layer {
  const mode = config.oneOf('merge_mode', ['concat', 'sum', 'mul', 'ave'], 'concat');
  const { length } = forward.weights;
  const last = forward.shape.at(-1)!;
  return {
    shape: mode === 'concat' ? [...forward.shape.slice(0, -1), 2 * last] : forward.shape,
    weights: [...forward.weights, ...backward.weights],
    ...(forward.noGradient && { noGradient: true }),
    apply: (inputs, weights) => {
      const there = forward.apply(inputs, weights.slice(0, length));
      const back = backward.apply(inputs, weights.slice(length));
      return MERGES[mode]!(there, sequences ? tf.reverse(back, 1) : back);
    },
  };
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
