/**
 * Recurrent layers: a cell that takes one step, run along the time axis. What a cell makes of its inputs alone is computed for
 * all steps at once.
 */
import * as tf from '../../base/tensorflow.ts';
import { activationOf } from './activations.ts';
import { channelsLast, outLength, pair, positive } from './convolutions.ts';
import { type Layer, type LayerMaker, type MakeLayer, onlyInput, trained, type WeightSpec } from './layer.ts';
import {
  folderNames,
  isObject,
  type Json,
  type JsonObject,
  LayerConfig,
  type Shape,
  shapeText,
} from './layer-config.ts';

/** One step of a recurrent layer. */
interface Cell {
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

type CellMaker = (config: LayerConfig, input: Shape, make: MakeLayer) => Cell;

const CELLS: Readonly<Record<string, CellMaker>> = {
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
      states: [shape, shape],
      output: 0,
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
    const cell = innerLayer(config, 'cell');
    return alongTime(config, inputs, make, (_, input) => cellOf(cell, input, make));
  },
  Bidirectional: (config, inputs, make) => {
    const there = innerLayer(config, 'layer');
    const given = config.get('backward_layer') === undefined ? there : innerLayer(config, 'backward_layer');
    const isReversed = given.config.flag('go_backwards', false);
    const turned = given === there || isReversed === there.config.flag('go_backwards', false);
    const [x, ...initial] = inputs;
    const half = initial.length / 2;
    const forward = make(there.className, there.config, [x!, ...initial.slice(0, half)]);
    const turnedConfig = turned ? turnedAround(given.config) : given.config;
    const backward = make(given.className, turnedConfig, [x!, ...initial.slice(half)]);
    return bothWays(config, forward, backward, there.config.flag('return_sequences', false));
  },
};

/** A cell, or several on top of each other. */
function cellOf({ className, config }: InnerLayer, input: Shape, make: MakeLayer): Cell {
  if (className === 'StackedRNNCells') return stackedCells(config, input, make);
  const name = className.endsWith('Cell') ? className.slice(0, -4) : '';
  if (!Object.hasOwn(CELLS, name)) throw config.refused('is a cell of a class that is not supported');
  return CELLS[name]!(config, input, make);
}

/** Cells each of which takes the output of the one before it, within each step. */
function stackedCells(config: LayerConfig, input: Shape, make: MakeLayer): Cell {
  const list = config.get('cells');
  if (!Array.isArray(list) || list.length === 0) throw config.refused('lacks its cells');
  const inner = list.map((_, i) => innerLayer(config, 'cells', i));
  const folders = folderNames(inner.map(({ className }) => className));
  let [shape, weightsBefore, statesBefore] = [input, 0, 0];
  const parts = inner.map((one, i) => {
    const cell = cellOf(one, shape, make);
    const part = { cell, folder: `cell/cells/${folders[i]}`, firstWeight: weightsBefore, firstState: statesBefore };
    shape = cell.shape;
    weightsBefore += cell.weights.length;
    statesBefore += cell.states.length;
    return part;
  });
  const [first, last] = [parts[0]!, parts.at(-1)!];
  const ownWeights = ({ cell, firstWeight }: typeof first, weights: readonly tf.Tensor[]): readonly tf.Tensor[] =>
    weights.slice(firstWeight, firstWeight + cell.weights.length);
  return {
    shape,
    states: parts.flatMap(({ cell }) => cell.states),
    output: last.firstState + last.cell.output,
    weights: parts.flatMap(({ cell, folder }) => cell.weights.map((spec) => ({ ...spec, folder }))),
    ...(parts.some(({ cell }) => cell.noGradient) && { noGradient: true }),
    inputs: (x, weights) => first.cell.inputs(x, ownWeights(first, weights)),
    step: (given, states, weights) => {
      let value = given;
      return parts.flatMap((part) => {
        const { cell, firstState } = part;
        const own = ownWeights(part, weights);
        const made = part === first ? value : cell.inputs(value, own);
        const next = cell.step(made, states.slice(firstState, firstState + cell.states.length), own);
        value = next[cell.output]!;
        return next;
      });
    },
  };
}

/** A layer within a layer. */
export interface InnerLayer {
  readonly className: string;
  readonly config: LayerConfig;
  /** What the config is made of. */
  readonly values: JsonObject;
}

