import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../src/base/cache-folder.ts';
import type { Progress } from '../../src/base/types.ts';
import { cacheState, RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-pull-'));
  vi.stubEnv('L2CAF_CACHE', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

it('fetches, verifies and converts the real ResNet-50, once', async () => {
  const seen: Progress[] = [];
  const path = await pullTrunk(RESNET50_IMAGENET, { onProgress: (progress) => seen.push(progress) });
  expect(await cacheState(RESNET50_IMAGENET)).toBe('ready');
  expect(seen.some(({ unit, done }) => unit === 'bytes' && done > 0)).toBe(true);
  expect(await readdir(cacheFolder())).toEqual(['trunks']);

  seen.length = 0;
  expect(await pullTrunk(RESNET50_IMAGENET, { onProgress: (progress) => seen.push(progress) })).toBe(path);
  expect(seen).toEqual([]);
});
