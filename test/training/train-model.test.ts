/**
 * A whole training, from events to a model directory, and its measurement, with a stand-in for the trunk's features: they
 * are put into the cache beforehand, so that nothing has to be fetched.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { readEvents } from '../../src/events/labelled.ts';
import { planEvents } from '../../src/features/dataset.ts';
import { openFeatureCache } from '../../src/features/features.ts';
import { useBackend } from '../../src/models/backend.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import { toFloat16 } from '../../src/models/float16.ts';
import type { HeadSpec } from '../../src/models/head.ts';
import { loadModel } from '../../src/models/model-directory.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { type TrainingPlan, trainModel } from '../../src/training/train-model.ts';
import { drawGrey, makeClip } from '../support/clips.ts';

const SPEC: HeadSpec = {
  ...trunkSide(RESNET50_IMAGENET, 'conv4', { width: 64, height: 32 }),
  shallowCnn: [{ kernelSize: 1, stride: 1, channels: 4 }],
  lstmUnits: 6,
  embeddingSize: 4,
};

let folder: string;
let plan: TrainingPlan;
beforeAll(async () => {
  await useBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'l2caf-train-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
  const lines = ['id,video,start,end,label,split'];
  for (const [i, label] of ['stop', 'go'].entries()) {
    await makeClip(join(folder, `${label}.mp4`), {
      frames: 24,
      rate: '4',
      width: 64,
      height: 32,
      draw: drawGrey(60 + 90 * i),
    });
    for (let k = 0; k < 5; k++)
      lines.push(`${label}${k},${label}.mp4,${k},${k + 1},${label},${k < 3 ? 'train' : 'test'}`);
  }
  const path = join(folder, 'events.csv');
  await writeFile(path, `${lines.join('\n')}\n`);
  plan = {
    id: 'toy',
    domains: [{ name: 'toy', path }],
    spec: SPEC,
    classifier: true,
    dense: new Map(),
    validationVideos: [],
    views: 2,
    components: 3,
    trainer: {
      loss: 'triplet',
      mining: 'all',
      margin: 0.2,
      classifierWeight: 1,
      denseWeight: 1,
      sparsityWeight: 0.1,
      selectionWeight: 0,
      relationWeights: {},
      learningRate: 0.01,
      weightDecay: 0.01,
      warmUpSteps: 1,
      steps: 12,
      seed: 2,
      frames: 2,
      dropout: 0,
      maxGradientNorm: 5,
      checkpointEvery: 5,
    },
    sampler: { classesPerBatch: 2, eventsPerClass: 3, mirroredLabels: new Map() },
  };
  await fillCache(path);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Features that depend on the video and a little on the frame. */
async function fillCache(path: string): Promise<void> {
  const cache = openFeatureCache(SPEC);
  const planned = await planEvents([{ name: 'toy', events: await readEvents(path) }], { frames: 2, views: 2, seed: 2 });
  for (const { event, views } of planned) {
    for (const frame of views.flatMap(({ frames }) => frames)) {
      const random = createRandom(event.label === 'stop' ? 1 : 2);
      const noise = createRandom(3, frame.frameIndex);
      const values = Float32Array.from({ length: cache.source.length }, () => random.normal() + 0.2 * noise.normal());
      await cache.write(frame, toFloat16(values));
    }
  }
}

const work = (name: string, resume = false) => ({ backend: 'cpu' as const, outputFolder: join(folder, name), resume });

it('writes a model that can be loaded, with its figures, log and curves', async () => {
  const notes: string[] = [];
  const manifest = await trainModel(plan, { ...work('model'), onNote: (text) => notes.push(text) });
  expect(manifest.figures['toy']).toMatchObject({ events: 4, knn: 1, 'knn go': 1 });
  expect(manifest.training.domains).toEqual([
    { name: 'toy', events: { train: { go: 3, stop: 3 }, test: { go: 2, stop: 2 } }, videos: 2 },
  ]);
  expect(notes).toContain('no validation events: the training is watched by its loss alone');
  const { head } = await loadModel(join(folder, 'model'));
  expect(head.spec.labels).toEqual(['go', 'stop']);
  expect((await readdir(join(folder, 'model'))).sort()).toEqual([
    '.l2caf',
    'curves.png',
    'model.json',
    'training.json',
    'weights.safetensors',
  ]);
  const log = JSON.parse(await readFile(join(folder, 'model', 'training.json'), 'utf8')) as { steps: unknown[] };
  expect(log.steps).toHaveLength(12);
  expect(JSON.stringify([manifest, log])).not.toContain(folder);
});

it('gives the same weights when it is interrupted and resumed', async () => {
  const whole = await trainModel(plan, work('whole'));
  const controller = new AbortController();
  const stop = ({ step }: { step: number }): void => {
    if (step === 7) controller.abort();
  };
  await expect(trainModel(plan, { ...work('parts'), onStep: stop, signal: controller.signal })).rejects.toMatchObject({
    code: 'aborted',
  });
  expect((await readdir(join(folder, 'parts'))).sort()).toEqual(['.l2caf', 'checkpoint.safetensors']);
  const other = { ...plan, trainer: { ...plan.trainer, margin: 0.3 } };
  await expect(trainModel(other, work('parts', true))).rejects.toThrow(/other options or events/);
  const resumed = await trainModel(plan, work('parts', true));
  expect(resumed.weights).toEqual(whole.weights);
});

it('trains on the features themselves, and refuses components that they do not have', async () => {
  const manifest = await trainModel({ ...plan, components: 0 }, work('full'));
  expect(manifest.figures['toy']).toMatchObject({ knn: 1 });
  await expect(trainModel({ ...plan, components: 1025 }, work('v'))).rejects.toThrow(/1024 channels, so no 1025/);
  const spec: HeadSpec = { ...SPEC, shallowCnn: [{ kernelSize: 3, stride: 1, channels: 4 }] };
  await expect(trainModel({ ...plan, spec }, work('v'))).rejects.toThrow(/first layer is a 1×1/);
});

it('validates on the videos that are held out, and refuses videos that are not there', async () => {
  await expect(trainModel({ ...plan, validationVideos: ['x.mp4'] }, work('v'))).rejects.toMatchObject({
    code: 'usage',
  });
  await expect(trainModel({ ...plan, validationVideos: ['go.mp4'] }, work('v'))).rejects.toThrow(/same label/);
});
