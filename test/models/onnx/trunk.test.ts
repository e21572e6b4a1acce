/** Networks of the user's as trunks: which can be one, and that a head on them is the same in one file. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { useBackend } from '../../../src/models/backend.ts';
import type { Card } from '../../../src/models/card.ts';
import { writeExported } from '../../../src/models/export.ts';
import { type HeadSpec, untrainedHead } from '../../../src/models/head.ts';
import { runHead } from '../../../src/models/head-network.ts';
import { openImported } from '../../../src/models/imported.ts';
import { OnnxTrunk } from '../../../src/models/onnx/trunk.ts';
import { difference } from '../../support/compare.ts';
import { noiseFrames, RANGE, TinyFolder } from './tiny-folder.ts';
import {
  cnnLstm,
  conv3d,
  looped,
  pictureCnn,
  type TinyFiles,
  TinyGraph,
  transformer,
  twoStreams,
} from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
  await useBackend('cpu');
});
afterAll(() => folder.remove());

const at = (tensor: string, layout?: string): Card => ({ ...RANGE, layer: { tensor, ...(layout && { layout }) } });

/** Frames that are mixed before the layer: each has something of the first. */
function mixed(): TinyFiles {
  const graph = new TinyGraph();
  const frames = graph.input('frames', [1, 3, 3, 16, 16]);
  const first = graph.node(
    'Slice',
    [frames, graph.integers('from', [0]), graph.integers('to', [1]), graph.integers('axis', [1])],
    'first',
  );
  const sum = graph.node('Add', [frames, first], 'sum');
  const pictures = graph.node(
    'Reshape',
    [
      graph.node('Sub', [sum, graph.node('ReduceMean', [frames], 'mean', { axes: [1] })], 'apart'),
      graph.integers('fold', [3, 3, 16, 16]),
    ],
    'pictures',
  );
  const features = graph.convolution(
    graph.convolution(pictures, 'early', [6, 3, 3, 3], [2, 2]),
    'features',
    [8, 6, 3, 3],
    [2, 2],
  );
  graph.output(features, [3, 8, 4, 4]);
  return graph.files();
}

describe('a trunk', () => {
  it.each<[string, TinyFiles, Card, number]>([
    ['of pictures', pictureCnn(), at('features'), 3],
    ['of pictures, at an earlier layer', pictureCnn(), at('early'), 2],
    ['of pictures, at the layer that is found', pictureCnn(), RANGE, 2],
    ['in half precision', pictureCnn({ float16: true }), at('features'), 2],
    ['of a video network for three frames', cnnLstm(), at('features'), 3],
    ['that is called in a loop', looped(), RANGE, 3],
    ['that is called in a loop, in any order', looped({ order: [2, 0, 1] }), at('features 0'), 3],
    [
      'that is called in a loop, at an earlier layer, for any number of events',
      looped({ dynamic: true }),
      at('early 1'),
      3,
    ],
    [
      'with channels last, blue first',
      cnnLstm({ channelsLast: true }),
      {
        input: { range: [-1, 1], mean: [0.1, 0.2, 0.3], channels: 'BGR' },
        layer: { tensor: 'features', layout: '(b t) h w c' },
      },
      3,
    ],
  ])('%s with a head on it is one network', async (_, files, card, count) => {
    const trunk = await OnnxTrunk.open(await folder.write(files), { card });
    const { grid, channels, size } = trunk;
    const spec: HeadSpec = {
      ...{ trunk: trunk.id, stage: trunk.layer, trunkGrid: grid, trunkChannels: channels, inputSize: size },
      shallowCnn: [{ kernelSize: 1, stride: 1, channels: 4 }],
      ...{ lstmUnits: 5, embeddingSize: 6, labels: ['a', 'b'] },
    };
    const head = untrainedHead(spec, 3);
    const target = join(folder.path, `with a head, ${_}`);
    await writeExported(target, trunk.withHead(head, count));
    const { network, warnings } = await openImported(target, {});
    expect(warnings).toEqual([]);

    const frames = noiseFrames(count, size.height, size.width);
    const features: number[] = [];
    const bytes = size.height * size.width * 3;
    for (let t = 0; t < count; t++)
      features.push(...(await trunk.features(frames.rgb.subarray(t * bytes, (t + 1) * bytes))));
    const own = tf.tidy(() => {
      const weights = Object.fromEntries(
        [...head.weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
      );
      const maps = tf.tensor4d(features, [count, grid.height, grid.width, channels]);
      const { embeddings, logits } = runHead(spec, weights, maps, count);
      return { embedding: embeddings.dataSync(), logits: logits!.dataSync() };
    });
    const maps = await network.features(frames);
    expect(maps.shape).toEqual([count, grid.height, grid.width, 4]);
    expect(difference(network.tail(maps, 'embedding').reference, own.embedding)).toBeLessThan(1e-5);
    expect(difference(network.tail(maps, 'logits').reference, own.logits)).toBeLessThan(1e-5);
    network.dispose();
    trunk.dispose();
  });

  it('has an identity that its features depend on', async () => {
    const hashOf = async (files: TinyFiles, card: Card): Promise<string> => {
      const trunk = await OnnxTrunk.open(await folder.write(files), { card });
      trunk.dispose();
      return trunk.sha256;
    };
    const usual = await hashOf(pictureCnn(), at('features'));
    expect(await hashOf(pictureCnn(), at('features', 'b c h w'))).toBe(usual);
    expect(await hashOf(pictureCnn(), at('early'))).not.toBe(usual);
    expect(await hashOf(pictureCnn({ float16: true }), at('features'))).not.toBe(usual);
    expect(await hashOf(pictureCnn(), { ...at('features'), input: { range: [-1, 1] } })).not.toBe(usual);
  });

  it.each<[string, TinyFiles, Card, RegExp]>([
    [
      'of three dimensions',
      conv3d(),
      at('features', 'b c t h w'),
      /is b c t h w, which does not keep frames and cells apart/,
    ],
    ['of tokens', transformer(), at('normed', '(b t) (cls h w) c'), /does not keep frames and cells apart/],
    ['with a second stream', twoStreams(), { ...at('features'), constants: { flow: 0 } }, /takes further inputs/],
    [
      'whose pictures are cut to shape',
      pictureCnn(),
      { ...at('features'), input: { ...RANGE.input, resize: 'cover' } },
      /training stretches frames, and its card says otherwise/,
    ],
    ['at no layer of its own', pictureCnn(), at('none'), /no tensor or node named none/],
    ['whose frames are mixed', mixed(), at('features'), /at features its frames are mixed already/],
    ['whose picture is one place', pictureCnn(), at('pooled'), /one place for the whole picture/],
    [
      'without a word about its pictures',
      pictureCnn(),
      { layer: { tensor: 'features' } },
      /does not say how it wants its pictures/,
    ],
  ])('%s is refused', async (_, files, card, message) => {
    await expect(OnnxTrunk.open(await folder.write(files), { card })).rejects.toThrow(message);
  });
});
