/**
 * Losses, their gradients, and retrieval figures as pytorch-metric-learning and scikit-learn compute them. The names say
 * what was computed: `triplet_MINING_mMARGIN_normalized`, `npair_unnormalized`, `retrieval`, `nmi_arithmetic`.
 */

import * as tf from '../../src/base/tensorflow.ts';
import { normalizedMutualInformation, RECALL_RANKS, retrievalFigures } from '../../src/retrieval/metrics.ts';
import type { Mining } from '../../src/training/choices.ts';
import { nPairLoss, tripletLoss } from '../../src/training/losses.ts';
import type { Check, GoldenData } from './case.ts';
import { check, checkClose, shapeOf, tensorOf } from './checks.ts';

const TOLERANCE = 1e-4;
const FIGURE_TOLERANCE = 1e-6;
const MINING_NAMES: Readonly<Record<string, Mining>> = { all: 'all', semihard: 'semi-hard', batchhard: 'batch-hard' };

/** The scalars of a case. */
type Scalars = Readonly<Record<string, number | Readonly<Record<string, number>>>>;
type Loss = (embeddings: tf.Tensor2D) => tf.Scalar;

/** Reproduces every loss, every gradient and every figure of a case. */
export async function metricLearningCase(data: GoldenData): Promise<Check[]> {
  const scalars = data.json as Scalars;
  const [count, size] = shapeOf(data, 'embeddings') as [number, number];
  const values = tensorOf(data, 'embeddings');
  const losses = Object.entries(scalars).flatMap(([name, expected]) => {
    const loss = lossNamed(name, data);
    return loss && typeof expected === 'number' ? checkLoss(name, loss, expected, data) : [];
  });
  const embeddings = Array.from({ length: count }, (_, i) => values.slice(i * size, (i + 1) * size));
  return [...losses, ...(await checkRetrieval(embeddings, data))];
}

function lossNamed(name: string, data: GoldenData): Loss | undefined {
  const [, mining = '', margin] = /^triplet_([a-z]+)_m([\d.]+)_normalized$/.exec(name) ?? [];
  if (margin !== undefined) {
    const labels = [...tensorOf(data, 'labels')];
    const batch = { labels, groups: labels.map(() => 0) };
    return (x) => tripletLoss(x, batch, { mining: MINING_NAMES[mining]!, margin: Number(margin) });
  }
  if (name !== 'npair_unnormalized') return undefined;
  const rows = (x: tf.Tensor2D, which: string): tf.Tensor2D => {
    const choice = tf.oneHot(tf.tensor1d([...tensorOf(data, which)], 'int32'), x.shape[0]);
    return tf.matMul(tf.cast(choice, 'float32') as tf.Tensor2D, x);
  };
  return (x) => nPairLoss(rows(x, 'npair_anchor_index'), rows(x, 'npair_positive_index'));
}

function checkLoss(name: string, loss: Loss, expected: number, data: GoldenData): Check[] {
  const embeddings = tf.tensor2d(tensorOf(data, 'embeddings'), shapeOf(data, 'embeddings') as [number, number]);
  const { value, grad } = tf.valueAndGrad((x) => loss(x as tf.Tensor2D))(embeddings);
  const checks = [
    check(`${name} loss`, Math.abs(value.dataSync()[0]! - expected), TOLERANCE),
    checkClose(`${name} gradient`, grad.dataSync<'float32'>(), tensorOf(data, `grad_${name}`), TOLERANCE),
  ];
  tf.dispose([embeddings, value, grad]);
  return checks;
}

async function checkRetrieval(embeddings: readonly Float32Array[], data: GoldenData): Promise<Check[]> {
  const { retrieval, nmi_arithmetic: nmi } = data.json as {
    readonly retrieval: Readonly<Record<string, number>>;
    readonly nmi_arithmetic: number;
  };
  const labels = [...tensorOf(data, 'labels')].map(String);
  const figures = await retrievalFigures(embeddings, labels);
  const ours: Readonly<Record<string, number>> = {
    mean_average_precision_at_r: figures.mapAtR,
    r_precision: figures.rPrecision,
    precision_at_1: figures.recallAt[0]!,
    ...Object.fromEntries(RECALL_RANKS.map((k, i) => [`recall_at_${k}`, figures.recallAt[i]!])),
  };
  const clusters = [...tensorOf(data, 'clusters')];
  return [
    ...Object.entries(retrieval).map(([name, expected]) =>
      check(name, Math.abs((ours[name] ?? Number.NaN) - expected), FIGURE_TOLERANCE),
    ),
    check('nmi', Math.abs(normalizedMutualInformation(labels, clusters) - nmi), FIGURE_TOLERANCE),
  ];
}
