/**
 * tfjs-backend-wasm takes five to ten times as long for the gradient of a convolution with respect to its input as for the
 * convolution itself. Without a stride the gradient is a convolution too, with the kernel turned round, so let it be one
 * where the picture is large enough to pay for turning the kernel: gradient descent on tails with convolutions waits for
 * little else.
 */
import * as tf from '@tensorflow/tfjs';

const KERNEL_NAME = 'Conv2DBackpropInput';

let done = false;

/** Positions `n·h·w` from which on turning the kernel, which the backend then packs anew, costs less than it saves. */
const MIN_POSITIONS = 100;

/** Re-registers the wasm kernel. Safe to call again. */
export function speedUpWasmConvInputGradient(): void {
  const kernel = tf.getKernel(KERNEL_NAME, 'wasm');
  if (done || kernel === undefined) return;
  done = true;
  tf.unregisterKernel(KERNEL_NAME, 'wasm');
  tf.registerKernel({
    ...kernel,
    kernelFunc: (params) => {
      const { dy, filter } = params.inputs as unknown as { dy: tf.Tensor4D; filter: tf.Tensor4D };
      const isLarge = dy.shape[0] * dy.shape[1] * dy.shape[2] >= MIN_POSITIONS;
      return isLarge && isPlain(params.attrs as unknown as GradientAttributes, filter)
        ? turnedConvolution(dy, filter)
        : kernel.kernelFunc(params);
    },
  });
}

interface GradientAttributes {
  readonly strides: number | readonly number[];
  readonly pad: unknown;
  readonly dataFormat?: string;
}

/** Without a stride and padded evenly on all sides. */
function isPlain({ strides, pad, dataFormat = 'NHWC' }: GradientAttributes, { shape }: tf.Tensor4D): boolean {
  const isUnstrided = [strides].flat().every((stride) => stride === 1);
  return isUnstrided && pad === 'same' && dataFormat === 'NHWC' && shape[0] % 2 === 1 && shape[1] % 2 === 1;
}

/** Gradient of the output `[n, h, w, out]`, kernel `[k, k, in, out]` → gradient of the input `[n, h, w, in]`. */
function turnedConvolution(dy: tf.Tensor4D, kernel: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const [height, width, inChannels, outChannels] = kernel.shape;
    const taps = tf.reshape(kernel, [height * width, inChannels, outChannels]) as tf.Tensor3D;
    const backwards = tf.range(height * width - 1, -1, -1, 'int32'); // gather is fast on wasm, reverse is not
    const turned = tf.transpose(height * width === 1 ? taps : tf.gather(taps, backwards), [0, 2, 1]);
    return tf.conv2d(dy, tf.reshape(turned, [height, width, outChannels, inChannels]) as tf.Tensor4D, 1, 'same');
  });
}
