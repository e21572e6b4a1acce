/** Dense layers and convolutions. */
import * as tf from '../../base/tensorflow.ts';
import { activationOf } from './activations.ts';
import { type Layer, type LayerMaker, type MakeLayer, onlyInput, trained, type WeightSpec } from './layer.ts';
import type { LayerConfig, Shape } from './layer-config.ts';

/** The layers of this file. */
export const CONVOLUTION_LAYERS: Readonly<Record<string, LayerMaker>> = {
  Dense: (config, inputs, make) => {
    const input = onlyInput(config, inputs);
    const units = config.count('units');
    const length = input.at(-1);
    if (length === undefined) throw config.refused('has an input without axes');
    const kernel = trained('kernel', length, units);
    return biased(config, make, [...input.slice(0, -1), units], [kernel], ([x], [w]) => {
      const product = tf.matMul(tf.reshape(x!, [-1, length]), w as tf.Tensor2D);
      return tf.reshape(product, [...x!.shape.slice(0, -1), units]);
    });
  },
  Conv1D: (config, inputs, make) => {
    const input = onlyInput(config, inputs, 2);
    const { padding, filters, kernel, size, dilation, strides, groups } = windowOf(config, input, 1, ['causal']);
    const left = padding === 'causal' ? (size[0]! - 1) * dilation[0]! : 0;
    const flat: Shape = [1, input[0]! + left, input[1]!];
    const pad = padding === 'same' ? 'same' : 'valid';
    const shape = convolved(config, flat, [1, ...size], [1, ...strides], [1, ...dilation], pad, filters);
    const convolve = grouped(groups, (x, w) =>
      tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [1, strides[0]!], pad, 'NHWC', [1, dilation[0]!]),
    );
    const layer = biased(config, make, shape.slice(1), [kernel], ([x], [w]) => {
      const padded =
        left === 0
          ? x!
          : tf.pad(x!, [
              [0, 0],
              [left, 0],
              [0, 0],
            ]);
      return tf.squeeze(convolve(tf.expandDims(padded, 1), tf.expandDims(w!, 0)), [1]);
    });
    return { ...layer, ...dilatedGradient(dilation) };
  },
  Conv2D: (config, inputs, make) => {
    const input = onlyInput(config, inputs, 3);
    const { padding, filters, kernel, size, dilation, strides, groups } = windowOf(config, input, 2);
    const shape = convolved(config, input, size, strides, dilation, padding, filters);
    const convolve = grouped(groups, (x, w) =>
      tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, pair(strides), padding, 'NHWC', pair(dilation)),
    );
    const layer = biased(config, make, shape, [kernel], ([x], [w]) => convolve(x!, w!));
    return { ...layer, ...dilatedGradient(dilation) };
  },
  DepthwiseConv2D: (config, inputs, make) => {
    const input = onlyInput(config, inputs, 3);
    const { padding, size, dilation, strides } = windowOf(config, input, 2);
    const multiplier = config.count('depth_multiplier', 1);
    const shape = convolved(config, input, size, strides, dilation, padding, input[2]! * multiplier);
    const kernel = trained('depthwise_kernel', ...size, input[2]!, multiplier);
    const layer = biased(config, make, shape, [kernel], ([x], [w]) => depthwise(x!, w!, strides, dilation, padding));
    return { ...layer, noGradient: true };
  },
  SeparableConv2D: (config, inputs, make) => {
    const input = onlyInput(config, inputs, 3);
    const { padding, filters, size, dilation, strides } = windowOf(config, input, 2);
    const multiplier = config.count('depth_multiplier', 1);
    const shape = convolved(config, input, size, strides, dilation, padding, filters);
    const weights = [
      trained('depthwise_kernel', ...size, input[2]!, multiplier),
      trained('pointwise_kernel', 1, 1, input[2]! * multiplier, filters),
    ];
    const layer = biased(config, make, shape, weights, ([x], [deep, flat]) =>
      tf.conv2d(depthwise(x!, deep!, strides, dilation, padding), flat as tf.Tensor4D, 1, 'valid'),
    );
    return { ...layer, noGradient: true };
  },
  SeparableConv1D: inOneRow('SeparableConv2D', ['depthwise_kernel', 'pointwise_kernel']),
  DepthwiseConv1D: inOneRow('DepthwiseConv2D', ['depthwise_kernel', 'kernel']),
  Conv1DTranspose: inOneRow('Conv2DTranspose', ['kernel']),
};

