/**
 * What the maps of a still picture explain: its most probable classes, classes of one's choice, or all outputs at once.
 */

import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { FeatureTail } from '../l2caf/tail.ts';
import { shortLabel } from '../models/imagenet.ts';
import type { PictureAnalysis, PictureMap } from './document.ts';

/** What one map explains. */
export type MapTarget = PictureMap['target'];
/** A class and how probable it is. */
export type Prediction = PictureAnalysis['predictions'][number];

/** What a picture's maps explain: its most probable classes, classes of one's choice, or all outputs (paper, Eq. 1). */
export type StillTarget =
  | { readonly kind: 'top'; readonly count: number }
  | { readonly kind: 'classes'; readonly indices: readonly number[] }
  | { readonly kind: 'oblivious' };

/** All classes, most probable first. */
export function rankClasses({ reference }: FeatureTail): Prediction[] {
  const probabilities = tf.tidy(() => tf.softmax(tf.tensor1d(reference)).dataSync());
  return Array.from(probabilities, (probability, index) => ({ index, label: shortLabel(index), probability })).sort(
    (a, b) => b.probability - a.probability,
  );
}

/**
 * The targets one by one.
 *
 * @throws L2cafError `usage` when there is no such class.
 */
export function resolveTargets(target: StillTarget, ranked: readonly Prediction[]): MapTarget[] {
  if (target.kind === 'oblivious') return [{ kind: 'oblivious' }];
  const chosen =
    target.kind === 'top' ? ranked.slice(0, target.count) : target.indices.map((index) => predictionOf(index, ranked));
  return chosen.map((prediction) => ({ kind: 'class', ...prediction }));
}

/** The objective of a target: the paper's Eq. 1 or 2. */
export function objectiveOf(target: MapTarget): Objective {
  return target.kind === 'class' ? { kind: 'class', index: target.index } : { kind: 'oblivious' };
}

function predictionOf(index: number, ranked: readonly Prediction[]): Prediction {
  const found = ranked.find((prediction) => prediction.index === index);
  if (found !== undefined) return found;
  throw new L2cafError('usage', `there is no class ${index}: the network has the classes 0 to ${ranked.length - 1}`);
}
