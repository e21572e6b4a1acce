/** Heads for still pictures: what their folder holds, what is refused of it, and what they answer on a trunk of known features. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sha256OfFile, writeFileAtomically } from '../../src/base/files.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import { type FrameTrunk, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { writeSafetensors } from '../../src/models/safetensors.ts';
import {
  isStillHead,
  loadStillHead,
  STILL_HEAD_FILES,
  STILL_HEAD_SCHEMA,
  type StillFacts,
  type StillHead,
  type StillManifest,
  saveStillHead,
  stillHeadJsonSchema,
} from '../../src/models/still-directory.ts';
import { type StillHeadSpec, untrainedStillHead } from '../../src/models/still-head.ts';
import { openStillHead, StillHeadNetwork } from '../../src/models/still-head-network.ts';

let folder: string;
beforeAll(async () => {
  await useBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'l2caf-still-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const SIDE = trunkSide(RESNET50_IMAGENET, 'conv4', { width: 64, height: 32 });
const FACTS: StillFacts = {
  ...{ id: 'mine', l2cafVersion: '0.1.0', licence: 'MIT' },
  training: { seed: 3, data: 'drawn', options: { rate: 0.5 }, pictures: { train: 8 }, licence: 'CC0' },
  figures: { val: { top1: 0.5 } },
};

type Kind = Pick<StillHeadSpec, 'kind' | 'outputs' | 'labels' | 'erase'>;
const GAP: Kind = { kind: 'gap', outputs: 2, labels: ['cat', 'dog'] };

function headOf(kind: Kind, seed = 1): StillHead {
  const spec: StillHeadSpec = { ...SIDE, ...kind, channels: [3, 4] };
  return { spec, weights: untrainedStillHead(spec, seed) };
}

/** Writes a head, and its description with a change. */
async function saved(name: string, change: (manifest: StillManifest) => unknown = (same) => same, kind = GAP) {
  const path = join(folder, name);
  const manifest = await saveStillHead(path, headOf(kind), FACTS);
  const changed = change(structuredClone(manifest));
  await writeFile(join(path, 'still.json'), typeof changed === 'string' ? changed : JSON.stringify(changed));
  return { path, manifest };
}

