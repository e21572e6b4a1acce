/**
 * The losses that train the head (paper, Sec. 4.3, Table 3; METHOD §7): triplet loss with three minings, N-pair loss,
 * softmax cross-entropy for the classifier. Values and gradients follow pytorch-metric-learning: triplets are averaged
 * over those whose loss is not zero, so that solved triplets do not dilute the others.
 */

import { assertNever } from '../base/errors.ts';
import { oneHot } from '../base/one-hot.ts';
import * as tf from '../base/tensorflow.ts';
import type { Mining } from './choices.ts';

/** What a batch of n embeddings shows: events of one group (a domain) are compared with each other only. */
export interface BatchLabels {
  /** `[n]` */
  readonly labels: readonly number[];
  /** `[n]` */
  readonly groups: readonly number[];
}

/** Settings of {@link tripletLoss}. */
export interface TripletOptions {
  readonly mining: Mining;
  /** `m`, on the distance between unit vectors (0 to 2). */
  readonly margin: number;
}

/**
 * Triplet loss `max(0, d_ap − d_an + m)`, `d` the Euclidean distance of the embeddings on the unit sphere, averaged over
 * the triplets with a positive loss; 0 when there is none. Embeddings `[n, d]` need not be normalised. Differentiable;
 * the caller disposes of the scalar.
 */
export function tripletLoss(embeddings: tf.Tensor2D, batch: BatchLabels, options: TripletOptions): tf.Scalar {
  return tf.tidy(() => {
    const distances = distanceMatrix(unitRows(embeddings));
    const { positives, negatives } = pairMasks(batch);
    if (options.mining === 'batch-hard') return batchHard(distances, positives, negatives, options.margin);
    const gap = tf.sub(tf.expandDims(distances, 2), tf.expandDims(distances, 1)); // d_ap − d_an, [a, p, n]
    const triplets = tf.mul(tf.expandDims(positives, 2), tf.expandDims(negatives, 1));
    return meanOfPositive(tf.mul(tf.relu(tf.add(gap, options.margin)), mined(gap, triplets, options.mining)));
  });
}

/**
 * N-pair loss `1/N Σ_i log(1 + Σ_{j≠i} exp(a_i·p_j − a_i·p_i))` on embeddings as they are (not normalised): row i of
 * `anchors` and of `positives`, `[N, d]`, show the same class, other rows other classes. Differentiable; the caller
 * disposes of the scalar.
 */
export function nPairLoss(anchors: tf.Tensor2D, positives: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const similarities: tf.Tensor2D = tf.matMul(anchors, tf.transpose(positives)); // [N, N]
    return crossEntropyLoss(similarities, [...Array(anchors.shape[0]).keys()]);
  });
}

/**
 * Mean of `−log softmax(logits)[label]`; logits `[n, classes]`. Differentiable; the caller disposes of the scalar.
 */
export function crossEntropyLoss(logits: tf.Tensor2D, labels: readonly number[]): tf.Scalar {
  return tf.tidy(() => {
    const truth = oneHot(labels, logits.shape[1]);
    return tf.neg(tf.mean(tf.sum(tf.mul(truth, tf.logSoftmax(logits)), 1)));
  });
}

/**
 * Agreement of two views of n events, no label needed (NT-Xent, Chen et al. 2020, https://arxiv.org/abs/2002.05709, Eq. 1): of all other views,
 * that of the same event should be the nearest. Row i of both, `[n, d]`, is of event i; cosine similarities over
 * the temperature 0.2. Differentiable; the caller disposes of the scalar.
 */
export function agreementLoss(first: tf.Tensor2D, second: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const [count] = first.shape;
    const units = unitRows(tf.concat([first, second], 0) as tf.Tensor2D);
    const similarities = tf.div(tf.matMul(units, units, false, true), AGREEMENT_TEMPERATURE);
    const others = tf.sub(similarities, tf.mul(tf.eye(2 * count), NEVER)) as tf.Tensor2D;
    const partners = Array.from({ length: 2 * count }, (_, i) => (i + count) % (2 * count));
    return crossEntropyLoss(others, partners);
  });
}

