/**
 * tfjs-backend-wasm computes zeros, and says nothing, for convolutions with padding `same` whose stride goes beyond the
 * kernel, so that the last steps leave rows or columns out: there its library takes the missing padding for a wrong one. This
 * wraps its convolutions to state the padding, none, in numbers.
 */
import * as tf from '../base/tensorflow.ts';

let done = false;

/** Re-registers the wasm convolutions so. Safe to call again. */
export function mendWasmStrides(): void {
  if (done) return;
  done = true;
  for (const [kernelName, isDepthwise] of KERNELS) {
    const kernel = tf.getKernel(kernelName, 'wasm');
    if (kernel === undefined) continue;
    tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({
      ...kernel,
      kernelFunc: (params) => kernel.kernelFunc({ ...params, attrs: withStatedPadding(params, isDepthwise) }),
    });
  }
}

const KERNELS = [
  ['Conv2D', false],
  ['FusedConv2D', false],
  ['DepthwiseConv2dNative', true],
  ['FusedDepthwiseConv2D', true],
] as const;

type Shape4D = [number, number, number, number];

interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];
  readonly dilations?: number | [number, number];
}

function withStatedPadding(
  { inputs, attrs = {} }: Parameters<tf.KernelFunc>[0],
  isDepthwise: boolean,
): tf.NamedAttrMap {
  const { strides, pad, dilations = 1 } = attrs as unknown as ConvolutionAttributes;
  if (pad !== 'same') return attrs;
  const [x, filter] = ['x', 'filter'].map((name) => inputs[name]!.shape as Shape4D) as [Shape4D, Shape4D];
  const info = tf.backend_util.computeConv2DInfo(x, filter, strides, dilations, pad, undefined, isDepthwise);
  const leftOut = (length: number, out: number, stride: number, reach: number): boolean =>
    (out - 1) * stride + reach < length;
  const { top, bottom, left, right } = info.padInfo;
  const isShort =
    leftOut(info.inHeight, info.outHeight, info.strideHeight, info.effectiveFilterHeight) ||
    leftOut(info.inWidth, info.outWidth, info.strideWidth, info.effectiveFilterWidth);
  if (!isShort) return attrs;
  const stated: ConvolutionAttributes['pad'] = [[0, 0], [top, bottom], [left, right], [0, 0]]; // biome-ignore format: one row
  return { ...attrs, pad: stated } as unknown as tf.NamedAttrMap;
}
