import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { writeAtomically, writeFileAtomically } from '../../src/base/files.ts';
import { isSealed } from '../../src/base/seal.ts';
import { writeSafetensors } from '../../src/models/safetensors.ts';
import { writeIndex } from '../../src/report/index-page.ts';
import { drawPanelPdf } from '../../src/video/drawing/panel.ts';
import { writeFilm } from '../../src/video/media/film.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { framesAt } from '../../src/video/media/sample.ts';
import { program as testProgram } from '../batch/tiny-batch.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import { canMount, smallDisk } from '../support/full-disk.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-seal-'));
});
afterAll(() => rm(folder, { recursive: true }));

const canvas = createCanvas(40, 30);
canvas.getContext('2d').fillRect(5, 5, 20, 10);
const png = canvas.toBuffer('image/png');

const pdf = (): Uint8Array => {
  return drawPanelPdf({ rows: [{ cells: [{ picture: canvas, label: 'a' }] }] });
};

/** Whether it can still be read, by somebody who knows nothing of seals. */
const isPicture = async (path: string): Promise<void> => {
  const { width, height } = await loadImage(path);
  expect([width, height]).toEqual([40, 30]);
};
const isVideo = async (path: string): Promise<void> => {
  const clip = await probeClip(path);
  const { shape } = await framesAt(clip, [0, clip.durationSec / 2]);
  expect(shape[0]).toBe(2);
  expect(clip.notes ?? []).toEqual([]);
};
const isText = async (path: string, end: RegExp): Promise<void> => {
  expect(await readFile(path, 'utf8')).toMatch(end);
};

/** A file of every kind that l2caf writes: how it is made, and that it is still one. */
const KINDS: readonly [string, (path: string) => Promise<unknown>, (path: string) => Promise<unknown>][] = [
  ['a.png', (path) => writeFileAtomically(path, png), isPicture],
  ['a.jpg', (path) => writeFileAtomically(path, canvas.toBuffer('image/jpeg')), isPicture],
  ['a.gif', (path) => writeFilm({ out: path, pictures: 2, draw: () => png }), isPicture],
  ['a.mp4', (path) => writeFilm({ out: path, pictures: 2, draw: () => png }), isVideo],
  ['a.webm', (path) => writeFilm({ out: path, pictures: 2, draw: () => png }), isVideo],
  ['a.svg', (path) => writeFileAtomically(path, SVG), isPicture],
  ['a.pdf', (path) => writeFileAtomically(path, pdf()), (path) => isText(path, /%%EOF\n+% l2caf \w+\n$/)],
  ['a.html', (path) => writeIndex(path, []), (path) => isText(path, /<\/html>\n<!-- [^<>]* -->\n$/)],
  [
    'a.json',
    (path) => writeAnalysis(path, exampleAnalysis()),
    async (path) => JSON.parse(await readFile(path, 'utf8')),
  ],
  ['a.csv', (path) => writeFileAtomically(path, 'a,b\n1,2\n'), (path) => isText(path, /^a,b\n1,2\n$/)],
  ['a.tsv', (path) => writeFileAtomically(path, 'a\tb\n'), (path) => isText(path, /^a\tb\n$/)],
  ['a.txt', (path) => writeFileAtomically(path, 'line 1: wrong\n'), (path) => isText(path, /^line 1: wrong\n$/)],
  ['a.parquet', (path) => writeFileAtomically(path, 'PAR1 PAR1'), (path) => isText(path, /^PAR1 PAR1$/)],
  ['a.safetensors', (path) => writeSafetensors(path, new Map()), async () => {}],
];
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="9" height="9"/></svg>\n';

describe.each(KINDS)('%s', (name, write, read) => {
  const path = (): string => join(folder, name);
  beforeAll(() => write(path()));

  it('is sealed, and can be read as before', async () => {
    expect(await isSealed(path())).toBe(true);
    await read(path());
  });

  it('is the same bytes when it is made again', async () => {
    const before = await readFile(path());
    await write(path());
    expect(before.equals(await readFile(path()))).toBe(true);
    expect(await isSealed(path())).toBe(true);
  });

  it('is not sealed any more once a byte is changed, added or gone', async () => {
    const bytes = await readFile(path());
    const middle = Buffer.from(bytes);
    middle[Math.floor(bytes.length / 3)]! ^= 1;
    for (const changed of [
      middle,
      Buffer.concat([bytes, Buffer.from(' ')]),
      bytes.subarray(0, -1),
      bytes.subarray(1),
    ]) {
      await writeFile(path(), changed);
      expect(await isSealed(path())).toBe(false);
    }
    await writeFile(path(), bytes);
    expect(await isSealed(path())).toBe(true);
  });
});

it('refuses a name that is not of the format, and writes nothing', async () => {
  for (const [name, data] of [
    ['b.csv', png],
    ['b.json', png],
    ['b.jpg', png],
    ['b', png],
    ['b.html', SVG],
    ['b.png', '{"a":1}\n'],
  ] as const) {
    const writing = writeFileAtomically(join(folder, name), data);
    await expect(writing).rejects.toMatchObject({ code: 'usage', message: /would hold a (PNG|SVG|JSON) file/ });
    await expect(readFile(join(folder, name))).rejects.toThrow('ENOENT');
  }
});

it('refuses a part of a file, and writes nothing', async () => {
  for (const [name, data] of [
    ['c.png', png.subarray(0, -4)],
    ['c.jpg', canvas.toBuffer('image/jpeg').subarray(0, -100)],
    ['c.gif', Buffer.from('GIF89a')],
    ['c.json', '{"a":1'],
  ] as const) {
    const writing = writeFileAtomically(join(folder, name), data);
    await expect(writing).rejects.toMatchObject({
      code: 'output-unwritable',
      message: /c\.\w+ is a part of a \w+ file/,
    });
    await expect(readFile(join(folder, name))).rejects.toThrow('ENOENT');
  }
});

