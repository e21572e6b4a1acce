/**
 * The webgpu backend against the others, on any adapter; without a GPU on one in software, as Debian's chromium-common
 * brings it (used through the Vulkan loader, libvulkan1), which is slow but exact.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, type TestContext, vi } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { findAttention } from '../../src/l2caf/method.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { BackendChoice } from '../../src/models/choices.ts';
import { untrainedHead } from '../../src/models/head.ts';
import { freshState } from '../../src/training/checkpoint.ts';
import { BatchSampler } from '../../src/training/sampler.ts';
import { train } from '../../src/training/trainer.ts';
import { tinyModel } from '../support/tiny-model.ts';
import { TOY_FRAMES, TOY_SPEC, toyCache, toyEvents } from '../training/toy.ts';

const SOFTWARE_ADAPTER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Skips the test where there is no adapter; a backend that cannot be loaded is a failure. */
async function needAdapter({ skip }: TestContext): Promise<void> {
  if (existsSync(SOFTWARE_ADAPTER)) process.env['VK_ICD_FILENAMES'] ??= SOFTWARE_ADAPTER;
  const problem = await useBackend('webgpu').then(() => undefined, String);
  const isAbsent = problem?.includes('no graphics adapter') ?? false;
  skip(isAbsent, 'no graphics adapter: install a driver, or chromium-common and libvulkan1');
  expect(problem).toBeUndefined();
}

const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

it('gives the feature maps and filters of wasm within 1e-3, solves on wasm, and leaks nothing', async (context) => {
  await needAdapter(context);
  const random = createRandom(4);
  const rgb = Uint8Array.from({ length: 3 * 64 * 64 * 3 }, () => 256 * random.uniform());
  const frames = { rgb, shape: [3, 64, 64, 3] as const, timestampsSec: [0, 1, 2] };
  const run = async (backend: BackendChoice) => {
    const before = tf.memory().numTensors;
    const { network } = await tinyModel(backend);
    const maps = await network.features(frames);
    expect(tf.getBackend()).toBe('wasm');
    const tail = network.tail(maps);
    const { filters } = await findAttention(tail, 'l2caf');
    tail.dispose();
    network.dispose();
    vi.unstubAllEnvs();
    expect(tf.memory().numTensors).toBe(before);
    return { maps, filters };
  };
  const expected = await run('wasm');
  const actual = await run('webgpu');
  expect(apart(actual.maps.data, expected.maps.data)).toBeLessThan(1e-3);
  for (const [i, { values }] of actual.filters.entries()) {
    expect(apart(values, expected.filters[i]!.values)).toBeLessThan(1e-3);
  }
});

it('takes the same training steps as the cpu backend, and leaks nothing', async (context) => {
  await needAdapter(context);
  const cache = await toyCache();
  const events = await toyEvents(cache);
  const losses: number[][] = [];
  for (const backend of ['cpu', 'webgpu'] as const) {
    await useBackend(backend);
    const before = tf.memory().numTensors;
    const state = freshState(untrainedHead(TOY_SPEC, 5).weights);
    await train(
      {
        spec: TOY_SPEC,
        backend,
        options: {
          loss: 'triplet',
          mining: 'semi-hard',
          margin: 0.2,
          classifierWeight: 1,
          denseWeight: 1,
          sparsityWeight: 0.1,
          selectionWeight: 0,
          agreementWeight: 0.3,
          relationWeights: {},
          learningRate: 0.02,
          weightDecay: 0.01,
          warmUpSteps: 2,
          steps: 3,
          seed: 5,
          frames: TOY_FRAMES,
          dropout: 0,
          maxGradientNorm: 5,
          checkpointEvery: 3,
        },
        sampler: new BatchSampler(events, {
          seed: 5,
          classesPerBatch: 3,
          eventsPerClass: 4,
          mirroredLabels: new Map(),
        }),
        cache,
        checkpoint: { path: join(cache.folder, 'checkpoint.safetensors'), fingerprint: 'run' },
      },
      state,
    );
    expect(tf.memory().numTensors).toBe(before);
    losses.push(state.history.map(({ loss }) => loss));
  }
  expect(losses[1]).toHaveLength(3);
  expect(apart(losses[1]!, losses[0]!)).toBeLessThan(1e-3);
  await rm(cache.folder, { recursive: true });
});
