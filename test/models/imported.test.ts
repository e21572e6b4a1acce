import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importNetwork, isImported, openImported } from '../../src/models/imported.ts';
import { FIXTURES } from './keras/fixtures.ts';
import { noiseFrames, RANGE, TinyFolder } from './onnx/tiny-folder.ts';
import { cnnLstm } from './onnx/tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

describe('a network in a folder of its own', () => {
  it.each([
    ['the layer that is proposed', {}, 'features'],
    ['a tensor that is named', { layer: { tensor: 'early' } }, 'early'],
    ['a node that is named', { layer: { tensor: 'early node' } }, 'early'],
  ])('is cut at %s', async (_, card, layer) => {
    const path = await folder.write(cnnLstm());
    const target = join(folder.path, `imported at ${JSON.stringify(card).length}`);
    const { card: written } = await importNetwork(path, target, { card: { ...RANGE, ...card } });
    expect(written.layer!.layout).toBe('(b t) c h w');
    expect(await isImported(target)).toBe(true);
    const { network, warnings } = await openImported(target, {});
    expect(network.describe()).toMatchObject({ layer, layout: '(b t) c h w' });
    expect(warnings).toEqual([]); // nothing is left to guess
    network.dispose();
  });
});

it('a network with an embedding and scores keeps both, and the names of the classes', async () => {
  const path = await folder.write(cnnLstm());
  await writeFile(join(folder.path, 'classes.txt'), 'a\nb\nc\nd\n');
  const target = join(folder.path, 'two ends');
  const card = { output: { tensor: 'last' }, scores: { tensor: 'probabilities', labels: 'classes.txt' } };
  const { card: written } = await importNetwork(path, target, { card: { ...RANGE, ...card } });
  expect(written.scores).toEqual({ tensor: 'probabilities', labels: ['a', 'b', 'c', 'd'] });
  const { network } = await openImported(target, {});
  expect(network.outputs).toEqual([
    { name: 'last', kind: 'embedding', size: 6 },
    { name: 'logits', kind: 'scores', size: 4, labels: ['a', 'b', 'c', 'd'] },
  ]);
  const maps = await network.features(noiseFrames(3, 16, 16));
  expect(network.tail(maps).outputSize).toBe(6);
  expect(network.tail(maps, 'logits').outputSize).toBe(4);
  network.dispose();
  const refused = openImported(join(FIXTURES, 'td-lstm.keras'), { card: { scores: { tensor: 'dense' } } });
  await expect(refused).rejects.toMatchObject({ code: 'usage' });
});

it('a Keras network runs on the backend that is asked for', async () => {
  const path = join(FIXTURES, 'td-lstm.keras');
  for (const backend of ['cpu', 'wasm'] as const) {
    const opened = await openImported(path, { backend });
    expect(opened.backend.name).toBe(backend);
    opened.network.dispose();
  }
});
