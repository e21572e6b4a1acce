/** How often an analysis starts ffmpeg and ffprobe: to start them takes longer than most of what they are asked. */
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { analyzeEvent, openClip } from '../../src/analysis/pipeline.ts';
import { announceFfmpeg } from '../../src/cli/executables.ts';
import { readEvents } from '../../src/events/labelled.ts';
import { planEvents } from '../../src/features/dataset.ts';
import { renderStrip, renderVideo, stripFrames } from '../../src/rendering/rendering.ts';
import { writeReport } from '../../src/report/index.ts';
import { findFfmpeg, findFfprobe } from '../../src/video/media/binaries.ts';
import { makeClip } from '../support/clips.ts';
import { tinyNetwork } from '../support/tiny-network.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-processes-'));
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Puts programs in the place of ffmpeg and ffprobe that write down how they are called, and call them. */
async function counted(log: string): Promise<void> {
  vi.unstubAllEnvs();
  vi.stubEnv('L2CAF_CACHE', join(folder, 'cache'));
  const programs = { ffmpeg: (await findFfmpeg()).path, ffprobe: (await findFfprobe()).path };
  const bin = await mkdtemp(join(folder, 'bin-'));
  for (const [name, path] of Object.entries(programs)) {
    const program = join(bin, name);
    await writeFile(program, `#!/bin/sh\necho "${name} $*" >>'${log}'\nexec '${path}' "$@"\n`);
    await chmod(program, 0o755);
  }
  vi.stubEnv('FFMPEG_PATH', join(bin, 'ffmpeg'));
  vi.stubEnv('FFPROBE_PATH', join(bin, 'ffprobe'));
}

/** What a call is for. */
function purposeOf(call: string): string {
  if (call.includes(' -version')) return 'version';
  if (call.includes(' -h ')) return 'options';
  if (call.includes('-show_streams')) return 'metadata';
  if (call.includes('-show_entries packet')) return 'packets';
  if (call.includes('-f null')) return 'trial';
  return call.includes('-f rawvideo') && !call.includes('-c:v') ? 'decode' : 'encode';
}

it.skipIf(process.platform === 'win32')('is no more often than needed', async () => {
  const path = join(folder, 'clip.mp4');
  await makeClip(path, { frames: 100 });
  const { network, ...model } = await tinyNetwork('wasm');
  const log = join(folder, 'calls.txt');
  await counted(log);
  const { clip, span } = await openClip(path, {});
  await announceFfmpeg({ info: () => {}, warn: () => {} });
  const analysis = await analyzeEvent({ ...model, network }, { clip, span, frames: 3, seed: 0 });
  const frames = await stripFrames(analysis);
  await renderStrip(analysis, join(folder, 'strip.png'), { frames });
  await renderVideo(analysis, join(folder, 'overlay.mp4'), { frames });
  await writeReport(analysis, join(folder, 'report.html'), { frames });
  network.dispose();
  // The options are asked of builds alone whose version is no number.
  const { options, ...counts } = await countsOf(log);
  expect(counts).toEqual({ version: 2, metadata: 1, packets: 1, trial: 1, decode: 2, encode: 2 });
});

it.skipIf(process.platform === 'win32')(
  'is twice a clip in a list of many, which is read before its frames are planned',
  async () => {
    const path = await makeClip(join(folder, 'first.mp4'), { frames: 25 });
    const clips = Array.from({ length: 66 }, (_, i) => join(folder, `clip-${i}.mp4`));
    for (const clip of clips) await copyFile(path, clip);
    const list = join(folder, 'events.csv');
    await writeFile(
      list,
      ['video,start,end,label,split', ...clips.map((clip) => `${clip},0,1,a,train`), ''].join('\n'),
    );
    const log = join(folder, 'calls-of-list.txt');
    await counted(log);
    const events = await readEvents(list);
    const planned = await planEvents([{ name: 'own', events }], { frames: 2, views: 1, seed: 0 });
    expect(planned.map(({ views }) => views[0]!.frames.length)).toEqual(clips.map(() => 2));
    const { version, options, ...counts } = await countsOf(log);
    expect(counts).toEqual({ metadata: clips.length, packets: clips.length });
  },
);

async function countsOf(log: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const call of (await readFile(log, 'utf8')).trimEnd().split('\n')) {
    const purpose = purposeOf(call);
    counts[purpose] = (counts[purpose] ?? 0) + 1;
  }
  return counts;
}
