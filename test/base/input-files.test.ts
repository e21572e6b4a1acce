/** Files that l2caf is given: regular ones, of a bounded size, until somebody interrupts. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { expectRegularFile, jsonIn, openInput, readInput } from '../../src/base/input-files.ts';
import { readText } from '../../src/base/text.ts';
import { readNpy } from '../../src/models/npy.ts';
import { readSafetensors } from '../../src/models/safetensors.ts';

const onUnix = process.platform !== 'win32';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-input-'));
  if (onUnix) spawnSync('mkfifo', [join(folder, 'pipe')]);
});
afterAll(() => rm(folder, { recursive: true }));

describe('readInput', () => {
  it('reads a file, also through a link, also an empty one', async () => {
    const text = 'x'.repeat(5 << 20);
    await writeFile(join(folder, 'file'), text);
    await symlink(join(folder, 'file'), join(folder, 'link'));
    await writeFile(join(folder, 'empty'), '');
    expect((await readInput(join(folder, 'file'), { maxBytes: 5 << 20 })).toString()).toBe(text);
    expect(await readInput(join(folder, 'link'), { maxBytes: 1e9 })).toHaveLength(5 << 20);
    expect(await readInput(join(folder, 'empty'), { maxBytes: 0 })).toHaveLength(0);
  });

  it('refuses what is too large, and says how large', async () => {
    await writeFile(join(folder, 'huge'), '');
    await truncate(join(folder, 'huge'), 3e9);
    await expect(readInput(join(folder, 'huge'), { maxBytes: 256e6 })).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringMatching(/it has 3000 MB, of such files no more than 256 MB are read$/),
    });
    await expect(readText(join(folder, 'huge'))).rejects.toThrow(/no more than 256 MB/);
    await expect(readAnalysis(join(folder, 'huge'))).rejects.toThrow(/no more than 256 MB/);
  });

  it('stops when asked to', async () => {
    const reading = readInput(join(folder, 'file'), { maxBytes: 1e9, signal: AbortSignal.abort() });
    await expect(reading).rejects.toMatchObject({ code: 'aborted' });
  });

  it('says what is not there', async () => {
    await expect(readInput(join(folder, 'none'), { maxBytes: 1 })).rejects.toMatchObject({ code: 'input-not-found' });
  });
});

describe.skipIf(!onUnix)('what is no file', () => {
  it.each(['pipe', '/dev/zero', '/dev/null', '.'])('%s is refused at once by every reader', async (name) => {
    const path = name === 'pipe' ? join(folder, name) : name;
    const readers = [
      openInput,
      expectRegularFile,
      readText,
      readAnalysis,
      readSafetensors,
      readNpy,
      (file: string) => readInput(file, { maxBytes: 1e9 }),
    ];
    for (const read of readers) {
      await expect(read(path)).rejects.toThrow(/^cannot read .*: it is (a pipe|a device|a folder), not a file$/);
    }
  });

  it('a socket is refused', async () => {
    const server = createServer().listen(join(folder, 'socket'));
    await once(server, 'listening');
    await expect(expectRegularFile(join(folder, 'socket'))).rejects.toThrow(/it is a socket/);
    await expect(openInput(join(folder, 'socket'))).rejects.toMatchObject({ name: 'L2cafError' });
    server.close();
  });
});

it('tells JSON from what is none', () => {
  expect(jsonIn(Buffer.from('{"a":null}'))).toEqual({ a: null });
  expect(jsonIn('{')).toBeUndefined();
});
