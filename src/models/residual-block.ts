/** Convolutions and residual blocks of a ResNet on tensors: of a frozen trunk, and of a stage that is trained. Differentiable. */
import * as tf from '../base/tensorflow.ts';

/**
 * What surrounds a picture where a kernel of size k > 1 meets its border: `symmetric` (torch and Keras v1) puts
 * `(k − 1) / 2` zeros on each side; `same` (TensorFlow) puts the odd zero of a strided layer on the right and bottom.
 */
export type Padding = 'symmetric' | 'same';

/** One convolution with its folded batch norm. Kernels are `[size, size, inChannels, outChannels]`. */
export interface ConvLayer {
  readonly name: string;
  readonly size: 1 | 3 | 7;
  readonly stride: 1 | 2;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** A residual block: `relu(convs(x) + shortcut(x))`, where no shortcut layer means the identity. */
export interface ResidualBlock {
  readonly name: string;
  readonly convs: readonly ConvLayer[];
  readonly shortcut?: ConvLayer;
}

/** Weights of one layer, batch norm folded in. */
export interface LayerTensors {
  /** `[size, size, inChannels, outChannels]` */
  readonly kernel: tf.Tensor4D;
  /** `[outChannels]` */
  readonly bias: tf.Tensor1D;
}

/** Gives the weights of a layer. */
export type LayerWeights = (layer: ConvLayer) => LayerTensors;

/** One convolution, `[n, h, w, in]` → `[n, h', w', out]`. The caller disposes of the result. */
export function convolve(
  x: tf.Tensor4D,
  layer: ConvLayer,
  { kernel, bias }: LayerTensors,
  padding: Padding,
  activation: 'relu' | 'linear',
): tf.Tensor4D {
  const common = { filter: kernel, bias, activation, strides: layer.stride };
  // Without a stride, and for 1×1 kernels, the two paddings are the same thing.
  const isPadded = padding === 'symmetric' && layer.stride === 2 && layer.size > 1;
  if (!isPadded) return tf.fused.conv2d({ ...common, x, pad: 'same' });
  return tf.fused.conv2d({ ...common, x: padSymmetric(x, (layer.size - 1) / 2), pad: 'valid' });
}

/** `relu(convs(x) + shortcut(x))`, `[n, h, w, in]` → `[n, h', w', out]`. The caller disposes of the result. */
export function runResidualBlock(
  x: tf.Tensor4D,
  { convs, shortcut }: ResidualBlock,
  weightsOf: LayerWeights,
  padding: Padding,
): tf.Tensor4D {
  const conv = (input: tf.Tensor4D, layer: ConvLayer, activation: 'relu' | 'linear'): tf.Tensor4D =>
    convolve(input, layer, weightsOf(layer), padding, activation);
  return tf.tidy(() => {
    const residual = convs.reduce((y, layer, i) => conv(y, layer, i === convs.length - 1 ? 'linear' : 'relu'), x);
    return tf.relu(tf.add(residual, shortcut ? conv(x, shortcut, 'linear') : x));
  });
}

/** Explicit zeros: the tensorflow backend knows only `same` and `valid`. */
export function padSymmetric(x: tf.Tensor4D, zeros: number): tf.Tensor4D {
  return tf.pad(x, [
    [0, 0],
    [zeros, zeros],
    [zeros, zeros],
    [0, 0],
  ]);
}
