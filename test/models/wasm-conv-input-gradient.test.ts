import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useBackend } from '../../src/models/backend.ts';
import { normals } from '../l2caf/toys.ts';

/** The gradient of a convolution's input, on a backend. */
async function inputGradient(
  backend: 'wasm' | 'cpu',
  size: [number, number],
  strides: number,
  pad: 'same' | 'valid',
): Promise<Float32Array> {
  await useBackend(backend);
  const before = tf.memory().numTensors;
  const gradient = tf.tidy(() => {
    const x = tf.tensor4d(normals(3 * 7 * 6 * 3, 1, 1), [3, 7, 6, 3]);
    const kernel = tf.tensor4d(normals(size[0] * size[1] * 3 * 4, 1, 2), [...size, 3, 4]);
    const y = tf.conv2d(x, kernel, strides, pad);
    const dy = tf.tensor4d(normals(y.size, 1, 3), y.shape);
    const ofInput = tf.grad((input: tf.Tensor) => tf.conv2d(input as tf.Tensor4D, kernel, strides, pad));
    return ofInput(x, dy).dataSync<'float32'>();
  });
  expect(tf.memory().numTensors).toBe(before);
  return gradient;
}

describe('the gradient of a convolution with respect to its input, on wasm', () => {
  it.each<[string, [number, number], number, 'same' | 'valid']>([
    ['1×1', [1, 1], 1, 'same'],
    ['3×3', [3, 3], 1, 'same'],
    ['3×5', [3, 5], 1, 'same'],
    ['2×2, which is padded unevenly', [2, 2], 1, 'same'],
    ['3×3 with a stride', [3, 3], 2, 'same'],
    ['3×3 without padding', [3, 3], 1, 'valid'],
  ])('equals that of the cpu backend: %s', async (_, size, strides, pad) => {
    const expected = await inputGradient('cpu', size, strides, pad);
    const actual = await inputGradient('wasm', size, strides, pad);
    expect(actual.length).toBe(expected.length);
    for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
  });
});