/** A layer of sequences `[t, c]`, as one of pictures of one row. */
function inOneRow(className: string, rowKernels: readonly string[]): LayerMaker {
  return (config, inputs, make) => {
    const [steps, channels] = onlyInput(config, inputs, 2);
    channelsLast(config);
    const isCausal = config.get('padding') === 'causal';
    const [size, stride, dilation] = ['kernel_size', 'strides', 'dilation_rate'].map((key) =>
      key === 'kernel_size' ? config.counts(key, 1)[0]! : config.counts(key, 1, 1)[0]!,
    ) as [number, number, number];
    const left = isCausal ? (size - 1) * dilation : 0;
    const row = config.with({
      kernel_size: [1, size],
      strides: className === 'Conv2DTranspose' ? [1, stride] : [stride, stride],
      dilation_rate: dilation === 1 ? [1, 1] : [dilation, dilation],
      ...(config.get('output_padding') !== undefined && {
        output_padding: [0, ...config.counts('output_padding', 1, 0, 0)],
      }),
      ...(isCausal && { padding: 'valid' }),
    });
    const layer = make(className, row, [[1, steps! + left, channels!]]);
    const [, ...shape] = layer.shape;
    return {
      ...layer,
      shape,
      weights: layer.weights.map((spec) =>
        rowKernels.includes(spec.name) ? { ...spec, shape: spec.shape.slice(1) } : spec,
      ),
      apply: ([x], weights) => {
        const padded = tf.pad(x!, [
          [0, 0],
          [left, 0],
          [0, 0],
        ]);
        const own = weights.map((value, i) =>
          rowKernels.includes(layer.weights[i]!.name) ? tf.expandDims(value, 0) : value,
        );
        return tf.squeeze(layer.apply([tf.expandDims(padded, 1)], own), [1]);
      },
    };
  };
}

/** Adds the bias and the activation that a layer has to what it computes. */
export function biased(
  config: LayerConfig,
  make: MakeLayer,
  shape: Shape,
  weights: readonly WeightSpec[],
  compute: Layer['apply'],
): Layer {
  const activation = activationOf(config, shape, make);
  const hasBias = config.flag('use_bias', true);
  const count = weights.length;
  return {
    shape,
    weights: hasBias ? [...weights, trained('bias', shape.at(-1)!)] : weights,
    apply: (inputs, values) => {
      const result = compute(inputs, values);
      return activation(hasBias ? tf.add(result, values[count]!) : result);
    },
  };
}

/** Whether windows reach over the edges of their input. */
export type Padding = 'same' | 'valid';

/** What all convolutions say of themselves. */
export function windowOf<Other extends string = never>(
  config: LayerConfig,
  input: Shape,
  axes: number,
  otherPaddings: readonly Other[] = [],
) {
  channelsLast(config);
  const size = config.counts('kernel_size', axes);
  const groups = config.count('groups', 1);
  const filters = config.get('filters') === undefined ? 1 : config.count('filters');
  const channels = input.at(-1)!;
  if (channels % groups !== 0 || filters % groups !== 0) {
    throw config.refused(`cannot part ${channels} channels and ${filters} filters into ${groups} groups`);
  }
  return {
    size,
    groups,
    filters,
    strides: config.counts('strides', axes, 1),
    dilation: config.counts('dilation_rate', axes, 1),
    padding: config.oneOf<Padding | Other>('padding', ['valid', 'same', ...otherPaddings], 'valid'),
    kernel: trained('kernel', ...size, channels / groups, filters),
  };
}

/** Refuses pictures whose channels come first: the backends have no convolutions for them. */
export function channelsLast(config: LayerConfig): void {
  const format = config.get('data_format') ?? 'channels_last';
  if (format === 'channels_last' || format === 'channelsLast') return;
  throw config.refused(
    `has data_format ${JSON.stringify(format)}; only channels_last is supported`,
    'convert the network to channels_last, or export it to ONNX',
  );
}

function convolved(
  config: LayerConfig,
  [height, width]: Shape,
  size: readonly number[],
  strides: readonly number[],
  dilation: readonly number[],
  padding: Padding,
  filters: number,
): Shape {
  const lengths = [height!, width!].map((length, axis) =>
    outLength(length, (size[axis]! - 1) * dilation[axis]! + 1, strides[axis]!, padding),
  );
  return positive(config, [...lengths, filters]);
}

/** Length of an axis after a window went along it. */
export function outLength(length: number, window: number, stride: number, padding: Padding): number {
  return padding === 'same' ? Math.ceil(length / stride) : Math.ceil((length - window + 1) / stride);
}

/** @throws L2cafError `model-invalid` when nothing is left */
export function positive(config: LayerConfig, shape: Shape): Shape {
  if (shape.every((length) => length > 0)) return shape;
  throw config.refused('leaves nothing of its input, which is smaller than its window', 'use larger frames');
}

/** The core has no gradient of dilated convolutions. */
function dilatedGradient(dilation: readonly number[]): Pick<Layer, 'noGradient'> {
  return dilation.some((one) => one !== 1) ? { noGradient: true } : {};
}

/** Channels in groups, each with filters of its own. */
export function grouped(
  groups: number,
  convolve: (x: tf.Tensor, kernel: tf.Tensor) => tf.Tensor,
): (x: tf.Tensor, kernel: tf.Tensor) => tf.Tensor {
  if (groups === 1) return convolve;
  return (x, kernel) => {
    const parts = tf.split(x, groups, -1);
    const kernels = tf.split(kernel, groups, -1);
    return tf.concat(
      parts.map((part, i) => convolve(part, kernels[i]!)),
      -1,
    );
  };
}

function depthwise(
  x: tf.Tensor,
  kernel: tf.Tensor,
  strides: readonly number[],
  dilation: readonly number[],
  padding: Padding,
): tf.Tensor4D {
  return tf.depthwiseConv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, pair(strides), padding, 'NHWC', pair(dilation));
}

/** Two numbers of a list. */
export function pair([a, b]: readonly number[]): [number, number] {
  return [a!, b!];
}
