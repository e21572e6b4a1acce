/**
 * A whole training, from events to a model directory, and its measurement, with a stand-in for the trunk's features: they
 * are put into the cache beforehand, so that nothing has to be fetched.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { analyzeEvent, openClip, openModel } from '../../src/analysis/pipeline.ts';
import { createRandom } from '../../src/base/random.ts';
import { readEvents } from '../../src/events/labelled.ts';
import { type PlanOptions, planEvents } from '../../src/features/dataset.ts';
import { openFeatureCache } from '../../src/features/features.ts';
import { uprightViewsOf } from '../../src/features/views.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { Card } from '../../src/models/card.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import { toFloat16 } from '../../src/models/float16.ts';
import type { HeadSpec } from '../../src/models/head.ts';
import { loadModel } from '../../src/models/model-directory.ts';
import { OnnxTrunk } from '../../src/models/onnx/trunk.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { type TrainingPlan, trainModel } from '../../src/training/train-model.ts';
import { pictureCnn, type TinyFiles, TinyGraph } from '../models/onnx/tiny-networks.ts';
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
      agreementWeight: 0.3,
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
async function fillCache(path: string, options: Partial<PlanOptions> = {}): Promise<void> {
  const cache = openFeatureCache(SPEC);
  const listed = await readEvents(path, { needs: [] });
  const events = listed.map((event) => ({ ...event, split: event.split || 'train' }));
  const planned = await planEvents([{ name: 'toy', events }], { frames: 2, views: 2, seed: 2, ...options });
  for (const { event, views } of planned) {
    for (const frame of views.flatMap(({ frames }) => frames)) {
      const random = createRandom(event.video === 'stop.mp4' ? 1 : 2);
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
  expect(head.spec.eventSec).toBe(1); // as long as each of the events
  expect((await readdir(join(folder, 'model'))).sort()).toEqual([
    '.l2caf',
    'curves.png',
    'model.json',
    'reference.safetensors',
    'training.json',
    'weights.safetensors',
  ]);
  const log = JSON.parse(await readFile(join(folder, 'model', 'training.json'), 'utf8')) as { steps: unknown[] };
  expect(log.steps).toHaveLength(12);
  expect(JSON.stringify([manifest, log])).not.toContain(folder);
});

it('asks a question of each domain, and calibrates it on validation events', async () => {
  const { path } = plan.domains[0]!;
  const rows = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const listOf = async (name: string, change: (row: string) => string): Promise<string> => {
    await writeFile(join(folder, `${name}.csv`), `${[rows[0]!, ...rows.slice(1).map(change)].join('\n')}\n`);
    return join(folder, `${name}.csv`);
  };
  // The last test event of each label validates in the first list; the second has other labels, and none of the kind.
  const domains = [
    {
      name: 'motion',
      path: await listOf('motion', (row) => (/^(stop|go)4/.test(row) ? row.replace(',test', ',val') : row)),
    },
    { name: 'light', path: await listOf('light', (row) => row.replace(/,stop,/, ',red,').replace(/,go,/, ',green,')) },
  ];
  const notes: string[] = [];
  await trainModel({ ...plan, domains, components: 2 }, { ...work('asked'), onNote: (text) => notes.push(text) });
  expect(notes.filter((text) => text.startsWith('class probabilities'))).toEqual([
    expect.stringMatching(
      /^class probabilities of motion: temperature 1 \(of 2 events\); expected error [\d.]+ before, /,
    ),
  ]);
  const { head, manifest } = await loadModel(join(folder, 'asked'));
  expect(head.spec.labels).toEqual(['go', 'green', 'red', 'stop']);
  expect(manifest.questions).toEqual([
    {
      name: 'motion',
      labels: ['go', 'stop'],
      temperature: expect.any(Number),
      calibration: expect.objectContaining({ events: 2, measuredOn: 2 }),
    },
    { name: 'light', labels: ['green', 'red'] },
  ]);
});

it('has the views of events without labels agree, and asks nothing about these', async () => {
  const path = join(folder, 'others.csv');
  const spans = [0, 1, 2].flatMap((start) => ['stop', 'go'].map((name) => [name, start] as const));
  const rows = spans.map(([name, start]) => `${name}.mp4,${start}.25,${start + 1}.25`);
  await writeFile(path, `${['video,start,end', ...rows].join('\n')}\n`);
  await fillCache(path, { views: 4, kind: uprightViewsOf });
  const unlabelled = [{ name: 'others', path }];
  const whole = await trainModel({ ...plan, unlabelled }, work('agreeing'));
  expect(whole.training.domains[1]).toEqual({ name: 'others', events: { train: { unlabelled: 6 } }, videos: 2 });
  expect(Object.keys(whole.figures)).toEqual(['toy']);
  const { head, manifest } = await loadModel(join(folder, 'agreeing'));
  expect(head.spec.labels).toEqual(['go', 'stop']);
  const log = JSON.parse(await readFile(join(folder, 'agreeing', 'training.json'), 'utf8')) as {
    steps: readonly { parts: Record<string, number> }[];
  };
  expect(log.steps.at(-1)!.parts['agreement']!).toBeLessThan(log.steps[0]!.parts['agreement']!);
  const { manifest: without } = await loadModel(join(folder, 'model'));
  expect(manifest.weights.sha256).not.toBe(without.weights.sha256);
});

it('gives the same weights when it is interrupted and resumed', async () => {
  await trainModel(plan, work('whole'));
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
  await trainModel(plan, work('parts', true));
  const hashOf = async (name: string) => (await loadModel(join(folder, name))).manifest.weights;
  expect(await hashOf('parts')).toEqual(await hashOf('whole'));
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

describe("on a user's own trunk", () => {
  const CARD: Card = { input: { range: [0, 1] }, layer: { tensor: 'features' } };
  const filesIn = async (name: string) => (await readdir(join(folder, name))).sort();

  /** The plan on the tiny network of pictures, 16×16, whose layer is 4×4×8. */
  async function planOn(files: Pick<TinyFiles, 'bytes'>, name: string): Promise<TrainingPlan & { trunk: OnnxTrunk }> {
    const path = join(folder, `${name}.onnx`);
    await writeFile(path, files.bytes);
    const trunk = await OnnxTrunk.open(path, { card: CARD });
    const { id, layer: stage, grid: trunkGrid, channels: trunkChannels, size: inputSize } = trunk;
    return { ...plan, trunk, spec: { ...SPEC, trunk: id, stage, trunkGrid, trunkChannels, inputSize } };
  }

  it('writes one network with it, which opens as such and gives what was trained', async () => {
    const own = await planOn(pictureCnn(), 'backbone');
    const steps: number[] = [];
    const onStep = ({ loss }: { loss: number }): number => steps.push(loss);
    const trained = await trainModel(own, { ...work('own'), onStep });
    const mean = (losses: readonly number[]): number => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    expect(mean(steps.slice(-3))).toBeLessThan(0.8 * mean(steps.slice(0, 3)));
    expect(trained.figures['toy']).toMatchObject({ events: 4, knn: 1 });
    expect(await filesIn('own')).toEqual(['.l2caf', 'curves.png', 'network.json', 'network.onnx', 'training.json']);
    const log = JSON.parse(await readFile(join(folder, 'own', 'training.json'), 'utf8')) as { training: unknown };
    expect(log.training).toMatchObject({
      options: { trunk: { name: 'backbone', layer: 'features', sha256: own.trunk.fileSha256 } },
    });

    const { network, backend, warnings } = await openModel({ model: join(folder, 'own'), backend: 'cpu' });
    expect(warnings).toEqual([]);
    expect(network.input.eventSec).toBe(1);
    expect(network.outputs.map(({ kind, labels }) => [kind, labels])).toEqual([
      ['embedding', undefined],
      ['scores', ['go', 'stop']],
    ]);
    for (const label of ['stop', 'go']) {
      const { clip, span } = await openClip(join(folder, `${label}.mp4`), { startSec: 3, endSec: 4 });
      const { classes, frames } = await analyzeEvent(
        { network, backend, warnings },
        { clip, span, frames: 2, seed: 0 },
      );
      expect(classes![0]!.label).toBe(label);
      expect(frames).toHaveLength(2);
    }
    network.dispose();
    own.trunk.dispose();
  });

  it('does not go on from the checkpoint of another trunk', async () => {
    const [own, other] = [await planOn(pictureCnn(), 'one'), await planOn(otherPictures(), 'two')];
    const controller = new AbortController();
    const stop = ({ step }: { step: number }): void => {
      if (step === 7) controller.abort();
    };
    const stopped = trainModel(own, { ...work('swapped'), onStep: stop, signal: controller.signal });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    await expect(trainModel(other, work('swapped', true))).rejects.toThrow(/other options or events/);
    for (const { trunk } of [own, other]) trunk.dispose();
  });

  it('replaces the model of another kind in its folder, which would be taken for it', async () => {
    const own = await planOn(pictureCnn(), 'three');
    await trainModel(plan, work('both'));
    await trainModel(own, work('both'));
    expect(await filesIn('both')).not.toContain('model.json');
    await trainModel(plan, work('both'));
    expect(await filesIn('both')).not.toContain('network.onnx');
    own.trunk.dispose();
  });
});

/** Pictures 16×16 → `features` 4×4×8, with other weights than `pictureCnn` has. */
function otherPictures(): Pick<TinyFiles, 'bytes'> {
  const graph = new TinyGraph();
  const early = graph.convolution(graph.input('pictures', ['batch', 3, 16, 16]), 'first', [6, 3, 3, 3], [2, 2]);
  graph.output(graph.convolution(early, 'features', [8, 6, 3, 3], [2, 2]), ['batch', 8, 4, 4]);
  return graph.files();
}
