/** The last stage of the trunk as a part of a head: the same network as before, and gradients that are its slopes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { StillHeadKind } from '../../src/models/choices.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import type { WeightTensors } from '../../src/models/head-network.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { createResNet } from '../../src/models/resnet.ts';
import type { NamedArray } from '../../src/models/safetensors.ts';
import {
  lastMap,
  runStillHead,
  type StillHeadSpec,
  stillHeadShapes,
  untrainedStillHead,
} from '../../src/models/still-head.ts';
import { runStage, stageBefore, stageShapes } from '../../src/models/tuned-stage.ts';
import { adamWStep, initialState } from '../../src/training/optimiser.ts';
import { type StillTrainerOptions, stillLoss } from '../../src/training/still-objective.ts';
import { randomWeights } from './random-weights.ts';

const CONV5 = 'conv5';
const TRUNK = RESNET50_IMAGENET.id;
const labels = ['a', 'b', 'c'];

/** A head on conv5, which learns, of pictures of 64×64: 4×4 cells become 2×2. */
function specOf(kind: StillHeadKind): StillHeadSpec {
  const front = trunkSide(RESNET50_IMAGENET, 'conv4', { width: 64, height: 64 });
  const common = { ...front, kind, tuned: CONV5, channels: [6, 6] } as const;
  if (kind === 'retrieval') return { ...common, outputs: 4 };
  return { ...common, labels, outputs: 3, ...(kind === 'acol' && { erase: 0.6 }) };
}

const options: StillTrainerOptions = {
  ...{ loss: 'npair', mining: 'all', margin: 0.2, dropRate: 0.75, dropThreshold: 0.9, dropout: 0 },
  ...{ learningRate: 3e-3, ownRates: { conv5_: 1e-4 }, weightDecay: 0.01, warmUpSteps: 1, steps: 6, seed: 1 },
  ...{ maxGradientNorm: 5, checkpointEvery: 6 },
};

/** Without cells that are dropped, which the loss jumps with. */
const smooth = { ...options, dropRate: 0 };

let trunkWeights: Map<string, NamedArray>;
beforeAll(async () => {
  await useBackend('wasm');
  trunkWeights = randomWeights(RESNET50_IMAGENET.spec);
});

function weightsOf(spec: StillHeadSpec): Map<string, NamedArray> {
  const stage = [...stageShapes(TRUNK, CONV5).keys()].map((name) => [name, trunkWeights.get(name)!] as const);
  return new Map([...untrainedStillHead(spec, 3), ...stage]);
}

function tensorsOf(weights: ReadonlyMap<string, NamedArray>): WeightTensors {
  return Object.fromEntries([...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]));
}

/** Features of n pictures after conv4, which say in some channels of which of three classes they are. */
function features(n: number): tf.Tensor4D {
  const random = createRandom(7);
  const data = Float32Array.from({ length: n * 16 * 1024 }, (_, i) => {
    const isOwn = (i % 1024) % 3 === Math.floor(i / (16 * 1024)) % 3;
    return Math.max(0, random.normal()) * (isOwn ? 1.5 : 1);
  });
  return tf.tensor4d(data, [n, 4, 4, 1024]);
}

it('is the stage of the trunk, whose weights are found under the same names', () => {
  const whole = createResNet(RESNET50_IMAGENET.spec, trunkWeights);
  const spec = specOf('gap');
  const weights = tensorsOf(weightsOf(spec));
  const conv5 = whole.steps.filter(({ name }) => name.startsWith(CONV5));
  const [mine, theirs] = tf.tidy(() => {
    const x = features(2);
    return [lastMap(spec, weights, x), conv5.reduce((y, step) => step.apply(y), x)].map((map) => [
      map.shape,
      [...map.dataSync()],
    ]);
  }) as unknown as [number[][], number[][]];
  expect(mine).toEqual(theirs);
  expect(mine[0]).toEqual([2, 2, 2, 2048]);
  whole.dispose();
  tf.dispose(weights as unknown as tf.TensorContainer);
  expect([...stillHeadShapes(spec)].slice(0, 2)).toEqual([
    ['cnn1/kernel', [1, 1, 2048, 6]],
    ['cnn1/bias', [6]],
  ]);
  expect(['conv2', 'conv3', 'conv5'].map((name) => stageBefore(name as 'conv2'))).toEqual([
    undefined,
    'conv2',
    'conv4',
  ]);
});

