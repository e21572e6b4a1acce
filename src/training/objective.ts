/**
 * The loss of one batch: metric loss on embeddings, softmax on classes, dense labels on the shallow CNN's cells, and agreement of the
 * views of events without labels.
 */

import { assertNever } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import { oneHot } from '../base/one-hot.ts';
import * as tf from '../base/tensorflow.ts';
import type { HeadSpec } from '../models/head.ts';
import { type Dropout, runHead, type WeightTensors } from '../models/head-network.ts';
import type { MetricLoss, Mining } from './choices.ts';
import type { DenseBatch } from './dense-labels.ts';
import { agreementLoss, type BatchLabels, crossEntropyLoss, nPairLoss, relationLoss, tripletLoss } from './losses.ts';

/** Which losses are added up, and with which weights. */
export interface ObjectiveOptions {
  readonly loss: MetricLoss;
  readonly mining: Mining;
  readonly margin: number;
  /** Weight of the softmax loss, where the head has a classifier. */
  readonly classifierWeight: number;
  /** Weight of the dense loss, where there are dense labels. */
  readonly denseWeight: number;
  /** Weight of the mean activation of the shallow CNN: sparse feature maps generalise better and leave less to look at. */
  readonly sparsityWeight: number;
  /** Weight of the size of the LSTM's input weights, channel by channel: it stops to read channels that it does not need. */
  readonly selectionWeight: number;
  /** Weight of the agreement of two views of events without labels, where there are such events. */
  readonly agreementWeight: number;
  /** Weight of the relations that the trunk's features have, by domain; see `relationLoss`. */
  readonly relationWeights: Readonly<Record<string, number>>;
}

/** A batch as the objective needs it. */
export interface TrainingBatch {
  /** Trunk features of all frames, `[n·t, h, w, c]`. */
  readonly features: tf.Tensor4D;
  /** Frames per event, t. */
  readonly frames: number;
  /** Label and domain of each event, `[n]`. */
  readonly samples: readonly { readonly label: string; readonly domain: string }[];
  readonly dense?: DenseBatch | undefined;
  /** Features of the first and then of the second views of events without labels, `[2·m·t, h, w, c]`. */
  readonly pairs?: tf.Tensor4D | undefined;
}

/** The parts of a loss; a part that is not used is absent. */
export type LossParts = Partial<
  Record<'classifier' | 'dense' | 'sparsity' | 'selection' | 'relation' | 'agreement', tf.Scalar>
> & {
  metric: tf.Scalar;
};

/** The weighted parts of the loss of a batch. Differentiable; call inside `tf.tidy`, or dispose of the parts. */
export function batchLoss(
  spec: HeadSpec,
  weights: WeightTensors,
  { features, frames, samples, dense, pairs }: TrainingBatch,
  options: ObjectiveOptions,
  dropout?: Dropout,
): LossParts {
  const { maps, embeddings, logits } = runHead(spec, weights, features, frames, dropout);
  const labels = indicesOf(samples.map(({ label }) => label));
  const groups = indicesOf(samples.map(({ domain }) => domain));
  const parts: LossParts = { metric: metricLoss(embeddings, { labels, groups }, options) };
  if (logits) {
    const classes = samples.map(({ label }) => spec.labels!.indexOf(label));
    parts.classifier = tf.mul(options.classifierWeight, crossEntropyLoss(logits, classes)) as tf.Scalar;
  }
  if (dense) parts.dense = tf.mul(options.denseWeight, denseLoss(maps, weights, dense)) as tf.Scalar;
  if (options.sparsityWeight > 0) parts.sparsity = tf.mul(options.sparsityWeight, tf.mean(maps)) as tf.Scalar;
  if (options.selectionWeight > 0) {
    const kernel = weights['lstm/input_kernel'] as tf.Tensor2D;
    parts.selection = tf.mul(options.selectionWeight, channelNorms(kernel, maps.shape[3])) as tf.Scalar;
  }
  const relations = Object.entries(options.relationWeights).map(([domain, weight]) => {
    const rows = [...samples.keys()].filter((row) => samples[row]!.domain === domain);
    const teachers = pick(pooledOverEvents(features, frames), rows);
    return tf.mul(weight, relationLoss(pick(embeddings, rows), teachers)) as tf.Scalar;
  });
  if (relations.length > 0) parts.relation = tf.addN(relations) as tf.Scalar;
  if (pairs) {
    const [first, second] = tf.split(runHead(spec, weights, pairs, frames, dropout).embeddings, 2) as tf.Tensor2D[];
    parts.agreement = tf.mul(options.agreementWeight, agreementLoss(first!, second!)) as tf.Scalar;
  }
  return parts;
}

