/** ONNX files as video models: what a card says, what is guessed, what is asked for. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { softmax } from '../../../src/base/matrix.ts';
import { solveFilters } from '../../../src/l2caf/solve.ts';
import { type Card, normCard } from '../../../src/models/card.ts';
import type { Size } from '../../../src/models/onnx/builder.ts';
import { OnnxNetwork } from '../../../src/models/onnx/network.ts';
import { readNetwork } from '../../../src/models/onnx/read.ts';
import { sliceOfFrame } from '../../../src/models/video-model.ts';
import { npy } from '../random-squeezenet.ts';
import { noiseFrames, RANGE, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, conv3d, eachFrame, pictureCnn, TinyGraph, transformer, twoStreams } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

describe('a network', () => {
  it('says what it is', async () => {
    const path = await folder.write(cnnLstm(), 'pilot');
    const network = await OnnxNetwork.open(path, { card: { ...RANGE, output: { labels: ['a', 'b', 'c', 'd'] } } });
    expect(network.id).toBe('pilot');
    expect(network.input).toEqual({ frames: 3, size: { width: 16, height: 16 } });
    expect(network.outputs).toEqual([{ name: 'logits', kind: 'scores', size: 4, labels: ['a', 'b', 'c', 'd'] }]);
    expect(network.grid).toEqual({ height: 4, width: 4 });
    expect(network.describe()).toEqual({
      ...{ kind: 'imported', id: 'pilot', sha256: network.sha256, format: 'onnx' },
      ...{ layer: 'features', layout: '(b t) c h w', output: 'logits' },
      ...{ inputSize: { width: 16, height: 16 }, grid: { height: 4, width: 4 } },
    });
    network.dispose();
  });

  it('has an identity that all that its outputs depend on goes into', async () => {
    const hashOf = async (card: Card, options?: Parameters<typeof pictureCnn>[0]) =>
      (await folder.open(pictureCnn(options), card)).sha256;
    const usual = await hashOf(RANGE);
    expect(await hashOf(RANGE)).toBe(usual);
    expect(await hashOf({ ...RANGE, layer: { tensor: 'features', layout: 'b c h w' } })).toBe(usual);
    expect(await hashOf({ input: normCard('imagenet') })).not.toBe(usual);
    expect(await hashOf({ ...RANGE, layer: { tensor: 'early' } })).not.toBe(usual);
    expect(await hashOf({ ...RANGE, filter: 'volume' })).not.toBe(usual);
    expect(await hashOf(RANGE, { float16: true })).not.toBe(usual);
  });

  it('explains what is said of the last frame, where each frame has its scores', async () => {
    const network = await folder.open(eachFrame(), { ...RANGE, output: { labels: ['a', 'b', 'c', 'd'] } });
    expect(network.outputs).toMatchObject([{ name: 'logits', kind: 'scores', size: 4 }]);
    expect(network.notes).toContain('the output logits has 4 values for each frame: those of the last are explained');
    const frames = noiseFrames(3, 16, 16);
    const tail = network.tail(await network.features(frames));
    const probabilities = tail.probabilitiesSoFar!();
    expect(probabilities.map((row) => row.length)).toEqual([4, 4, 4]);
    expect(softmax(tail.reference)).toEqual(probabilities[2]);
    // The last frame depends on no other: without it, its answer is another; without the others it is the same.
    const filters = Float32Array.from({ length: 2 * 16 }, (_, i) => (i % 16) / 16);
    const outputs = await tail.evaluate(filters, [0, 2]);
    expect([...outputs.subarray(0, 4)]).toEqual([...tail.reference].map((value) => expect.closeTo(value, 5)));
    expect(outputs.subarray(4)).not.toEqual(tail.reference);
    const whole = await folder.open(eachFrame(), { ...RANGE, output: { kind: 'embedding' } });
    expect(whole.outputs[0]!.size).toBe(12);
  });

  it('takes frames to maps and explains them', async () => {
    const network = await folder.open(cnnLstm());
    const maps = await network.features(noiseFrames(3, 16, 16));
    expect(maps.shape).toEqual([3, 4, 4, 8]);
    expect(maps.data).toHaveLength(3 * 4 * 4 * 8);
    const tail = network.tail(maps);
    expect(tail).toMatchObject({ slots: 3, grid: { height: 4, width: 4 }, outputSize: 4 });
    const { filters } = await solveFilters(tail, { slots: [2] });
    expect(filters[0]!.values).toHaveLength(16);
    await expect(async () => network.tail(maps, 'probabilities')).rejects.toMatchObject({ code: 'usage' });
    const copy = { ...maps };
    await expect(async () => network.tail(copy)).rejects.toMatchObject({ code: 'shape-mismatch' });
  });

  it.each([
    [2, 16, 16],
    [3, 16, 20],
    [3, 8, 16],
  ])('refuses %i frames of %ix%i', async (t, height, width) => {
    const network = await folder.open(cnnLstm());
    const error = await network.features(noiseFrames(t, height, width)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'shape-mismatch' });
    expect((error as Error).message).toContain('takes 3 frames of 16x16');
  });

  it('sees the same pictures, whatever the order of axes and of colours', async () => {
    const frames = noiseFrames(3, 16, 16);
    const referenceOf = async (files: ReturnType<typeof cnnLstm>, card: Card = RANGE) => {
      const network = await folder.open(files, card);
      return network.tail(await network.features(frames)).reference;
    };
    const usual = await referenceOf(cnnLstm());
    expect(await referenceOf(cnnLstm({ dynamic: true }))).toEqual(usual);
    const half = await referenceOf(cnnLstm({ float16: true }));
    const blue = await referenceOf(cnnLstm(), { input: { ...RANGE.input, channels: 'BGR' } });
    for (const [k, value] of usual.entries()) expect(half[k]).toBeCloseTo(value, 2);
    expect(Math.max(...usual.map((value, k) => Math.abs(value - blue[k]!)))).toBeGreaterThan(1e-3);
  });

  it('filters slices of several frames, or the volume', async () => {
    const network = await folder.open(conv3d());
    const maps = await network.features(noiseFrames(4, 16, 16));
    expect(maps.frames).toBe(4);
    expect(network.tail(maps)).toMatchObject({ slots: 2, grid: { height: 4, width: 4 } });
    const whole = await folder.open(conv3d(), { ...RANGE, filter: 'volume' });
    const tail = whole.tail(await whole.features(noiseFrames(4, 16, 16)));
    expect(tail).toMatchObject({ slots: 1, grid: { height: 8, width: 4 } });
  });
});

describe('the slice that shows a frame', () => {
  it.each([
    [16, 2, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]],
    [8, 6, [0, 1, 1, 2, 3, 4, 4, 5]],
    [5, 3, [0, 0, 1, 2, 2]],
    [3, 3, [0, 1, 2]],
  ])('of %i frames and %i slices', (frames, slices, expected) => {
    const shown = expected.map((_, frame) => sliceOfFrame(frame, { shape: [slices, 1, 1, 1], frames }));
    expect(shown).toEqual(expected);
  });
});

describe('a card', () => {
  it('is read where it lies beside the file, and what is said counts more', async () => {
    const path = await folder.write(cnnLstm(), 'carded');
    const output = { labels: 'names.txt' };
    const layer = { tensor: 'early', layout: '(b t) c h w' };
    await writeFile(join(folder.path, 'carded.json'), JSON.stringify({ ...RANGE, layer, output }));
    await writeFile(join(folder.path, 'names.txt'), 'a\nb\nc\nd\n');
    const carded = await OnnxNetwork.open(path);
    expect(carded.describe()).toMatchObject({ layer: 'early', layout: '(b t) c h w', grid: { height: 8, width: 8 } });
    expect(carded.outputs[0]!.labels).toEqual(['a', 'b', 'c', 'd']);
    carded.dispose();
    const told = await OnnxNetwork.open(path, { card: { layer: { tensor: 'features' } } });
    expect(told.describe()).toMatchObject({ layer: 'features', grid: { height: 4, width: 4 } });
    told.dispose();
  });

  it('may leave out what can be guessed, which is said', async () => {
    const { notes } = await folder.open(cnnLstm());
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('filters act on features ((b t) c h w)');
    const layer = { tensor: 'features', layout: '(b t) c h w' };
    const said = await folder.open(cnnLstm(), { input: { ...RANGE.input, layout: 'b t c h w' }, layer });
    expect(said.notes).toEqual([]);
  });

  it('need not say which axis holds the colours where a convolution or the shape does', async () => {
    const layoutOf = async (dims: readonly (number | string)[]): Promise<string> => {
      const graph = new TinyGraph();
      graph.node('Softsign', [graph.input('clip', dims)], 'scores');
      graph.output('scores', dims);
      return (await readNetwork(await folder.write(graph.files()))).pictures.layout.text;
    };
    expect(await layoutOf([1, 8, 3, 32, 32])).toBe('b t c h w');
    expect(await layoutOf([1, 3, 8, 32, 32])).toBe('b c t h w');
    expect(await layoutOf([1, 8, 32, 32, 3])).toBe('b t h w c');
    expect(await layoutOf([1, 3, 32, 32, 3])).toBe('b t h w c'); // three frames: no picture is 32×3
    expect(await layoutOf([1, 3, 3, 32, 32])).toBe('b t c h w');
    expect(await layoutOf([1, 32, 32, 3])).toBe('b h w c');
    expect(await layoutOf(['n', 3, 32, 32])).toBe('b c h w');
  });

  describe('where a convolution reads the clip', () => {
    type Make = (graph: TinyGraph, clip: string) => string;
    const turned =
      (perm: readonly number[]): Make =>
      (graph, clip) =>
        graph.node('Transpose', [clip], 'turned', { perm });
    const fold: Make = (graph, clip) =>
      graph.node('Reshape', [clip, graph.integers('shape', [-1, 0, 32, 32])], 'folded');
    const scaled: Make = (graph, clip) =>
      graph.node('Sub', [clip, graph.values('mean', [1], Float32Array.of(0.5))], 'scaled');
    const frame: Make = (graph, clip) => graph.node('Gather', [clip, graph.number('second', 1)], 'frame', { axis: 1 });
    const cut: Make = (graph, clip) => {
      const bounds = ['from', 'to', 'along'].map((name, i) => graph.integers(name, [[0, 1, 1][i]!]));
      return graph.node('Slice', [clip, ...bounds], 'cut');
    };
    const squeezed: Make = (graph, clip) => graph.node('Squeeze', [clip, graph.integers('axis', [-4])], 'squeezed');
    const batched: Make = (graph, clip) => graph.node('Unsqueeze', [clip, graph.integers('new', [0])], 'batched');
    const [picture, volume] = [
      [2, 3, 1, 1],
      [2, 3, 1, 1, 1],
    ];
    const grey = [2, 1, 1, 1];
    const free = ['b', 't', 'c', 32, 32];

    it.each<[string, readonly (number | string)[], readonly Make[], readonly number[]]>([
      ['b c t h w', [1, 3, 3, 32, 32], [], volume],
      ['b t c h w', [1, 3, 3, 32, 32], [turned([0, 2, 1, 3, 4])], volume],
      ['b t c h w', [1, 3, 3, 32, 32], [scaled, fold], picture],
      ['b c t h w', [1, 3, 3, 32, 32], [turned([0, 2, 1, 3, 4]), fold], picture],
      ['b t h w c', [1, 3, 32, 32, 3], [fold, turned([0, 3, 1, 2])], picture],
      ['b t c h w', [1, 3, 3, 32, 32], [frame], picture],
      ['b t c h w', [1, 3, 3, 32, 32], [cut, squeezed], picture],
      ['b t c h w', [1, 3, 1, 32, 32], [fold], grey],
      ['b c t h w', [1, 1, 3, 32, 32], [turned([0, 2, 1, 3, 4]), fold], grey],
      ['b t c h w', free, [fold], picture],
      ['b c t h w', free, [], volume],
      ['t c h w', [3, 3, 32, 32], [], picture],
      ['c t h w', [3, 3, 32, 32], [batched], volume],
      ['c t h w', [3, 3, 32, 32], [turned([1, 0, 2, 3])], picture],
    ])('is %s, found and not asked for: %j', async (layout, dims, makes, kernel) => {
      const graph = new TinyGraph();
      const read = makes.reduce((tensor, make) => make(graph, tensor), graph.input('clip', dims));
      graph.convolution(read, 'scores', kernel, kernel.slice(2));
      graph.output('scores', [1, 5]);
      const { pictures, notes } = await readNetwork(await folder.write(graph.files()));
      expect(pictures.layout.text).toBe(layout);
      expect(notes.join()).not.toContain('could be');
    });

    it('the first axis is the batch, or the frames of the one event that there are results of', async () => {
      const read = async (results: Size): Promise<[string, number]> => {
        const graph = new TinyGraph();
        graph.convolution(graph.input('clip', ['n', 3, 32, 32]), 'scores', picture, [1, 1]);
        graph.output('scores', [results, 5]);
        const { layout, frames } = (await readNetwork(await folder.write(graph.files()))).pictures;
        return [layout.text, frames];
      };
      expect(await read('n')).toEqual(['b c h w', 1]);
      expect(await read(1)).toEqual(['t c h w', 8]);
    });
  });

  it('is taken for the likelier of two orders where nothing tells them apart, which is said', async () => {
    const graph = new TinyGraph();
    graph.node('Softsign', [graph.input('clip', [1, 3, 3, 32, 32])], 'scores');
    graph.output('scores', [1, 3, 3, 32, 32]);
    const { pictures, notes } = await readNetwork(await folder.write(graph.files()));
    expect(pictures.layout.text).toBe('b t c h w');
    expect(notes[0]).toContain('could be "b t c h w" or "b c t h w"');
  });

  it('is asked for the size, the numbers of frames are said, where any will do', async () => {
    const graph = new TinyGraph();
    graph.node('Relu', [graph.input('clip', [1, 't', 3, 'h', 'w'])], 'scores');
    graph.output('scores', [1, 't', 3, 'h', 'w']);
    const path = await folder.write(graph.files());
    await expect(readNetwork(path)).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('--size') });
    const { pictures, notes } = await readNetwork(path, { card: { input: { size: [24, 32] } } });
    expect(pictures).toMatchObject({ frames: 8, size: { width: 32, height: 24 } });
    expect(notes.join()).toContain('any number of frames: 8');
    const said = await readNetwork(path, { card: { input: { size: [24, 32], frames: 5 } } });
    expect(said).toMatchObject({ pictures: { frames: 5 }, notes: [] });
  });

  it('gives constants to further inputs, as numbers, a list or an array', async () => {
    const flow = Float32Array.from({ length: 32 }, (_, i) => i / 32);
    await writeFile(join(folder.path, 'flow.npy'), npy([1, 2, 4, 4], flow));
    const referenceOf = async (value: string | number | number[]) => {
      const network = await folder.open(twoStreams(), { ...RANGE, constants: { flow: value } });
      return network.tail(await network.features(noiseFrames(1, 16, 16))).reference;
    };
    const usual = await referenceOf('flow.npy');
    expect(await referenceOf([...flow])).toEqual(usual);
    expect(await referenceOf(0.5)).not.toEqual(usual);
    await writeFile(join(folder.path, 'flat.npy'), npy([32], flow));
    await expect(referenceOf('flat.npy')).rejects.toThrow(
      'the constant flow has the shape 32, its input takes ?×2×4×4',
    );
    await expect(referenceOf([1, 2])).rejects.toThrow('the constant flow has 2 values, its input takes ?×2×4×4');
    await expect(folder.open(twoStreams())).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('"flow"'),
    });
  });

  it('says how to export a network of the same clip at two rates', async () => {
    const graph = new TinyGraph();
    const paths = ['slow', 'fast'].map((name, i) => {
      const clip = graph.input(name, [1, 3, [2, 4][i]!, 16, 16]);
      return graph.node(
        'ReduceMean',
        [graph.convolution(clip, `${name} path`, [8, 3, 1, 3, 3], [1, 2, 2])],
        `mean of ${name}`,
        {
          ...{ axes: [2, 3, 4], keepdims: 0 },
        },
      );
    });
    graph.dense(graph.node('Concat', paths, 'both', { axis: 1 }), 'scores', [16, 5]);
    graph.output('scores', [1, 5]);
    await expect(folder.open(graph.files())).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('has another input, fast (1×3×4×16×16), which nothing is known of'),
      hint: expect.stringMatching(/^if it is the same clip at another rate \(SlowFast\), export a model that makes it/),
    });
  });

  it('names what is explained: scores before they are probabilities, or any tensor', async () => {
    expect((await folder.open(cnnLstm())).outputs).toEqual([
      { name: 'logits', kind: 'scores', size: 4, labels: ['0', '1', '2', '3'] },
    ]);
    const last = await folder.open(cnnLstm(), { ...RANGE, output: { tensor: 'last' } });
    expect(last.outputs).toEqual([{ name: 'last', kind: 'embedding', size: 6 }]);
    const numbers = await folder.open(transformer(), {
      ...RANGE,
      output: { kind: 'numbers', labels: ['x', 'y', 'z'] },
    });
    expect(numbers.outputs).toEqual([{ name: 'head', kind: 'numbers', size: 3, labels: ['x', 'y', 'z'] }]);
  });
});
