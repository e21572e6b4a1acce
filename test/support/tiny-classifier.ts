/**
 * A classification network small enough for fast tests: two convolutions on a 32×32 picture, pooling, and a dense layer
 * for ten classes. Its weights are random; its plumbing is the real one.
 */

import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { ClassificationNetwork } from '../../src/models/classification-network.ts';
import type { Classifier } from '../../src/models/classifiers.ts';
import type { WeightsEdit } from '../../src/models/reinitialise.ts';
import type { FoldedWeights } from '../../src/models/resnet.ts';
import type { OpenClassifier } from '../../src/stills/still-network.ts';
import { normals } from '../l2caf/toys.ts';

/** Classes of the tiny network. */
export const TINY_CLASSES = 10;

/** The tiny network, opened. Its `network` is to be disposed of. */
export async function openTinyClassifier(): Promise<OpenClassifier> {
  const classifier = tinyClassifier();
  return { classifier, network: await classifier.load(), backend: await useBackend('wasm') };
}

/** The network with its weights, as the real ones are found. */
export function tinyClassifier(): Classifier {
  return {
    id: 'tiny',
    layers: ['first', 'last'],
    weightsSha256: 'f'.repeat(64),
    parts: ['classifier', 'last', 'first'].map((name) => ({ name, owns: (weight) => weight === `${name}/kernel` })),
    load: async (edit) => build(edit),
  };
}

/** A picture as the network takes it, `[1, 32, 32, 3]`. The caller disposes. */
export function tinyPicture(network: ClassificationNetwork): tf.Tensor4D {
  const rgb = Uint8Array.from(normals(32 * 32 * 3, 60, 3), (value) => Math.min(255, Math.abs(value)));
  return network.preprocess({ rgb, shape: [1, 32, 32, 3] });
}

function build(edit: WeightsEdit = (weights) => weights): ClassificationNetwork {
  const weights: FoldedWeights = edit(
    new Map([
      ['first/kernel', { shape: [3, 3, 3, 8], data: normals(216, 0.4, 40) }],
      ['last/kernel', { shape: [3, 3, 8, 12], data: normals(864, 0.2, 41) }],
      ['classifier/kernel', { shape: [12, TINY_CLASSES], data: normals(12 * TINY_CLASSES, 1, 42) }],
    ]),
  );
  const kernels = ['first', 'last'].map((name) => {
    const { data, shape } = weights.get(`${name}/kernel`)!;
    return tf.tensor4d(data, shape as [number, number, number, number]);
  });
  const step = (name: string, i: number, strides: number) => ({
    name,
    apply: (x: tf.Tensor4D) => tf.tidy(() => tf.relu(tf.conv2d(x, kernels[i]!, strides, 'same'))),
  });
  return {
    id: 'tiny',
    inputSize: { width: 32, height: 32 },
    steps: [step('first', 0, 4), step('last', 1, 2)],
    defaultLayer: 'last',
    dense: { kernel: weights.get('classifier/kernel')!.data, bias: new Float32Array(TINY_CLASSES).fill(0.1) },
    classes: TINY_CLASSES,
    preprocess: ({ rgb, shape }) =>
      tf.tensor4d(
        Float32Array.from(rgb, (value) => value / 255),
        [...shape],
      ),
    dispose: () => tf.dispose(kernels),
  };
}
