import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { classActivation, lifted } from '../../src/l2caf/cam.ts';
import { gradCam } from '../../src/l2caf/gradcam.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { findAttention } from '../../src/l2caf/method.ts';
import type { FeatureTail } from '../../src/l2caf/tail.ts';
import { featureTail } from '../../src/l2caf/tensor-tail.ts';
import { useBackend } from '../../src/models/backend.ts';
import { evaluating } from './evaluating.ts';
import { toyLinearTail, toyRecurrent } from './toys.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

/** Two cells, two channels, two classes. */
const tail = (): FeatureTail =>
  pooledDenseTail({
    grid: { height: 1, width: 2 },
    features: Float32Array.of(1, 0, 0, 2), // [1, 2, 2]
    kernel: Float32Array.of(4, 0, -2, 6), // [c, k]
    bias: Float32Array.of(7, 0),
  });

describe('classActivation', () => {
  it('sums the channels by the weights of the class, with their signs', async () => {
    const toy = tail();
    const [map] = await classActivation(toy, { kind: 'class', index: 0 });
    expect([...map!.values]).toEqual([4, -4]); // 4·1 − 2·0 and 4·0 − 2·2
    expect([...lifted(map!).values]).toEqual([8, 0]);
    expect([...(await classActivation(toy, { kind: 'class', index: 1 }))[0]!.values]).toEqual([0, 12]);
    toy.dispose();
  });

  it.each([
    ['that offers its closed form', (toy: FeatureTail) => toy],
    ['that only evaluates', evaluating],
  ] as const)('of a tail %s, its positive part is Grad-CAM up to scale', async (_, as) => {
    const toy = toyLinearTail();
    for (const index of [0, 1, 2, 3, 4]) {
      const target = { kind: 'class', index } as const;
      const [map] = await classActivation(as(toy), target);
      const [golden] = gradCam(toy, target);
      const cells = map!.values.length;
      for (const [cell, value] of map!.values.entries())
        expect(Math.max(0, value)).toBeCloseTo(cells * golden!.values[cell]!, 4);
      const mean = map!.values.reduce((sum, value) => sum + value, 0) / cells;
      const empty = await toy.evaluate(new Float32Array(cells), [0]);
      expect(mean).toBeCloseTo(toy.reference[index]! - empty[index]!, 4);
    }
    toy.dispose();
  });

  it('is nothing for a class that the layer gives no weight', async () => {
    const blind = pooledDenseTail({
      grid: { height: 1, width: 2 },
      features: Float32Array.of(1, 0, 0, 2),
      kernel: new Float32Array(4),
      bias: Float32Array.of(7, 0),
    });
    expect([...(await classActivation(blind, { kind: 'class', index: 0 }))[0]!.values]).toEqual([0, 0]);
    blind.dispose();
  });

  it('is refused where the tail is no pooling and dense layer', async () => {
    const target = { kind: 'class', index: 0 } as const;
    const recurrent = toyRecurrent();
    await expect(classActivation(recurrent.tail, target)).rejects.toMatchObject({
      ...{ code: 'usage', message: expect.stringContaining('where a feature lies matters') },
      hint: expect.stringContaining('gradcam'),
    });
    recurrent.tail.dispose();
    recurrent.head.dispose();
    const kinked = bentTail(); // pooled, but with a ReLU
    await expect(classActivation(kinked, target)).rejects.toThrow('not linear behind the layer');
    kinked.dispose();
  });

  it('is refused for all outputs at once and for a class that there is not, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const toy = tail();
    await expect(classActivation(toy, { kind: 'embedding' })).rejects.toThrow('cam explains a class');
    await expect(classActivation(toy, { kind: 'class', index: 2 })).rejects.toThrow('no class 2');
    toy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('comes out as a filter that is never negative', async () => {
    const toy = tail();
    const found = await findAttention(toy, 'cam', { objective: { kind: 'class', index: 0 } });
    expect(found.options).toMatchObject({ method: 'cam', solver: 'dense layer' });
    expect([...found.filters[0]!.values]).toEqual([1, 0]);
    await expect(findAttention(toy, 'cam')).rejects.toThrow('cam explains a class');
    toy.dispose();
  });
});

/** Pooling, then the largest of the pooled channels and 0 as the one score. */
function bentTail(): FeatureTail {
  const map = tf.tensor3d([1, 2, -3, 1, 2, -1, 0, 2], [2, 2, 2]);
  const outputsOf = (maps: tf.Tensor4D): tf.Tensor2D =>
    tf.tidy(() => tf.relu(tf.sub(tf.mean(maps, [1, 2]), 0.1)) as tf.Tensor2D);
  return featureTail({
    slots: 1,
    grid: { height: 2, width: 2 },
    outputSize: 2,
    reference: tf.tidy(() => outputsOf(tf.expandDims(map, 0) as tf.Tensor4D).dataSync<'float32'>()),
    filtered: (filters) => tf.tidy(() => outputsOf(tf.mul(map, tf.expandDims(filters, 3)))),
    features: () => map,
    outputsOf,
    dispose: () => map.dispose(),
  });
}
