import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Card } from '../../src/models/card.ts';
import { importNetwork, isImported, openImported } from '../../src/models/imported.ts';
import { asH5, caseOf, FIXTURES, type FixtureCase, framesFor } from './keras/fixtures.ts';
import { noiseFrames, RANGE, TinyFolder } from './onnx/tiny-folder.ts';
import { cnnLstm, pictureCnn, tinyWeights, transformer, twoStreams } from './onnx/tiny-networks.ts';
import { npy } from './random-squeezenet.ts';

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

it('says how long the events were that it was trained on, if its card does', async () => {
  for (const path of [await folder.write(cnnLstm(), 'timed'), join(FIXTURES, 'td-lstm.keras')]) {
    const { network, card } = await openImported(path, { card: { input: { ...RANGE.input, eventSec: 4 } } });
    expect(network.input.eventSec).toBe(4);
    expect(card?.input?.eventSec).toBe(4); // for whoever opens it again
    network.dispose();
  }
  const { network } = await openImported(join(FIXTURES, 'td-lstm.keras'), { card: RANGE });
  expect(network.input).not.toHaveProperty('eventSec');
  network.dispose();
});

it('a Keras network runs on the backend that is asked for', async () => {
  const path = join(FIXTURES, 'td-lstm.keras');
  for (const backend of ['cpu', 'wasm'] as const) {
    const opened = await openImported(path, { backend });
    expect(opened.backend.name).toBe(backend);
    opened.network.dispose();
  }
});

it('a Keras network is opened with what its card says of Lambdas and further inputs', async () => {
  const speed = caseOf('with-speed');
  const path = join(folder.path, 'with-speed.h5');
  await copyFile(await asH5(speed), path);
  await expect(openImported(path, {})).rejects.toMatchObject({
    code: 'usage',
    hint: expect.stringContaining('"speed": 0'),
  });
  await writeFile(join(folder.path, 'speed.npy'), npy([2], new Float32Array(speed.constants!['speed']!)));
  await writeFile(join(folder.path, 'with-speed.json'), JSON.stringify({ constants: { speed: 'speed.npy' } }));
  const { network, card } = await openImported(path, {});
  expect(card.constants).toEqual(speed.constants);
  const tail = network.tail(await network.features(framesFor(speed)));
  expect([...tail.reference]).toEqual(speed.outputs.flat().map((value) => expect.closeTo(value, 4)));
  tail.dispose();
  network.dispose();

  const text = JSON.stringify(caseOf('norms').topology);
  const topology = JSON.parse(
    text.replace('"class_name":"Rescaling"', '"class_name":"Lambda"'),
  ) as FixtureCase['topology'];
  const lambda = join(folder.path, 'lambda.h5');
  await copyFile(await asH5({ ...caseOf('norms'), topology }), lambda);
  await expect(openImported(lambda, {})).rejects.toMatchObject({
    message: expect.stringContaining('is code'),
    hint: expect.stringContaining('"lambdas": { "rescaling": '),
  });
  for (const rescaling of [
    { scale: 2, offset: -1 },
    { layer: 'Rescaling', scale: 2, offset: -1 },
  ]) {
    const opened = await openImported(lambda, { card: { lambdas: { rescaling } } });
    expect(opened.card.lambdas).toEqual({ rescaling });
    opened.network.dispose();
  }
});

it('Lambdas of an ONNX file are refused', async () => {
  const card = { ...RANGE, lambdas: { a: { scale: 1, offset: 0 } } };
  const opening = openImported(await folder.write(cnnLstm()), { card });
  await expect(opening).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('no Lambda layers') });
});

it.each([
  ['saved/saved_model.pb', 'saved', /a SavedModel of TensorFlow is not read/, /--saved-model/],
  ['graph.pb', 'graph.pb', /a \.pb file/, /--saved-model/],
  ['pilot.tflite', 'pilot.tflite', /\.tflite files are not read/, /take the \.h5 or \.keras .* --tflite/],
  ['net.pt', 'net.pt', /weights or code of PyTorch/, /torch\.onnx\.export/],
])('%s is refused with the line that converts it', async (file, name, message, hint) => {
  const path = join(folder.path, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'anything');
  const model = join(folder.path, name);
  expect(await isImported(model)).toBe(true);
  const opening = openImported(model, {});
  await expect(opening).rejects.toMatchObject({
    ...{ code: 'model-invalid', message: expect.stringMatching(message), hint: expect.stringMatching(hint) },
  });
});

it('is called as its folder', async () => {
  const target = join(folder.path, 'my-net');
  await importNetwork(await folder.write(cnnLstm()), target, { card: RANGE });
  const { network } = await openImported(target, {});
  expect(network.id).toBe('my-net');
  network.dispose();
});

describe('a network that was opened', () => {
  const flow = { flow: 'flow.npy' };
  it.each<[string, () => Promise<string>, Card]>([
    ['of an LSTM', () => folder.write(cnnLstm()), RANGE],
    ['of an LSTM, before its softmax', () => folder.write(cnnLstm()), { ...RANGE, output: { tensor: 'logits' } }],
    ['of pictures', () => folder.write(pictureCnn()), { ...RANGE, output: { labels: 'names.txt' } }],
    ['with a file of constants', () => folder.write(twoStreams()), { ...RANGE, constants: flow }],
    ['of tokens', () => folder.write(transformer()), { ...RANGE, layer: { grid: [4, 4] } }],
    ['of Keras', async () => join(FIXTURES, 'td-lstm.keras'), { output: { labels: ['a', 'b'] } }],
  ])('%s is opened again as it is, with nothing left to guess', async (_, make, card) => {
    await writeFile(join(folder.path, 'names.txt'), 'a\nb\nc\nd\ne\n');
    await writeFile(join(folder.path, 'flow.npy'), npy([1, 2, 4, 4], tinyWeights('flow', 32)));
    const path = await make();
    const first = await openImported(path, { card });
    const elsewhere = join(folder.path, 'elsewhere', basename(path));
    await mkdir(dirname(elsewhere), { recursive: true });
    await copyFile(path, elsewhere);
    const looked: string[] = [];
    const again = await openImported(elsewhere, { card: first.card, onProgress: ({ stage }) => looked.push(stage) });
    expect(again.network.describe()).toEqual(first.network.describe());
    expect(again.network.outputs).toEqual(first.network.outputs);
    expect({ warnings: again.warnings, looked }).toEqual({ warnings: [], looked: [] });
    first.network.dispose();
    again.network.dispose();
  });

  it('is another with other constants', async () => {
    const path = await folder.write(twoStreams());
    const ids = [];
    for (const flow of [0, 1]) {
      const { network } = await openImported(path, { card: { ...RANGE, constants: { flow } } });
      ids.push(network.sha256);
      network.dispose();
    }
    expect(ids[0]).not.toBe(ids[1]);
  });
});
