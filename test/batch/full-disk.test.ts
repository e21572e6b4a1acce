/** Batches on a disk that is really full, or write-protected: they end with that one error, and go on when there is room. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemCodeOf } from '../../src/base/errors.ts';
import { writeAtomically, writeFileAtomically } from '../../src/base/files.ts';
import { SetupError } from '../../src/batch/setup-error.ts';
import { makeClip } from '../support/clips.ts';
import { canMount, type SmallDisk, smallDisk } from '../support/full-disk.ts';
import { runTinyBatch } from './tiny-batch.ts';

let root: string;
let list: string;
let disk: SmallDisk;

describe.skipIf(!canMount)('on a full disk', () => {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'l2caf-full-'));
    vi.stubEnv('L2CAF_CACHE', join(root, 'cache'));
    await makeClip(join(root, 'a.mp4'), { frames: 60, rate: '10' });
    list = join(root, 'events.csv');
    const rows = Array.from({ length: 4 }, (_, i) => `e${i},a.mp4,${i / 2},${i / 2 + 2}`);
    await writeFile(list, `id,video,start,end\n${rows.join('\n')}\n`);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(root, { recursive: true, force: true });
  });
  afterEach(() => disk.remove());
  const makeDisk = async (name: string): Promise<void> => {
    disk = await smallDisk(join(root, name), 8 << 20);
  };

  it.each([
    ['analyses', [], 24 << 10],
    ['videos', ['mp4'], 64 << 10],
  ] as const)('a batch of %s ends with one error, and goes on when there is room', async (_, outputs, room) => {
    await makeDisk('disk');
    const folder = join(disk.folder, 'out');
    await disk.leave(room);
    const ends: unknown[] = [];
    const run = runTinyBatch(list, folder, { jobs: 2, outputs, onEnd: (end) => ends.push(end) });
    const error: unknown = await run.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'output-unwritable', message: expect.stringMatching(/: the disk is full$/) });
    expect(systemCodeOf(error)).toBe('ENOSPC');
    expect(ends.filter((end) => (end as { error?: unknown }).error)).toEqual([]);
    expect(await readFile(join(folder, 'journal.jsonl'), 'utf8').catch(() => '')).not.toContain('"failed"');
    await disk.leave(6 << 20);
    const { plans } = await runTinyBatch(list, folder, { jobs: 2, outputs });
    expect(plans).toHaveLength(4);
    expect((await readFile(join(folder, 'results.csv'), 'utf8')).match(/,done,/g)).toHaveLength(4);
    const names = await readdir(folder, { recursive: true });
    expect(names.filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('features that cannot be kept end a batch, from the process that computed them', async () => {
    await makeDisk('other-cache/features');
    vi.stubEnv('L2CAF_CACHE', join(root, 'other-cache'));
    await disk.leave(0);
    const error: unknown = await runTinyBatch(list, join(root, 'no-features')).catch((thrown: unknown) => thrown);
    vi.stubEnv('L2CAF_CACHE', join(root, 'cache'));
    expect(error).toBeInstanceOf(SetupError);
    expect(systemCodeOf(error)).toBe('ENOSPC');
  });

  it('what is write-protected ends a batch as well', async () => {
    await makeDisk('protected/out/events');
    disk.protect(true);
    const folder = join(root, 'protected', 'out');
    const error: unknown = await runTinyBatch(list, folder).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SetupError);
    expect(systemCodeOf(error)).toBe('EROFS');
    expect(await readFile(join(folder, 'journal.jsonl'), 'utf8')).not.toContain('"failed"');
  });

  it('a file is whole or absent, and the reason is told, also where the writer does not', async () => {
    await makeDisk('disk');
    const path = join(disk.folder, 'a.bin');
    await writeFileAtomically(path, 'as it was');
    await disk.leave(4096);
    const tooMuch = new Uint8Array(1 << 20);
    await expect(writeFileAtomically(path, tooMuch)).rejects.toMatchObject({ message: /a\.bin: the disk is full$/ });
    const silent = async (temporary: string): Promise<void> => {
      await writeFile(temporary, tooMuch).catch(() => {});
      throw new Error('it did not work');
    };
    const error: unknown = await writeAtomically(path, silent).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(/a\.bin: the disk is full$/) });
    expect(systemCodeOf(error)).toBe('ENOSPC');
    expect(await readFile(path, 'utf8')).toBe('as it was');
    expect((await readdir(disk.folder)).sort()).toEqual(['a.bin', 'filler']);
  });
});
