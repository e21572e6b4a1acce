/**
 * tfjs-backend-wasm has no gradient of a convolution with respect to its kernel, so nothing with a convolution could be
 * trained on the default backend. This provides that kernel from operations it has: shifted views of the input, each
 * multiplied with the output's gradient as one matrix product.
 */
import * as tf from '@tensorflow/tfjs';

const KERNEL_NAME = 'Conv2DBackpropFilter';

/** Registers the missing kernel on the wasm backend. Safe to call again, and when another backend runs. */
export function provideWasmConvGradient(): void {
  if (tf.getKernel(KERNEL_NAME, 'wasm') !== undefined) return;
  tf.registerKernel({
    kernelName: KERNEL_NAME,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
      const { strides, pad, filterShape, dimRoundingMode } = attrs as unknown as ConvolutionAttributes;
      const geometry = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
      return kernelGradient(x, dy, geometry);
    },
  });
}

interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
  readonly filterShape: [number, number, number, number];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Input `[n, h, w, in]` and gradient of the output `[n, h', w', out]` → gradient of the kernel `[k, k, in, out]`. */
function kernelGradient(x: tf.Tensor4D, dy: tf.Tensor4D, geometry: tf.backend_util.Conv2DInfo): tf.Tensor4D {
  return tf.tidy(() => {
    const { filterHeight, filterWidth, inChannels, outChannels } = geometry;
    // The gradient is transposed rather than the input, which is usually much larger: [out, n·h'·w']
    const gradient = tf.transpose(tf.reshape(dy, [-1, outChannels])) as tf.Tensor2D;
    const taps: tf.Tensor2D[] = [];
    for (let row = 0; row < filterHeight; row++) {
      for (let column = 0; column < filterWidth; column++) {
        const seen = tf.tidy(() => tf.reshape(inputOfTap(x, geometry, row, column), [-1, inChannels]));
        taps.push(tf.matMul(gradient, seen)); // [out, in]
        seen.dispose();
      }
    }
    const stacked = tf.reshape(tf.stack(taps), [filterHeight, filterWidth, outChannels, inChannels]);
    return tf.transpose(stacked, [0, 1, 3, 2]) as tf.Tensor4D;
  });
}

/**
 * What kernel position (row, column) meets at each output position: `[n, h', w', in]`. A stride s is undone by viewing
 * the padded input as s × s interleaved phases, because a strided slice is slow on wasm.
 */
function inputOfTap(x: tf.Tensor4D, geometry: tf.backend_util.Conv2DInfo, row: number, column: number): tf.Tensor4D {
  const { outHeight, outWidth, strideHeight, strideWidth, filterHeight, filterWidth, inChannels, padInfo } = geometry;
  const [n, height, width] = x.shape;
  // Whole phases: enough for the last kernel position, rounded up to a multiple of the stride.
  const rows = Math.ceil(((outHeight - 1) * strideHeight + filterHeight) / strideHeight);
  const columns = Math.ceil(((outWidth - 1) * strideWidth + filterWidth) / strideWidth);
  const bottom = rows * strideHeight - height - padInfo.top;
  const right = columns * strideWidth - width - padInfo.left;
  const visible = tf.slice(x, [0, 0, 0, 0], [n, height + Math.min(0, bottom), width + Math.min(0, right), inChannels]);
  const padded = tf.pad(visible, [
    [0, 0],
    [padInfo.top, Math.max(0, bottom)],
    [padInfo.left, Math.max(0, right)],
    [0, 0],
  ]);
  const phases = tf.reshape(padded, [n * rows, strideHeight, columns, strideWidth * inChannels]);
  const phase = tf.slice(
    phases,
    [0, row % strideHeight, 0, (column % strideWidth) * inChannels],
    [n * rows, 1, columns, inChannels],
  );
  return tf.slice(
    tf.reshape(phase, [n, rows, columns, inChannels]) as tf.Tensor4D,
    [0, Math.floor(row / strideHeight), Math.floor(column / strideWidth), 0],
    [n, outHeight, outWidth, inChannels],
  );
}
