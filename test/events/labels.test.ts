/** Which events of a list are shown with a part of a video. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VideoClip } from '../../src/base/types.ts';
import { readLabels, spanOfRow } from '../../src/events/labels.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip } from '../support/clips.ts';

const SPAN = { startSec: 1, endSec: 3 };
let folder: string;
let clip: VideoClip;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-labels-'));
  await mkdir(join(folder, 'videos'));
  clip = await probeClip(await makeClip(join(folder, 'videos', 'drive.mp4'), { frames: 50, rate: '10' }));
});
afterAll(() => rm(folder, { recursive: true }));

async function labels(rows: readonly string[]): Promise<Awaited<ReturnType<typeof readLabels>>> {
  const list = join(folder, 'events.csv');
  await writeFile(list, `id,video,start,end,label\n${rows.join('\n')}\n`);
  return readLabels(list, clip, SPAN);
}

it('are those of the video that overlap the span, whole, by their start', async () => {
  const rows = ['a,drive.mp4,2,4,stop', 'b,videos/drive.mp4,0.5,1.5,turn', 'c,videos/drive.mp4,3,4,turn'];
  expect(
    await labels([...rows, 'd,videos/drive.mp4,0,1,turn', 'e,videos/other.mp4,0,3,turn', 'f,videos/drive.mp4,1,2,']),
  ).toEqual({
    events: [{ id: 'b', label: 'turn', startSec: 0.5, endSec: 1.5 }],
    warnings: [],
  });
});

it('are those of a row whose path leads to the video by a link', async () => {
  await symlink(join(folder, 'videos'), join(folder, 'linked'), 'junction');
  const { events } = await labels(['a,gone/other.mp4,1,2,stop', 'b,linked/drive.mp4,1,2,turn', 'c,x/drive.mp4,1,2,no']);
  expect(events.map(({ id }) => id)).toEqual(['b']);
});

it('are found by the name of the file where no row names its path, unless several have it', async () => {
  const rows = ['a,elsewhere/drive.mp4,2,4,stop', 'b,elsewhere/drive.mp4,,,rain'];
  expect((await labels(rows)).events.map(({ label, startSec, endSec }) => [label, startSec, endSec])).toEqual([
    ['rain', 0, 5],
    ['stop', 2, 4],
  ]);
  await expect(labels([...rows, 'c,other/drive.mp4,0,1,turn'])).rejects.toMatchObject({
    code: 'input-unreadable',
    message: expect.stringContaining('has 2 videos called drive.mp4'),
  });
});

it('are missed aloud: no row of the video, none in the span, rows that cannot be used', async () => {
  const file = 'videos/drive.mp4';
  expect((await labels(['a,other.mp4,0,1,x'])).warnings).toEqual([expect.stringContaining('no event of drive.mp4')]);
  expect((await labels([`a,${file},4,5,x`])).warnings).toEqual([expect.stringContaining('within 1.00–3.00 s')]);
  const { events, warnings } = await labels([`a,${file},x,2,x`, `b,${file},2,9,x`, `c,${file},2,3,turn`]);
  expect(events.map(({ id }) => id)).toEqual(['c']);
  expect(warnings).toEqual([
    expect.stringMatching(/rows were left out: line 2: the start "x".*; line 3: the time span 2–9 s reaches/),
  ]);
});

it('say why rows were left out, of many the first five', async () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `r${i},videos/drive.mp4,x,2,turn`);
  const [{ warnings: five }, { warnings: seven }] = [await labels(rows(5)), await labels(rows(7))];
  const list = join(folder, 'events.csv');
  const wrong = [2, 3, 4, 5, 6].map((line) => `line ${line}: the start "x" is not a time (seconds, m:ss or h:mm:ss)`);
  expect(five[0]).toBe(`${list}: rows were left out: ${wrong.join('; ')}`);
  expect(seven[0]).toBe(`${list}: rows were left out: ${wrong.join('; ')}; and 2 more`);
});

it('are those that touch the span from within alone, the shorter of two that start together first', async () => {
  const file = 'videos/drive.mp4';
  const { events } = await labels([
    ...[`long,${file},1,2.5,a`, `before,${file},0,1,a`, `after,${file},3,4,a`],
    ...[`short,${file},1,2,a`, `last,${file},2.9,3.5,a`, `first,${file},0,1.1,a`],
  ]);
  expect(events.map(({ id }) => id)).toEqual(['first', 'short', 'long', 'last']);
});

it('are looked for in the folder of the videos, and notes about the list are told', async () => {
  const list = join(folder, 'named.csv');
  await writeFile(list, 'video,begin,weather\ndrive.mp4,1,rain\n');
  const { events, warnings } = await readLabels(list, clip, SPAN, join(folder, 'videos'));
  expect(events).toEqual([]);
  expect(warnings).toEqual([
    `${list}: nothing is called end or label; kept without a meaning: weather`,
    `${list} has no labelled event of drive.mp4 within 1.00–3.00 s`,
  ]);
});

it('have the times of the video: what is added to those of the list, and all of it where none are stated', () => {
  const row = { place: 'line 2', id: 'a', videos: [], label: '', split: '', extra: {} };
  const spans = [{}, { startSec: 1 }, { endSec: 2 }, { startSec: 1, endSec: 2 }].map((times) => [
    spanOfRow({ ...row, ...times }, { name: 'x' }, clip),
    spanOfRow({ ...row, ...times }, { name: 'x', offsetSec: 0.5 }, clip),
  ]);
  expect(spans.map((both) => both.map(({ startSec, endSec }) => [startSec, endSec]))).toEqual([
    [
      [0, 5],
      [0, 5],
    ],
    [
      [1, 5],
      [1.5, 5],
    ],
    [
      [0, 2],
      [0, 2.5],
    ],
    [
      [1, 2],
      [1.5, 2.5],
    ],
  ]);
});