/** Of similarities; that of a view with itself is left out by a number beyond any other. */
const AGREEMENT_TEMPERATURE = 0.2;
const NEVER = 1e3;

/**
 * Relational knowledge distillation, by distances (Park et al. 2019, https://arxiv.org/abs/1904.05068, Eq. 4–6): embeddings
 * `[n, d]` should be near to and far from each other as `teachers` `[n, c]` are. Distances of unit vectors, over their
 * mean; Huber loss, averaged over pairs; 0 without a pair. Differentiable by the embeddings; the caller disposes of the
 * scalar.
 */
export function relationLoss(embeddings: tf.Tensor2D, teachers: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const [count] = embeddings.shape;
    const pairs = count * (count - 1);
    if (pairs === 0) return tf.scalar(0);
    const others = tf.sub(1, tf.eye(count));
    const relative = (vectors: tf.Tensor2D): tf.Tensor => {
      const distances = tf.mul(distanceMatrix(unitRows(vectors)), others);
      return tf.div(tf.mul(distances, pairs), tf.maximum(tf.sum(distances), SMALLEST_SQUARE));
    };
    const gap = tf.abs(tf.sub(relative(embeddings), relative(teachers)));
    const small = tf.minimum(gap, 1);
    const huber = tf.sub(tf.mul(small, gap), tf.mul(0.5, tf.square(small)));
    return tf.div(tf.sum(huber), pairs) as tf.Scalar;
  });
}

/** Rows scaled to length 1. */
export function unitRows(embeddings: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const squared = tf.sum(tf.square(embeddings), 1, true);
    return tf.div(embeddings, tf.sqrt(tf.maximum(squared, SMALLEST_SQUARE))) as tf.Tensor2D;
  });
}

/** Below this a squared length or distance counts as zero: its root has no usable gradient. */
const SMALLEST_SQUARE = 1e-12;

/** Euclidean distances between unit vectors, `[n, n]`. */
function distanceMatrix(units: tf.Tensor2D): tf.Tensor2D {
  const squared = tf.sub(2, tf.mul(2, tf.matMul(units, tf.transpose(units))));
  return tf.sqrt(tf.maximum(squared, SMALLEST_SQUARE)) as tf.Tensor2D;
}

/** Which pairs are positive (same label, another event) and negative (another label): 1 or 0, `[n, n]`. */
function pairMasks({ labels, groups }: BatchLabels): { positives: tf.Tensor2D; negatives: tf.Tensor2D } {
  const mask = (counts: (a: number, b: number) => boolean): tf.Tensor2D =>
    tf.tensor2d(labels.map((_, a) => labels.map((_, b) => (groups[a] === groups[b] && counts(a, b) ? 1 : 0))));
  return {
    positives: mask((a, b) => a !== b && labels[a] === labels[b]),
    negatives: mask((a, b) => labels[a] !== labels[b]),
  };
}

/** Of the valid triplets those that the mining keeps. A zero loss is not averaged, so `all` and the margin need no test. */
function mined(gap: tf.Tensor, triplets: tf.Tensor, mining: Exclude<Mining, 'batch-hard'>): tf.Tensor {
  switch (mining) {
    case 'all':
      return triplets;
    case 'semi-hard':
      return tf.mul(triplets, tf.step(tf.neg(gap)));
    default:
      return assertNever(mining);
  }
}

function batchHard(distances: tf.Tensor2D, positives: tf.Tensor2D, negatives: tf.Tensor2D, margin: number): tf.Scalar {
  const never = 1e3; // farther than any two unit vectors
  const farthest = tf.max(tf.sub(distances, tf.mul(tf.sub(1, positives), never)), 1);
  const nearest = tf.min(tf.add(distances, tf.mul(tf.sub(1, negatives), never)), 1);
  const hasBoth = tf.mul(tf.max(positives, 1), tf.max(negatives, 1));
  return meanOfPositive(tf.mul(tf.relu(tf.add(tf.sub(farthest, nearest), margin)), hasBoth));
}

/** Mean over the entries above zero. */
function meanOfPositive(losses: tf.Tensor): tf.Scalar {
  const count = tf.sum(tf.step(losses));
  return tf.div(tf.sum(losses), tf.maximum(count, 1)) as tf.Scalar;
}