describe('a folder', () => {
  it.each<[string, Kind]>([
    ['gap', GAP],
    ['retrieval', { kind: 'retrieval', outputs: 5 }],
    ['acol', { kind: 'acol', outputs: 2, labels: ['cat', 'dog'], erase: 0.75 }],
  ])('holds a head, and what it was trained on: %s', async (name, kind) => {
    const head = headOf(kind);
    const path = join(folder, name);
    expect(await isStillHead(path)).toBe(false);
    const manifest = await saveStillHead(path, head, FACTS);
    expect(await isStillHead(path)).toBe(true);
    const weights = await sha256OfFile(join(path, 'weights.safetensors'));
    expect(manifest).toEqual({
      ...{ schema: STILL_HEAD_SCHEMA, id: 'mine', l2cafVersion: '0.1.0', inputSize: { width: 64, height: 32 } },
      trunk: {
        ...{ id: 'resnet50-imagenet', sha256: RESNET50_IMAGENET.weightsSha256, stage: 'conv4' },
        ...{ grid: { height: 2, width: 4 }, channels: 1024, own: false },
      },
      head: { channels: [3, 4], ...kind },
      weights: { sha256: weights, licence: 'MIT' },
      ...{ training: FACTS.training, figures: FACTS.figures },
    });
    expect(JSON.parse(await readFile(join(path, 'still.json'), 'utf8'))).toEqual({
      ...manifest,
      seal: expect.any(String),
    });
    const loaded = await loadStillHead(path);
    expect(loaded).toEqual({ ...head, weights: expect.any(Map), manifest, sha256: weights });
    for (const [key, { shape, data }] of head.weights) expect(loaded.weights.get(key)).toEqual({ shape, data });
  });

  it('is named by its files, in the schema that is published', () => {
    expect(STILL_HEAD_FILES).toEqual(['still.json', 'weights.safetensors', 'trunk.onnx', 'trunk.json']);
    expect(stillHeadJsonSchema()).toMatchObject({ title: 'l2caf-still-head/1', type: 'object' });
  });

  it('that is not there is no head', async () => {
    const path = join(folder, 'none');
    await expect(loadStillHead(path)).rejects.toMatchObject({
      code: 'input-not-found',
      message: expect.stringMatching(/^there is no head for still pictures: .*none.*still\.json/),
      hint: 'it is a folder with still.json and weights.safetensors, as l2caf train-stills writes it',
    });
  });

  it.each<[string, (manifest: StillManifest) => unknown, string, Kind?]>([
    ['no JSON', () => '{', 'still.json: Invalid input'],
    ['another version', (m) => ({ ...m, schema: 'l2caf-still-head/2' }), 'still.json: schema: Invalid input'],
    ['no name', (m) => ({ ...m, id: '' }), 'still.json: id: Too small'],
    ['a hash that is none', (m) => ({ ...m, weights: { sha256: 'x' } }), 'still.json: weights.sha256: Invalid string'],
    [
      'half a channel',
      (m) => ({ ...m, trunk: { ...m.trunk, channels: 0.5 } }),
      'still.json: trunk.channels: Invalid input',
    ],
    [
      'a grid of no height',
      (m) => ({ ...m, trunk: { ...m.trunk, grid: { height: 0, width: 1 } } }),
      'still.json: trunk.grid.height: Too small',
    ],
    ['a share above one', (m) => ({ ...m, head: { ...m.head, erase: 1.5 } }), 'still.json: head.erase: Too big'],
    ['one label', (m) => ({ ...m, head: { ...m.head, labels: ['cat'] } }), 'still.json: head.labels: Too small'],
    [
      'a seed below zero',
      (m) => ({ ...m, training: { ...m.training, seed: -1 } }),
      'still.json: training.seed: Too small',
    ],
    ['fewer labels than scores', (m) => ({ ...m, head: { ...m.head, outputs: 3 } }), 'there are 2 labels for 3 scores'],
    [
      'labels of an embedding',
      (m) => ({ ...m, head: { ...m.head, kind: 'retrieval' } }),
      'a retrieval head has no labels',
    ],
    [
      'scores without labels',
      (m) => ({ ...m, head: { ...m.head, kind: 'gap' } }),
      'a gap head needs labels',
      { kind: 'retrieval', outputs: 2 },
    ],
    [
      'a height of a kind that does not erase',
      (m) => ({ ...m, head: { ...m.head, erase: 0.5 } }),
      'a gap head has no height from which it erases',
    ],
    [
      'no height to erase from',
      (m) => ({ ...m, head: { ...m.head, kind: 'acol' } }),
      'a acol head needs height from which it erases',
    ],
    [
      'another trunk',
      (m) => ({ ...m, trunk: { ...m.trunk, sha256: 'a'.repeat(64) } }),
      'its trunk is not the resnet50-imagenet of this version',
    ],
    [
      'a trunk of other rows',
      (m) => ({ ...m, trunk: { ...m.trunk, grid: { height: 3, width: 4 } } }),
      'its trunk is not the resnet50-imagenet of this version',
    ],
    [
      'a trunk of other columns',
      (m) => ({ ...m, trunk: { ...m.trunk, grid: { height: 2, width: 3 } } }),
      'its trunk is not the resnet50-imagenet of this version',
    ],
  ])('is refused with what is wrong: %s', async (name, change, message, kind) => {
    const { path } = await saved(`wrong ${name}`, change, kind);
    await expect(loadStillHead(path)).rejects.toMatchObject({
      ...{ code: 'model-invalid', message: expect.stringContaining(`${path}: ${message}`) },
      hint: 'train it again: l2caf train-stills',
    });
  });

  it('whose weights are others, or of other shapes, is refused', async () => {
    const { path } = await saved('exchanged');
    await writeSafetensors(join(path, 'weights.safetensors'), headOf(GAP, 2).weights);
    await expect(loadStillHead(path)).rejects.toMatchObject({ code: 'weights-invalid' });
    const { path: other } = await saved('shapes', (m) => ({ ...m, head: { ...m.head, channels: [3, 5] } }));
    await expect(loadStillHead(other)).rejects.toMatchObject({ code: 'weights-invalid' });
    const { path: channels } = await saved('channels', (m) => ({ ...m, trunk: { ...m.trunk, channels: 512 } }));
    await expect(loadStillHead(channels)).rejects.toMatchObject({ code: 'weights-invalid' });
    await rm(join(path, 'weights.safetensors'));
    await expect(loadStillHead(path)).rejects.toMatchObject({ code: 'weights-invalid' });
    const { path: unknown } = await saved('unknown', (m) => ({ ...m, trunk: { ...m.trunk, id: 'vgg' } }));
    await expect(loadStillHead(unknown)).rejects.toMatchObject({ code: 'model-unknown' });
    const { path: own } = await saved('own', (m) => ({ ...m, trunk: { ...m.trunk, own: true } }));
    await expect(loadStillHead(own)).rejects.toThrow('trunk.onnx');
  });

  it('loses what is there of an earlier training on another trunk, and nothing else', async () => {
    const { path } = await saved('again');
    await writeFileAtomically(join(path, 'trunk.json'), '{"model":"trunk.onnx"}\n');
    await writeFile(join(path, 'trunk.onnx'), 'not ours');
    await saveStillHead(path, headOf(GAP), FACTS);
    await expect(readFile(join(path, 'trunk.json'))).rejects.toThrow('ENOENT');
    expect(await readFile(join(path, 'trunk.onnx'), 'utf8')).toBe('not ours');
  });
});

