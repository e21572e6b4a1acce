/** Inputs of other kinds than a batch of colours: the network behind them sees the same pictures. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Card, normCard } from '../../../src/models/card.ts';
import { OnnxNetwork } from '../../../src/models/onnx/network.ts';
import { readNetwork } from '../../../src/models/onnx/read.ts';
import { noiseFrames, RANGE, TinyFolder } from './tiny-folder.ts';
import { type CnnLstmOptions, cnnLstm, pictureCnn, TinyGraph } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

const FRAMES = noiseFrames(3, 16, 16);
/** The same picture in grey: its channels are its brightness, to the next byte. */
const GREY = {
  ...FRAMES,
  rgb: FRAMES.rgb.map((_, i, all) => {
    const [r, g, b] = all.subarray(i - (i % 3), i - (i % 3) + 3) as unknown as [number, number, number];
    return Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  }),
};

const layout = (text: string): Card => ({ input: { ...RANGE.input, layout: text } });

describe('an input', () => {
  it.each<[string, NonNullable<CnnLstmOptions['input']>, Card, string]>([
    ['of frames without a batch', 'pictures', RANGE, 't c h w'],
    ['of frames as a batch', 'pictures', layout('(b t) c h w'), '(b t) c h w'],
    ['of a volume without a batch', 'volume', layout('c t h w'), 'c t h w'],
    ['of bytes', 'bytes', {}, 'b t c h w'],
    ['of whole numbers', 'integers', {}, 'b t c h w'],
    ['of bytes, where the card says so', 'bytes', { input: normCard('0..255') }, 'b t c h w'],
    ['of frames on channels', 'stacked', layout('b (t c) h w'), 'b (t c) h w'],
  ])('%s gives the usual maps, outputs and filters', async (_, input, card, said) => {
    const [ours, usual] = [await folder.open(cnnLstm({ input }), card), await folder.open(cnnLstm())];
    expect(ours.read.pictures.layout.text).toBe(said);
    expect(ours.input).toEqual({ frames: 3, size: { width: 16, height: 16 } });
    expect(ours.describe()).toMatchObject({ layer: 'features', layout: '(b t) c h w' });
    const [maps, others] = [await ours.features(FRAMES), await usual.features(FRAMES)];
    expect(maps.shape).toEqual([3, 4, 4, 8]);
    expectClose(maps.data, others.data);
    const [tail, other] = [ours.tail(maps), usual.tail(others)];
    expectClose(tail.reference, other.reference);
    const filters = Float32Array.from({ length: 2 * 16 }, (_value, i) => Math.sin(i));
    expectClose(await tail.evaluate(filters, [0, 2]), await other.evaluate(filters, [0, 2]));
  });

  it('of grey frames takes their brightness', async () => {
    const ours = await folder.open(cnnLstm({ input: 'grey' }), layout('b t c h w'));
    expect(ours.read.pictures).toMatchObject({ channels: 1, frames: 3 });
    const usual = await folder.open(cnnLstm());
    const [maps, others] = [await ours.features(GREY), await usual.features(GREY)];
    expectClose(maps.data, others.data);
    // Of colours, the brightness that they have: not one of the channels, nor their mean.
    const coloured = await ours.features(FRAMES);
    const distance = Math.max(...coloured.data.map((value, i) => Math.abs(value - maps.data[i]!)));
    expect(distance).toBeLessThan(0.02); // what GREY was rounded by
    const red = { ...FRAMES, rgb: FRAMES.rgb.map((_, i, all) => all[i - (i % 3)]!) };
    const other = await ours.features(red);
    expect(Math.max(...other.data.map((value, i) => Math.abs(value - maps.data[i]!)))).toBeGreaterThan(0.1);
  });

  it('of frames on channels, which the first convolution mixes, has one map for all of them', async () => {
    const graph = new TinyGraph();
    const early = graph.convolution(graph.input('frames', [1, 4, 16, 16]), 'early', [6, 4, 3, 3], [2, 2]);
    const features = graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]);
    graph.dense(graph.pooled(features), 'scores', [8, 5]);
    graph.output('scores', [1, 5]);
    const network = await folder.open(graph.files(), layout('b (t c) h w'));
    expect(network.input.frames).toBe(4);
    expect(network.describe()).toMatchObject({ layer: 'features', layout: 'b c h w' });
    expect(network.notes.join()).toContain('does not tell the 4 frames apart: they share one map');
    const maps = await network.features(noiseFrames(4, 16, 16));
    expect(maps).toMatchObject({ shape: [1, 4, 4, 8], frames: 4 });
    expect(network.tail(maps).slots).toBe(1);
  });

  it('of a volume without a batch may have layers without one, tried row by row', async () => {
    const graph = new TinyGraph();
    const clip = graph.input('clip', [3, 4, 16, 16]);
    const axis = graph.integers('first', [0]);
    const whole = graph.node('Unsqueeze', [clip, axis], 'whole');
    const attributes = { kernel_shape: [1, 3, 3], strides: [1, 4, 4], pads: [0, 1, 1, 0, 1, 1] };
    const made = graph.node('Conv', [whole, graph.weights('kernel', [8, 3, 1, 3, 3])], 'made', attributes);
    const features = graph.node('Relu', [graph.node('Squeeze', [made, axis], 'one')], 'features');
    const mean = graph.node('ReduceMean', [features], 'mean', { axes: [1, 2, 3], keepdims: 0 });
    const scores = graph.node('MatMul', [mean, graph.weights('last', [8, 5])], 'linear');
    graph.node('Tanh', [scores], 'scores');
    graph.output('scores', [5]);
    const network = await folder.open(graph.files());
    expect(network.read.pictures.layout.text).toBe('c t h w');
    expect(network.describe()).toMatchObject({ layer: 'features', layout: 'c t h w' });
    const maps = await network.features(noiseFrames(4, 16, 16));
    expect(maps.shape).toEqual([4, 4, 4, 8]);
    const tail = network.tail(maps);
    const filters = Float32Array.from({ length: 3 * 16 }, (_, i) => Math.cos(i));
    const together = await tail.evaluate(filters, [0, 3, 3]);
    expectClose(together.slice(5, 10), await tail.evaluate(filters.slice(16, 32), [3]));
    expectClose(await tail.evaluate(new Float32Array(16).fill(1), [2]), tail.reference);
  });

  it('of one picture without a batch is one of still pictures', async () => {
    const graph = new TinyGraph();
    const whole = graph.node('Unsqueeze', [graph.input('picture', [3, 16, 16]), graph.integers('first', [0])], 'whole');
    const features = graph.convolution(whole, 'features', [8, 3, 3, 3], [4, 4]);
    graph.dense(graph.pooled(features), 'scores', [8, 5]);
    graph.output('scores', [1, 5]);
    const network = await folder.open(graph.files());
    expect(network.read.pictures).toMatchObject({ frames: 1, layout: { text: 'c h w' } });
    expect((await network.features(FRAMES)).shape).toEqual([3, 4, 4, 8]);
  });
});

