/** Surveys: rows, columns, time and tokens are found, and the layer that is proposed is the one to take. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Card } from '../../../src/models/card.ts';
import { readNetwork, survey } from '../../../src/models/onnx/read.ts';
import type { Survey } from '../../../src/models/onnx/survey.ts';
import { goldenFolder } from '../../support/data.ts';
import { TinyFolder } from './tiny-folder.ts';
import {
  attentionPooled,
  cnnLstm,
  conv3d,
  hiddenScaleCnn,
  largestOfFrames,
  pictureCnn,
  type TinyFiles,
  TinyGraph,
  transformer,
  tubelets,
  twoPaths,
  twoStreams,
  withoutTime,
  withSpeed,
} from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

async function surveyOf(files: TinyFiles, card: Card = {}, first?: boolean): Promise<Survey> {
  return survey(await readNetwork(await folder.write(files), { card }), first ? { first } : {});
}

const pointOf = ({ points }: Survey, tensor: string) => points.find((point) => point.tensor === tensor);

describe('the proposal', () => {
  it.each<[string, () => TinyFiles, Card, string, string, object]>([
    ['pictures', pictureCnn, {}, 'features', 'b c h w', { t: 1, h: 4, w: 4, c: 8 }],
    ['an LSTM', cnnLstm, {}, 'features', '(b t) c h w', { t: 3, h: 4, w: 4, c: 8 }],
    ['channels last', () => cnnLstm({ channelsLast: true }), {}, 'features', '(b t) h w c', { t: 3, h: 4, w: 4, c: 8 }],
    ['three dimensions', conv3d, {}, 'late', 'b c t h w', { t: 2, h: 4, w: 4, c: 8 }],
    ['tokens', transformer, {}, 'normed', '(b t) (cls h w) c', { t: 2, h: 4, w: 4, c: 8 }],
    ['tokens of two frames each', tubelets, {}, 'mixed', 'b (t h w) c', { t: 2, h: 4, w: 4, c: 8 }],
    ['maps by channel', attentionPooled, {}, 'weighted', '(b t) c (h w)', { t: 3, h: 4, w: 4, c: 8 }],
    ['two streams', twoStreams, { constants: { flow: 1 } }, 'both', 'b c h w', { t: 1, h: 4, w: 4, c: 16 }],
    ['half precision', () => pictureCnn({ float16: true }), {}, 'features', 'b c h w', { t: 1, h: 4, w: 4, c: 8 }],
  ])('of %s', async (_, make, card, tensor, layout, sizes) => {
    for (const first of [true, false]) {
      const { proposal, unseen } = await surveyOf(make(), card, first);
      expect(unseen).toBe(0);
      expect(proposal?.point).toMatchObject({ tensor, sizes });
      expect(proposal?.point.layout.text).toBe(layout);
    }
  });

  it('is the last layer of a network that takes the largest of its frames, though most do not count', async () => {
    const found = await surveyOf(largestOfFrames(), { input: { layout: 't c h w' } });
    expect(found.proposal).toMatchObject({
      point: { tensor: 'features' },
      why: 'the last layer that holds all of the picture',
    });
    expect(pointOf(found, 'features')?.tail).toMatchObject({ hidesScale: false });
  });

  it.each([
    ['last', 'the network does not read the first frame'],
    ['first', 'the network does not read the last frame'],
    ['mean', 'no layer tells the frames apart'],
  ] as const)('is a layer that all frames share, where none tells them apart: %s', async (how, why) => {
    for (const first of [true, false]) {
      const { proposal } = await surveyOf(withoutTime(how), {}, first);
      expect(proposal).toMatchObject({
        point: { tensor: 'features', layout: { text: 'b c h w' }, sizes: { t: 1, h: 4, w: 4, c: 8 } },
        why: `the last layer that holds all of the picture; ${why}`,
      });
      proposal?.network?.dispose();
    }
  });

  it('is not the picture itself with its axes moved, where no layer holds all of it', async () => {
    const found = await surveyOf(twoPaths());
    expect(pointOf(found, 'turned')).toMatchObject({ beside: [] });
    expect(found.proposal).toMatchObject({
      point: { tensor: 'fast' },
      why: 'no layer holds all of the picture by itself',
    });
  });

  it('is the same beside an input that is given a constant', async () => {
    const found = await surveyOf(withSpeed(), { constants: { speed: [1, 0.5] } });
    expect(found.proposal).toMatchObject({
      point: { tensor: 'features', beside: [] },
      why: 'the last layer that holds all of the picture',
    });
  });

  it('leaves out a layer whose size the network does not see, and says so', async () => {
    const found = await surveyOf(hiddenScaleCnn());
    expect(pointOf(found, 'features')?.tail).toMatchObject({ hidesScale: true });
    expect(pointOf(found, 'early')?.tail).toMatchObject({ hidesScale: false, isAffine: false });
    expect(found.proposal).toMatchObject({ point: { tensor: 'early' } });
    expect(found.proposal?.why).toContain('features');
  });

  it('is none that has time, but no places', async () => {
    const { points } = await surveyOf(attentionPooled());
    expect(points.map(({ tensor }) => tensor)).not.toContain('all steps');
    expect(points.map(({ tensor }) => tensor)).not.toContain('means of frames');
  });

  it('is no pooling that only makes a layer coarser', async () => {
    const graph = new TinyGraph();
    const features = graph.convolution(graph.input('pictures', [1, 3, 16, 16]), 'features', [8, 3, 3, 3], [2, 2]);
    const pool = { kernel_shape: [2, 2], strides: [2, 2] };
    const coarse = graph.node('AveragePool', [features], 'coarse', pool);
    graph.dense(graph.pooled(coarse), 'scores', [8, 5]);
    graph.output('scores', [1, 5]);
    const found = await surveyOf(graph.files());
    expect(pointOf(found, 'coarse')).toMatchObject({ sizes: { h: 4, w: 4 } });
    expect(found.proposal?.point.tensor).toBe('features');
  });

  it('is not made where no tensor has a place for every part', async () => {
    const graph = new TinyGraph();
    const flat = graph.node('Flatten', [graph.input('pictures', [1, 3, 16, 16])], 'flat');
    graph.dense(flat, 'scores', [768, 5]);
    graph.output('scores', [1, 5]);
    expect(await surveyOf(graph.files())).toEqual({ points: [], unseen: 0 });
  });
});

describe('the table', () => {
  it('goes from the last layer to the first, without what only renames', async () => {
    const { points } = await surveyOf(cnnLstm());
    expect(points.map(({ tensor }) => tensor)).toEqual([
      'features',
      'features/conv',
      'early',
      'early/conv',
      'pictures',
    ]);
    expect(points.map(({ operator }) => operator)).toEqual(['Relu', 'Conv', 'Relu', 'Conv', 'Reshape']);
    expect(points.every(({ beside }) => beside.length === 0)).toBe(true);
  });

  it('says what else of the picture the rest needs, whether it is affine, and how rows run', async () => {
    const tokens = await surveyOf(transformer());
    expect(pointOf(tokens, 'v')?.beside).toEqual(['attention', 'placed']);
    expect(pointOf(tokens, 'stream')).toMatchObject({ beside: [], tail: { hidesScale: true, isBatched: false } });
    expect(pointOf(tokens, 'normed')?.tail).toEqual({ isAffine: true, hidesScale: false, isBatched: false });
    const lstm = await surveyOf(cnnLstm());
    expect(pointOf(lstm, 'features')?.tail).toEqual({ isAffine: false, hidesScale: false, isBatched: true });
    const pictures = await surveyOf(pictureCnn());
    expect(pointOf(pictures, 'features')?.tail).toEqual({ isAffine: true, hidesScale: false, isBatched: true });
  });

  it('goes on past lists of tensors', async () => {
    const graph = new TinyGraph();
    const features = graph.convolution(graph.input('pictures', [1, 3, 16, 16]), 'features', [8, 3, 3, 3], [2, 2]);
    const list = graph.node('SequenceConstruct', [features, features], 'list');
    const both = graph.node('ConcatFromSequence', [list], 'both', { axis: 1 });
    graph.dense(graph.pooled(both), 'scores', [16, 5]);
    graph.output('scores', [1, 5]);
    const { points, proposal } = await surveyOf(graph.files());
    expect(points.map(({ tensor }) => tensor)).toEqual(['both', 'features', 'features/conv']);
    expect(proposal?.point.tensor).toBe('both');
  });

  it('ends at some two thousand tensors, of however many', async () => {
    const graph = new TinyGraph();
    let last = graph.convolution(graph.input('pictures', [1, 3, 4, 4]), 'early', [2, 3, 1, 1], [1, 1]);
    for (let i = 0; i < 2100; i++) last = graph.node('Identity', [last], `same ${i}`);
    graph.dense(graph.pooled(last), 'scores', [2, 5]);
    graph.output('scores', [1, 5]);
    const { points, unseen } = await surveyOf(graph.files());
    expect(unseen).toBeGreaterThan(100);
    expect(points.length).toBeLessThan(5);
  });
});

describe.skipIf(goldenFolder === undefined)('a network with a loop (needs shared/golden)', () => {
  it('opens and is surveyed', async () => {
    const read = await readNetwork(`${goldenFolder}/networks/loop_gru.onnx`);
    const { points, proposal } = await survey(read);
    expect(read.graph.nodes.some(({ opType }) => opType === 'Loop')).toBe(true);
    expect(points.length).toBeGreaterThan(1);
    expect(proposal?.point.sizes.t).toBe(read.pictures.frames);
  });
});
