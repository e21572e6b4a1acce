/** Functions that Keras writes into files as if they were layers, and that only move values: padding, turning, repeating. */
import * as tf from '../../base/tensorflow.ts';
import { axisOf, placeAlong } from './axes.ts';
import { type Layer, type LayerMaker, onlyInput } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

/** The layers of this file. */
export const ARRAY_OPERATORS: Readonly<Record<string, LayerMaker>> = {
  Pad: (config, inputs) => {
    const input = onlyInput(config, inputs);
    config.oneOf('mode', ['constant'], 'constant');
    const [batch, ...edges] = widthsOf(config, input.length + 1);
    const value = config.number('constant_values', 0);
    if (batch!.some((one) => one !== 0)) throw config.refused('works over the batch');
    return {
      shape: input.map((length, axis) => length + edges[axis]![0] + edges[axis]![1]),
      weights: [],
      apply: ([x]) => tf.pad(x!, [[0, 0], ...edges], value),
    };
  },
  Flip: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axes = config.get('axis') === undefined ? [0] : config.listOf('axis');
    const own = axes.map((axis) => axisOf(config, axis, input.length));
    return { shape: input, weights: [], apply: ([x]) => tf.reverse(x!, own) };
  },
  Roll: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axis = axisOf(config, config.number('axis', 0), input.length);
    const length = input[axis - 1]!;
    const shift = ((config.number('shift') % length) + length) % length;
    if (!Number.isSafeInteger(shift)) throw config.refused('moves its input by no whole number');
    return {
      shape: input,
      weights: [],
      apply: ([x]) => (shift === 0 ? x! : tf.concat(tf.split(x!, [length - shift, shift], axis).toReversed(), axis)),
    };
  },
  Tile: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const given = config.listOf('repeats');
    const times = [...new Array<number>(Math.max(0, input.length + 1 - given.length)).fill(1), ...given];
    if (times.length !== input.length + 1 || times[0] !== 1) throw config.refused('works over the batch');
    if (!times.every((one) => Number.isSafeInteger(one) && one > 0))
      throw config.refused('repeats its input no whole number of times');
    return {
      shape: input.map((length, axis) => length * times[axis + 1]!),
      weights: [],
      apply: ([x]) => tf.tile(x!, times),
    };
  },
  Repeat: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axis = axisOf(config, config.number('axis', 0), input.length);
    const times = config.count('repeats');
    const length = input[axis - 1]!;
    const before = input.slice(0, axis - 1);
    const behind = input.slice(axis);
    const shape = [...before, length * times, ...behind];
    return {
      shape,
      weights: [],
      apply: ([x]) => {
        const each = tf.reshape(x!, [x!.shape[0]!, ...before, length, 1, ...behind]);
        const copies = tf.tile(each, [1, ...before.map(() => 1), 1, times, ...behind.map(() => 1)]);
        return tf.reshape(copies, [x!.shape[0]!, ...shape]);
      },
    };
  },
  Take: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axis = axisOf(config, config.number('axis', 0), input.length);
    const length = input[axis - 1]!;
    const places = config.listOf('indices').map((one) => (one < 0 ? length + one : one));
    if (!places.every((one) => Number.isSafeInteger(one) && one >= 0 && one < length)) {
      throw config.refused(`takes places of ${length} that are not there`);
    }
    const taken = places.map((place) => placeAlong(input, axis, place));
    if (typeof config.get('indices') === 'number') return taken[0]!;
    return {
      shape: input.with(axis - 1, places.length),
      weights: [],
      apply: ([x]) =>
        tf.stack(
          taken.map((one) => one.apply([x!], [])),
          axis,
        ),
    };
  },
  Unstack: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axis = axisOf(config, config.number('axis', 0), input.length);
    const [first, ...more] = Array.from({ length: input[axis - 1]! }, (_, place) => placeAlong(input, axis, place));
    return { ...first!, more };
  },
  ZerosLike: (config, inputs) => filledWith(config, inputs, 0),
  OnesLike: (config, inputs) => filledWith(config, inputs, 1),
  Swapaxes: (config, inputs, make) => {
    const { length } = onlyInput(config, inputs);
    const [one, other] = ['axis1', 'axis2'].map((key) => axisOf(config, config.number(key), length)) as [
      number,
      number,
    ];
    const axes = Array.from({ length: length + 1 }, (_, axis) => axis);
    return make('Transpose', config.with({ axes: axes.with(one, other).with(other, one) }), inputs);
  },
  Moveaxis: (config, inputs, make) => {
    const { length } = onlyInput(config, inputs);
    const [from, to] = ['source', 'destination'].map((key) =>
      config.listOf(key).map((axis) => axisOf(config, axis, length)),
    );
    const rest = Array.from({ length: length + 1 }, (_, axis) => axis).filter((axis) => !from!.includes(axis));
    const axes = Array.from({ length: length + 1 }, (_, axis) => {
      const moved = to!.indexOf(axis);
      return moved < 0 ? rest.shift()! : from![moved]!;
    });
    return make('Transpose', config.with({ axes }), inputs);
  },
};

function filledWith(config: LayerConfig, inputs: readonly Shape[], value: number): Layer {
  return { shape: onlyInput(config, inputs), weights: [], apply: ([x]) => tf.fill(x!.shape, value) };
}

/** What is added before and behind each axis, that of the batch too. */
function widthsOf(config: LayerConfig, axes: number): [number, number][] {
  const value = config.get('pad_width');
  const isWidth = (one: unknown): one is number => Number.isSafeInteger(one) && (one as number) >= 0;
  const isPair = (one: unknown): one is [number, number] =>
    Array.isArray(one) && one.length === 2 && one.every(isWidth);
  if (Array.isArray(value) && value.length === axes && value.every(isPair))
    return value as unknown as [number, number][];
  throw config.refused(`needs two whole numbers for each of ${axes} axes as pad_width, not ${JSON.stringify(value)}`);
}
