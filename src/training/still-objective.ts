/** What the training of still heads gives to the loop: batches of cached features of pictures, and their loss. */
import { createRandom } from '../base/random.ts';
import type * as tf from '../base/tensorflow.ts';
import type { FeatureReader, FrameVariant } from '../features/cache.ts';
import { featureTensor, loadFrames } from '../features/embed.ts';
import type { PlannedPicture } from '../features/pictures.ts';
import type { WeightTensors } from '../models/head-network.ts';
import { runStillHead, type StillHeadSpec } from '../models/still-head.ts';
import type { LoopOptions, Objective } from './loop.ts';
import { crossEntropyLoss } from './losses.ts';
import { indicesOf, metricLoss, type ObjectiveOptions } from './objective.ts';
import type { ClassSampler } from './sampler.ts';
import { dropoutAt } from './trainer.ts';

/** Settings of a training. */
export interface StillTrainerOptions extends LoopOptions, Pick<ObjectiveOptions, 'loss' | 'mining' | 'margin'> {
  readonly seed: number;
  /** Share of the pooled features that is dropped. */
  readonly dropout: number;
  /** Of `adl`: how often the drop mask is taken, and from which share of the attention's maximum on it drops. */
  readonly dropRate: number;
  readonly dropThreshold: number;
}

/** A batch in plain values. */
export interface StillBatch {
  /** Trunk features, `[n, h, w, c]` row by row. */
  readonly data: Float32Array;
  /** `[n]` */
  readonly labels: readonly string[];
}

/**
 * The objective of a head: cross-entropy over classes (of ACoL's two branches, added up), or a metric loss. The batch must hold
 * pictures of labels that the head has.
 */
export function stillObjective(
  spec: StillHeadSpec,
  options: StillTrainerOptions,
  sampler: ClassSampler<PlannedPicture>,
  cache: FeatureReader,
): Objective<StillBatch> {
  return {
    draw: async (step) => {
      const drawn = sampler.batch(step, ({ label, views }, random) => {
        return { label, view: views[Math.floor(random.uniform() * views.length)] as FrameVariant };
      });
      const data = await loadFrames(
        drawn.map(({ view }) => view),
        cache,
      );
      return { data, labels: drawn.map(({ label }) => label) };
    },
    loss: ({ data, labels }, weights, step) =>
      stillLoss(spec, weights, featureTensor(data, spec), labels, options, step),
  };
}

/** The parts of the loss of a batch `[n, h, w, c]`. Differentiable; call inside `tf.tidy`, or dispose of the parts. */
export function stillLoss(
  spec: StillHeadSpec,
  weights: WeightTensors,
  features: tf.Tensor4D,
  labels: readonly string[],
  options: StillTrainerOptions,
  step: number,
): Record<string, tf.Scalar> {
  const classes = labels.map((label) => spec.labels?.indexOf(label) ?? 0);
  const { outputs, second } = runStillHead(spec, weights, features, {
    dropout: dropoutAt(step, options),
    ...(spec.kind === 'acol' && { classes }),
    ...(spec.kind === 'adl' && { attentionDropout: attentionDropoutAt(step, options) }),
  });
  if (spec.kind === 'retrieval') {
    const groups = labels.map(() => 0);
    return { metric: metricLoss(outputs, { labels: indicesOf(labels), groups }, options) };
  }
  return {
    classifier: crossEntropyLoss(outputs, classes),
    ...(second && { second: crossEntropyLoss(second, classes) }),
  };
}

function attentionDropoutAt(step: number, { dropRate, dropThreshold, seed }: StillTrainerOptions) {
  const own = Math.floor(createRandom(seed, ATTENTION_STREAM, step).uniform() * 2 ** 31);
  return { dropRate, threshold: dropThreshold, seed: own };
}

/** Keeps these draws apart from others of the same seed. */
const ATTENTION_STREAM = 111;
