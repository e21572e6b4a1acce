/** The gradients of a convolution on wasm against the cpu backend, which brings its own. */

import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';

function randomTensor(shape: [number, number, number, number], key: number): tf.Tensor4D {
  const random = createRandom(7, key);
  const count = shape.reduce((product, n) => product * n, 1);
  return tf.tensor4d(
    Float32Array.from({ length: count }, () => random.normal()),
    shape,
  );
}

/** The gradients of a convolution `[2, h, w, 5]` → 3 channels, with respect to its input and its kernel. */
async function gradientsOn(
  backend: 'wasm' | 'cpu',
  size: [number, number],
  kernelSize: [number, number],
  stride: 1 | 2,
  pad: 'same' | 'valid',
): Promise<Float32Array[]> {
  await useBackend(backend);
  const before = tf.memory().numTensors;
  const [x, kernel] = [randomTensor([2, ...size, 5], 1), randomTensor([...kernelSize, 5, 3], 2)];
  const convolution = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
    tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad);
  const gradients = tf.tidy(() => {
    const dy = randomTensor(convolution(x, kernel).shape as [number, number, number, number], 3);
    return tf.grads(convolution)([x, kernel], dy);
  });
  const values = gradients.map((gradient) => gradient.dataSync<'float32'>());
  tf.dispose([x, kernel, gradients]);
  expect(tf.memory().numTensors).toBe(before);
  return values;
}

it.each<[[number, number], [number, number], 1 | 2, 'same' | 'valid']>([
  [[9, 8], [1, 1], 1, 'same'],
  [[9, 8], [3, 3], 1, 'same'],
  [[9, 8], [3, 5], 1, 'same'],
  [[9, 8], [2, 2], 1, 'same'],
  [[18, 16], [3, 3], 2, 'same'],
  [[17, 19], [3, 3], 2, 'same'],
  [[17, 18], [3, 3], 2, 'valid'],
  [[18, 17], [1, 1], 2, 'same'],
  [[4, 3], [3, 3], 2, 'same'],
  [[3, 9], [3, 1], 1, 'valid'],
])('equal those of the cpu backend: input %j, kernel %j, stride %i, %s', async (size, kernelSize, stride, pad) => {
  const expected = await gradientsOn('cpu', size, kernelSize, stride, pad);
  const actual = await gradientsOn('wasm', size, kernelSize, stride, pad);
  for (const [k, values] of expected.entries()) {
    expect(actual[k]!.length).toBe(values.length);
    const largest = Math.max(...values.map(Math.abs));
    expect(Math.max(...actual[k]!.map((value, i) => Math.abs(value - values[i]!)))).toBeLessThan(1e-5 * largest);
  }
});
