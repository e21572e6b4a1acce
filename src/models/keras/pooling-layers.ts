/** Pooling over windows and over everything. */
import * as tf from '../../base/tensorflow.ts';
import { channelsLast, outLength, pair, positive } from './convolutions.ts';
import { type LayerMaker, onlyInput } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

type Pooling = 'max' | 'average';

/** The layers of this file. */
export const POOLING_LAYERS: Readonly<Record<string, LayerMaker>> = {
  MaxPooling1D: (config, inputs) => windows(config, inputs, 1, 'max'),
  MaxPooling2D: (config, inputs) => windows(config, inputs, 2, 'max'),
  MaxPooling3D: (config, inputs) => windows(config, inputs, 3, 'max'),
  AveragePooling1D: (config, inputs) => windows(config, inputs, 1, 'average'),
  AveragePooling2D: (config, inputs) => windows(config, inputs, 2, 'average'),
  AveragePooling3D: (config, inputs) => windows(config, inputs, 3, 'average'),
  GlobalMaxPooling1D: (config, inputs) => everything(config, inputs, 1, 'max'),
  GlobalMaxPooling2D: (config, inputs) => everything(config, inputs, 2, 'max'),
  GlobalMaxPooling3D: (config, inputs) => everything(config, inputs, 3, 'max'),
  GlobalAveragePooling1D: (config, inputs) => everything(config, inputs, 1, 'average'),
  GlobalAveragePooling2D: (config, inputs) => everything(config, inputs, 2, 'average'),
  GlobalAveragePooling3D: (config, inputs) => everything(config, inputs, 3, 'average'),
  AdaptiveMaxPooling1D: (config, inputs) => intoParts(config, inputs, 1, 'max'),
  AdaptiveMaxPooling2D: (config, inputs) => intoParts(config, inputs, 2, 'max'),
  AdaptiveMaxPooling3D: (config, inputs) => intoParts(config, inputs, 3, 'max'),
  AdaptiveAveragePooling1D: (config, inputs) => intoParts(config, inputs, 1, 'average'),
  AdaptiveAveragePooling2D: (config, inputs) => intoParts(config, inputs, 2, 'average'),
  AdaptiveAveragePooling3D: (config, inputs) => intoParts(config, inputs, 3, 'average'),
};

function windows(config: LayerConfig, inputs: readonly Shape[], axes: 1 | 2 | 3, how: Pooling): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const size = config.counts('pool_size', axes, 2);
  const strides = config.get('strides') === undefined ? size : config.counts('strides', axes);
  const padding = config.oneOf('padding', ['valid', 'same'], 'valid');
  const lengths = size.map((window, axis) => outLength(input[axis]!, window, strides[axis]!, padding));
  const shape = positive(config, [...lengths, input.at(-1)!]);
  const pool2d = how === 'max' ? tf.maxPool : tf.avgPool;
  /** Windows over the two middle axes of `[n, a, b, c]`. */
  const pool = (x: tf.Tensor, at: readonly number[]): tf.Tensor4D =>
    pool2d(
      x as tf.Tensor4D,
      pair(at.map((axis) => size[axis] ?? 1)),
      pair(at.map((axis) => strides[axis] ?? 1)),
      padding,
    );
  const apply = (x: tf.Tensor): tf.Tensor => {
    if (axes === 2) return pool(x, [0, 1]);
    if (axes === 1) return tf.squeeze(pool(tf.expandDims(x, 1), [NO_AXIS, 0]), [1]);
    // One axis after the other comes to the same: the backends' own three-dimensional pooling has no gradient, and that of
    // tfjs-backend-wasm takes negative values for 0.
    const [batch, steps, height, width, channels] = x.shape as [number, number, number, number, number];
    const perStep = pool(tf.reshape(x, [batch * steps, height, width, channels]), [1, 2]);
    const [, rows, columns] = perStep.shape;
    const overTime = pool(tf.reshape(perStep, [batch, steps, rows * columns, channels]), [0, NO_AXIS]);
    return tf.reshape(overTime, [batch, ...shape]);
  };
  return { shape, weights: [], apply: ([x]) => apply(x!) };
}

/** Of a window of length 1. */
const NO_AXIS = -1;

function everything(config: LayerConfig, inputs: readonly Shape[], axes: number, how: Pooling): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const keep = config.flag('keepdims', false);
  const over = Array.from({ length: axes }, (_, axis) => axis + 1);
  const reduce = how === 'max' ? tf.max : tf.mean;
  return {
    shape: [...(keep ? over.map(() => 1) : []), input.at(-1)!],
    weights: [],
    apply: ([x]) => reduce(x!, over, keep),
  };
}

/** As many parts of each axis as are asked for, which may share values; one axis after the other comes to the same. */
function intoParts(config: LayerConfig, inputs: readonly Shape[], axes: number, how: Pooling): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const counts = config.counts('output_size', axes);
  const reduce = how === 'max' ? tf.max : tf.mean;
  const along = (x: tf.Tensor, axis: number): tf.Tensor => {
    const [length, count] = [input[axis]!, counts[axis]!];
    const parts = Array.from({ length: count }, (_, i) => {
      const first = Math.floor((i * length) / count);
      const begin = x.shape.map((_, at) => (at === axis + 1 ? first : 0));
      const part = tf.slice(x, begin, x.shape.with(axis + 1, Math.ceil(((i + 1) * length) / count) - first));
      return reduce(part, axis + 1, true);
    });
    return tf.concat(parts, axis + 1);
  };
  return {
    shape: [...counts, input.at(-1)!],
    weights: [],
    apply: ([x]) => counts.reduce((all, _, axis) => along(all, axis), x!),
  };
}
