/** The event network on a trunk of random weights: what it says of itself, which frames it takes, and what it refuses. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { EventNetwork, trunkSide, withInputSize } from '../../src/models/event-network.ts';
import { averaged, type Familiarity } from '../../src/models/familiarity.ts';
import {
  eventOutputs,
  featureMapShape,
  type Head,
  headName,
  headSha256,
  headShapes,
  inputOf,
  untrainedHead,
} from '../../src/models/head.ts';
import { createRecurrentHead } from '../../src/models/head-tails.ts';
import { type PretrainedTrunk, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { tinyHead, tinyNetwork } from '../support/tiny-network.ts';

let folder: string;
let head: Head;
let pretrained: PretrainedTrunk;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-event-'));
  vi.stubEnv('L2CAF_CACHE', folder);
  ({ head, pretrained } = await tinyHead());
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

function framesOf(count: number, size = 64) {
  const rgb = Uint8Array.from({ length: count * size * size * 3 }, (_, i) => (i * 7919) % 251);
  return { rgb, shape: [count, size, size, 3] as const, timestampsSec: Array.from({ length: count }, (_, i) => i) };
}

/** What a head knows of its training, as if its frames were all like each other. */
const FAMILIARITY: Familiarity = {
  ...{ mean: new Float32Array(64), directions: new Float32Array(64), variances: Float32Array.of(1) },
  ...{ floor: 1, limit: 5 },
};

describe('a network', () => {
  it('says what it is', async () => {
    const { network } = await tinyNetwork('wasm');
    expect(network.id).toBe('untrained-1');
    expect(network.input).toEqual({ size: { width: 64, height: 64 } });
    expect(network.grid).toEqual({ height: 4, width: 4 });
    expect(network.outputs).toEqual([
      { name: 'embedding', kind: 'embedding', size: 32 },
      { name: 'logits', kind: 'scores', size: 2, labels: ['left', 'right'] },
    ]);
    const sha256 = headSha256(head);
    expect(network.describe()).toEqual({
      ...{ kind: 'event-network', trunk: 'tiny', trunkSha256: pretrained.weightsSha256, stage: 'conv2' },
      ...{ head: { kind: 'untrained', seed: 1, sha256 }, inputSize: { width: 64, height: 64 } },
      grid: { height: 4, width: 4 },
      licences: [
        { of: 'trunk tiny', licence: pretrained.licence },
        { of: 'training data ImageNet-1k', licence: pretrained.data.licence },
      ],
    });
    const whole = createHash('sha256').update(JSON.stringify([pretrained.weightsSha256, 'conv2', sha256]));
    expect(network.sha256).toBe(whole.digest('hex'));
    network.dispose();
  });

  it('gives frames the same maps in any number, in steps or at once, and frees all that it takes', async () => {
    const { network } = await tinyNetwork('wasm');
    await network.features(framesOf(1)); // makes what is kept
    const before = tf.memory().numTensors;
    const frames = framesOf(19); // more than are run at once
    const { data, shape } = await network.features(frames);
    expect(shape).toEqual([19, 4, 4, 8]);
    expect(data).toHaveLength(19 * 128);
    const bytes = 64 * 64 * 3;
    for (const frame of [0, 7, 8, 16, 18]) {
      const rgb = frames.rgb.subarray(frame * bytes, (frame + 1) * bytes);
      const one = await network.features({ ...frames, rgb, shape: [1, 64, 64, 3] });
      expect([...one.data]).toEqual(
        [...data.subarray(frame * 128, (frame + 1) * 128)].map((x) => expect.closeTo(x, 4)),
      );
    }
    const trunk = await network.trunkFeatures(frames);
    expect(trunk).toHaveLength(19 * 16 * 16 * 64);
    const maps = await network.mapsOf(trunk);
    expect(maps.shape).toEqual(shape);
    expect(maps).not.toHaveProperty('averages');
    expect([...maps.data]).toEqual([...data].map((x) => expect.closeTo(x, 4)));
    const tensor = network.featureMapsTensor(framesOf(1));
    expect([...tensor.dataSync()]).toEqual(
      [...(await network.features(framesOf(1))).data].map((x) => expect.closeTo(x, 4)),
    );
    tensor.dispose();
    expect(tf.memory().numTensors).toBe(before);
    network.dispose();
  });

  it('refuses frames of another size, and outputs that it has not', async () => {
    const { network } = await tinyNetwork('wasm');
    for (const [frames, got] of [
      [framesOf(1, 32), '32x32'],
      [{ ...framesOf(1), shape: [1, 64, 32, 3] as const }, '32x64'],
      [{ ...framesOf(1), shape: [1, 32, 64, 3] as const }, '64x32'],
    ] as const)
      await expect(network.features(frames)).rejects.toMatchObject({
        ...{ code: 'shape-mismatch', message: `the network expects frames of 64x64, got ${got}` },
      });
    const maps = await network.features(framesOf(2));
    expect(() => network.tail(maps, 'speed')).toThrow(
      expect.objectContaining({
        ...{ code: 'usage', message: 'the model has no output speed', hint: 'its outputs: embedding, logits' },
      }),
    );
    const [embedding, logits] = [network.tail(maps), network.tail(maps, 'logits')];
    expect([embedding.outputSize, logits.outputSize, embedding.slots]).toEqual([32, 2, 2]);
    const redrawn = network.redrawn(maps, 'logits');
    expect(redrawn.length).toBeGreaterThan(0);
    for (const tail of redrawn) expect(tail.reference).not.toEqual(logits.reference);
    for (const tail of [embedding, logits, ...redrawn]) tail.dispose();
    network.dispose();
  });

  it.each(['wasm', 'onnxruntime'] as const)(
    'tells how far events are from its training, if it knows: %s',
    async (engine) => {
      const { network: plain } = await tinyNetwork(engine);
      const without = await plain.features(framesOf(2));
      expect(plain.distance(without)).toBeUndefined();
      const knowing = await EventNetwork.load(
        { ...head, facts: { licences: [], familiarity: FAMILIARITY } },
        pretrained,
        {
          engine,
        },
      );
      const maps = await knowing.features(framesOf(2));
      expect([...maps.data]).toEqual([...without.data].map((x) => expect.closeTo(x, 4)));
      const features = await knowing.trunkFeatures(framesOf(2));
      expect(maps.averages).toHaveLength(128);
      const frame = features.length / 2;
      expect([...maps.averages!.subarray(64)]).toEqual(
        [...averaged(features.subarray(frame), 64)].map((x) => expect.closeTo(x, 5)),
      );
      const mean = averaged(features, 64);
      const expected = Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0));
      expect(knowing.distance(maps)).toEqual({ distance: expect.closeTo(expected, 3), limit: 5 });
      if (engine === 'onnxruntime') expect(() => knowing.featureMapsTensor(framesOf(1))).toThrow('TensorFlow.js');
      for (const network of [plain, knowing]) network.dispose();
    },
  );
});

