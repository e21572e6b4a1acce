/**
 * tfjs-backend-wasm multiplies transposed matrices some thirty times slower than if they are transposed first, and every
 * gradient of a matrix product is such a product. This wraps its two matMul kernels to transpose first.
 */
import * as tf from '../base/tensorflow.ts';

let done = false;

/** Re-registers the wasm matMul kernels so that transposed operands are made contiguous first. Safe to call again. */
export function avoidTransposedWasmMatMul(): void {
  if (done) return;
  done = true;
  for (const kernelName of ['BatchMatMul', '_FusedMatMul']) {
    const kernel = tf.getKernel(kernelName, 'wasm');
    if (kernel === undefined) continue;
    tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({ ...kernel, kernelFunc: (params) => multiplyContiguous(kernel, params) });
  }
}

function multiplyContiguous(kernel: tf.KernelConfig, params: Parameters<tf.KernelFunc>[0]): ReturnType<tf.KernelFunc> {
  const attrs = params.attrs as { transposeA?: boolean; transposeB?: boolean } | undefined;
  if (!attrs?.transposeA && !attrs?.transposeB) return kernel.kernelFunc(params);
  const transposed: tf.TensorInfo[] = [];
  const contiguous = (input: tf.TensorInfo, isTransposed: boolean | undefined): tf.TensorInfo => {
    if (!isTransposed) return input;
    const rank = input.shape.length;
    const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2];
    const transpose = tf.getKernel('Transpose', 'wasm')!.kernelFunc;
    const out = transpose({ inputs: { x: input }, backend: params.backend, attrs: { perm } }) as tf.TensorInfo;
    transposed.push(out);
    return out;
  };
  const inputs = {
    ...params.inputs,
    a: contiguous(params.inputs['a']!, attrs.transposeA),
    b: contiguous(params.inputs['b']!, attrs.transposeB),
  };
  const result = kernel.kernelFunc({ ...params, inputs, attrs: { ...attrs, transposeA: false, transposeB: false } });
  const backend = params.backend as { disposeData(id: tf.DataId): void };
  for (const { dataId } of transposed) backend.disposeData(dataId);
  return result;
}
