/**
 * Heads for still pictures on a frozen trunk, or on one whose last stage learns with them: a 1×1 and a 3×3 convolution with ReLU,
 * global average pooling, one dense layer for classes or an embedding. As plain numbers, and as a differentiable function of the weights.
 *
 * Two are made to localize. ACoL (Zhang et al. 2018, https://arxiv.org/abs/1804.06962, Sec. 3.2): two branches behind the 1×1
 * convolution; where the class map of the first is large, features are erased before the second sees them, and the two
 * maps are fused. ADL (Choe and Shim 2019, https://arxiv.org/abs/1908.10028, Sec. 3): in training, feature maps are multiplied by a
 * mask that drops what they attend to most, or by a map of what is important.
 */
import { product } from '../base/matrix.ts';
import { createRandom, type Random } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import { untaped } from '../base/untaped.ts';
import type { Stage, StillHeadKind } from './choices.ts';
import type { HeadSpec } from './head.ts';
import type { Dropout, WeightTensors } from './head-network.ts';
import type { NamedArray } from './safetensors.ts';
import { runStage, stageChannels, stageShapes } from './tuned-stage.ts';

/** The architecture of a head, and what it expects in front of it. */
export interface StillHeadSpec extends Pick<HeadSpec, 'trunk' | 'stage' | 'trunkGrid' | 'trunkChannels' | 'inputSize'> {
  readonly kind: StillHeadKind;
  /** Channels of the 1×1 and of the 3×3 convolution. */
  readonly channels: readonly [number, number];
  /** Classes in the order of the scores; of a retrieval head the components of its embedding have no names. */
  readonly labels?: readonly string[];
  /** Scores, or components of the embedding. */
  readonly outputs: number;
  /** The stage behind `stage`, where it is not frozen but learns as the first part of the head; of a trunk of this project. */
  readonly tuned?: Stage;
  /** Of `acol`: height of the class map, in (0, 1] of its range, from which on features are erased. */
  readonly erase?: number;
}

/** The branches: one has no name, the second of ACoL has. */
const [FIRST, SECOND] = ['', 'second/'] as const;
type Branch = typeof FIRST | typeof SECOND;

/** Shapes of all weights by name: of the head itself, then of the stage that learns with it. */
export function stillHeadShapes(spec: StillHeadSpec): Map<string, readonly number[]> {
  return new Map([...ownShapes(spec), ...(spec.tuned ? stageShapes(spec.trunk, spec.tuned) : [])]);
}

function ownShapes({
  kind,
  channels: [narrow, last],
  outputs,
  ...front
}: StillHeadSpec): Map<string, readonly number[]> {
  const { trunk, tuned, trunkChannels } = front;
  const branch = (name: Branch): [string, readonly number[]][] => [
    [`${name}cnn2/kernel`, [3, 3, narrow, last]],
    [`${name}cnn2/bias`, [last]],
    [`${name}dense/kernel`, [last, outputs]],
    [`${name}dense/bias`, [outputs]],
  ];
  return new Map<string, readonly number[]>([
    ['cnn1/kernel', [1, 1, tuned ? stageChannels(trunk, tuned) : trunkChannels, narrow]],
    ['cnn1/bias', [narrow]],
    ...branch(FIRST),
    ...(kind === 'acol' ? branch(SECOND) : []),
  ]);
}

/** Random weights of the head itself to begin with: He-normal convolutions, Glorot-normal dense layers, biases 0. */
export function untrainedStillHead(spec: StillHeadSpec, seed: number): Map<string, NamedArray> {
  const shapes = [...ownShapes(spec)];
  return new Map(
    shapes.map(([name, shape], index): [string, NamedArray] => {
      const random = createRandom(seed, WEIGHTS_STREAM, index);
      const length = product(shape);
      const inputs = length / shape.at(-1)!;
      const spread = name.includes('dense') ? Math.sqrt(2 / (inputs + shape.at(-1)!)) : Math.sqrt(2 / inputs);
      const draw = name.endsWith('bias') ? () => 0 : () => spread * random.normal();
      return [name, { shape, data: Float32Array.from({ length }, draw) }];
    }),
  );
}

/** Attention-based dropout. */
export interface AttentionDropout {
  /** How often the drop mask is taken, in place of the importance map, in [0, 1]. */
  readonly dropRate: number;
  /** Height, in (0, 1] of the attention's maximum, from which on cells are dropped. */
  readonly threshold: number;
  readonly seed: number;
}

/** What differs in training. */
export interface StillTraining {
  /** Of the pooled features. */
  readonly dropout?: Dropout;
  readonly attentionDropout?: AttentionDropout;
  /** True class of each picture, `[n]`, by which ACoL erases. */
  readonly classes?: readonly number[];
}

/** What a head makes of n pictures. */
export interface StillOutputs {
  /** Scores or embedding, `[n, outputs]`. */
  readonly outputs: tf.Tensor2D;
  /** Scores of ACoL's second branch. */
  readonly second?: tf.Tensor2D;
}

/**
 * Trunk features `[n, h, w, c]` → outputs, in training. Differentiable; call inside `tf.tidy`, or dispose of the outputs.
 *
 * @param training `classes` where the head is ACoL's
 */
