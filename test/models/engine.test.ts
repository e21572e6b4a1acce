/** The trunk of the event network on onnxruntime, beside the same on TensorFlow.js. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { engineFor, useBackend, useEngine } from '../../src/models/backend.ts';
import type { EventNetwork } from '../../src/models/event-network.ts';
import { useOnnxThreads } from '../../src/models/onnx/runtime.ts';
import { openTrunkSession } from '../../src/models/onnx/trunk-session.ts';
import { difference } from '../support/compare.ts';
import { tinyHead, tinyNetwork } from '../support/tiny-network.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-engine-'));
  vi.stubEnv('L2CAF_CACHE', folder);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Frames of noise, of the tiny network's size. */
function noise(frames: number, seed = 0) {
  const random = createRandom(seed, 7);
  const rgb = Uint8Array.from({ length: frames * 64 * 64 * 3 }, () => Math.floor(256 * random.uniform()));
  return { rgb, shape: [frames, 64, 64, 3] as const, timestampsSec: Array.from({ length: frames }, (_, i) => i) };
}

async function withNetwork<T>(engine: 'onnxruntime' | 'wasm', use: (network: EventNetwork) => Promise<T>): Promise<T> {
  const { network } = await tinyNetwork(engine);
  try {
    return await use(network);
  } finally {
    network.dispose();
  }
}

it('keeps each of several networks on the backend that it was opened on', async () => {
  const frames = noise(2);
  const open: EventNetwork[] = [];
  const opened = async (backend: 'wasm' | 'cpu') => {
    open.push((await tinyNetwork(backend)).network);
    return (await open.at(-1)!.features(frames)).data;
  };
  const [onWasm, onCpu] = [await opened('wasm'), await opened('cpu')];
  expect(onCpu).not.toEqual(onWasm); // sums of another order
  expect((await open[0]!.features(frames)).data).toEqual(onWasm);
  expect((await open[1]!.features(frames)).data).toEqual(onCpu);
  await useBackend('wasm');
  expect((await open[1]!.features(frames)).data).toEqual(onCpu);
  for (const network of open) network.dispose();
});

describe('onnxruntime', () => {
  it('is what runs event networks where it is installed', async () => {
    expect(await engineFor('auto')).toBe('onnxruntime');
    expect(await useEngine('auto')).toMatchObject({
      name: 'onnxruntime',
      detail: expect.stringMatching(/^onnxruntime-node 1\.\d+\.\d+ on the CPU; filters on /),
      reason: 'auto: onnxruntime-node is installed',
    });
    expect(await engineFor('wasm')).toBe('wasm');
  });

  it('gives the features and maps of wasm', async () => {
    const frames = noise(3);
    const both = async (network: EventNetwork) => [
      await network.trunkFeatures(frames),
      (await network.features(frames)).data,
    ];
    const [features, maps] = await withNetwork('wasm', both);
    const [ownFeatures, ownMaps] = await withNetwork('onnxruntime', both);
    expect(difference(ownFeatures!, features!)).toBeLessThan(1e-5);
    expect(difference(ownMaps!, maps!)).toBeLessThan(1e-5);
  });

  it('gives a frame the same bits in any batch, on any number of threads', async () => {
    const frames = noise(6);
    const bytes = frames.rgb.length / 6;
    const runs: Float32Array[] = [];
    for (const threads of [1, 2]) {
      useOnnxThreads(threads);
      await withNetwork('onnxruntime', async (network) => {
        const all = await network.trunkFeatures(frames);
        const rgb = frames.rgb.subarray(4 * bytes, 5 * bytes);
        const alone = await network.trunkFeatures({ rgb, shape: [1, 64, 64, 3] });
        expect(all.subarray(4 * alone.length, 5 * alone.length)).toEqual(alone);
        runs.push(all);
      });
    }
    expect(runs[1]).toEqual(runs[0]);
  });

  it('runs a trunk whose weights are changed', async () => {
    const { pretrained } = await tinyHead();
    const zeros = await openTrunkSession(pretrained, 'conv2', (weights) => {
      return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }]));
    });
    expect(new Set(await zeros.features(noise(1)))).toEqual(new Set([0]));
    zeros.dispose();
  });

  it('takes no part in vanilla endpoints, which differentiate the trunk', async () => {
    await withNetwork('onnxruntime', async (network) => {
      expect(() => network.featureMapsTensor(noise(1))).toThrow('the trunk does not run on TensorFlow.js');
    });
  });
});
