/** Networks that are called in a loop over frames: their copies are one layer, and filters are those of the network without a loop. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { solveFilters } from '../../../src/l2caf/solve.ts';
import type { Card } from '../../../src/models/card.ts';
import { importNetwork, openImported } from '../../../src/models/imported.ts';
import { OnnxNetwork } from '../../../src/models/onnx/network.ts';
import { readNetwork, survey } from '../../../src/models/onnx/read.ts';
import { noiseFrames, RANGE, TinyFolder } from './tiny-folder.ts';
import { cnnLstm, type LoopOptions, looped, TinyGraph } from './tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

const PARTS = ['features 0', 'features 1', 'features 2'];
const LAYER = 'features 0 ×3';

/** Maps, reference and filters of an event of noise. */
async function explained(network: OnnxNetwork) {
  const maps = await network.features(noiseFrames(3, 16, 16));
  const tail = network.tail(maps);
  const { filters } = await solveFilters(tail, {});
  return { maps, tail, filters };
}

describe('a layer of one tensor for each frame', () => {
  it.each<[string, LoopOptions]>([
    ['by their numbers', {}],
    ['as slices, counted from the end', { take: 'slice' }],
    ['as a split', { take: 'split' }],
    ['out of a list', { take: 'list' }],
    ['with weights written once for each', { isCopied: true }],
    ['of any number of events', { dynamic: true }],
    ['from the last to the first', { order: [2, 1, 0] }],
    ['in any order', { order: [1, 2, 0], take: 'split' }],
    ['with a cell behind each', { hasCell: true }],
  ])('is found of frames taken %s', async (_, options) => {
    for (const first of [true, false]) {
      const read = await readNetwork(await folder.write(looped(options)));
      const { points, proposal } = await survey(read, first ? { first } : {});
      proposal?.network?.dispose();
      expect(proposal?.point).toMatchObject({ tensor: LAYER, parts: PARTS, operator: 'Relu', dims: [3, 8, 4, 4] });
      expect(proposal?.point.layout.text).toBe('(t b) c h w');
      expect(proposal?.point).toMatchObject({ sizes: { t: 3, h: 4, w: 4, c: 8 }, beside: [] });
      if (first) continue;
      expect(points.slice(0, 4).map(({ tensor }) => tensor)).toEqual(
        ['features 0', 'features/conv 0', 'early 0', 'early/conv 0'].map((name) => `${name} ×3`),
      );
    }
  });

  it.each<[string, LoopOptions]>([
    ['together', {}],
    ['of weights of their own', { isCopied: true }],
    ['of any number of events', { dynamic: true }],
  ])('has the filters of the network without a loop, %s', async (_, options) => {
    const [ours, theirs] = [await folder.open(looped(options)), await folder.open(cnnLstm())];
    const [one, other] = [await explained(ours), await explained(theirs)];
    expect(one.maps.shape).toEqual([3, 4, 4, 8]);
    expectClose(one.maps.data, other.maps.data, 1e-6);
    expectClose(one.tail.reference, other.tail.reference, 1e-6);
    for (const [slot, { values, loss }] of one.filters.entries()) {
      expectClose(values, other.filters[slot]!.values, 1e-4);
      expect(Math.abs(loss - other.filters[slot]!.loss)).toBeLessThan(1e-4 * loss);
    }
    expect(ours.notes.join()).toContain(LAYER);
    expect(ours.describe()).toMatchObject({ layer: LAYER, layout: '(t b) c h w' });
  });

  it('shows each frame where it is, in whatever order the loop takes them', async () => {
    const usual = await explained(await folder.open(looped({ hasCell: true })));
    const turned = await explained(await folder.open(looped({ hasCell: true, order: [2, 0, 1] })));
    expectClose(turned.maps.data, usual.maps.data, 1e-6);
    const changes = async ({ tail }: typeof usual): Promise<number[]> => {
      const outputs = await tail.evaluate(new Float32Array(3 * 16), [0, 1, 2]);
      return [0, 1, 2].map((slot) =>
        Math.hypot(...tail.reference.map((value, k) => value - outputs[slot * tail.outputSize + k]!)),
      );
    };
    // What comes last in a loop counts most here.
    const [first, last] = [await changes(usual), await changes(turned)];
    expect(first[2]).toBeGreaterThan(Math.max(first[0]!, first[1]!));
    expect(last[1]).toBeGreaterThan(Math.max(last[0]!, last[2]!));
  });

  it.each<[string, Card['layer']]>([
    ['by the name that inspect shows', { tensor: 'early 0 ×3' }],
    ['by any of its tensors', { tensor: 'early 2' }],
    ['by the node of one', { tensor: 'early 1 node' }],
    ['as a list', { tensor: ['early 0', 'early 1', 'early 2'] }],
    ['as a list with its layout', { tensor: ['early 0', 'early 1', 'early 2'], layout: '(t b) c h w' }],
  ])('is named in a card %s', async (_, layer) => {
    const network = await folder.open(looped(), { ...RANGE, layer });
    expect(network.describe()).toMatchObject({ layer: 'early 0 ×3', layout: '(t b) c h w' });
    expect(network.grid).toEqual({ height: 8, width: 8 });
    const { maps, tail } = await explained(network);
    const same = await folder.open(cnnLstm(), { ...RANGE, layer: { tensor: 'early' } });
    const other = await explained(same);
    expectClose(maps.data, other.maps.data, 1e-6);
    const ones = new Float32Array(64).fill(0.5);
    expectClose(await tail.evaluate(ones, [1]), await other.tail.evaluate(ones, [1]), 1e-6);
  });

  it('is listed in the card of a network that was imported, which needs no search', async () => {
    const path = await folder.write(looped({ order: [2, 1, 0] }));
    const target = join(folder.path, 'imported');
    const { card } = await importNetwork(path, target, { card: RANGE });
    expect(card.layer).toEqual({ tensor: PARTS, layout: '(t b) c h w' });
    const opened = await openImported(target, {});
    const direct = await openImported(path, { card: RANGE });
    expect(opened.network.describe()).toMatchObject({ layer: LAYER });
    expect(opened.network.sha256).toBe(direct.network.sha256);
    expect(direct.card.layer).toEqual(card.layer);
    opened.network.dispose();
    direct.network.dispose();
  });

  it('may have weights of its own for each frame, where a card lists it', async () => {
    const files = looped({ isOther: true });
    const { points } = await survey(await readNetwork(await folder.write(files)));
    expect(points.filter(({ sizes }) => sizes.t > 1)).toEqual([]);
    const network = await folder.open(files, { ...RANGE, layer: { tensor: PARTS } });
    const { maps, tail } = await explained(network);
    expect(maps.shape).toEqual([3, 4, 4, 8]);
    for (const slot of [0, 1, 2]) {
      expectClose(await tail.evaluate(new Float32Array(16).fill(1), [slot]), tail.reference, 1e-6);
      expect(spread(await tail.evaluate(new Float32Array(16), [slot]), tail.reference)).toBeGreaterThan(1e-3);
    }
  });

  it('forgets what it learnt', async () => {
    const network = await folder.open(looped());
    const { parts, behind, without } = network.unlearning();
    expect([parts.length, behind]).toEqual([4, 2]);
    const forgotten = await without(1, 0);
    expect(forgotten.describe()).toMatchObject({ layer: LAYER });
    const [maps, usual] = [await forgotten.features(noiseFrames(3, 16, 16)), await explained(network)];
    expectClose(maps.data, usual.maps.data, 1e-6);
    expect(spread(forgotten.tail(maps).reference, usual.tail.reference)).toBeGreaterThan(1e-3);
    forgotten.dispose();
  });

  it('is put together along time where its tensors are volumes', async () => {
    const { point } = (await survey(await readNetwork(await folder.write(chunks())))).proposal!;
    expect(point).toMatchObject({ tensor: 'features 0 ×2', sizes: { t: 4, h: 4, w: 4, c: 8 } });
    expect(point.layout.text).toBe('b c t h w');
  });

  it('is not made of the channels of one frame, nor of what is computed of other frames', async () => {
    const graph = new TinyGraph();
    const clip = graph.input('clip', [1, 3, 4, 16, 16]);
    const features = graph.convolution(clip, 'features', [8, 3, 1, 3, 3], [1, 4, 4]);
    graph.node('Split', [features], 'gates', { axis: 1 }, ['a', 'b', 'c', 'd']);
    const gates = ['a', 'b', 'c', 'd'].map((name) => graph.node('Sigmoid', [name], `gate ${name}`));
    const both = graph.node('Concat', gates, 'both', { axis: 1 });
    graph.dense(graph.pooled(both), 'scores', [8, 5]);
    graph.output('scores', [1, 5]);
    const { points } = await survey(await readNetwork(await folder.write(graph.files())));
    expect(points.filter(({ parts }) => parts)).toEqual([]);
    expect(points.map(({ tensor }) => tensor)).toContain('features');
  });
});