/** The layer within a layer, under a key, or at a place of the list there. */
export function innerLayer(config: LayerConfig, key: string, place?: number): InnerLayer {
  const found = config.get(key);
  const value = place === undefined ? found : (found as readonly Json[])[place];
  if (!isObject(value) || typeof value['class_name'] !== 'string' || !isObject(value['config'])) {
    throw config.refused(`lacks its ${key}`);
  }
  const title = `${value['class_name']} in ${config.title}`;
  const values = value['config'];
  return { className: value['class_name'], config: new LayerConfig(title, values, config.kerasMajor), values };
}

function turnedAround(config: LayerConfig): LayerConfig {
  return config.with({ go_backwards: !config.flag('go_backwards', false) });
}

/** A cell, step by step; behind the input may come the states that it begins with. */
function alongTime(config: LayerConfig, inputs: readonly Shape[], make: MakeLayer, makeCell: CellMaker): Layer {
  const [input, ...initial] = inputs;
  const [steps, ...each] = onlyInput(config, input === undefined ? [] : [input]);
  if (steps === undefined || each.length === 0) throw config.refused('needs an input along time');
  if (config.flag('time_major', false)) throw config.refused('has time before the batch, which is not supported');
  const cell = makeCell(config, each, make);
  const fits =
    initial.length === cell.states.length &&
    initial.every((shape, i) => shapeText(shape) === shapeText(cell.states[i]!));
  if (initial.length > 0 && !fits) {
    throw config.refused(
      `begins with ${initial.map(shapeText).join(' and ')}, but has ${cell.states.map(shapeText).join(' and ')}`,
    );
  }
  const [sequences, backwards] = [config.flag('return_sequences', false), config.flag('go_backwards', false)];
  const run = ([x, ...given]: readonly tf.Tensor[], weights: readonly tf.Tensor[]) => {
    const [batch, length] = x!.shape as [number, number];
    const flat = cell.inputs(tf.reshape(x!, [batch * length, ...each]), weights);
    const forwards = tf.unstack(tf.reshape(flat, [batch, length, ...flat.shape.slice(1)]), 1);
    const perStep = backwards ? forwards.toReversed() : forwards; // not in place: gradients are told by this very list
    let states = given.length > 0 ? given : cell.states.map((shape) => tf.zeros([batch, ...shape]));
    const outputs = perStep.map((one) => {
      states = cell.step(one, states, weights);
      return states[cell.output]!;
    });
    return { outputs, states };
  };
  const common = { weights: cell.weights, ...(cell.noGradient && { noGradient: true as const }) };
  return {
    ...common,
    shape: sequences ? [steps, ...cell.shape] : cell.shape,
    ...(config.flag('stateful', false) && {
      note: `the layer ${config.title} is stateful: here each event begins without a state`,
    }),
    apply: (values, weights) => {
      const { outputs } = run(values, weights);
      return sequences ? tf.stack(outputs, 1) : outputs.at(-1)!;
    },
    ...(config.flag('return_state', false) && {
      more: cell.states.map((shape, i) => ({
        ...common,
        shape,
        apply: (values: readonly tf.Tensor[], weights: readonly tf.Tensor[]) => run(values, weights).states[i]!,
      })),
    }),
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
  type Values = readonly tf.Tensor[];
  const there = (layer: Omit<Layer, 'more'>, [x, ...initial]: Values, weights: Values): tf.Tensor =>
    layer.apply([x!, ...initial.slice(0, initial.length / 2)], weights.slice(0, length));
  const back = (layer: Omit<Layer, 'more'>, [x, ...initial]: Values, weights: Values): tf.Tensor =>
    layer.apply([x!, ...initial.slice(initial.length / 2)], weights.slice(length));
  const common = {
    weights: [...forward.weights, ...backward.weights],
    ...((forward.noGradient ?? backward.noGradient) && { noGradient: true as const }),
  };
  return {
    ...common,
    shape: mode === 'concat' ? [...forward.shape.slice(0, -1), 2 * last] : forward.shape,
    ...(forward.note !== undefined && { note: forward.note }),
    apply: (inputs, weights) => {
      const turned = back(backward, inputs, weights);
      return MERGES[mode]!(there(forward, inputs, weights), sequences ? tf.reverse(turned, 1) : turned);
    },
    more: [
      ...(forward.more ?? []).map((layer) => ({
        ...layer,
        ...common,
        apply: (inputs: Values, weights: Values) => there(layer, inputs, weights),
      })),
      ...(backward.more ?? []).map((layer) => ({
        ...layer,
        ...common,
        apply: (inputs: Values, weights: Values) => back(layer, inputs, weights),
      })),
    ],
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
