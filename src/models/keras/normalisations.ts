/** Layers that scale values: by what training saw, or by the values beside them. */
import * as tf from '../../base/tensorflow.ts';
import { type LayerMaker, onlyInput, trained, untrained, type WeightSpec } from './layer.ts';
import { type LayerConfig, type Shape, sizeOf } from './layer-config.ts';

/** The layers of this file. */
export const NORMALISATION_LAYERS: Readonly<Record<string, LayerMaker>> = {
  BatchNormalization: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const axes = [oneAxis(config, shape)];
    const channels = shape[axes[0]! - 1]!;
    const epsilon = config.number('epsilon', 1e-3);
    const { specs, scaleOf, centreOf } = scaleAndCentre(config, channels);
    return {
      shape,
      weights: [...specs, untrained('moving_mean', channels), untrained('moving_variance', channels)],
      apply: ([x], weights) => {
        const [mean, variance] = weights.slice(specs.length);
        const factor = tf.mul(tf.rsqrt(tf.add(variance!, epsilon)), scaleOf(weights));
        const offset = tf.sub(centreOf(weights), tf.mul(mean!, factor));
        return tf.add(tf.mul(x!, along(factor, shape, axes)), along(offset, shape, axes));
      },
    };
  },
  LayerNormalization: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const axes = axesOf(config, shape);
    const epsilon = config.number('epsilon', 1e-3);
    if (config.flag('rms_scaling', false)) throw config.refused('uses rms_scaling, which is not supported');
    const { specs, scaleOf, centreOf } = scaleAndCentre(config, ...axes.map((axis) => shape[axis - 1]!));
    return {
      shape,
      weights: specs,
      apply: ([x], weights) => {
        const [scale, centre] = [scaleOf, centreOf].map((of) => along(of(weights), shape, axes));
        return tf.add(tf.mul(standardised(x!, axes, epsilon), scale!), centre!);
      },
    };
  },
  RMSNormalization: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const axes = axesOf(config, shape);
    const epsilon = config.number('epsilon', 1e-6);
    return {
      shape,
      weights: [trained('scale', ...axes.map((axis) => shape[axis - 1]!))],
      apply: ([x], [scale]) => {
        const length = tf.rsqrt(tf.add(tf.mean(tf.square(x!), axes, true), epsilon));
        return tf.mul(tf.mul(x!, length), along(scale!, shape, axes));
      },
    };
  },
  GroupNormalization: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const axis = oneAxis(config, shape);
    const channels = shape[axis - 1]!;
    const [before, behind] = [shape.slice(0, axis - 1), shape.slice(axis)];
    const asked = config.number('groups', 32);
    const groups = asked === -1 ? channels : asked;
    const epsilon = config.number('epsilon', 1e-3);
    if (!Number.isSafeInteger(channels / groups))
      throw config.refused(`parts ${channels} channels into ${groups} groups`);
    const { specs, scaleOf, centreOf } = scaleAndCentre(config, channels);
    return {
      shape,
      weights: specs,
      apply: ([x], weights) => {
        const parted = tf.reshape(x!, [x!.shape[0]!, sizeOf(before), groups, channels / groups, sizeOf(behind)]);
        const result = tf.reshape(standardised(parted, [1, 3, 4], epsilon), x!.shape);
        const [scale, centre] = [scaleOf, centreOf].map((of) => along(of(weights), shape, [axis]));
        return tf.add(tf.mul(result, scale!), centre!);
      },
    };
  },
  UnitNormalization: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const axes = axesOf(config, shape);
    return {
      shape,
      weights: [],
      apply: ([x]) => tf.mul(x!, tf.rsqrt(tf.maximum(tf.sum(tf.square(x!), axes, true), 1e-12))),
    };
  },
  Rescaling: (config, inputs) => {
    const [scale, offset] = [perChannel(config, 'scale', 1), perChannel(config, 'offset', 0)];
    return {
      shape: onlyInput(config, inputs),
      weights: [],
      apply: ([x]) => tf.add(tf.mul(x!, scale), offset),
    };
  },
  Normalization: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const scaled = config.flag('invert', false) ? unscaled : normalised;
    if (config.get('mean') !== undefined) {
      const [mean, variance] = [perChannel(config, 'mean', 0), perChannel(config, 'variance', 1)];
      return { shape, weights: [], apply: ([x]) => scaled(x!, mean, variance) };
    }
    const axes = [oneAxis(config, shape)];
    const channels = shape[axes[0]! - 1]!;
    return {
      shape,
      weights: [untrained('mean', channels), untrained('variance', channels), untrained('count')],
      apply: ([x], [mean, variance]) => scaled(x!, along(mean!, shape, axes), along(variance!, shape, axes)),
    };
  },
  /** Of the ConvNeXts of `keras.applications`. */
  LayerScale: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    return { shape, weights: [trained('gamma', shape.at(-1)!)], apply: ([x], [gamma]) => tf.mul(x!, gamma!) };
  },
};