describe('a head', () => {
  it('has the shapes of its architecture', () => {
    expect(Object.fromEntries(headShapes(head.spec))).toMatchObject({
      ...{ 'lstm/input_kernel': [4 * 4 * 8, 128], 'lstm/recurrent_kernel': [32, 128], 'lstm/bias': [128] },
      ...{ 'embedding/kernel': [32, 32], 'embedding/bias': [32], 'logits/kernel': [32, 2], 'logits/bias': [2] },
    });
    const { labels: _, ...unlabelled } = head.spec;
    const pooled = headShapes({ ...unlabelled, pool: { height: 2, width: 1 } });
    expect(pooled.get('lstm/input_kernel')).toEqual([2 * 8, 128]);
    expect(pooled.has('logits/kernel')).toBe(false);
    expect(eventOutputs(unlabelled)).toEqual([{ name: 'embedding', kind: 'embedding', size: 32 }]);
    const questions = [{ name: 'q', labels: ['left', 'right'] }] as never;
    expect(eventOutputs({ ...head.spec, questions })[1]).toMatchObject({ questions });
    expect(featureMapShape({ ...head.spec, shallowCnn: [] })).toEqual({ height: 16, width: 16, channels: 64 });
    expect(inputOf({ ...head.spec, eventSec: 2.5 })).toEqual({ size: { width: 64, height: 64 }, eventSec: 2.5 });
    expect([headName({ kind: 'trained', id: 'mine' }), headName({ kind: 'untrained', seed: 4 })]).toEqual([
      'mine',
      'untrained-4',
    ]);
  });

  it('begins with weights of the spread that keeps signals as large as they are, the same for a seed', () => {
    const deviation = (values: ArrayLike<number>): number =>
      Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);
    const data = (name: string): Float32Array => head.weights.get(name)!.data;
    const kernels = [...head.weights.keys()].filter((name) => name.startsWith('cnn') && name.endsWith('kernel'));
    expect(kernels).toHaveLength(2);
    for (const name of kernels) {
      const { shape } = head.weights.get(name)!;
      const inputs = shape.slice(0, -1).reduce((all, side) => all * side, 1);
      expect(deviation(data(name)) / Math.sqrt(2 / inputs)).toBeCloseTo(1, 0.7); // He
    }
    for (const [name, inputs, outputs] of [
      ['lstm/input_kernel', 128, 128],
      ['lstm/recurrent_kernel', 32, 128],
      ['embedding/kernel', 32, 32],
      ['logits/kernel', 32, 2],
    ] as const) {
      const limit = Math.sqrt(6 / (inputs + outputs)); // Glorot, uniform
      expect(Math.max(...data(name).map(Math.abs))).toBeLessThanOrEqual(limit);
      expect(deviation(data(name)) / (limit / Math.sqrt(3))).toBeCloseTo(1, 0.7);
      expect(Math.abs(data(name).reduce((sum, value) => sum + value, 0) / data(name).length)).toBeLessThan(limit / 2);
    }
    expect([...data('lstm/bias')]).toEqual(Array.from({ length: 128 }, (_, i) => (i >= 32 && i < 64 ? 1 : 0)));
    expect([...data('embedding/bias')]).toEqual(new Array(32).fill(0));
    const again = untrainedHead(head.spec, 1);
    expect(headSha256(again)).toBe(headSha256(head));
    expect(headSha256(untrainedHead(head.spec, 2))).not.toBe(headSha256(head));
    expect(untrainedHead(head.spec, 2).origin).toEqual({ kind: 'untrained', seed: 2 });
    expect(
      new Set([...head.weights.values()].filter(({ shape }) => shape.length > 1).map((one) => one.data[0])).size,
    ).toBe(6);
  });

  it('is known by the names and numbers of its weights', () => {
    const weights = new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]]);
    const hash = createHash('sha256')
      .update('a')
      .update(new Uint8Array(Float32Array.of(1, 2).buffer));
    expect(headSha256({ weights })).toBe(hash.digest('hex'));
    const part = new Map([['a', { shape: [2], data: Float32Array.of(0, 1, 2, 3).subarray(1, 3) }]]);
    expect(headSha256({ weights: part })).toBe(headSha256({ weights }));
  });
});

