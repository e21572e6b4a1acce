/** Networks of this project as ONNX files: explained as imported ones, they are the same. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { explainMaps } from '../../src/analysis/explain.ts';
import { addRows } from '../../src/base/matrix.ts';
import * as tf from '../../src/base/tensorflow.ts';
import type { FrameBatch } from '../../src/base/types.ts';
import type { Objective } from '../../src/l2caf/objective.ts';
import { useBackend } from '../../src/models/backend.ts';
import { runSteps } from '../../src/models/classification-network.ts';
import { EventNetwork } from '../../src/models/event-network.ts';
import { exportEventNetwork, exportSqueezeNet, writeExported } from '../../src/models/export.ts';
import { type HeadSpec, untrainedHead } from '../../src/models/head.ts';
import { openImported } from '../../src/models/imported.ts';
import { GraphBuilder } from '../../src/models/onnx/builder.ts';
import { resnetGraph } from '../../src/models/onnx/classifier-graph.ts';
import { addResNet } from '../../src/models/onnx/convolutions.ts';
import { floatsOf, openSession, tensorOf } from '../../src/models/onnx/runtime.ts';
import { licencesOn, type PretrainedTrunk, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { createResNet, type ResNetSpec } from '../../src/models/resnet.ts';
import { loadSqueezeNet } from '../../src/models/squeezenet.ts';
import type { VideoModel } from '../../src/models/video-model.ts';
import { cosine, difference } from '../support/compare.ts';
import { tinyHead } from '../support/tiny-network.ts';
import { noiseFrames } from './onnx/tiny-folder.ts';
import { writeRandomSqueezeNet } from './random-squeezenet.ts';
import { randomWeights } from './random-weights.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-export-'));
  await useBackend('wasm');
});
afterEach(() => vi.unstubAllEnvs());

/** The network of `tinyHead`, or one with another head, as it is and as imported. */
async function bothWays(change: Partial<HeadSpec> = {}, frames = 3): Promise<readonly [VideoModel, VideoModel]> {
  vi.stubEnv('L2CAF_CACHE', folder);
  const { head, pretrained } = await tinyHead();
  const random = untrainedHead({ ...head.spec, ...change }, 1);
  const { shape, data } = random.weights.get('lstm/input_kernel')!;
  const small = { shape, data: data.map((value) => value / 50) }; // noise would drive all gates to their ends
  const own = { ...random, weights: new Map(random.weights).set('lstm/input_kernel', small) };
  const target = await mkdtemp(join(folder, 'event-'));
  await writeExported(target, await exportEventNetwork(own, pretrained, frames));
  const { network, warnings } = await openImported(target, {});
  expect(warnings).toEqual([]); // the card says all
  return [await EventNetwork.load(own, pretrained), network];
}

/** Explains the same frames both ways. */
async function explained(
  networks: readonly [VideoModel, VideoModel],
  frames: FrameBatch,
  objective: Objective,
  starts: number,
) {
  return Promise.all(
    networks.map(async (network) => {
      const maps = await network.features(frames);
      const found = await explainMaps(network, maps, { target: { objective, name: 'tested' }, starts, seed: 0 });
      return { maps, ...found };
    }),
  );
}

/** Two classes that may both be so. */
const QUESTIONS = [
  { name: 'to the left', answers: [0], others: [1], temperature: 2 },
  { name: 'to the right', answers: [1], others: [0] },
];

describe('the event network', () => {
  it.each<[string, Partial<HeadSpec>, number, Objective]>([
    ['as it is', {}, 3, { kind: 'oblivious' }],
    ['of five frames', {}, 5, { kind: 'oblivious' }],
    ['for one of its classes', {}, 3, { kind: 'class', index: 1 }],
    ['whose classes do not exclude each other', { questions: QUESTIONS }, 3, { kind: 'class', index: 1 }],
    ['that reads its maps by attention', { attention: { heads: 2, keys: 8 } }, 3, { kind: 'oblivious' }],
    ['that pools its maps', { pool: { height: 2, width: 3 } }, 3, { kind: 'oblivious' }],
  ])('%s has the same maps, outputs and filters', async (_, change, count, objective) => {
    const networks = await bothWays(change, count);
    const starts = change.attention ? 8 : 1; // it has several minima
    const [own, imported] = await explained(networks, noiseFrames(count, 64, 64), objective, starts);
    expect(imported!.maps.shape).toEqual(own!.maps.shape);
    expect(difference(imported!.maps.data, own!.maps.data)).toBeLessThan(1e-5);
    expect(difference(imported!.embedding, own!.embedding)).toBeLessThan(1e-5);
    expect(networks[1].outputs.map(({ labels }) => labels)).toEqual([undefined, ['left', 'right']]);
    expect(difference(imported!.scores!, own!.scores!)).toBeLessThan(1e-5);
    expect(networks[1].outputs[1]?.questions).toEqual(change.questions);
    expect(own!.scores![0]! + own!.scores![1]! === 1).toBe(change.questions === undefined);
    for (const [i, { loss, values }] of own!.attention.filters.entries()) {
      const other = imported!.attention.filters[i]!;
      expect(Math.abs(other.loss - loss) / Math.abs(loss)).toBeLessThan(1e-4);
      expect(1 - cosine(other.values, values)).toBeLessThan(1e-4);
    }
    for (const network of networks) network.dispose();
  });

  it('without a shallow CNN has the same maps and outputs', async () => {
    const [own, imported] = await bothWays({ shallowCnn: [], pool: { height: 2, width: 2 } }, 2);
    const frames = noiseFrames(2, 64, 64);
    const [ofOwn, ofImported] = [await own.features(frames), await imported.features(frames)];
    expect(difference(ofImported.data, ofOwn.data)).toBeLessThan(1e-5);
    for (const output of ['embedding', 'logits']) {
      const [expected, found] = [own.tail(ofOwn, output), imported.tail(ofImported, output)];
      expect(difference(found.reference, expected.reference)).toBeLessThan(1e-5);
    }
  });

  it('without a classifier has one output', async () => {
    const { labels: _, ...spec } = (await tinyHead()).head.spec;
    vi.stubEnv('L2CAF_CACHE', folder);
    const { pretrained } = await tinyHead();
    const { card } = await exportEventNetwork(untrainedHead({ ...spec, eventSec: 3 }, 1), pretrained, 3);
    expect(card.input).toMatchObject({ frames: 3, eventSec: 3 });
    expect(card.scores).toBeUndefined();
    expect(card.licences).toEqual(licencesOn(pretrained)); // random weights have none of their own
    expect(card.output).toEqual({ tensor: 'embedding', kind: 'embedding' });
  });
});

