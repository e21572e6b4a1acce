/**
 * Networks that name what is in a picture. Such a network is a list of named steps from the picture to its last feature
 * map, then global average pooling and (usually) one dense layer; L2-CAF can filter the output of any step.
 */

import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import type { FrameBatch, PictureSize } from '../base/types.ts';

/** One step of a network. */
export interface NamedStep {
  readonly name: string;
  /** `[n, h, w, c]` → `[n, h', w', c']`. The caller disposes of both. */
  apply(x: tf.Tensor4D): tf.Tensor4D;
}

/** The dense layer after global average pooling: kernel `[channels, classes]` row by row, bias `[classes]`. */
export interface DenseClassifier {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/** What a network does with the input of its first step: steps, global average pooling, and (usually) one dense layer. */
export interface LayeredNetwork {
  readonly id: string;
  /** From the input to the last feature map. */
  readonly steps: readonly NamedStep[];
  /** The layer whose output is filtered unless another is asked for. */
  readonly defaultLayer: string;
  /** After the steps and global average pooling; absent when the pooled map is the answer. */
  readonly dense?: DenseClassifier;
  /** What the answer is: scores of classes unless it says otherwise. */
  readonly answer?: 'scores' | 'embedding';
  /** Number of classes, or components of the embedding. */
  readonly classes: number;
}

/** A classification network on the current backend. Dispose of it when done. */
export interface ClassificationNetwork extends LayeredNetwork {
  /** Size at which pictures are classified. */
  readonly inputSize: PictureSize;
  /** Pictures `[n, h, w, 3]`, RGB bytes → input `[n, h, w, 3]`. The caller disposes. */
  preprocess(pictures: Pick<FrameBatch, 'rgb' | 'shape'>): tf.Tensor4D;
  /** Frees its tensors. */
  dispose(): void;
}

/**
 * The same network without its dense layer: its answer is the pooled last feature map, an embedding. It shares the tensors.
 *
 * @throws L2cafError `usage` when the pooled map holds the class scores
 */
export function withoutClasses<T extends LayeredNetwork>(network: T): T {
  if (network.answer === 'embedding') return network;
  const { dense, ...rest } = network;
  if (dense !== undefined) {
    return { ...(rest as T), answer: 'embedding', classes: dense.kernel.length / network.classes };
  }
  throw new L2cafError(
    'usage',
    `what ${network.id} pools are the scores of its classes already: there is no embedding`,
    {
      hint: 'use a network with a dense layer, such as resnet50-imagenet',
    },
  );
}

/**
 * The place of a layer among those of a network.
 *
 * @throws L2cafError `usage` when there is no such layer.
 */
export function layerIndex(network: string, layers: readonly string[], name: string): number {
  const index = layers.indexOf(name);
  if (index >= 0) return index;
  throw new L2cafError('usage', `${network} has no layer named ${name}`, { hint: `its layers: ${layers.join(', ')}` });
}

/** Runs steps one after another, `[n, h, w, c]` → `[n, h', w', c']`. Differentiable. The caller disposes of both. */
export function runSteps(steps: readonly NamedStep[], x: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() =>
    steps.reduce((y, step) => {
      const next = step.apply(y);
      y.dispose(); // a map is of no use once the next one is there; memory is that of the two largest neighbours
      return next;
    }, tf.clone(x)),
  );
}