/** Values along some axes, in ascending order, of tensors `[n, …]` of a shape, so that they fit these. */
function along(values: tf.Tensor | number, shape: Shape, axes: readonly number[]): tf.Tensor | number {
  if (typeof values === 'number') return values;
  return tf.reshape(values, [1, ...shape.map((length, i) => (axes.includes(i + 1) ? length : 1))]);
}

/** Keras divides by at least 1e-7. */
function normalised(x: tf.Tensor, mean: tf.TensorLike | tf.Tensor, variance: tf.TensorLike | tf.Tensor): tf.Tensor {
  return tf.div(tf.sub(x, mean), tf.maximum(tf.sqrt(variance), 1e-7));
}

/** What undoes {@link normalised}. */
function unscaled(x: tf.Tensor, mean: tf.TensorLike | tf.Tensor, variance: tf.TensorLike | tf.Tensor): tf.Tensor {
  return tf.add(mean, tf.mul(x, tf.maximum(tf.sqrt(variance), 1e-7)));
}

/** To mean 0 and variance 1 over some axes. */
function standardised(x: tf.Tensor, axes: number[], epsilon: number): tf.Tensor {
  const { mean, variance } = tf.moments(x, axes, true);
  return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
}

/** `gamma` and `beta`, as far as a layer has them. */
function scaleAndCentre(config: LayerConfig, ...shape: readonly number[]) {
  const [hasScale, hasCentre] = [config.flag('scale', true), config.flag('center', true)];
  const specs: WeightSpec[] = [
    ...(hasScale ? [trained('gamma', ...shape)] : []),
    ...(hasCentre ? [trained('beta', ...shape)] : []),
  ];
  return {
    specs,
    scaleOf: (weights: readonly tf.Tensor[]): tf.Tensor | number => (hasScale ? weights[0]! : 1),
    centreOf: (weights: readonly tf.Tensor[]): tf.Tensor | number => (hasCentre ? weights[hasScale ? 1 : 0]! : 0),
  };
}

/** The axis that a layer works along, from 1: the batch is none. */
function oneAxis(config: LayerConfig, shape: Shape): number {
  const axes = axesOf(config, shape);
  if (axes.length !== 1) throw config.refused('works along several axes, which is not supported');
  return axes[0]!;
}

/** Axes that a layer works along, from 1: the batch is none of them. */
function axesOf(config: LayerConfig, shape: Shape): number[] {
  const value = config.get('axis') ?? -1;
  const axes = (typeof value === 'number' ? [value] : config.integers('axis')).map((axis) =>
    axis < 0 ? shape.length + 1 + axis : axis,
  );
  if (!axes.every((axis) => axis >= 1 && axis <= shape.length)) throw config.refused('works along axes that it lacks');
  return axes.sort((a, b) => a - b);
}

/** A number, or one for each channel. */
function perChannel(config: LayerConfig, key: string, fallback: number): number | number[] {
  const value = config.get(key) ?? fallback;
  const flat = Array.isArray(value) ? value.flat(8) : value;
  if (typeof flat === 'number') return flat;
  if (Array.isArray(flat) && flat.every((one) => typeof one === 'number')) return flat as number[];
  throw config.refused(`needs a number or one per channel as ${key}`);
}
