/**
 * Batch norm at inference is a scale and a shift per channel, so it is folded into the convolution before it: one
 * operation less per layer, and one weights format for networks from different libraries.
 */
import type { NamedArray } from './safetensors.ts';

/** The parameters of one batch norm, each `[channels]`. */
export interface BatchNorm {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  readonly epsilon: number;
}

/**
 * `kernel' = kernel · γ/√(σ²+ε)` per output channel, `bias' = (bias − μ) · γ/√(σ²+ε) + β`.
 *
 * @param kernel `[h, w, in, out]`
 * @param bias `[out]`, absent for convolutions without one
 */
export function foldBatchNorm(
  kernel: NamedArray,
  bias: Float32Array | undefined,
  { gamma, beta, mean, variance, epsilon }: BatchNorm,
): { kernel: NamedArray; bias: NamedArray } {
  const channels = gamma.length;
  const scale = Float64Array.from(gamma, (value, i) => value / Math.sqrt(variance[i]! + epsilon));
  return {
    kernel: { shape: kernel.shape, data: kernel.data.map((value, i) => value * scale[i % channels]!) },
    bias: { shape: [channels], data: beta.map((value, i) => value + ((bias?.[i] ?? 0) - mean[i]!) * scale[i]!) },
  };
}
