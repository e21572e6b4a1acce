import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  identityOf,
  makeFolder,
  sha256OfFile,
  withFolder,
  writeAtomically,
  writeFileAtomically,
} from '../../src/base/files.ts';
import { checkOutput, checkOutputFolder } from '../../src/base/output.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('sha256OfFile', () => {
  it('is that of one state of a file that is replaced meanwhile, or an error for whoever means the former', async () => {
    const path = join(folder, 'replaced');
    await writeFile(path, new Uint8Array(1 << 22));
    const [before, hash] = [await identityOf(path), sha256OfFile(path)];
    await writeFileAtomically(path, 'new');
    expect(
      ['new', new Uint8Array(1 << 22)].map((content) => createHash('sha256').update(content).digest('hex')),
    ).toContain(await hash);
    await expect(sha256OfFile(path, { identity: before })).rejects.toMatchObject({ code: 'input-changed' });
  });
  const expected = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('sees that a file was written again, with the same size, too', async () => {
    const path = join(folder, 'clip.mp4');
    await writeFile(path, 'first');
    expect(await sha256OfFile(path)).toBe(expected('first'));
    expect(await sha256OfFile(path)).toBe(expected('first'));
    await writeFile(path, 'again');
    expect(await sha256OfFile(path)).toBe(expected('again'));
  });

  it('ends when it is interrupted, for whoever is; who waits for the same file gets its hash', async () => {
    const path = join(folder, 'huge');
    await writeFile(path, '');
    await truncate(path, 2e9);
    const [first, second] = [new AbortController(), new AbortController()];
    const hashes = [sha256OfFile(path, { signal: first.signal }), sha256OfFile(path, { signal: second.signal })];
    first.abort();
    await expect(hashes[0]).rejects.toMatchObject({ code: 'aborted' });
    const again = sha256OfFile(path);
    second.abort();
    await expect(hashes[1]).rejects.toMatchObject({ code: 'aborted' });
    await truncate(path, 3);
    await expect(again).resolves.toBe(expected('\0\0\0'));
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe', async () => {
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    await expect(sha256OfFile(join(folder, 'pipe'))).rejects.toThrow(/it is a pipe, not a file$/);
    await expect(sha256OfFile('/dev/zero')).rejects.toThrow(/it is a device, not a file$/);
  });

  it('fails for a file that is not there, and works once it is', async () => {
    const path = join(folder, 'late.mp4');
    await expect(sha256OfFile(path)).rejects.toMatchObject({ code: 'input-not-found' });
    await writeFile(path, 'here');
    expect(await sha256OfFile(path)).toBe(expected('here'));
  });
});

describe('writeFileAtomically', () => {
  const names = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).sort();

  it('writes to the file that a link names, also to one that is not there yet', async () => {
    await mkdir(join(folder, 'real'));
    await mkdir(join(folder, 'links'));
    await writeFile(join(folder, 'real', 'a'), 'old');
    await symlink('../real/a', join(folder, 'links', 'a'));
    await symlink('a', join(folder, 'links', 'twice'));
    await symlink('../real/new', join(folder, 'links', 'new'));
    await symlink(join('links'), join(folder, 'by')); // `..` is where the links lie, not where the path says
    await writeFileAtomically(join(folder, 'links', 'twice'), 'first');
    expect(await readFile(join(folder, 'real', 'a'), 'utf8')).toBe('first');
    await writeFileAtomically(join(folder, 'by', 'new'), 'second');
    expect(await readFile(join(folder, 'real', 'new'), 'utf8')).toBe('second');
    expect(await readlink(join(folder, 'links', 'a'))).toBe('../real/a');
    await rm(join(folder, 'by'));
    expect(await names()).toEqual(['links', 'links/a', 'links/new', 'links/twice', 'real', 'real/a', 'real/new']);
  });

  it('keeps the permissions of what it replaces', async () => {
    await writeFile(join(folder, 'private'), 'old', { mode: 0o600 });
    await writeFileAtomically(join(folder, 'private'), 'new');
    expect((await stat(join(folder, 'private'))).mode & 0o777).toBe(0o600);
  });

  it('writes names as long as there are, and refuses longer ones before any work', async () => {
    for (const name of ['n'.repeat(255), `${'n'.repeat(251)}.png`, `n.${'x'.repeat(253)}`, 'ü'.repeat(127)]) {
      await writeFileAtomically(join(folder, name), 'x');
      expect(await readFile(join(folder, name), 'utf8')).toBe('x');
    }
    const work = vi.fn(async () => {});
    const writing = writeAtomically(join(folder, 'n'.repeat(256)), work);
    await expect(writing).rejects.toMatchObject({ code: 'output-unwritable', message: /the name is too long$/ });
    expect(work).not.toHaveBeenCalled();
  });

  it.skipIf(process.platform === 'win32')('replaces nothing but files', async () => {
    await symlink('loop', join(folder, 'loop'));
    await mkdir(join(folder, 'folder'));
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    const before = await names();
    const refused: [string, RegExp][] = [
      [join(folder, 'loop'), /links lead in a circle/],
      [join(folder, 'folder'), /it is a folder/],
      [join(folder, 'pipe'), /not a regular file/],
      ['/dev/null', /not a regular file/],
    ];
    for (const [path, message] of refused) {
      await expect(writeFileAtomically(path, 'x')).rejects.toMatchObject({ code: 'output-unwritable', message });
    }
    expect(await names()).toEqual(before);
  });

  // To root, little else is.
  it.skipIf(process.platform !== 'linux')(
    'is told of folders that are write-protected before anything is made',
    async () => {
      for (const check of [
        () => checkOutput('/proc/sys/picture.png'),
        () => checkOutput('/proc/sys/new/folder/picture.png'),
        () => checkOutputFolder('/proc/sys'),
        () => checkOutputFolder('/proc/sys/new'),
      ]) {
        await expect(check()).rejects.toMatchObject({
          code: 'output-unwritable',
          message: expect.stringMatching(/^cannot write \/proc\/sys.*: permission denied$/),
        });
      }
    },
  );

  it.skipIf(process.getuid?.() === 0)('refuses what is write-protected', async () => {
    await writeFile(join(folder, 'protected'), 'old', { mode: 0o400 });
    await expect(writeFileAtomically(join(folder, 'protected'), 'new')).rejects.toMatchObject({
      message: /permission denied$/,
    });
    expect(await readFile(join(folder, 'protected'), 'utf8')).toBe('old');
  });

  it('leaves what was there, and nothing else, when the writing fails', async () => {
    await writeFile(join(folder, 'a'), 'old');
    const failure = new Error('no');
    const write = async (temporary: string): Promise<never> => {
      await writeFile(temporary, 'half');
      throw failure;
    };
    await expect(writeAtomically(join(folder, 'a'), write)).rejects.toBe(failure);
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old');
    expect(await names()).toEqual(['a']);
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
