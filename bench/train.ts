/**
 * Speed of training the default head on components of features (batches of 64 events of three frames, 24×14×128 numbers each),
 * per backend that is installed, beside the forward pass alone on the same features.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../src/base/random.ts';
import * as tf from '../src/base/tensorflow.ts';
import type { FeatureCache } from '../src/features/cache.ts';
import type { PlannedEvent } from '../src/features/dataset.ts';
import { featureTensor, loadFeatures } from '../src/features/embed.ts';
import { openFeatureCache } from '../src/features/features.ts';
import { PLAIN_VIEW } from '../src/features/views.ts';
import { useBackend } from '../src/models/backend.ts';
import { DEFAULT_HEAD } from '../src/models/choices.ts';
import { trunkSide } from '../src/models/event-network.ts';
import { toFloat16 } from '../src/models/float16.ts';
import { type HeadSpec, untrainedHead } from '../src/models/head.ts';
import { runHead } from '../src/models/head-network.ts';
import { RESNET50_IMAGENET } from '../src/models/pretrained.ts';
import { freshState } from '../src/training/checkpoint.ts';
import { BatchSampler } from '../src/training/sampler.ts';
import { train } from '../src/training/trainer.ts';
import { writeResults } from './results.ts';
import { median, medianMs, temporaryFolder } from './support.ts';

const CLASSES = 8;
const EVENTS_PER_CLASS = 8;
const FRAMES = 3;
const STEPS = 7;

const SPEC: HeadSpec = {
  ...trunkSide(RESNET50_IMAGENET, 'conv4', { width: 384, height: 224 }),
  trunkChannels: 128,
  ...DEFAULT_HEAD,
  labels: Array.from({ length: CLASSES }, (_, k) => `class ${k}`),
};

/** Prints the table and writes it to `bench/results`. */
export async function run(): Promise<void> {
  const folder = temporaryFolder();
  process.env['L2CAF_CACHE'] = folder;
  const cache = openFeatureCache(SPEC);
  const events = await randomEvents(cache);
  const rows: string[][] = [];
  for (const backend of ['wasm', 'tensorflow'] as const) {
    const info = await useBackend(backend).catch(() => undefined);
    if (info === undefined) continue;
    const { wall, cpu } = await secondsPerStep(events, cache, folder);
    const forward = (await forwardMs(events, cache)) / 1000;
    rows.push([
      info.detail,
      wall.toFixed(2),
      cpu.toFixed(2),
      ((120 * wall) / 60).toFixed(1),
      (wall / forward).toFixed(1),
    ]);
  }
  await writeResults({
    name: 'train',
    command: 'npm run bench -- train',
    tables: [
      {
        columns: ['backend', 's per step', 'CPU s per step', 'min for 120 steps', 'step / forward pass'],
        rows,
        notes: [
          'Reading features from the disk and the optimiser included; the forward pass has its features in memory.',
        ],
      },
    ],
  });
  await rm(folder, { recursive: true });
}

/** Events of positive noise with a cached file per frame. */
async function randomEvents(cache: FeatureCache): Promise<PlannedEvent[]> {
  const random = createRandom(1);
  const noise = Float32Array.from({ length: cache.source.length }, () => Math.max(0, random.normal()));
  const events: PlannedEvent[] = [];
  for (let i = 0; i < CLASSES * EVENTS_PER_CLASS; i++) {
    const label = `class ${i % CLASSES}`;
    const frames = Array.from({ length: FRAMES }, (_, frameIndex) => ({
      videoSha256: `${i}`,
      timestampSec: frameIndex,
      frameIndex,
      mirrored: false,
      gain: 1,
    }));
    for (const frame of frames) {
      const shift = Math.floor(random.uniform() * noise.length);
      await cache.write(frame, toFloat16(noise.map((_, at) => noise[(at + shift) % noise.length]!)));
    }
    const event = { id: `${i}`, label, split: 'train' } as PlannedEvent['event'];
    events.push({ event, domain: 'noise', views: [{ view: PLAIN_VIEW, frames }] });
  }
  return events;
}

/** Medians over all steps but the first. */
async function secondsPerStep(
  events: readonly PlannedEvent[],
  cache: FeatureCache,
  folder: string,
): Promise<{ wall: number; cpu: number }> {
  const wall: number[] = [];
  const cpu: number[] = [];
  let last = performance.now();
  let used = process.cpuUsage();
  await train(
    {
      spec: SPEC,
      options: {
        loss: 'triplet',
        mining: 'semi-hard',
        margin: 0.2,
        classifierWeight: 1,
        denseWeight: 1,
        sparsityWeight: 0.02,
        selectionWeight: 0,
        agreementWeight: 0.3,
        relationWeights: {},
        learningRate: 1e-3,
        weightDecay: 0.1,
        warmUpSteps: 10,
        steps: STEPS,
        seed: 0,
        frames: FRAMES,
        dropout: 0.3,
        maxGradientNorm: 5,
        checkpointEvery: STEPS,
      },
      sampler: new BatchSampler(events, {
        seed: 0,
        classesPerBatch: CLASSES,
        eventsPerClass: EVENTS_PER_CLASS,
        mirroredLabels: new Map(),
      }),
      cache,
      checkpoint: { path: join(folder, 'checkpoint.safetensors'), fingerprint: 'bench' },
      onStep: () => {
        const { user, system } = process.cpuUsage(used);
        wall.push((performance.now() - last) / 1000);
        cpu.push((user + system) / 1e6);
        last = performance.now();
        used = process.cpuUsage();
      },
    },
    freshState(untrainedHead(SPEC, 0).weights),
  );
  return { wall: median(wall.slice(1)), cpu: median(cpu.slice(1)) };
}

/** Milliseconds of a forward pass of one batch. */
async function forwardMs(events: readonly PlannedEvent[], cache: FeatureCache): Promise<number> {
  const data = await loadFeatures(
    events.map(({ views }) => views[0]!),
    cache,
  );
  const { weights } = untrainedHead(SPEC, 0);
  const tensors = Object.fromEntries(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const features = featureTensor(data, SPEC);
  const ms = await medianMs(3, () => tf.tidy(() => runHead(SPEC, tensors, features, FRAMES).embeddings.dataSync()));
  tf.dispose([features, tensors]);
  return ms;
}
