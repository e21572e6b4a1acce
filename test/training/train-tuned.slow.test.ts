/** Heads for still pictures that are trained with the last stage of the real ResNet-50, and where they can be used. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { loadStillHead } from '../../src/models/still-directory.ts';
import { openStillHead } from '../../src/models/still-head-network.ts';
import { pretrainedStage } from '../../src/models/tuned-stage.ts';
import { analyzePicture } from '../../src/stills/analyze.ts';
import { type StillPlan, type StillWork, trainStill } from '../../src/training/train-still.ts';
import { runCli } from '../cli/run-cli.ts';
import { STILL_OPTIONS } from '../support/still-picture.ts';
import { writeColours } from './still-toy.ts';

let folder: string;
let plan: StillPlan;
beforeAll(async () => {
  await useBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'l2caf-train-tuned-'));
  const front = trunkSide(RESNET50_IMAGENET, 'conv4', { width: 64, height: 64 });
  plan = {
    ...{ id: 'tuned', source: 'colours', pictures: await writeColours(folder), embedding: 4, mirrored: false },
    spec: { ...front, tuned: 'conv5', kind: 'acol', channels: [12, 12], erase: 0.6 },
    sampler: { classesPerBatch: 3, perClass: 2 },
    trainer: {
      ...{ loss: 'triplet', mining: 'all', margin: 0.2, dropRate: 0.75, dropThreshold: 0.9, dropout: 0.2 },
      ...{ learningRate: 3e-3, ownRates: { conv5_: 1e-4 }, weightDecay: 0.01, warmUpSteps: 2, steps: 8, seed: 1 },
      ...{ maxGradientNorm: 5, checkpointEvery: 8 },
    },
  };
});
afterAll(() => rm(folder, { recursive: true }));

const work = (name: string, more: Partial<StillWork> = {}): StillWork => ({
  ...{ backend: 'wasm', outputFolder: join(folder, name), resume: false },
  ...more,
});

it('learns with its head, is kept with it, and is the same from an interrupted training', async () => {
  const notes: string[] = [];
  const before = tf.memory().numTensors;
  const whole = await trainStill(plan, work('whole', { onNote: (text) => notes.push(text) }));
  expect(tf.memory().numTensors).toBe(before);
  expect(notes).toContainEqual(
    expect.stringMatching(/^conv5 learns with the head, up to conv4 the trunk is frozen; gradients on wasm, /),
  );
  const log = JSON.parse(await readFile(join(folder, 'whole', 'training.json'), 'utf8'));
  expect(log.steps.at(-1).loss).toBeLessThan(log.steps[0].loss);
  expect(whole.trunk).toMatchObject({ stage: 'conv4', own: false });
  expect(whole.head).toMatchObject({ tuned: 'conv5' });
  expect(whole.training.options).toMatchObject({ fineTuned: 'conv5', ownRates: { conv5_: 1e-4 } });
  expect((await stat(join(folder, 'whole', 'weights.safetensors'))).size).toBeGreaterThan(59e6);

  const name = 'conv5_block2_2_conv/kernel';
  const pulled = (await pretrainedStage('resnet50-imagenet', 'conv5')).get(name)!.data;
  const tuned = (await loadStillHead(join(folder, 'whole'))).weights.get(name)!.data;
  const moved = tuned.reduce((most, value, i) => Math.max(most, Math.abs(value - pulled[i]!)), 0);
  expect(moved).toBeGreaterThan(1e-5);
  expect(moved).toBeLessThan(8 * 2e-4);

  const stop = new AbortController();
  const onStep = ({ step }: { step: number }): void => {
    if (step === 3) stop.abort();
  };
  await expect(trainStill(plan, work('parts', { signal: stop.signal, onStep }))).rejects.toMatchObject({
    code: 'aborted',
  });
  const resumed = await trainStill(plan, work('parts', { resume: true }));
  expect(resumed.weights.sha256).toBe(whole.weights.sha256);
});

it('is opened like others: its stage is a layer, and a part that can be forgotten', async () => {
  const before = tf.memory().numTensors;
  const open = await openStillHead(join(folder, 'whole'), { backend: 'auto' });
  expect(open.network.layers).toEqual(['conv4', 'conv5', 'cnn1', 'cnn2']);
  expect(open.network.parts).toEqual(['dense', 'cnn2', 'cnn1', 'conv5', 'conv4', 'conv3', 'conv2', 'conv1']);
  const path = plan.pictures[0]!.path;
  const own = await analyzePicture(open, path, { ...STILL_OPTIONS, method: 'acol' });
  expect(own.model.grid).toEqual({ height: 2, width: 2 });
  const earlier = await analyzePicture(open, path, { ...STILL_OPTIONS, layer: 'conv5' });
  expect(earlier.model).toMatchObject({ layer: 'conv5', grid: { height: 2, width: 2 } });
  const outputs = async (count: number): Promise<Float32Array> => {
    const network = count === 0 ? open.network : await open.network.without(count, 5);
    const rgb = new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7) % 256);
    const tail = await network.tail({ rgb, shape: [1, 64, 64, 3] }, 'conv4');
    const { reference } = tail;
    tail.dispose();
    if (count > 0) network.dispose();
    return reference;
  };
  const all = [await outputs(0), await outputs(3), await outputs(4), await outputs(5)];
  for (const [i, one] of all.slice(1).entries()) expect(one, `${i}`).not.toEqual(all[i]);
  open.network.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

it('is told of by models, measured by evaluate stills, and shown by image', async () => {
  const info = await runCli(['models', 'info', 'whole'], { cwd: folder });
  expect(info.stdout).toMatch(/weights +[0-9a-f]{64}, 59\.9 MB\n/);
  expect(info.stdout).toMatch(/fine-tuned +conv5, among the weights of the head\n/);
  expect((await runCli(['models', 'list', 'whole'], { cwd: folder })).stdout).toContain(
    'on resnet50-imagenet after conv4 with conv5 fine-tuned',
  );
  const args = ['evaluate', 'stills', 'stills.csv', '--model', 'whole', '--methods', 'cam,acol', '--limit', '2', '-q'];
  expect((await runCli(args, { cwd: folder })).exitCode).toBe(0);
  const image = await runCli(['image', 'pictures/blue1.png', '--model', 'whole', '--layer', 'conv5', '-q'], {
    cwd: folder,
  });
  expect([image.exitCode, image.stderr]).toEqual([0, '']);
});
