/** Training on principal components: the same head as on the features themselves, and the components are the right ones. */
import { rm } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { embedViews } from '../../src/features/embed.ts';
import { useBackend } from '../../src/models/backend.ts';
import { type Head, headShapes, untrainedHead } from '../../src/models/head.ts';
import {
  fitComponents,
  principalComponents,
  reducedSpec,
  reduceFeatures,
  unfoldComponents,
} from '../../src/training/components.ts';
import { TOY_SPEC, toyCache, toyEvents } from './toy.ts';

beforeAll(() => useBackend('cpu'));

/** Points that spread by 5, 2 and 0.1 along three axes that are turned against the coordinates, around (1, 2, 3). */
function cloud(): Float32Array {
  const random = createRandom(5);
  const axes = [
    [0.6, 0.8, 0],
    [-0.8, 0.6, 0],
    [0, 0, 1],
  ] as const;
  return Float32Array.from(
    Array.from({ length: 500 }, () => {
      const along = [5, 2, 0.1].map((spread) => spread * random.normal());
      return [0, 1, 2].map((c) => 1 + c + axes.reduce((sum, axis, k) => sum + along[k]! * axis[c]!, 0));
    }).flat(),
  );
}

it('finds the directions of largest spread, and scales them to mean 0 and variance 1', async () => {
  const cells = cloud();
  const { kernel, bias } = await principalComponents(cells, 3, 2);
  const column = (k: number): number[] => [0, 1, 2].map((c) => kernel[2 * c + k]!);
  const cosine = (a: number[], b: number[]): number =>
    Math.abs(a.reduce((sum, value, i) => sum + value * b[i]!, 0)) / Math.hypot(...a) / Math.hypot(...b);
  expect(cosine(column(0), [0.6, 0.8, 0])).toBeGreaterThan(0.99);
  expect(cosine(column(1), [-0.8, 0.6, 0])).toBeGreaterThan(0.99);
  const projected = tf.add(tf.matMul(tf.tensor2d(cells, [500, 3]), tf.tensor2d(kernel, [3, 2])), tf.tensor1d(bias));
  const { mean, variance } = tf.moments(projected, 0);
  for (const value of mean.dataSync()) expect(value).toBeCloseTo(0, 3);
  for (const value of variance.dataSync()) expect(value).toBeCloseTo(1, 2);
});

it('gives a head on the features that embeds as the trained one did on the components, and leaves no tensor', async () => {
  const cache = await toyCache();
  const events = await toyEvents(cache);
  const before = tf.memory().numTensors;
  const components = await fitComponents(events, cache, TOY_SPEC.trunkChannels, 3);
  const reader = await reduceFeatures(events, cache, components, {});
  const spec = reducedSpec(TOY_SPEC, components);
  const trained: Head = { ...untrainedHead(spec, 1), origin: { kind: 'trained', id: 'toy' } };
  trained.weights.get('cnn1/bias')!.data.fill(0.2);
  const unfolded = unfoldComponents(TOY_SPEC, trained, components);
  expect([...unfolded.weights].map(([name, { shape }]) => [name, [...shape]])).toEqual([...headShapes(TOY_SPEC)]);
  const views = events.map((event) => event.views[0]!);
  const expected = await embedViews(trained, views, { cache: reader });
  const actual = await embedViews(unfolded, views, { cache });
  for (const [i, embedding] of actual.entries()) {
    for (const [d, value] of embedding.entries()) expect(value).toBeCloseTo(expected[i]![d]!, 2); // half precision
  }
  expect(tf.memory().numTensors).toBe(before);
  await rm(cache.folder, { recursive: true });
});

it('can be stopped while it computes, and leaves no tensor', async () => {
  const before = tf.memory().numTensors;
  const cells = Float32Array.from({ length: 8000 * 192 }, (_, i) => Math.sin(i));
  const stages = new Set<string>();
  const controller = new AbortController();
  const onProgress = ({ stage }: { stage: string }): void => {
    stages.add(stage);
    setTimeout(() => controller.abort(), 0);
  };
  const work = principalComponents(cells, 192, 8, { onProgress, signal: controller.signal });
  await expect(work).rejects.toMatchObject({ code: 'aborted' });
  expect([...stages]).toEqual(['finding components']);
  expect(tf.memory().numTensors).toBe(before);
});