describe.each(['gap', 'acol', 'adl', 'retrieval'] as const)('with a head of kind %s', (kind) => {
  const spec = specOf(kind);
  const classes = kind === 'retrieval' ? ['a', 'b', 'a', 'b'] : ['a', 'b', 'c', 'a'];

  it.each([
    'conv5_block1_0_conv/kernel', // 1×1 of stride 2
    'conv5_block1_2_conv/kernel', // 3×3
    'conv5_block3_3_conv/bias',
  ])('the gradient by %s is the slope of the loss', async (name) => {
    const weights = tensorsOf(weightsOf(spec));
    const maps = features(4);
    const lossOf = (own: tf.Tensor): tf.Scalar =>
      tf.addN(Object.values(stillLoss(spec, { ...weights, [name]: own }, maps, classes, smooth, 2))) as tf.Scalar;
    const gradient = tf.tidy(() => tf.grad(lossOf)(weights[name]!).dataSync<'float32'>());
    // Along the gradient itself, where the loss changes most: the slope is the gradient's length.
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    expect(norm).toBeGreaterThan(1e-6);
    const along = tf.tensor(
      gradient.map((g) => g / norm),
      weights[name]!.shape,
    );
    const reach = Math.min(0.02, 2e-3 / norm); // far enough for single precision, near enough that few ReLUs and masks turn
    const at = (distance: number): number =>
      tf.tidy(() => lossOf(tf.add(weights[name]!, tf.mul(along, distance))).dataSync()[0]!);
    const slope = (at(reach) - at(-reach)) / (2 * reach);
    expect(slope / norm).toBeGreaterThan(0.97);
    expect(slope / norm).toBeLessThan(1.03);
    tf.dispose([maps, along, weights] as unknown as tf.TensorContainer);
  });
});

it('a few steps lower the loss, at its own rate, and leave no tensors', () => {
  const spec = specOf('acol');
  const weights = weightsOf(spec);
  const arrays = new Map([...weights].map(([name, { data }]) => [name, Float32Array.from(data)]));
  const state = initialState(arrays);
  const before = tf.memory().numTensors;
  const losses: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    tf.tidy(() => {
      const names = [...arrays.keys()];
      const tensors = names.map((name) => tf.tensor(arrays.get(name)!, [...weights.get(name)!.shape]));
      const { value, grads } = tf.valueAndGrads((...own: tf.Tensor[]) => {
        const byName = Object.fromEntries(names.map((name, i) => [name, own[i]!]));
        return tf.addN(Object.values(stillLoss(spec, byName, features(6), [...labels, ...labels], options, step)));
      })(tensors);
      losses.push(value.dataSync()[0]!);
      const gradients = new Map(names.map((name, i) => [name, grads[i]!.dataSync<'float32'>()]));
      adamWStep(arrays, gradients, state, step, options);
    });
  }
  expect(tf.memory().numTensors).toBe(before);
  expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
  const moved = (name: string): number =>
    Math.max(
      ...sampled(
        arrays.get(name)!.map((value, i) => Math.abs(value - weights.get(name)!.data[i]!)),
        1e5,
      ),
    );
  expect(moved('conv5_block1_1_conv/kernel')).toBeGreaterThan(1e-5);
  expect(moved('conv5_block1_1_conv/kernel')).toBeLessThan(6 * 2e-4); // six steps of no more than 1e-4, and their start
  expect(moved('cnn1/kernel')).toBeGreaterThan(3e-3);
});

it('in training, what it attends to most is dropped after its first block and its last, and in the head', () => {
  const weights = tensorsOf(weightsOf(specOf('adl')));
  const attended: number[][] = [];
  tf.tidy(() => {
    runStage(TRUNK, CONV5, weights, features(1), (map) => {
      attended.push(map.shape);
      return map;
    });
  });
  expect(attended).toEqual([
    [1, 2, 2, 2048],
    [1, 2, 2, 2048],
  ]);
  const run = (dropRate: number): number =>
    tf.tidy(() => {
      const attentionDropout = { dropRate, threshold: 0.9, seed: 3 };
      return runStillHead(specOf('adl'), weights, features(1), { attentionDropout }).outputs.dataSync()[0]!;
    });
  expect(run(1)).not.toBe(run(0));
  tf.dispose(weights as unknown as tf.TensorContainer);
});

/** Some of many numbers: as many as a function takes. */
function sampled(values: Float32Array, most: number): Float32Array {
  return values.length <= most ? values : values.filter((_, i) => i % Math.ceil(values.length / most) === 0);
}
