/** Pooling over windows and over everything. */
import * as tf from '../../base/tensorflow.ts';
import { channelsLast, outLength, pair, positive, triple } from './convolutions.ts';
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
};

function windows(config: LayerConfig, inputs: readonly Shape[], axes: 1 | 2 | 3, how: Pooling): ReturnType<LayerMaker> {
  const input = onlyInput(config, inputs, axes + 1);
  channelsLast(config);
  const size = config.counts('pool_size', axes, 2);
  const strides = config.get('strides') === undefined ? size : config.counts('strides', axes);
  const padding = config.oneOf('padding', ['valid', 'same'], 'valid');
  const lengths = size.map((window, axis) => outLength(input[axis]!, window, strides[axis]!, padding));
  const shape = positive(config, [...lengths, input.at(-1)!]);
  const pool = (x: tf.Tensor): tf.Tensor => {
    if (axes === 3) {
      const pool3d = how === 'max' ? tf.maxPool3d : tf.avgPool3d;
      return pool3d(x as tf.Tensor5D, triple(size), triple(strides), padding);
    }
    const pool2d = how === 'max' ? tf.maxPool : tf.avgPool;
    if (axes === 2) return pool2d(x as tf.Tensor4D, pair(size), pair(strides), padding);
    return tf.squeeze(pool2d(tf.expandDims(x, 1), [1, size[0]!], [1, strides[0]!], padding), [1]);
  };
  return { shape, weights: [], ...(axes === 3 && { noGradient: true }), apply: ([x]) => pool(x!) };
}

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