describe('a head on its trunk', () => {
  /** Features that depend on the place alone. */
  const features = Float32Array.from({ length: 2 * 4 * 1024 }, (_, i) => Math.abs(Math.sin(i)));
  const picture = { rgb: new Uint8Array(64 * 32 * 3), shape: [1, 32, 64, 3] as const };

  async function open(kind: Kind, change?: (manifest: StillManifest) => unknown) {
    const { path } = await saved(`open ${kind.kind}`, change, kind);
    const trunk = { features: vi.fn(async () => features), dispose: vi.fn() } satisfies FrameTrunk;
    const head = await loadStillHead(path);
    return { network: new StillHeadNetwork(head, trunk, 'wasm'), head, trunk };
  }

  it('says what it is', async () => {
    const { network, head } = await open(GAP);
    expect(network).toMatchObject({
      ...{ id: 'mine', sha256: head.sha256, inputSize: { width: 64, height: 32 }, defaultLayer: 'cnn2' },
      ...{ layers: ['conv4', 'cnn1', 'cnn2'], parts: ['dense', 'cnn2', 'cnn1', 'conv4', 'conv3', 'conv2', 'conv1'] },
    });
    expect(network.licences).toEqual([
      { of: 'head mine', licence: 'MIT' },
      { of: 'training data of mine', licence: 'CC0' },
      { of: 'trunk resnet50-imagenet', licence: RESNET50_IMAGENET.licence },
      { of: 'training data ImageNet-1k', licence: RESNET50_IMAGENET.data.licence },
    ]);
    network.dispose();
    const unknown = await open(GAP, (m) => ({ ...m, weights: { sha256: m.weights.sha256 } }));
    expect(unknown.network.licences[0]!.of).toBe('training data of mine');
    unknown.network.dispose();
  });

  it('answers with the scores of its layers, or their pooled map, wherever it is cut', async () => {
    const before = tf.memory().numTensors;
    const { network, trunk } = await open(GAP);
    const tails = [await network.tail(picture), await network.tail(picture, 'conv4')];
    expect(trunk.features).toHaveBeenCalledWith(picture);
    const [behind, whole] = tails as [(typeof tails)[0], (typeof tails)[0]];
    expect([behind.grid, behind.outputSize, whole.mapOf(0).length]).toEqual([
      { height: 2, width: 4 },
      2,
      features.length,
    ]);
    expect([...whole.reference]).toEqual([...behind.reference].map((value) => expect.closeTo(value, 4)));
    expect(behind).not.toHaveProperty('fused');
    const pooled = await network.tail(picture, undefined, true);
    const map = pooled.mapOf(0);
    for (const [k, value] of pooled.reference.entries()) {
      const mean = map.filter((_, i) => i % 4 === k).reduce((sum, own) => sum + own, 0) / 8;
      expect(value).toBeCloseTo(mean, 5);
    }
    await expect(network.tail(picture, 'conv9')).rejects.toMatchObject({
      ...{ code: 'usage', message: 'mine has no layer named conv9', hint: 'its layers: conv4, cnn1, cnn2' },
    });
    for (const tail of [...tails, pooled]) tail.dispose();
    network.dispose();
    expect(trunk.dispose).toHaveBeenCalledOnce();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('of ACoL fuses the maps of both branches, unless it is asked for an embedding', async () => {
    const before = tf.memory().numTensors;
    const { network } = await open({ kind: 'acol', outputs: 2, labels: ['cat', 'dog'], erase: 0.5 });
    const tail = await network.tail(picture);
    const fused = await tail.fused!(1);
    expect(fused).toHaveLength(8);
    expect(Math.max(...fused)).toBeCloseTo(1, 5);
    expect(Math.min(...fused)).toBeGreaterThanOrEqual(0);
    const pooled = await network.tail(picture, undefined, true);
    expect(pooled).not.toHaveProperty('fused');
    for (const one of [tail, pooled]) one.dispose();
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('forgets its parts from the output on, in the weights that its training began with', async () => {
    const { network, head, trunk } = await open({ kind: 'acol', outputs: 2, labels: ['cat', 'dog'], erase: 0.5 });
    const outputs: number[][] = [];
    for (const count of [0, 1, 2, 3]) {
      const forgetful = await network.without(count, 7);
      const tail = await forgetful.tail(picture);
      outputs.push([...tail.reference]);
      tail.dispose();
      forgetful.dispose();
    }
    expect(trunk.dispose).not.toHaveBeenCalled(); // it is borrowed
    const untrained = untrainedStillHead(head.spec, 7);
    const again = new StillHeadNetwork({ ...head, weights: untrained }, trunk, 'wasm', true);
    const fresh = await again.tail(picture);
    const own = await network.tail(picture);
    expect(outputs[0]).toEqual([...own.reference]);
    expect(outputs[3]).toEqual([...fresh.reference]);
    expect(new Set(outputs.map((output) => output.join())).size).toBe(4);
    for (const one of [fresh, own]) one.dispose();
    again.dispose();
    network.dispose();
  });

  it('is not opened without the trunk that it stands on', async () => {
    const { path } = await saved('trunkless');
    const fetch = { signal: AbortSignal.abort() };
    await expect(openStillHead(path, { backend: 'wasm', ...fetch })).rejects.toMatchObject({ code: 'aborted' });
  });
});
