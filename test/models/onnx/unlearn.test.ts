import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOnnx } from '../../../src/models/onnx/file.ts';
import { graphOf, type OnnxGraph } from '../../../src/models/onnx/graph.ts';
import { unlearnt, weightPartsOf } from '../../../src/models/onnx/unlearn.ts';
import { noiseFrames, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, pictureCnn, type TinyOptions, tinyWeights, transformer } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

async function graphIn(files: Parameters<TinyFolder['write']>[0]): Promise<OnnxGraph> {
  return graphOf(await readOnnx(await folder.write(files)));
}

describe('weightPartsOf', () => {
  it('lists nodes with weights from the output to the input, on both sides of the layer', async () => {
    const { behind, before } = weightPartsOf(await graphIn(pictureCnn()), 'features', 'scores');
    expect(behind).toEqual([{ name: 'scores node', weights: ['scores.weight', 'scores.bias'] }]);
    expect(before.map(({ name }) => name)).toEqual(['features/conv node', 'early/conv node']);
    expect(before[1]!.weights).toEqual(['early.weight', 'early.bias']);
  });

  it('leaves out what is not learnt, and puts layers of deep networks together', async () => {
    const lstm = weightPartsOf(await graphIn(cnnLstm()), 'features', 'logits');
    expect(lstm.behind.flatMap(({ weights }) => weights)).toEqual([
      ...['logits.weight', 'logits.bias', 'lstm.W', 'lstm.R', 'lstm.B'], // not the states, which are zero
    ]);
    const { behind, before } = weightPartsOf(await graphIn(transformer()), 'placed', 'head');
    expect(behind.length).toBeLessThanOrEqual(5);
    expect(behind.flatMap(({ weights }) => weights)).toEqual(expect.arrayContaining(['q.weight', 'norm.bias']));
    expect(before.flatMap(({ weights }) => weights)).toEqual(['places', 'class', 'patch']);
  });
});

describe('unlearnt', () => {
  const WAYS: [string, TinyOptions][] = [
    ['single precision', {}],
    ['half precision', { float16: true }],
    ['a file beside it', { external: 'weights.bin' }],
  ];
  it.each(WAYS)('draws weights in %s anew, of the same mean and spread, and no others', async (_, options) => {
    const graph = await graphIn(pictureCnn(options));
    const [head] = weightPartsOf(graph, 'features', 'scores').behind;
    const changed = unlearnt(graph, [head!], 3);
    expect(changed.file.sha256).not.toBe(graph.file.sha256);
    const valuesOf = ({ file }: OnnxGraph, name: string) => file.graph.initializer.find((each) => each.name === name)!;
    expect(valuesOf(changed, 'early.weight')).toEqual(valuesOf(graph, 'early.weight'));
    const weights = valuesOf(changed, 'scores.weight');
    expect(weights.rawData).not.toEqual(valuesOf(graph, 'scores.weight').rawData);
    expect(unlearnt(graph, [head!], 3).file.bytes).toEqual(changed.file.bytes);
    expect(unlearnt(graph, [head!], 4).file.bytes).not.toEqual(changed.file.bytes);
    if (options.float16) return;
    const drawn = new Float32Array(Uint8Array.from(weights.rawData).buffer);
    const before = tinyWeights('scores.weight', 40);
    const spread = (values: Float32Array) => Math.hypot(...values) / Math.sqrt(values.length);
    expect(drawn).toHaveLength(40);
    expect(spread(drawn)).toBeGreaterThan(spread(before) / 2);
    expect(spread(drawn)).toBeLessThan(spread(before) * 2);
  });

  it('forgets part after part, and keeps the maps as long as only what is behind them is forgotten', async () => {
    const network = await folder.open(pictureCnn());
    const frames = noiseFrames(1, 16, 16);
    const [maps, reference] = [await network.features(frames), network.tail(await network.features(frames)).reference];
    const { parts, behind, without } = network.unlearning();
    expect(behind).toBe(1);
    for (let count = 1; count <= parts.length; count++) {
      const forgetful = await without(count, 0);
      const own = await forgetful.features(frames);
      expect(own.data.every((value, i) => value === maps.data[i])).toBe(count <= behind);
      expect(forgetful.tail(own).reference).not.toEqual(reference);
      expect(forgetful.sha256).not.toBe(network.sha256);
      forgetful.dispose();
    }
  });
});