describe('the order of axes', () => {
  const shaped = async (dims: readonly (number | string)[], outputs: readonly number[] = [1, 5]) => {
    const graph = new TinyGraph();
    const mean = graph.node('ReduceMean', [graph.input('frames', dims)], 'mean', { keepdims: 1 });
    const flat = graph.node('Reshape', [mean, graph.integers('flat', [1, 1])], 'flat');
    graph.node('MatMul', [flat, graph.weights('last', [1, 5])], 'scores');
    graph.output('scores', outputs);
    return readNetwork(await folder.write(graph.files()), { card: RANGE });
  };

  it.each<[readonly (number | string)[], string, 1 | 3, number]>([
    [[8, 3, 32, 32], 't c h w', 3, 8],
    [[8, 32, 32, 3], 't h w c', 3, 8],
    [[3, 8, 32, 32], 'c t h w', 3, 8],
    [[1, 3, 32, 32], 'b c h w', 3, 1],
    [['n', 3, 32, 32], 't c h w', 3, 8],
    [[1, 1, 32, 32], 'b c h w', 1, 1],
    [[1, 32, 32, 1], 'b h w c', 1, 1],
    [[8, 1, 32, 32], 't c h w', 1, 8],
    [[1, 8, 1, 32, 32], 'b t c h w', 1, 8],
    [[1, 1, 8, 32, 32], 'b c t h w', 1, 8],
    [[1, 8, 32, 32, 1], 'b t h w c', 1, 8],
    [[32, 32, 3], 'h w c', 3, 1],
  ])('of %j is %s', async (dims, text, channels, frames) => {
    const { pictures } = await shaped(dims);
    expect(pictures).toMatchObject({ layout: { text }, channels, frames });
  });

  it('is that of a batch where there are as many results as pictures', async () => {
    await expect(shaped([8, 3, 32, 32], [8, 5])).rejects.toThrow('was exported for 8 events at once');
  });

  it('is asked for where frames may be stacked on channels, and frames and channels follow from it', async () => {
    const graph = (channels: number) => {
      const one = new TinyGraph();
      const features = one.convolution(one.input('frames', [1, channels, 16, 16]), 'f', [8, channels, 3, 3], [2, 2]);
      one.dense(one.pooled(features), 'scores', [8, 5]);
      one.output('scores', [1, 5]);
      return folder.write(one.files());
    };
    await expect(readNetwork(await graph(9), { card: RANGE })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('"b (t c) h w"') as unknown,
    });
    const of = async (channels: number, frames?: number) => {
      const { input } = layout('b (t c) h w');
      const card: Card = { input: { ...input, ...(frames && { frames }) } };
      const { pictures } = await readNetwork(await graph(channels), { card });
      return [pictures.frames, pictures.channels];
    };
    expect(await of(9)).toEqual([3, 3]);
    expect(await of(4)).toEqual([4, 1]);
    expect(await of(12)).toEqual([4, 3]);
    expect(await of(12, 12)).toEqual([12, 1]);
    await expect(of(10, 4)).rejects.toThrow('are not those of 4 frames');
  });
});

describe('norms', () => {
  it('are refused where an input takes bytes', async () => {
    const files = cnnLstm({ input: 'bytes' });
    await expect(folder.open(files, RANGE)).rejects.toThrow('takes pictures as bytes');
  });

  it('of three colours are refused where an input is grey', async () => {
    const files = cnnLstm({ input: 'grey' });
    const card: Card = { input: { ...normCard('imagenet'), layout: 'b t c h w' } };
    await expect(folder.open(files, card)).rejects.toThrow('mean and std are one number');
    await expect(OnnxNetwork.open(await folder.write(pictureCnn()))).rejects.toThrow('how it wants its pictures');
  });
});

function expectClose(values: Float32Array, others: Float32Array): void {
  expect(values.length).toBe(others.length);
  const largest = Math.max(1e-3, ...others.map(Math.abs));
  expect(Math.max(...values.map((value, i) => Math.abs(value - others[i]!)))).toBeLessThanOrEqual(1e-5 * largest);
}