describe('frames of another size', () => {
  const pooled: Head = {
    ...untrainedHead(
      {
        ...trunkSide(RESNET50_IMAGENET, 'conv4', { width: 128, height: 64 }),
        shallowCnn: [],
        pool: { height: 2, width: 3 },
        lstmUnits: 2,
        embeddingSize: 2,
      },
      0,
    ),
    facts: { licences: [{ of: 'head', licence: 'MIT' }], familiarity: FAMILIARITY },
  };

  it('are taken by a head that pools its maps, which no longer knows what is usual', () => {
    const resized = withInputSize(pooled, RESNET50_IMAGENET, { width: 96, height: 96 });
    expect(resized.spec).toEqual({
      ...pooled.spec,
      inputSize: { width: 96, height: 96 },
      trunkGrid: { height: 6, width: 6 },
    });
    expect(resized.facts).toEqual({ licences: [{ of: 'head', licence: 'MIT' }] });
    expect(resized.weights).toBe(pooled.weights);
    const { facts: _, ...unknown } = pooled;
    expect(withInputSize(unknown, RESNET50_IMAGENET, { width: 96, height: 96 })).not.toHaveProperty('facts');
    expect(withInputSize(pooled, RESNET50_IMAGENET, { width: 128, height: 64 })).toBe(pooled);
    expect(withInputSize(head, pretrained, { width: 64, height: 64 })).toBe(head);
  });

  it('are taken by a head that reads its maps by attention, however small', () => {
    const { pool: _, ...spec } = pooled.spec;
    const attentive = untrainedHead({ ...spec, attention: { heads: 2, keys: 4 } }, 0);
    const resized = withInputSize(attentive, RESNET50_IMAGENET, { width: 32, height: 64 });
    expect(resized.spec.trunkGrid).toEqual({ height: 4, width: 2 });
    const recurrent = createRecurrentHead(resized);
    const tail = recurrent.tail({ data: new Float32Array(8 * 1024).fill(1), shape: [1, 4, 2, 1024] });
    expect(tail.grid).toEqual({ height: 4, width: 2 });
    tail.dispose();
    recurrent.dispose();
  });

  it.each([
    [
      () => withInputSize(head, pretrained, { width: 96, height: 64 }),
      'this model takes frames of 64x64 only',
      'leave --size out, or use a model that pools its feature maps or reads them by attention',
    ],
    [
      () => withInputSize(head, pretrained, { width: 64, height: 96 }),
      'this model takes frames of 64x64 only',
      'leave --size out, or use a model that pools its feature maps or reads them by attention',
    ],
    [
      () => withInputSize(pooled, RESNET50_IMAGENET, { width: 32, height: 64 }),
      'frames of 32x64 are too small for this model',
      'they give 2x4 feature cells, it needs 3x2',
    ],
    [
      () =>
        withInputSize({ ...pooled, spec: { ...pooled.spec, pool: { height: 5, width: 1 } } }, RESNET50_IMAGENET, {
          width: 96,
          height: 64,
        }),
      'frames of 96x64 are too small for this model',
      'they give 6x4 feature cells, it needs 1x5',
    ],
  ])('are refused where they do not fit (%#)', (resize, message, hint) => {
    expect(resize).toThrow(expect.objectContaining({ code: 'shape-mismatch', message, hint }));
  });
});