/** Two pieces of two frames each, through a 3-D convolution: `features 0` and `features 1`. */
function chunks() {
  const graph = new TinyGraph();
  const clip = graph.input('clip', [1, 3, 4, 16, 16]);
  graph.node('Split', [clip], 'pieces', { axis: 2 }, ['piece 0', 'piece 1']);
  const weights = graph.weights('weight', [8, 3, 1, 3, 3]);
  const kernel = { kernel_shape: [1, 3, 3], strides: [1, 4, 4], pads: [0, 1, 1, 0, 1, 1] };
  const rows = [0, 1].map((i) => {
    const map = graph.node('Relu', [graph.node('Conv', [`piece ${i}`, weights], `conv ${i}`, kernel)], `features ${i}`);
    return graph.node('Flatten', [graph.node('GlobalAveragePool', [map], `mean ${i}`)], `row ${i}`);
  });
  graph.dense(graph.node('Concat', rows, 'both', { axis: 1 }), 'scores', [16, 5]);
  graph.output('scores', [1, 5]);
  return graph.files();
}

describe('a list of tensors in a card', () => {
  it.each<[string, Card['layer'], string]>([
    ['that are not there', { tensor: ['features 0', 'features 7'] }, 'has no tensor or node named features 7'],
    ['twice', { tensor: ['features 0', 'features 1', 'features 0'] }, 'features 0 is listed twice'],
    [
      'without time',
      { tensor: ['features 0', 'features 1'], layout: 'b c h w' },
      'b c h w does not say along which axis the tensors',
    ],
    [
      'of which one is made of another',
      { tensor: ['early 0', 'features 0'], layout: '(t b) c h w' },
      'features 0 is computed of another tensor of the same layer',
    ],
    ['of different sizes', { tensor: ['early 0', 'features 1'], layout: '(t b) c h w' }, 'cannot be run'],
  ])('is refused: %s', async (_, layer, why) => {
    const path = await folder.write(looped());
    const error = await OnnxNetwork.open(path, { card: { ...RANGE, layer } }).catch((thrown: unknown) => thrown);
    expect((error as { code: string }).code).toMatch(/^(usage|model-invalid)$/);
    expect((error as Error).message).toContain(why);
  });

  it('is refused of one tensor, when the card is read', async () => {
    const path = await folder.write(looped(), 'single');
    await writeFile(path.replace('.onnx', '.json'), JSON.stringify({ layer: { tensor: ['features 0'] } }));
    await expect(OnnxNetwork.open(path, { card: RANGE })).rejects.toMatchObject({ code: 'model-invalid' });
  });
});

function spread(values: Float32Array, others: Float32Array): number {
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - others[i]!)), 0);
}

function expectClose(values: Float32Array, others: Float32Array, tolerance: number): void {
  expect(values.length).toBe(others.length);
  expect(spread(values, others)).toBeLessThanOrEqual(tolerance * Math.max(1e-3, ...others.map(Math.abs)));
}
