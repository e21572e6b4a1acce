/** A disk that fills up while features are cached: a clear message, no half-written file, and the run can be continued. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LabelledEvent } from '../../src/events/labelled.ts';
import type { FeatureCache } from '../../src/features/cache.ts';
import { ensureFeatures, planEvents } from '../../src/features/dataset.ts';
import type { Extractor } from '../../src/features/extractor.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip } from '../support/clips.ts';
import { toyCache } from '../training/toy.ts';

const disk = vi.hoisted(() => ({ filesThatFit: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const writeFile = async (path: string, data: Uint8Array): Promise<void> => {
    if (disk.filesThatFit-- > 0) return real.writeFile(path, data);
    await real.writeFile(path, data.subarray(0, data.length / 2));
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  };
  return { ...real, writeFile };
});

let cache: FeatureCache;
beforeEach(async () => {
  cache = await toyCache();
});
afterEach(() => rm(cache.folder, { recursive: true }));

it('keeps whole files only, and computes the rest when there is room again', async () => {
  const path = await makeClip(join(cache.folder, 'drive.mp4'), { frames: 12, rate: '2', width: 96, height: 64 });
  const event: LabelledEvent = {
    id: 'e',
    video: 'drive.mp4',
    clip: await probeClip(path),
    span: { startSec: 0, endSec: 4 },
    label: 'a',
    split: 'train',
  };
  const plan = await planEvents([{ name: 'd', events: [event] }], { frames: 4, views: 1, seed: 0 });
  const extractor = async (): Promise<Extractor> => ({
    extract: async ({ variants }) => variants.map(() => new Uint16Array(cache.length).fill(7)),
    dispose: async () => {},
  });

  disk.filesThatFit = 2;
  await expect(ensureFeatures(plan, cache, extractor)).rejects.toMatchObject({ code: 'output-unwritable' });
  const names = await readdir(cache.folder, { recursive: true });
  expect(names.filter((name) => name.includes('.part'))).toEqual([]);
  expect(names.filter((name) => name.endsWith('.f16'))).toHaveLength(2);

  disk.filesThatFit = Number.POSITIVE_INFINITY;
  expect(await ensureFeatures(plan, cache, extractor)).toEqual({ computed: 2, reused: 2, notes: [] });
  const features = await cache.read(plan[0]!.views[0]!.frames[3]!);
  expect(new Set(features)).toEqual(new Set([7]));
});
