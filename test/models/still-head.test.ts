/** Heads for still pictures as functions of their weights: ACoL and ADL on numbers worked out by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Random } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { WeightTensors } from '../../src/models/head-network.ts';
import {
  attentionDropped,
  fusedMap,
  runStillHead,
  type StillHeadSpec,
  stillHeadShapes,
  untrainedStillHead,
} from '../../src/models/still-head.ts';

/** Four cells in a row of one channel, two classes; every convolution passes its input on. */
function acol(erase: number): StillHeadSpec {
  return {
    ...{ trunk: 'toy', stage: 'last', trunkGrid: { height: 1, width: 4 }, trunkChannels: 1 },
    inputSize: { width: 128, height: 32 },
    ...{ kind: 'acol', channels: [1, 1], labels: ['a', 'b'], outputs: 2, erase },
  };
}

function weights(scale = 1): WeightTensors {
  const through = (factor: number): tf.Tensor4D => tf.tensor4d([0, 0, 0, 0, factor, 0, 0, 0, 0], [3, 3, 1, 1]);
  return {
    'cnn1/kernel': tf.tensor4d([scale], [1, 1, 1, 1]),
    'cnn1/bias': tf.zeros([1]),
    'cnn2/kernel': through(1),
    'cnn2/bias': tf.zeros([1]),
    'dense/kernel': tf.tensor2d([1, -1], [1, 2]),
    'dense/bias': tf.tensor1d([0.25, 0]),
    'second/cnn2/kernel': through(3),
    'second/cnn2/bias': tf.zeros([1]),
    'second/dense/kernel': tf.tensor2d([1, 2], [1, 2]),
    'second/dense/bias': tf.zeros([2]),
  };
}

