/** Files that l2caf is given: regular ones, of a bounded size, until somebody interrupts. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import {
  expectRegularFile,
  hashFile,
  jsonIn,
  openInput,
  readInput,
  readInputSync,
} from '../../src/base/input-files.ts';
import { readText } from '../../src/base/text.ts';
import { Journal } from '../../src/batch/journal.ts';
import { readNpy } from '../../src/models/npy.ts';
import { readSafetensors } from '../../src/models/safetensors.ts';
import { readObjects } from '../../src/objects/read.ts';
import { demuxerOf } from '../../src/video/media/container.ts';
import { readMask, readPicture } from '../../src/video/media/picture.ts';

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
      readObjects,
      readSafetensors,
      readNpy,
      (file: string) => readInput(file, { maxBytes: 1e9 }),
      async (file: string) => readInputSync(file, { maxBytes: 1e9 }),
      hashFile,
      sha256OfFile,
      readPicture,
      async (file: string) => readMask(file),
      demuxerOf,
      (file: string) => Journal.open(file),
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

describe('the sources', () => {
  /** Who opens files by itself, and why that is no input from outside. */
  const ALLOWED: Readonly<Record<string, string>> = {
    'base/input-files.ts': 'the one place',
    'base/sync.ts': 'brings to the disk what was written',
    'base/webm.ts': 'the video that was just written under a temporary name',
    'base/holder.ts': "the operating system's own files",
    'batch/journal.ts': 'appends to what it has read through `openInput`',
    'models/imagenet.ts': 'a file of the package',
    'models/onnx/locate.ts': 'the list beside an engine that l2caf has put into its cache',
    'models/safetensors.ts': 'writes',
    'report/html.ts': 'a file of the package',
    'report/report-page.ts': 'the clip that was just written into its own folder',
    'video/media/matroska.ts': 'writes',
    'video/media/mp4.ts': 'the video that was just written under a temporary name',
  };

  it('open files through `input-files.ts` alone', async () => {
    const sources = fileURLToPath(new URL('../../src/', import.meta.url));
    const files = (await readdir(sources, { recursive: true })).filter((name) => name.endsWith('.ts'));
    const opening: string[] = [];
    for (const file of files) {
      const text = await readFile(join(sources, file), 'utf8');
      const imports = text.matchAll(/import\s+([^;]*?)\s+from\s+'(?:node:)?fs(?:\/promises)?'/g);
      const names = [...imports].flatMap(([, what]) => what!.split(/[{},\s]+/));
      if (names.some((name) => OPENERS.has(name))) opening.push(file.replaceAll('\\', '/'));
    }
    expect(opening.sort()).toEqual(Object.keys(ALLOWED).sort());
  });
  const OPENERS = new Set([
    ...['readFile', 'readFileSync', 'open', 'openSync', 'createReadStream', 'readSync'],
    ...['fs', 'default', '*', 'promises'],
  ]);
});

it('tells JSON from what is none', () => {
  expect(jsonIn(Buffer.from('{"a":null}'))).toEqual({ a: null });
  expect(jsonIn('{')).toBeUndefined();
});
