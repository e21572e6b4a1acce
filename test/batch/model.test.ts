/** A network of the user's as a batch describes it, and as its workers open it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeModel, openDescribed } from '../../src/batch/model.ts';
import { contractOf, type ImportedBatchModel } from '../../src/batch/outputs.ts';
import { fromStored, type QueuedEvent, toStored } from '../../src/batch/queued-event.ts';
import { Signer } from '../../src/batch/signatures.ts';
import { RANGE, TinyFolder } from '../models/onnx/tiny-folder.ts';
import { cnnLstm, pictureCnn } from '../models/onnx/tiny-networks.ts';

let folder: TinyFolder;
beforeAll(async () => {
  folder = await TinyFolder.make();
});
afterAll(() => folder.remove());

async function described(path: string): Promise<ImportedBatchModel> {
  return (await describeModel({ backend: 'wasm', model: path, card: RANGE })) as ImportedBatchModel;
}

it('is looked for once: workers open what was found, with the words that were said of it', async () => {
  const { choice, imported, backend } = await described(await folder.write(cnnLstm()));
  expect(backend).toBe('onnxruntime');
  expect(imported.warnings).toEqual([expect.stringContaining('filters act on')]);
  expect(choice.card!.layer).toEqual({ tensor: 'features', layout: '(b t) c h w' });
  const looked: string[] = [];
  const again = await describeModel(choice, { onProgress: ({ stage }) => looked.push(stage) });
  expect(again).toEqual({ choice, imported, backend });
  expect(looked).toEqual([]);
  const { network, warnings } = await openDescribed(choice, 1);
  expect(warnings).toEqual(imported.warnings);
  expect(network.sha256).toBe(choice.found!.sha256);
  network.dispose();
});

it('must be what the batch has found', async () => {
  const path = await folder.write(pictureCnn(), 'changing');
  const { choice } = await described(path);
  await writeFile(join(folder.path, 'changing.json'), JSON.stringify({ input: { mean: 0.5 } }));
  await expect(openDescribed(choice)).rejects.toMatchObject({ code: 'input-changed' });
  await folder.write(cnnLstm(), 'changing');
  await expect(openDescribed(choice)).rejects.toMatchObject({ code: expect.stringMatching(/usage|input-changed/) });
});

it('takes as many frames as it is told, where it takes any', async () => {
  const path = await folder.write(pictureCnn());
  const model = await describeModel({ backend: 'wasm', model: path, card: RANGE, frames: 5 });
  expect(contractOf(model).input).toMatchObject({ usualFrames: 5 });
  const { network } = await openDescribed(model.choice);
  expect(network.input).toEqual(contractOf(model).input);
  network.dispose();
});

it('goes through a queue with a card that names no files', async () => {
  const signer = new Signer(undefined);
  await mkdir(join(folder.path, 'labels'), { recursive: true });
  const labels = join(folder.path, 'labels', 'secret.txt');
  await writeFile(labels, 'a\nb\nc\nd\ne\n');
  const path = await folder.write(pictureCnn());
  const model = await describeModel({ backend: 'wasm', model: path, card: { ...RANGE, output: { labels } } });
  const through = (card: object): QueuedEvent => {
    const settings = { choice: { ...model.choice, card }, analysis: { target: { kind: 'oblivious' } }, draw: {} };
    const facts = { sha256: '', clip: { path: '/a.mp4' } };
    const event = { id: 'e', video: 'a.mp4', facts, span: { startSec: 0, endSec: 1 }, listed: [] };
    const queued = { event, folder: '/out', outputs: ['json'], settings, keys: {} } as unknown as QueuedEvent;
    return fromStored(toStored(queued, signer, 'job'), signer, 'job');
  };
  const card = model.choice.card!;
  expect(through(card).settings.choice.card).toEqual(card);
  for (const wrong of [
    { ...card, output: { labels } },
    { ...card, constants: { flow: 'flow.npy' } },
  ]) {
    expect(() => through(wrong)).toThrow(/cannot be read: settings\.choice\.card/);
  }
});

it('counts as another where its card says something else', async () => {
  const path = await folder.write(cnnLstm());
  const plain = await described(path);
  const labels = ['a', 'b', 'c', 'd'];
  const others = [
    { input: { range: [-1, 1] as [number, number] } },
    { ...RANGE, output: { labels } },
    { ...RANGE, filter: 'volume' as const },
  ];
  for (const card of others) {
    const other = (await describeModel({ backend: 'wasm', model: path, card })) as ImportedBatchModel;
    expect(other.choice.found!.sha256).not.toBe(plain.choice.found!.sha256);
  }
});
