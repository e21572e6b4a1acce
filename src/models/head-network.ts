/**
 * The head as a differentiable function of its weights, for many events at once: what training descends and evaluation
 * runs. `models/event-network.ts` runs the same head for one event, prepared for filters; a test keeps them equal.
 */

import * as tf from '../base/tensorflow.ts';
import { attend, attentionWeights, placeTensor } from './attention.ts';
import { featureMapShape, type HeadSpec } from './head.ts';
import { lstmStep } from './lstm.ts';
import { poolingWeights } from './pooling.ts';

/** Weights by name, as in `headShapes`. */
export type WeightTensors = Readonly<Record<string, tf.Tensor>>;

/** What the head makes of b events of t frames. */
export interface HeadOutputs {
  /** Output of the shallow CNN, `[b·t, h, w, c]`. */
  readonly maps: tf.Tensor4D;
  /** `[b, d]`, not normalised. */
  readonly embeddings: tf.Tensor2D;
  /** `[b, classes]`, if the head has a classifier. */
  readonly logits?: tf.Tensor2D;
}

/** Dropout of the LSTM's input and of its last state. */
export interface Dropout {
  /** Share that is dropped, in [0, 1). */
  readonly rate: number;
  readonly seed: number;
}

/** Trunk features `[b·t, h, w, c]` → outputs. Call inside `tf.tidy`, or dispose of the outputs. */
export function runHead(
  spec: HeadSpec,
  weights: WeightTensors,
  features: tf.Tensor4D,
  frames: number,
  dropout?: Dropout,
): HeadOutputs {
  const drop = <T extends tf.Tensor>(x: T, index: number): T =>
    dropout && dropout.rate > 0 ? (tf.dropout(x, dropout.rate, undefined, dropout.seed + index) as T) : x;
  const maps = shallowCnn(spec, weights, features);
  const events = features.shape[0] / frames;
  const read = reader(spec, weights, maps, frames, (x) => drop(x, 1));
  const [inputKernel, bias] = [weights['lstm/input_kernel'] as tf.Tensor2D, weights['lstm/bias']!];
  let hidden = tf.zeros([events, spec.lstmUnits]) as tf.Tensor2D;
  let cell = hidden;
  for (let frame = 0; frame < frames; frame++) {
    const input = tf.add(tf.matMul(read(frame, hidden), inputKernel), bias);
    const recurrent = tf.matMul(hidden, weights['lstm/recurrent_kernel'] as tf.Tensor2D);
    ({ hidden, cell } = lstmStep(tf.add(input, recurrent) as tf.Tensor2D, cell));
  }
  const embeddings = dense(drop(hidden, 2), weights, 'embedding');
  return { maps, embeddings, ...(spec.labels && { logits: dense(embeddings, weights, 'logits') }) };
}

/** What the LSTM reads of a frame of all events, `[b, n]`, by the state before. */
function reader(
  spec: HeadSpec,
  weights: WeightTensors,
  maps: tf.Tensor4D,
  frames: number,
  drop: <T extends tf.Tensor>(x: T) => T,
): (frame: number, hidden: tf.Tensor2D) => tf.Tensor2D {
  const events = maps.shape[0] / frames;
  if (spec.attention === undefined) {
    const flat = drop(flatten(spec, maps));
    const byFrame = tf.unstack(tf.reshape(flat, [events, frames, -1]), 1) as tf.Tensor2D[];
    return (frame) => byFrame[frame]!;
  }
  const [, height, width, channels] = maps.shape;
  const cells = tf.unstack(tf.reshape(drop(maps), [events, frames, height * width, channels]), 1) as tf.Tensor3D[];
  const own = attentionWeights((name) => weights[name] as tf.Tensor2D);
  const places = placeTensor({ height, width });
  return (frame, hidden) => attend(own, cells[frame]!, hidden, places);
}

function shallowCnn(spec: HeadSpec, weights: WeightTensors, features: tf.Tensor4D): tf.Tensor4D {
  return spec.shallowCnn.reduce((x, { stride }, i) => {
    const kernel = weights[`cnn${i + 1}/kernel`] as tf.Tensor4D;
    return tf.relu(tf.add(tf.conv2d(x, kernel, stride, 'same'), weights[`cnn${i + 1}/bias`]!)) as tf.Tensor4D;
  }, features);
}

/** `[n, h, w, c]` → (average pooling) → `[n, cells·c]` */
function flatten(spec: HeadSpec, maps: tf.Tensor4D): tf.Tensor2D {
  const { height, width, channels } = featureMapShape(spec);
  if (spec.pool === undefined) return tf.reshape(maps, [-1, height * width * channels]);
  const cells = spec.pool.height * spec.pool.width;
  const pooling = tf.tensor3d(Float32Array.from(poolingWeights({ height, width }, spec.pool)), [
    1,
    cells,
    height * width,
  ]);
  const pooled = tf.matMul(pooling, tf.reshape(maps, [-1, height * width, channels])); // [n, cells, c]
  return tf.reshape(pooled, [-1, cells * channels]);
}

function dense(x: tf.Tensor2D, weights: WeightTensors, name: string): tf.Tensor2D {
  return tf.add(tf.matMul(x, weights[`${name}/kernel`] as tf.Tensor2D), weights[`${name}/bias`]!) as tf.Tensor2D;
}