export function runStillHead(
  spec: StillHeadSpec,
  weights: WeightTensors,
  features: tf.Tensor4D,
  training: StillTraining = {},
): StillOutputs {
  const { dropout, attentionDropout, classes } = training;
  const random = attentionDropout && createRandom(attentionDropout.seed);
  const attend = (x: tf.Tensor4D): tf.Tensor4D =>
    attentionDropout ? attentionDropped(x, attentionDropout, random!) : x;
  const shared = attend(convolved(lastMap(spec, weights, features, attend), weights, 'cnn1'));
  const pooledOf = (maps: tf.Tensor4D, index: number): tf.Tensor2D => {
    const pooled = tf.mean(maps, [1, 2]) as tf.Tensor2D;
    if (dropout === undefined || dropout.rate === 0) return pooled;
    return tf.dropout(pooled, dropout.rate, undefined, dropout.seed + index) as tf.Tensor2D;
  };
  const maps = convolved(shared, weights, `${FIRST}cnn2`);
  const outputs = dense(pooledOf(maps, 1), weights, FIRST);
  if (spec.kind !== 'acol' || classes === undefined) return { outputs };
  const erased = erasedFor(spec, weights, shared, maps, classes);
  return { outputs, second: dense(pooledOf(convolved(erased, weights, `${SECOND}cnn2`), 2), weights, SECOND) };
}

/**
 * ACoL's map of a class, from the trunk's features of one picture, `[1, h, w, c]`: the larger of the two branches' maps, each
 * scaled to [0, 1], `[h, w]` row by row.
 */
export function fusedMap(
  spec: StillHeadSpec,
  weights: WeightTensors,
  features: tf.Tensor4D,
  index: number,
): Promise<Float32Array> {
  const fused = tf.tidy(() => {
    const shared = convolved(lastMap(spec, weights, features), weights, 'cnn1');
    const maps = convolved(shared, weights, `${FIRST}cnn2`);
    const first = classMaps(maps, weights, FIRST, [index]);
    const erased = erasedFor(spec, weights, shared, maps, [index]);
    const second = classMaps(convolved(erased, weights, `${SECOND}cnn2`), weights, SECOND, [index]);
    return tf.maximum(first, second);
  });
  return fused.data<'float32'>().finally(() => fused.dispose());
}

/** The trunk's last map, on which the head stands: its features, or what the stage that learns makes of them. */
export function lastMap(
  { trunk, tuned }: StillHeadSpec,
  weights: WeightTensors,
  features: tf.Tensor4D,
  attend: (map: tf.Tensor4D) => tf.Tensor4D = (map) => map,
): tf.Tensor4D {
  return tuned ? runStage(trunk, tuned, weights, features, attend) : attend(features);
}

/** `same` padding, then ReLU. */
export function convolved(x: tf.Tensor4D, weights: WeightTensors, name: string): tf.Tensor4D {
  const kernel = weights[`${name}/kernel`] as tf.Tensor4D;
  return tf.relu(tf.add(tf.conv2d(x, kernel, 1, 'same'), weights[`${name}/bias`]!)) as tf.Tensor4D;
}

function dense(pooled: tf.Tensor2D, weights: WeightTensors, branch: Branch): tf.Tensor2D {
  const kernel = weights[`${branch}dense/kernel`] as tf.Tensor2D;
  return tf.add(tf.matMul(pooled, kernel), weights[`${branch}dense/bias`]!) as tf.Tensor2D;
}

/** The map of one class of each picture (as CAM), scaled to [0, 1]: `[n, h, w]`. A constant map becomes all zeros. */
function classMaps(maps: tf.Tensor4D, weights: WeightTensors, branch: Branch, classes: readonly number[]): tf.Tensor3D {
  const byClass = tf.transpose(weights[`${branch}dense/kernel`] as tf.Tensor2D); // [classes, c]
  const own = tf.gather(byClass, tf.tensor1d([...classes], 'int32')); // [n, c]
  const activation = tf.sum(tf.mul(maps, tf.reshape(own, [classes.length, 1, 1, -1])), 3); // [n, h, w]
  const lowest = tf.min(activation, [1, 2], true);
  const range = tf.sub(tf.max(activation, [1, 2], true), lowest);
  return tf.div(tf.sub(activation, lowest), tf.maximum(range, SMALLEST_RANGE)) as tf.Tensor3D;
}

/** Features that are zero where the class map of the first branch reaches the threshold; which these are is no function of the weights. */
function erasedFor(
  { erase }: StillHeadSpec,
  weights: WeightTensors,
  shared: tf.Tensor4D,
  maps: tf.Tensor4D,
  classes: readonly number[],
): tf.Tensor4D {
  const kept = untaped(() =>
    tf.tidy(() => {
      const kept = tf.less(classMaps(maps, weights, FIRST, classes), erase!);
      return tf.expandDims(tf.cast(kept, 'float32'), 3);
    }),
  );
  return tf.mul(shared, kept) as tf.Tensor4D;
}

/**
 * Attention-based dropout of features `[n, h, w, c]`: their mean over channels is what they attend to. Either the cells near its
 * maximum are dropped, or all are weighed by its sigmoid; one draw decides for all pictures, as in the published code.
 */
export function attentionDropped(
  features: tf.Tensor4D,
  { dropRate, threshold }: Pick<AttentionDropout, 'dropRate' | 'threshold'>,
  random: Random,
): tf.Tensor4D {
  const attention = tf.mean(features, 3, true);
  if (random.uniform() >= dropRate) return tf.mul(features, tf.sigmoid(attention)) as tf.Tensor4D;
  const kept = untaped(() =>
    tf.tidy(() => tf.cast(tf.less(attention, tf.mul(tf.max(attention, [1, 2], true), threshold)), 'float32')),
  );
  return tf.mul(features, kept) as tf.Tensor4D;
}

/** Keeps these draws apart from others of the same seed. */
const WEIGHTS_STREAM = 110;
/** Of a class map, so that a constant one is not divided by 0. */
const SMALLEST_RANGE = 1e-12;