const features = (): tf.Tensor4D => tf.tensor4d([4, 2, 1, 0], [1, 1, 4, 1]);
const fixed = (value: number): Random => ({ uniform: () => value, normal: () => 0 });

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend);
  });

  it.each([
    // Class 0 of the first branch: [4, 2, 1, 0], scaled [1, ½, ¼, 0].
    { index: 0, erase: 0.6, fused: [1, 1, 0.5, 0] }, // the second sees [·, 2, 1, 0], scaled [0, 1, ½, 0]
    { index: 0, erase: 0.5, fused: [1, 0.5, 1, 0] }, // at the threshold, too, cells are erased: [·, ·, 1, 0]
    { index: 0, erase: 1, fused: [1, 1, 0.5, 0] },
    // Class 1: [−4, −2, −1, 0], scaled [0, ½, ¾, 1].
    { index: 1, erase: 0.6, fused: [1, 0.5, 0.75, 1] }, // the second sees [4, 2, ·, ·], scaled [1, ½, 0, 0]
  ])('ACoL fuses the map of class $index when it erases from $erase on', async ({ index, erase, fused }) => {
    const own = weights();
    const map = await fusedMap(acol(erase), own, features(), index);
    expect([...map]).toEqual(fused);
    tf.dispose(own as unknown as tf.TensorContainer);
  });

  it('the second branch of ACoL is scored without what the first has found of the true class', () => {
    const scores = (classes: number[]): number[][] =>
      tf.tidy(() => {
        const { outputs, second } = runStillHead(acol(0.6), weights(), features(), { classes });
        return [[...outputs.dataSync()], [...second!.dataSync()]];
      });
    expect(scores([0])).toEqual([
      [2, -1.75], // mean of [4, 2, 1, 0] is 1.75; with the bias
      [2.25, 4.5], // 3 · mean of [0, 2, 1, 0], times 1 and 2
    ]);
    expect(scores([1])[1]).toEqual([4.5, 9]); // 3 · mean of [4, 2, 0, 0]
    expect(tf.tidy(() => runStillHead(acol(0.6), weights(), features()).second)).toBeUndefined();
  });

  it('slopes go to the shared layer through both branches, and not through the choice of what is erased', () => {
    const own = weights();
    const total = (kernel: tf.Tensor): tf.Scalar => {
      const all = { ...own, 'cnn1/kernel': kernel };
      const { outputs, second } = runStillHead(acol(0.6), all, features(), { classes: [0] });
      return tf.sum(tf.add(tf.slice(outputs, [0, 0], [1, 1]), tf.slice(second!, [0, 0], [1, 1])));
    };
    const slope = tf.grad(total)(own['cnn1/kernel']!).dataSync()[0];
    expect(slope).toBeCloseTo(1.75 + 2.25, 5); // of 1.75·k + 0.25 and of 2.25·k at k = 1
  });

  it('ADL drops the cells near the maximum of the mean over channels, or weighs all by its sigmoid', () => {
    // Means over the two channels: 2, 1, 0; and of the second picture 1, 1, 4.
    const maps = tf.tensor4d([1, 3, 2, 0, 0, 0, 0, 2, 1, 1, 4, 4], [2, 1, 3, 2]);
    const dropped = attentionDropped(maps, { dropRate: 0.75, threshold: 0.9 }, fixed(0.74));
    expect([...dropped.dataSync()]).toEqual([0, 0, 2, 0, 0, 0, 0, 2, 1, 1, 0, 0]);
    const more = attentionDropped(maps, { dropRate: 0.75, threshold: 0.5 }, fixed(0));
    expect([...more.dataSync()]).toEqual([0, 0, 0, 0, 0, 0, 0, 2, 1, 1, 0, 0]);
    const weighed = attentionDropped(maps, { dropRate: 0.75, threshold: 0.9 }, fixed(0.75)).dataSync();
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    for (const [i, mean] of [2, 2, 1, 1, 0, 0, 1, 1, 1, 1, 4, 4].entries()) {
      expect(weighed[i]).toBeCloseTo(maps.dataSync()[i]! * sigmoid(mean), 5);
    }
  });

  it('ADL learns through the importance map, and trains only where it is asked for', () => {
    const { kind: _, erase: __, ...rest } = acol(0.6);
    const spec: StillHeadSpec = { ...rest, kind: 'adl' };
    const own = weights();
    const score = (dropRate: number) => (kernel: tf.Tensor) => {
      const attentionDropout = { dropRate, threshold: 0.9, seed: 3 };
      const { outputs } = runStillHead(spec, { ...own, 'cnn1/kernel': kernel }, features(), { attentionDropout });
      return tf.sum(tf.slice(outputs, [0, 0], [1, 1]));
    };
    const slope = tf.grad(score(0))(own['cnn1/kernel']!).dataSync()[0]!;
    const [low, high] = [0.99, 1.01].map((k) => score(0)(tf.tensor4d([k], [1, 1, 1, 1])).dataSync()[0]!);
    expect(slope).toBeCloseTo((high! - low!) / 0.02, 2);
    // All masks: the trunk's map loses its first cell, and what is left, [0, 2, 1, 0], its highest again: mean of [0, 0, 1, 0].
    expect(score(1)(own['cnn1/kernel']!).dataSync()[0]).toBeCloseTo(0.25 + 0.25, 6);
    expect(runStillHead(spec, own, features()).outputs.dataSync()[0]).toBeCloseTo(1.75 + 0.25, 6);
  });
});

it('begins with weights of the shapes of its kind, the same for the same seed', () => {
  const spec = acol(0.6);
  const drawn = untrainedStillHead(spec, 4);
  expect([...drawn].map(([name, { shape }]) => [name, shape])).toEqual([...stillHeadShapes(spec)]);
  expect(drawn.get('second/cnn2/kernel')!.data).not.toEqual(drawn.get('cnn2/kernel')!.data);
  expect(untrainedStillHead(spec, 4)).toEqual(drawn);
  expect(untrainedStillHead(spec, 5)).not.toEqual(drawn);
  const { erase: _, ...plain } = { ...spec, kind: 'gap' as const };
  expect([...stillHeadShapes(plain).keys()].some((name) => name.startsWith('second'))).toBe(false);
});
