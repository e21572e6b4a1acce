/**
 * Recurrent layers: a cell that takes one step, run along the time axis. What a cell makes of its inputs alone is computed for
 * all steps at once.
 */
import * as tf from '../../base/tensorflow.ts';
import { CELLS, type Cell, type CellMaker } from './cells.ts';
import { type Layer, type LayerMaker, type MakeLayer, onlyInput } from './layer.ts';
import {
  folderNames,
  isObject,
  type Json,
  type JsonObject,
  LayerConfig,
  type Shape,
  shapeText,
} from './layer-config.ts';

/** The layers of this file. */
export const RECURRENT_LAYERS: Readonly<Record<string, LayerMaker>> = {
  SimpleRNN: (config, inputs, make) => alongTime(config, inputs, make, CELLS['SimpleRNN']!),
  LSTM: (config, inputs, make) => alongTime(config, inputs, make, CELLS['LSTM']!),
  GRU: (config, inputs, make) => alongTime(config, inputs, make, CELLS['GRU']!),
  ConvLSTM1D: (config, inputs, make) => alongTime(config, inputs, make, CELLS['ConvLSTM1D']!),
  ConvLSTM2D: (config, inputs, make) => alongTime(config, inputs, make, CELLS['ConvLSTM2D']!),
  ConvLSTM3D: (config, inputs, make) => alongTime(config, inputs, make, CELLS['ConvLSTM3D']!),
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
  const mode = config.isNull('merge_mode')
    ? undefined
    : config.oneOf('merge_mode', ['concat', 'sum', 'mul', 'ave'], 'concat');
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
  const turnedBack = (inputs: Values, weights: Values): tf.Tensor => {
    const turned = back(backward, inputs, weights);
    return sequences ? tf.reverse(turned, 1) : turned;
  };
  return {
    ...common,
    shape: mode === 'concat' ? [...forward.shape.slice(0, -1), 2 * last] : forward.shape,
    ...(forward.note !== undefined && { note: forward.note }),
    apply: (inputs, weights) => {
      const ahead = there(forward, inputs, weights);
      return mode === undefined ? ahead : MERGES[mode]!(ahead, turnedBack(inputs, weights));
    },
    more: [
      ...(mode === undefined ? [{ ...common, shape: backward.shape, apply: turnedBack }] : []),
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
