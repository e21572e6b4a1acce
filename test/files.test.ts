import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder, sha256OfFile, withFolder } from '../src/files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('sha256OfFile', () => {
  const expected = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('sees that a file was written again, with the same size, too', async () => {
    const path = join(folder, 'clip.mp4');
    await writeFile(path, 'first');
    expect(await sha256OfFile(path)).toBe(expected('first'));
    expect(await sha256OfFile(path)).toBe(expected('first'));
    await writeFile(path, 'again');
    expect(await sha256OfFile(path)).toBe(expected('again'));
  });

  it('fails for a file that is not there, and works once it is', async () => {
    const path = join(folder, 'late.mp4');
    await expect(sha256OfFile(path)).rejects.toThrow('ENOENT');
    await writeFile(path, 'here');
    expect(await sha256OfFile(path)).toBe(expected('here'));
  });
});

describe('makeFolder', () => {
  it('makes what is missing, and returns the topmost of it', async () => {
    await symlink(folder, join(folder, 'link'));
    expect(await makeFolder(join(folder, 'link', 'a', 'b'))).toBe(join(folder, 'link', 'a'));
    expect(await makeFolder(join(folder, 'a', 'b', 'c'))).toBe(join(folder, 'a', 'b', 'c'));
    expect(await makeFolder(join(folder, 'a'))).toBeUndefined();
  });

  it('makes the same folder for several at once', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => makeFolder(join(folder, 'x', 'y'))));
    expect(made).toContain(join(folder, 'x'));
  });

  it('refuses where there is a file, or a link to itself', async () => {
    await writeFile(join(folder, 'file'), '');
    await symlink('loop', join(folder, 'loop'));
    for (const path of ['file', 'file/below', 'loop', 'loop/below']) {
      await expect(makeFolder(join(folder, path))).rejects.toMatchObject({ code: 'output-unwritable' });
    }
  });

  it.skipIf(process.platform !== 'linux')('refuses where the system makes no folders', async () => {
    await expect(makeFolder('/proc/l2caf/below')).rejects.toMatchObject({ code: 'output-unwritable' });
  });
});

it('withFolder removes what it made when the work fails, and nothing else', async () => {
  await mkdir(join(folder, 'before'));
  const fail = async (): Promise<never> => {
    throw new Error('no');
  };
  await expect(withFolder(join(folder, 'before', 'a', 'b'), fail)).rejects.toThrow('no');
  expect(await readdir(folder, { recursive: true })).toEqual(['before']);
});
