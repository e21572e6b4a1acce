/** Model directories: what is saved comes back, and whatever does not fit is named. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HeadSpec, untrainedHead } from '../../src/models/head.ts';
import { loadModel, type ModelFacts, saveModel, saveQuestions } from '../../src/models/model-directory.ts';
import { DEFAULT_MODEL, findModel, packagedModels } from '../../src/models/packaged.ts';
import { licencesOn, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';

const SPEC: HeadSpec = {
  trunk: 'resnet50-imagenet',
  stage: 'conv4',
  trunkGrid: { height: 4, width: 6 },
  trunkChannels: 1024,
  inputSize: { width: 96, height: 64 },
  shallowCnn: [{ kernelSize: 1, stride: 2, channels: 3 }],
  pool: { height: 1, width: 2 },
  lstmUnits: 4,
  embeddingSize: 3,
  labels: ['a', 'b'],
};
const FACTS: ModelFacts = {
  id: 'toy',
  l2cafVersion: '0.0.0',
  frames: 3,
  training: { seed: 1, options: { steps: 2 }, domains: [{ name: 'd', events: { train: { a: 2 } }, videos: 1 }] },
  figures: { d: { knn: 0.5 } },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-model-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => saveModel(folder, untrainedHead(SPEC, 1), FACTS));

/** Rewrites a part of model.json. */
async function edit(change: (manifest: Record<string, Record<string, unknown>>) => void): Promise<void> {
  const path = join(folder, 'model.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, Record<string, unknown>>;
  change(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

describe('loadModel', () => {
  it('gives back the head and the facts', async () => {
    const { head, manifest } = await loadModel(folder);
    expect(head.spec).toEqual(SPEC);
    expect(head.origin).toEqual({ kind: 'trained', id: 'toy' });
    expect(head.weights).toEqual(untrainedHead(SPEC, 1).weights);
    expect(manifest).toMatchObject({ figures: FACTS.figures, training: FACTS.training });
    expect(head.facts).toEqual({ licences: [] });
  });
  it('knows how long the events were, where that was written down', async () => {
    await saveModel(folder, untrainedHead({ ...SPEC, eventSec: 2.5 }, 1), FACTS);
    const { head, manifest } = await loadModel(folder);
    expect(manifest.preprocessing.eventSec).toBe(2.5);
    expect(head.spec.eventSec).toBe(2.5);
    await edit((m) => Object.assign(m['preprocessing']!, { eventSec: 0 }));
    await expect(loadModel(folder)).rejects.toThrow(/preprocessing\.eventSec/);
  });
  it('knows what classes answer, and how that was calibrated', async () => {
    const questions = [
      { name: 'one', answers: [0], others: [1], temperature: 1.5 },
      { name: 'two', answers: [1] },
    ];
    const calibration = new Map([['one', { events: 10, measuredOn: 5, before: 0.2, after: 0.1 }]]);
    const stated = [
      { name: 'one', labels: ['a'], others: ['b'], temperature: 1.5, calibration: calibration.get('one') },
      { name: 'two', labels: ['b'] },
    ];
    await saveModel(folder, untrainedHead({ ...SPEC, questions }, 1), { ...FACTS, calibration });
    const { head, manifest } = await loadModel(folder);
    expect(manifest.questions).toEqual(stated);
    expect(head.spec.questions).toEqual(questions);
    await saveQuestions(folder, [{ name: 'all', answers: [0, 1], temperature: 3 }], new Map());
    const changed = await loadModel(folder);
    expect(changed.manifest.questions).toEqual([{ name: 'all', labels: ['a', 'b'], temperature: 3 }]);
    expect(changed.head.weights).toEqual(head.weights);
    await edit((m) => Object.assign(m, { questions: [{ name: 'half', labels: ['a'] }] }));
    await expect(loadModel(folder)).rejects.toThrow(/b answers 0 questions/);
  });
  it('knows the licences of weights and data, as far as they were told', async () => {
    const [domain] = FACTS.training.domains;
    const domains = [
      { ...domain!, licence: 'MIT' },
      { ...domain!, name: 'e' },
    ];
    await saveModel(folder, untrainedHead(SPEC, 1), {
      ...FACTS,
      licence: 'CC0',
      training: { ...FACTS.training, domains },
    });
    const { head } = await loadModel(folder);
    expect(head.facts?.licences).toEqual([
      { of: 'head toy', licence: 'CC0' },
      { of: 'training data d', licence: 'MIT' },
    ]);
    const own = licencesOn(RESNET50_IMAGENET, head);
    expect(own.map(({ of }) => of)).toEqual([
      'head toy',
      'training data d',
      'trunk resnet50-imagenet',
      'training data ImageNet-1k',
    ]);
  });
  it.each([
    ['another version', (m) => Object.assign(m, { schema: 'l2caf-model/9' }), /reads "l2caf-model\/1"/],
    ['a missing field', (m) => delete m['architecture']!['lstmUnits'], /architecture\.lstmUnits/],
    ['an unknown trunk', (m) => Object.assign(m['trunk']!, { id: 'vgg' }), /no model named vgg/],
    ['other trunk weights', (m) => Object.assign(m['trunk']!, { sha256: '0'.repeat(64) }), /trunk hash/],
    ['another picture size', (m) => Object.assign(m['preprocessing']!, { width: 128 }), /its grid is \[4,6,1024\]/],
    ['an impossible picture size', (m) => Object.assign(m['preprocessing']!, { width: 100 }), /100x64/],
    ['other preprocessing', (m) => Object.assign(m['preprocessing']!, { mean: [0, 0, 0] }), /preprocessing/],
    [
      'another architecture',
      (m) => Object.assign(m['architecture']!, { lstmUnits: 5 }),
      /lstm\/input_kernel .*expected/,
    ],
  ] as const satisfies readonly (readonly [string, (m: Record<string, Record<string, unknown>>) => unknown, RegExp])[])(
    'refuses %s',
    async (_, change, message) => {
      await edit(change);
      await expect(loadModel(folder)).rejects.toThrow(message);
    },
  );
  it('refuses exchanged and truncated weights, and a folder without a model', async () => {
    const weights = join(folder, 'weights.safetensors');
    const good = await readFile(weights);
    await writeFile(weights, good.subarray(0, good.length - 8));
    await expect(loadModel(folder)).rejects.toMatchObject({ code: 'weights-invalid' });
    const other = join(folder, 'other');
    await saveModel(other, untrainedHead(SPEC, 2), FACTS);
    await copyFile(join(other, 'weights.safetensors'), weights);
    await expect(loadModel(folder)).rejects.toThrow(/model\.json says/);
    await expect(loadModel(join(folder, 'none'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});

describe('the packaged heads', () => {
  it('are read as they are, and tell their licences: the one used by default may be used for any purpose', async () => {
    const licences = new Map<string, (string | undefined)[]>();
    for (const name of await packagedModels()) {
      const { head, manifest } = await loadModel(await findModel(name));
      expect(manifest.id).toBe(name);
      expect(head.facts?.familiarity?.limit).toBeGreaterThan(0);
      licences.set(
        name,
        (head.facts?.licences ?? []).map(({ licence }) => licence),
      );
    }
    expect([...licences.keys()].sort()).toEqual([DEFAULT_MODEL, 'driving-camvid']);
    expect(licences.get(DEFAULT_MODEL)).toEqual(['MIT', 'MIT', 'MIT']); // of the weights, and of what it was trained on
    expect(licences.get('driving-camvid')).toContain('CC BY-NC 4.0');
  });
});
