/**
 * The trainable part between the frozen trunk and the LSTM: a few convolutions with ReLU that bring the trunk's many
 * channels down to a small feature map, the one that L2-CAF filters (paper, Sec. 4.3).
 */
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { NamedArray } from './safetensors.ts';
import { expectShapes } from './shapes.ts';

/**
 * One convolution, `same` padding, then ReLU. With `same` padding a 3×3 of stride 2 on an even grid centres its cells
 * where the picture is divided evenly, so that a heatmap lies where the network looked.
 */
export interface ShallowLayer {
  readonly kernelSize: 1 | 3;
  readonly stride: 1 | 2;
  readonly channels: number;
}

/** Layers from the trunk on: `[]` is the identity. */
export type ShallowCnnSpec = readonly ShallowLayer[];

/** Shapes of the weights, by name: `cnn1/kernel` `[k, k, in, out]`, `cnn1/bias` `[out]`, … */
export function shallowCnnShapes(spec: ShallowCnnSpec, inChannels: number): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  let channels = inChannels;
  for (const [i, layer] of spec.entries()) {
    shapes.set(`cnn${i + 1}/kernel`, [layer.kernelSize, layer.kernelSize, channels, layer.channels]);
    shapes.set(`cnn${i + 1}/bias`, [layer.channels]);
    channels = layer.channels;
  }
  return shapes;
}

/** Grid of the shallow CNN's output for a trunk's grid. */
export function shallowCnnGrid(spec: ShallowCnnSpec, trunkGrid: GridShape): GridShape {
  const halve = (side: number): number => spec.reduce((n, { stride }) => Math.ceil(n / stride), side);
  return { height: halve(trunkGrid.height), width: halve(trunkGrid.width) };
}

/** A shallow CNN on the current backend. */
export interface ShallowCnn {
  /** Trunk features `[n, h, w, in]` → feature maps `[n, h', w', out]`. The caller disposes. */
  apply(features: tf.Tensor4D): tf.Tensor4D;
  /** Frees its tensors. */
  dispose(): void;
}

/**
 * Moves the weights to the current backend.
 *
 * @throws L2cafError `weights-invalid` when a layer is missing or has another shape.
 */
export function createShallowCnn(
  spec: ShallowCnnSpec,
  inChannels: number,
  weights: ReadonlyMap<string, NamedArray>,
): ShallowCnn {
  expectShapes(shallowCnnShapes(spec, inChannels), weights);
  const layers = spec.map(({ stride }, i) => {
    const kernel = weights.get(`cnn${i + 1}/kernel`)!;
    return {
      stride,
      kernel: tf.tensor4d(kernel.data, kernel.shape as [number, number, number, number]),
      bias: tf.tensor1d(weights.get(`cnn${i + 1}/bias`)!.data),
    };
  });
  return {
    apply: (features) =>
      tf.tidy(() =>
        layers.reduce(
          (x, { kernel, bias, stride }) =>
            tf.fused.conv2d({ x, filter: kernel, strides: stride, pad: 'same', bias, activation: 'relu' }),
          tf.clone(features),
        ),
      ),
    dispose: () => {
      for (const { kernel, bias } of layers) tf.dispose([kernel, bias]);
    },
  };
}