/** Runs a graph on pictures `[n, h, w, 3]`, as it takes them. Returns one of its tensors as it is. */
async function run(bytes: Uint8Array, pictures: tf.Tensor4D, output: string): Promise<Float32Array> {
  const session = await openSession('the graph', bytes);
  const input = tf.tidy(() => tf.transpose(pictures, [0, 3, 1, 2]));
  const tensor = tensorOf('float32', input.dataSync<'float32'>(), input.shape);
  input.dispose();
  const values = await session.run({ pictures: tensor }, [output]);
  session.release();
  return floatsOf(values[output]!);
}

function pictures(count: number, side: number): tf.Tensor4D {
  const { rgb, shape } = noiseFrames(count, side, side);
  return tf.tensor4d(
    Float32Array.from(rgb, (value) => value - 128),
    [...shape],
  );
}

const valuesOf = (compute: () => tf.Tensor): Float32Array => tf.tidy(compute).dataSync<'float32'>();

describe('a ResNet', () => {
  it.each<Pick<ResNetSpec, 'depth' | 'strideIn' | 'padding'>>([
    { depth: 18, strideIn: '3x3', padding: 'symmetric' },
    { depth: 18, strideIn: '3x3', padding: 'same' },
    { depth: 50, strideIn: 'first-1x1', padding: 'same' },
    { depth: 50, strideIn: '3x3', padding: 'symmetric' },
  ])('of %o has the same features', async (variant) => {
    const spec: ResNetSpec = { ...variant, upTo: 'conv3' };
    const weights = randomWeights(spec);
    const graph = new GraphBuilder();
    const maps = addResNet(graph, graph.input('pictures', ['n', 3, 'h', 'w']), spec, weights);
    graph.output(maps, ['n', undefined, undefined, undefined]);
    const [input, trunk] = [pictures(2, 64), createResNet(spec, weights)];
    const own = valuesOf(() => tf.transpose(trunk.features(input), [0, 3, 1, 2]));
    expect(difference(await run(graph.bytes(), input, maps), own)).toBeLessThan(1e-5);
  });

  it('with its classifier has the same scores', async () => {
    const spec: ResNetSpec = { depth: 18, strideIn: '3x3', padding: 'symmetric', upTo: 'conv5' };
    const random = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    const weights = randomWeights(spec)
      .set('fc/kernel', { shape: [512, 7], data: random(512 * 7) })
      .set('fc/bias', { shape: [7], data: random(7) });
    const pretrained: PretrainedTrunk = { ...RESNET50_IMAGENET, spec, inputSize: { width: 64, height: 64 } };
    const [input, network] = [pictures(1, 64), createResNet(spec, weights)];
    const means = valuesOf(() => tf.mean(network.features(input), [1, 2]));
    const own = Float64Array.from(random(7));
    addRows(Float64Array.from(means), Float64Array.from(random(512 * 7)), own, 7);
    expect(difference(await run(resnetGraph(pretrained, weights), input, 'scores'), own)).toBeLessThan(1e-5);
  });
});

describe('SqueezeNet', () => {
  it('has the same scores and the same layer, as its card says how pictures are given', async () => {
    const weights = join(folder, 'squeezenet');
    await writeRandomSqueezeNet(weights);
    const target = join(folder, 'squeezenet-onnx');
    await writeExported(target, await exportSqueezeNet(weights));
    const { network: imported, warnings } = await openImported(target, {});
    expect(warnings).toEqual([]);
    expect(imported.outputs[0]!.labels).toHaveLength(1000);
    const frames = noiseFrames(1, 224, 224);
    const maps = await imported.features(frames);
    const own = await loadSqueezeNet(weights);
    const input = own.preprocess(frames);
    const fire9 = own.steps.findIndex(({ name }) => name === 'fire9');
    expect(
      difference(
        maps.data,
        valuesOf(() => runSteps(own.steps.slice(0, fire9 + 1), input)),
      ),
    ).toBeLessThan(1e-5);
    const scores = valuesOf(() => tf.mean(runSteps(own.steps, input), [1, 2]));
    expect(difference(imported.tail(maps).reference, scores)).toBeLessThan(1e-5);
    imported.dispose();
    own.dispose();
  });
});