it.skipIf(!canMount)(
  'leaves no part of a film on a full disk',
  async () => {
    const disk = await smallDisk(join(folder, 'full'), 1 << 20);
    try {
      const noise = Uint8Array.from({ length: 300 * 300 * 4 }, (_, i) => (i * 7919 * (i + 3)) % 251);
      const large = createCanvas(300, 300);
      const context = large.getContext('2d');
      const data = context.createImageData(300, 300);
      data.data.set(noise);
      context.putImageData(data, 0, 0);
      const bytes = large.toBuffer('image/png');
      await disk.leave(1 << 12);
      for (const name of ['film.gif', 'film.mp4']) {
        const out = join(disk.folder, name);
        await expect(writeFilm({ out, pictures: 3, draw: () => bytes }), name).rejects.toMatchObject({
          code: 'output-unwritable',
          message: `cannot write ${out}: the disk is full`,
        });
      }
      expect(await readdir(disk.folder)).toEqual(['filler']);
    } finally {
      await disk.remove();
    }
  },
  60_000,
);

it("takes nobody else's file for l2caf's", async () => {
  const clip = await makeClip(join(folder, 'clip.mp4'), { frames: 5, width: 64, height: 64 });
  await writeFile(join(folder, 'photo.png'), png);
  await writeFile(join(folder, 'list.csv'), 'id,video,start,end\n');
  await writeFile(join(folder, 'schema.json'), '{"schema":"l2caf-analysis/1"}\n');
  for (const path of [clip, ...['photo.png', 'list.csv', 'schema.json'].map((name) => join(folder, name))]) {
    expect(await isSealed(path)).toBe(false);
  }
  // A copy of a video that was sealed, cut by another program: what it says of its content does not hold.
  await writeAtomically(join(folder, 'sealed.mp4'), (temporary) => copyFile(clip, temporary));
  const sealed = await readFile(join(folder, 'sealed.mp4'));
  await writeFile(join(folder, 'other.mp4'), Buffer.concat([sealed.subarray(0, 500), sealed.subarray(600)]));
  expect(await isSealed(join(folder, 'sealed.mp4'))).toBe(true);
  expect(await isSealed(join(folder, 'other.mp4'))).toBe(false);
});

describe('the list of seals', () => {
  const path = (...names: string[]): string => join(folder, ...names);

  it('knows all files that several processes write to a folder at once', async () => {
    const [processes, each] = [3, 20];
    const program = fileURLToPath(testProgram('seal-program'));
    const children = Array.from({ length: processes }, (_, i) =>
      spawn(process.execPath, [program, path('many'), `${i}-`, String(each)], { stdio: 'inherit' }),
    );
    const ends = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
    expect(ends).toEqual(Array(processes).fill(0));
    const files = (await readdir(path('many'))).filter((name) => name.endsWith('.csv'));
    expect(files.length).toBe(processes * each);
    for (const name of files) expect([name, await isSealed(path('many', name))]).toEqual([name, true]);
    expect((await readdir(path('many'))).sort()).toEqual(['.l2caf', ...files].sort());
  }, 60_000);

  it('is written without the lock of a process on another machine, that may never give it back', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const lock = path('left', '.l2caf.seals.lock');
      await mkdir(lock, { recursive: true });
      const holder = { place: { host: 'faraway', boot: 'another' }, pid: 1, token: 'abc' };
      await writeFile(join(lock, 'holder.json'), JSON.stringify(holder));
      const written = writeFileAtomically(path('left', 'a.csv'), 'a\n');
      const clock = setInterval(() => vi.advanceTimersByTime(1000), 5);
      await written;
      clearInterval(clock);
      expect(await isSealed(path('left', 'a.csv'))).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('knows a file whose name has two lines', async () => {
    await writeFileAtomically(path('lines', 'a\nb.csv'), 'a\n');
    await writeFileAtomically(path('lines', 'c.csv'), 'a\n');
    expect(await isSealed(path('lines', 'a\nb.csv'))).toBe(true);
  });

  it.skipIf(process.platform === 'win32')("is not put in place of what is no list of l2caf's", async () => {
    await mkdir(path('theirs', 'd'), { recursive: true });
    const list = path('theirs', '.l2caf');
    const makers: readonly [string, () => Promise<unknown>][] = [
      ['a text', () => writeFile(list, 'my = notes\n')],
      ['a link', () => symlink(path('theirs', 'notes'), list)],
      ['a pipe', async () => spawnSync('mkfifo', [list])],
      ['a folder', () => mkdir(list)],
    ];
    await writeFile(path('theirs', 'notes'), '');
    for (const [what, make] of makers) {
      await make();
      const writing = writeFileAtomically(path('theirs', 'a.csv'), 'a\n');
      await expect(writing, what).rejects.toMatchObject({ code: 'output-exists', message: /\.l2caf is no / });
      if (what === 'a text') expect(await readFile(list, 'utf8')).toBe('my = notes\n');
      await rm(list, { recursive: true });
    }
    expect(await readFile(path('theirs', 'notes'), 'utf8')).toBe('');
    expect((await readdir(path('theirs'))).sort()).toEqual(['d', 'notes']);
  });

  it('that a power cut has torn is gone on with', async () => {
    await writeFileAtomically(path('torn', 'a.csv'), 'a\n');
    await appendFile(path('torn', '.l2caf'), '0123ab\0\0\0');
    await writeFileAtomically(path('torn', 'b.csv'), 'b\n');
    expect([await isSealed(path('torn', 'a.csv')), await isSealed(path('torn', 'b.csv'))]).toEqual([true, true]);
  });
});
