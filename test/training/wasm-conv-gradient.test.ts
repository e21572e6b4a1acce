/** The convolution's kernel gradient on wasm against the cpu backend, which brings its own. */
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { useBackend } from '../../src/models/backend.ts';
import { provideWasmConvGradient } from '../../src/models/wasm-conv-gradient.ts';
import { createRandom } from '../../src/random.ts';

function randomTensor(shape: [number, number, number, number], key: number): tf.Tensor4D {
  const random = createRandom(7, key);
  const count = shape.reduce((product, n) => product * n, 1);
  return tf.tensor4d(
    Float32Array.from({ length: count }, () => random.normal()),
    shape,
  );
}

async function kernelGradientOn(
  backend: 'wasm' | 'cpu',
  size: [number, number],
  kernelSize: number,
  stride: 1 | 2,
  pad: 'same' | 'valid',
): Promise<number[]> {
  await useBackend(backend);
  if (backend === 'wasm') provideWasmConvGradient();
  const before = tf.memory().numTensors;
  const result = tf.tidy(() => {
    const x = randomTensor([2, ...size, 5], 1);
    const weights = randomTensor([kernelSize, kernelSize, 5, 3], 2);
    const gradient = tf.grad((kernel) => tf.sum(tf.square(tf.conv2d(x, kernel as tf.Tensor4D, stride, pad))))(weights);
    return [...gradient.dataSync()];
  });
  expect(tf.memory().numTensors).toBe(before);
  return result;
}

it.each([
  [[6, 8], 1, 1, 'same'],
  [[6, 8], 3, 1, 'same'],
  [[6, 8], 3, 2, 'same'],
  [[7, 9], 3, 2, 'same'],
  [[7, 8], 3, 2, 'valid'],
  [[8, 7], 1, 2, 'same'],
] as const)('equals the cpu backend: %j, kernel %i, stride %i, %s', async (size, kernelSize, stride, pad) => {
  const expected = await kernelGradientOn('cpu', [...size], kernelSize, stride, pad);
  const actual = await kernelGradientOn('wasm', [...size], kernelSize, stride, pad);
  const largest = Math.max(...expected.map(Math.abs));
  expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5 * largest);
});
