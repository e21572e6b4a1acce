/** The training of heads for still pictures, whole, on a tiny trunk; and what can be done with what comes out. */
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { readStills } from '../../src/evaluation/still-datasets.ts';
import { studyStills } from '../../src/evaluation/stills-study.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { StillHeadKind } from '../../src/models/choices.ts';
import type { OnnxTrunk } from '../../src/models/onnx/trunk.ts';
import { loadStillHead } from '../../src/models/still-directory.ts';
import { openStillHead } from '../../src/models/still-head-network.ts';
import { analyzePicture } from '../../src/stills/analyze.ts';
import { stillNetwork } from '../../src/stills/still-network.ts';
import {
  rolesOf,
  type StillPicture,
  type StillPlan,
  type StillWork,
  trainStill,
} from '../../src/training/train-still.ts';
import { STILL_OPTIONS } from '../support/still-picture.ts';
import { openToyTrunk, toyPlan, writeColours } from './still-toy.ts';

let folder: string;
let trunk: OnnxTrunk;
let pictures: StillPicture[];
beforeAll(async () => {
  await useBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'l2caf-train-still-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
  pictures = await writeColours(folder);
  trunk = await openToyTrunk(folder);
});
afterAll(async () => {
  trunk.dispose();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

function planOf(kind: StillHeadKind, changes: Partial<StillPlan['trainer']> = {}): StillPlan {
  const plan = toyPlan(trunk, pictures);
  const spec = { ...plan.spec, kind, ...(kind === 'acol' && { erase: 0.6 }) };
  return { ...plan, id: kind, spec, trainer: { ...plan.trainer, ...changes } };
}

const work = (name: string, more: Partial<StillWork> = {}): StillWork => ({
  ...{ backend: 'wasm', outputFolder: join(folder, name), resume: false },
  ...more,
});

describe('a trained head', () => {
  it.each(['gap', 'acol', 'adl'] as const)('of kind %s names colours, and finds where they are', async (kind) => {
    const before = tf.memory().numTensors;
    const notes: string[] = [];
    const manifest = await trainStill(planOf(kind), work(kind, { onNote: (text) => notes.push(text) }));
    expect(tf.memory().numTensors).toBe(before);
    const right = kind === 'adl' ? 0.6 : 1; // dropping most of sixteen cells costs accuracy
    expect(manifest.figures).toMatchObject({ val: { pictures: 3, top5: 1 }, test: { pictures: 6, top5: 1 } });
    expect(manifest.figures['test']!['top1']).toBeGreaterThanOrEqual(right);
    expect(manifest.training).toMatchObject({ data: 'colours', pictures: { train: 12, val: 3, test: 6 } });
    expect(manifest.head.labels).toEqual(['amber', 'blue', 'green']);
    expect(notes).toContain('the trunk is frozen: only the head behind it learns');
    await expect(access(join(folder, kind, 'checkpoint.safetensors'))).rejects.toThrow();
    const log = JSON.parse(await readFile(join(folder, kind, 'training.json'), 'utf8'));
    expect(log.steps).toHaveLength(60);
    expect(log.steps[59].loss).toBeLessThan(log.steps[0].loss);
    expect(Object.keys(log.steps[0].parts)).toEqual(kind === 'acol' ? ['classifier', 'second'] : ['classifier']);
    expect(log.validation).toHaveLength(3);

    const open = await openStillHead(join(folder, kind), { backend: 'wasm' });
    const network = stillNetwork(open, {});
    const stills = await readStills(join(folder, 'stills.csv'), 'boxes');
    const maps = ['l2caf-class', 'l2caf-oblivious', 'gradcam', 'cam', ...(kind === 'acol' ? ['acol'] : [])];
    const methods = [...maps, 'random'];
    const { table, answers } = await studyStills(network, stills, { methods, level: 0.2, seed: 0 });
    expect(answers.top1).toBeCloseTo(manifest.figures['test']!['top1']!, 3);
    const pxap = (name: string) => table.rows.find((row) => row.name === name)!.figures['pxAP']!.value;
    for (const method of maps) expect(pxap(method), method).toBeGreaterThan(pxap('random'));
    const found = await analyzePicture(open, pictures[5]!.path, { ...STILL_OPTIONS, sanity: true });
    expect(found.predictions.map(({ label }) => label).sort()).toEqual(['amber', 'blue', 'green']);
    expect(found.sanity!.steps.map(({ part }) => part)).toEqual(['dense', 'cnn2', 'cnn1']);
    for (const { maps: own } of found.sanity!.steps) {
      expect(Math.hypot(...own[0]!.filter.values)).toBeCloseTo(1, 4);
      expect(new Set(own[0]!.filter.values).size).toBeGreaterThan(4); // there is something behind the ReLUs
    }
    if (kind === 'acol') {
      const fused = await analyzePicture(open, pictures[5]!.path, { ...STILL_OPTIONS, method: 'acol' });
      expect(fused.options).toMatchObject({ method: 'acol', solver: 'dense layers' });
      expect(Math.min(...fused.maps[0]!.filter.values)).toBeGreaterThanOrEqual(0);
    } else {
      await expect(analyzePicture(open, pictures[5]!.path, { ...STILL_OPTIONS, method: 'acol' })).rejects.toMatchObject(
        { code: 'usage', message: expect.stringMatching(/two adversarial branches/) },
      );
    }
    open.network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(['triplet', 'npair'] as const)(
    'for retrieval, by %s loss, is measured on classes that it has not seen',
    async (loss) => {
      const manifest = await trainStill(planOf('retrieval', { loss }), work(loss));
      expect(manifest.training.pictures).toEqual({ train: 12, val: 2, unseen: 7 });
      expect(manifest.figures['unseen']).toEqual({ pictures: 7, recallAt1: 1, mapAtR: 1, nmi: expect.any(Number) }); // of one class
      expect(manifest.head).toMatchObject({ kind: 'retrieval', outputs: 4 });
      expect(manifest.head.labels).toBeUndefined();
      const open = await openStillHead(join(folder, loss), { backend: 'wasm' });
      const network = stillNetwork(open, {});
      expect(network.output).toMatchObject({ kind: 'embedding', size: 4 });
      const stills = await readStills(join(folder, 'stills.csv'), 'boxes', 'all');
      const { answers } = await studyStills(network, stills, { methods: ['l2caf-oblivious'], level: 0.2, seed: 0 });
      expect(answers.recallAt1).toBeGreaterThan(0.6); // of three classes, one unseen
      open.network.dispose();
    },
  );

  it('is the same from an interrupted training, from which its trunk needs nothing else', async () => {
    const whole = await trainStill(planOf('acol'), work('whole'));
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === 13) stop.abort();
    };
    const first = trainStill(planOf('acol'), work('parts', { signal: stop.signal, onStep }));
    await expect(first).rejects.toMatchObject({ code: 'aborted' });
    const other = trainStill(planOf('acol', { learningRate: 0.01 }), work('parts', { resume: true }));
    await expect(other).rejects.toMatchObject({ code: 'model-invalid' });
    const resumed = await trainStill(planOf('acol'), work('parts', { resume: true }));
    expect(resumed.weights.sha256).toBe(whole.weights.sha256);
    await rm(join(folder, 'backbone.onnx'));
    const open = await openStillHead(join(folder, 'whole'), { backend: 'auto' });
    expect(open.backend.name).toBe('onnxruntime');
    open.network.dispose();
  });
});

describe('what is used for what', () => {
  const roles = (kind: StillHeadKind, all: readonly StillPicture[]) =>
    rolesOf({ pictures: all, source: 'data', spec: { ...planOf(kind).spec, kind } });
  const count = ({ train, val, measured, name }: ReturnType<typeof rolesOf>) => [
    ...[train, val, measured].map(({ length }) => length),
    name,
  ];

  it('classes have splits; retrieval takes all that it may see but those for validation', () => {
    expect(count(roles('gap', pictures))).toEqual([12, 3, 6, 'test']);
    expect(count(roles('retrieval', pictures))).toEqual([12, 2, 7, 'unseen']);
    const untold = pictures.map(({ isSeen: _, ...picture }) => picture);
    expect(count(roles('retrieval', untold))).toEqual([12, 3, 6, 'test']);
  });

  it.each<[string, StillHeadKind, (all: StillPicture[]) => StillPicture[], RegExp]>([
    ['no training pictures', 'gap', (all) => all.filter(({ split }) => split === 'test'), /no pictures for training/],
    ['one class', 'adl', (all) => all.filter(({ label }) => label === 'blue'), /of one class only, blue/],
    ['no pair', 'retrieval', (all) => [...all.slice(6), all[0]!], /one training picture only of amber/],
  ])('refuses %s', (_, kind, choose, message) => {
    const chosen = choose(pictures).map(({ isSeen: __, ...picture }) => picture);
    expect(() => roles(kind, chosen)).toThrow(message);
  });

  it('leaves out, and says, test pictures of classes that it does not learn', async () => {
    const known = pictures.filter(({ label, split }) => label !== 'green' || split === 'test');
    const notes: string[] = [];
    const plan = { ...planOf('gap', { steps: 2 }), pictures: known };
    const { training } = await trainStill(plan, work('few', { onNote: (text) => notes.push(text) }));
    expect(training.pictures).toEqual({ train: 8, val: 2, test: 4 });
    expect(notes).toContain('2 test pictures are of classes without training pictures: left out');
  });
});

describe('a folder of a head', () => {
  it.each<[string, (manifest: Record<string, never> & { head: object; trunk: object }) => object, RegExp]>([
    ['another version', (own) => ({ ...own, schema: 'l2caf-still-head/0' }), /schema/],
    ['a class less', (own) => ({ ...own, head: { ...own.head, labels: ['a', 'b'] } }), /2 labels for 3 scores/],
    ['no height to erase from', (own) => ({ ...own, head: { ...own.head, kind: 'acol' } }), /acol head needs/],
    [
      'a stage that learnt behind a file',
      (own) => ({ ...own, head: { ...own.head, tuned: 'conv5' } }),
      /conv5 cannot have learnt/,
    ],
    ['other weights', (own) => ({ ...own, weights: { sha256: 'a'.repeat(64) } }), /still\.json says a+/],
    [
      'another trunk',
      (own) => ({ ...own, trunk: { ...own.trunk, sha256: 'b'.repeat(64) } }),
      /trunk\.onnx has SHA-256/,
    ],
    [
      'a trunk of ours that is not it',
      (own) => ({
        ...own,
        inputSize: { width: 64, height: 32 },
        trunk: { ...own.trunk, own: false, id: 'resnet50-imagenet', stage: 'conv4' },
      }),
      /its trunk is not the resnet50-imagenet/,
    ],
  ])('with %s is refused', async (_, change, message) => {
    await trainStill(planOf('gap', { steps: 1 }), work('damaged'));
    const path = join(folder, 'damaged', 'still.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(change(manifest)));
    await expect(loadStillHead(join(folder, 'damaged'))).rejects.toThrow(message);
    await rm(join(folder, 'damaged'), { recursive: true });
  });

  it('that is none says what one is', async () => {
    await expect(loadStillHead(join(folder, 'pictures'))).rejects.toMatchObject({
      code: 'input-not-found',
      hint: expect.stringMatching(/still\.json/),
    });
  });
});