/** Group lasso (Yuan and Lin 2006): the norms of the weights of each channel, over all pooled cells and gates, added up. */
function channelNorms(kernel: tf.Tensor2D, channels: number): tf.Scalar {
  const squares = tf.sum(tf.square(kernel), 1); // [cells·channels]
  return tf.sum(tf.sqrt(tf.add(tf.sum(tf.reshape(squares, [-1, channels]), 0), SMALLEST_SQUARE))) as tf.Scalar;
}

/** Keeps the slope of a root finite. */
const SMALLEST_SQUARE = 1e-8;

/** `[n·t, h, w, c]` → the mean over cells and frames, `[n, c]`. */
function pooledOverEvents(features: tf.Tensor4D, frames: number): tf.Tensor2D {
  const [count, height, width, channels] = features.shape;
  return tf.mean(tf.reshape(features, [count / frames, frames * height * width, channels]), 1);
}

/** The metric loss of embeddings `[n, d]`; 0 where there is nothing to compare. Differentiable; the caller disposes of the scalar. */
export function metricLoss(
  embeddings: tf.Tensor2D,
  batch: BatchLabels,
  { loss, mining, margin }: Pick<ObjectiveOptions, 'loss' | 'mining' | 'margin'>,
): tf.Scalar {
  switch (loss) {
    case 'triplet':
      return tripletLoss(embeddings, batch, { mining, margin });
    case 'npair': {
      const losses = pairSets(batch).map(({ anchors, positives }) =>
        nPairLoss(pick(embeddings, anchors), pick(embeddings, positives)),
      );
      if (losses.length === 0) return tf.mul(0, tf.sum(embeddings)) as tf.Scalar;
      return tf.div(tf.addN(losses), losses.length) as tf.Scalar;
    }
    default:
      return assertNever(loss);
  }
}

/** Rows of N-pair problems: in each, one pair per class of a group, the first pairs first, then the second ones, … */
function pairSets({ labels, groups }: BatchLabels): {
  anchors: number[];
  positives: number[];
}[] {
  const byGroup = groupBy(labels.keys(), (row) => groups[row]!);
  return [...byGroup.values()].flatMap((rows) => {
    const classes = [...groupBy(rows, (row) => labels[row]!).values()];
    const rounds = Math.max(...classes.map(({ length }) => Math.floor(length / 2)));
    return Array.from({ length: rounds }, (_, k) => {
      const pairs = classes.filter(({ length }) => length >= 2 * k + 2);
      return { anchors: pairs.map((own) => own[2 * k]!), positives: pairs.map((own) => own[2 * k + 1]!) };
    }).filter(({ anchors }) => anchors.length > 1);
  });
}

/** Rows of a matrix, as a product with zeros and ones: `gather` has no gradient on wasm. */
function pick(matrix: tf.Tensor2D, rows: readonly number[]): tf.Tensor2D {
  return tf.matMul(oneHot(rows, matrix.shape[0]), matrix);
}

/**
 * Weighted binary cross-entropy of "does this class lie in this cell", from one 1×1 convolution on the feature map. Its
 * kernel counts by its absolute values, so that a class can be argued for only by activation in its cells, not by
 * activation everywhere else: filters point at what is active.
 */
function denseLoss(maps: tf.Tensor4D, weights: WeightTensors, { present, importance }: DenseBatch): tf.Scalar {
  const channels = maps.shape[3];
  const kernel = tf.abs(weights['dense/kernel'] as tf.Tensor2D);
  const sums = tf.add(tf.matMul(tf.reshape(maps, [-1, channels]) as tf.Tensor2D, kernel), weights['dense/bias']!);
  const logits = tf.mul(DENSE_SCALE, sums);
  // −z·log σ(x) − (1 − z)·log(1 − σ(x)), in the form that cannot overflow
  const softened = tf.log(tf.add(1, tf.exp(tf.neg(tf.abs(logits)))));
  const losses = tf.add(tf.sub(tf.relu(logits), tf.mul(logits, present)), softened);
  return tf.div(tf.sum(tf.mul(losses, importance)), tf.maximum(tf.sum(importance), 1)) as tf.Scalar;
}

/** The auxiliary layer starts from nothing, and a run is short: it learns this much faster than the head. */
const DENSE_SCALE = 10;

/** Numbers in place of names, equal for equal names. */
export function indicesOf(names: readonly string[]): number[] {
  const known = [...new Set(names)];
  return names.map((name) => known.indexOf(name));
}
