/**
 * The two gradients of a convolution on wasm, both as one matrix product around a view of the input as *patches* (im2col:
 * row p holds what the kernel meets at output position p). tfjs-backend-wasm has no gradient with respect to the kernel
 * at all, so nothing with a convolution could be trained on the default backend; and it takes five to ten times as long
 * for the gradient with respect to the input as for the convolution itself. Patches are moved in the backend's own
 * memory, row by row: its slice, pad and concat copy whole tensors for each piece.
 */

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '../base/tensorflow.ts';

let done = false;

/** Registers both gradients on the wasm backend. Safe to call again. */
export function speedUpWasmConvGradients(): void {
  const slow = tf.getKernel(INPUT_GRADIENT, 'wasm');
  if (done || slow === undefined) return;
  done = true;
  tf.registerKernel({
    kernelName: KERNEL_GRADIENT,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
      const { filterShape, ...rest } = attrs as unknown as GradientAttributes & { filterShape: KernelShape };
      return kernelGradient(backend as BackendWasm, x, dy, geometryOf(x.shape, filterShape, rest));
    },
  });
  tf.unregisterKernel(INPUT_GRADIENT, 'wasm');
  tf.registerKernel({
    ...slow,
    kernelFunc: (params) => {
      const { dy, filter } = params.inputs as unknown as { dy: tf.Tensor4D; filter: tf.Tensor4D };
      const { inputShape, ...rest } = params.attrs as unknown as GradientAttributes & { inputShape: KernelShape };
      const geometry = geometryOf(inputShape, filter.shape, rest);
      return inputGradient(params.backend as BackendWasm, dy, filter, geometry);
    },
  });
}

const KERNEL_GRADIENT = 'Conv2DBackpropFilter';
const INPUT_GRADIENT = 'Conv2DBackpropInput';

type KernelShape = [number, number, number, number];
type Geometry = tf.backend_util.Conv2DInfo;

interface GradientAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function geometryOf(input: KernelShape, kernel: KernelShape, attributes: GradientAttributes): Geometry {
  const { strides, pad, dimRoundingMode } = attributes;
  return tf.backend_util.computeConv2DInfo(input, kernel, strides, 1, pad, dimRoundingMode);
}

/** Input `[n, h, w, in]` and gradient of the output `[n, h', w', out]` → gradient of the kernel `[k, k, in, out]`. */
function kernelGradient(backend: BackendWasm, x: tf.Tensor4D, dy: tf.Tensor4D, geometry: Geometry): tf.Tensor4D {
  const { filterHeight, filterWidth, inChannels, outChannels } = geometry;
  return tf.tidy(() => {
    const patches = isPointwise(geometry) ? tf.reshape(x, [-1, inChannels]) : patchesOf(backend, x, geometry);
    // The gradient is transposed rather than the patches, which are usually much larger: [out, n·h'·w']
    const gradient = tf.transpose(tf.reshape(dy, [-1, outChannels])) as tf.Tensor2D;
    const turned = tf.transpose(tf.matMul(gradient, patches as tf.Tensor2D)); // [k·k·in, out]
    return tf.reshape(turned, [filterHeight, filterWidth, inChannels, outChannels]) as tf.Tensor4D;
  });
}

/** Gradient of the output `[n, h', w', out]`, kernel `[k, k, in, out]` → gradient of the input `[n, h, w, in]`. */
function inputGradient(backend: BackendWasm, dy: tf.Tensor4D, kernel: tf.Tensor4D, geometry: Geometry): tf.Tensor4D {
  const { outChannels, inShape } = geometry;
  return tf.tidy(() => {
    const turned = tf.transpose(tf.reshape(kernel, [-1, outChannels])) as tf.Tensor2D; // [out, k·k·in]
    const patches = tf.matMul(tf.reshape(dy, [-1, outChannels]) as tf.Tensor2D, turned); // [n·h'·w', k·k·in]
    if (isPointwise(geometry)) return tf.reshape(patches, inShape) as tf.Tensor4D;
    const gradient = tf.zeros<tf.Rank.R4>(inShape);
    const [sums, parts] = [numbersOf(backend, gradient), numbersOf(backend, patches)];
    eachKernelRow(geometry, (input, patch, length) => {
      for (let i = 0; i < length; i++) sums[input + i]! += parts[patch + i]!;
    });
    return gradient;
  });
}

/** Input `[n, h, w, in]` → what the kernel meets at each output position, zero beyond the border: `[n·h'·w', k·k·in]`. */
function patchesOf(backend: BackendWasm, x: tf.Tensor4D, geometry: Geometry): tf.Tensor2D {
  const { batchSize, outHeight, outWidth, filterHeight, filterWidth, inChannels } = geometry;
  const patches = tf.zeros<tf.Rank.R2>([batchSize * outHeight * outWidth, filterHeight * filterWidth * inChannels]);
  const [from, to] = [numbersOf(backend, x), numbersOf(backend, patches)];
  eachKernelRow(geometry, (input, patch, length) => to.set(from.subarray(input, input + length), patch));
  return patches;
}

/**
 * Visits every row of the kernel at every output position, as far as it lies within the input: `length` numbers from
 * `input` in the input, and from `patch` in the patches, are the same.
 */
function eachKernelRow(geometry: Geometry, visit: (input: number, patch: number, length: number) => void): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth } = geometry;
  const { strideHeight, strideWidth, padInfo } = geometry;
  let patch = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let y = -padInfo.top; y < outHeight * strideHeight - padInfo.top; y += strideHeight) {
      for (let x = -padInfo.left; x < outWidth * strideWidth - padInfo.left; x += strideWidth) {
        const first = Math.max(0, -x);
        const length = (Math.min(filterWidth, inWidth - x) - first) * inChannels;
        for (let row = y; row < y + filterHeight; row++) {
          const input = ((n * inHeight + row) * inWidth + x + first) * inChannels;
          if (row >= 0 && row < inHeight && length > 0) visit(input, patch + first * inChannels, length);
          patch += filterWidth * inChannels;
        }
      }
    }
  }
}

/** A kernel of one cell that meets each input cell once: the patches are the input. */
function isPointwise({ filterHeight, filterWidth, strideHeight, strideWidth, padInfo }: Geometry): boolean {
  const { top, bottom, left, right } = padInfo;
  return filterHeight * filterWidth * strideHeight * strideWidth === 1 && top + bottom + left + right === 0;
}

/** The memory of a tensor, until the next one is made. */
function numbersOf(backend: BackendWasm, tensor: tf.Tensor): Float32Array {
  return backend.typedArrayFromHeap(tensor as tf.TensorInfo) as Float32Array;
}
