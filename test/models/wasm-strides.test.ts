/** Convolutions on wasm are those of the plain backend, whatever their strides. */
import { expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { normals } from '../l2caf/toys.ts';

const CASES = [32, 33, 15].flatMap((size) =>
  [1, 2, 3, 5].flatMap((kernel) => [2, 3, 4, 8].map((stride) => [size, kernel, stride] as const)),
);

/** All kinds of convolutions of pictures that are one column wider than high. */
async function convolutions(backend: 'wasm' | 'cpu'): Promise<readonly (readonly number[])[]> {
  await useBackend(backend);
  return CASES.flatMap(([size, kernel, stride]) =>
    tf.tidy(() => {
      const x = tf.tensor4d(normals(size * (size + 1) * 3, 1, 1), [1, size, size + 1, 3]);
      const filter = tf.tensor4d(normals(kernel * kernel * 12, 1, 2), [kernel, kernel, 3, 4]);
      const own = tf.tensor4d(normals(kernel * kernel * 3, 1, 3), [kernel, kernel, 3, 1]);
      const bias = tf.tensor1d(normals(4, 1, 4));
      return [
        tf.conv2d(x, filter, stride, 'same'),
        tf.conv2d(x, filter, [stride, 1], 'same'),
        tf.fused.conv2d({ x, filter, strides: stride, pad: 'same', bias, activation: 'relu' }),
        tf.depthwiseConv2d(x, own, stride, 'same'),
        tf.fused.depthwiseConv2d({ x, filter: own, strides: stride, pad: 'same', activation: 'relu' }),
      ].map((result) => [...result.dataSync()]);
    }),
  );
}

it('does not leave a convolution out whose stride goes beyond its kernel', async () => {
  const [wasm, cpu] = [await convolutions('wasm'), await convolutions('cpu')];
  for (const [i, values] of wasm.entries()) {
    const [size, kernel, stride] = CASES[Math.floor(i / 5)]!;
    const farthest = Math.max(...values.map((value, k) => Math.abs(value - cpu[i]![k]!)));
    expect(farthest, `${size}, kernel ${kernel}, stride ${stride}, convolution ${i % 5}`).toBeLessThan(1e-3);
  }
});
