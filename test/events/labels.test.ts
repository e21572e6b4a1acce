/** Which events of a list are shown with a part of a video. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VideoClip } from '../../src/base/types.ts';
import { readLabels } from '../../src/events/labels.ts';
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
