/** `l2caf analyze` on files of any name and videos of any kind, with a small network. */
import { cp, mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { type ClipOptions, makeClip, makeRotated } from '../support/clips.ts';
import { makeNetworkDrive, type NetworkDrive } from './network-drive.ts';
import { type CliResult, runCli } from './run-cli.ts';

let drive: NetworkDrive;
beforeAll(async () => {
  drive = await makeNetworkDrive([]);
});
afterAll(() => drive.remove());

function analyze(cwd: string, clip: string, out: string): Promise<CliResult> {
  const model = ['--model', drive.model, '--norm', '0..1'];
  return runCli(['analyze', '-q', clip, ...model, '-o', out], { cwd });
}

it.each([
  'with space.mp4',
  `with 'single' and "double" quotes.mp4`,
  'with %d and %03d.mp4',
  '-leading-dash.mp4',
  'file:colon.mp4',
  'héllo_日本.mp4',
])('takes a file named %s', async (name) => {
  const place = await mkdtemp(join(drive.folder, 'names-'));
  await cp(drive.clip, join(place, name));
  expect(await analyze(place, name, 'out')).toMatchObject({ exitCode: 0 });
  const results = ['analysis.json', 'overlay.mp4', 'report.html', 'strip.png'];
  expect((await readdir(join(place, 'out'))).sort()).toEqual(results);
});

it.each<[string, ClipOptions]>([
  ['portrait', { width: 90, height: 160 }],
  ['odd sizes', { width: 161, height: 91 }],
  ['10 bits and 4:2:2', { output: ['-pix_fmt', 'yuv422p10le'] }],
])('takes video with %s', async (name, options) => {
  const clip = await makeClip(join(drive.folder, `${name}.mkv`), { frames: 20, ...options });
  expect(await analyze(drive.folder, clip, name)).toMatchObject({ exitCode: 0 });
  const video = await probeClip(join(drive.folder, name, 'overlay.mp4'));
  const { width = 160, height = 96 } = options;
  expect(video).toMatchObject({ width: width - (width % 2), height: height - (height % 2), pixelFormat: 'yuv420p' });
});

it('takes rotated video and shows it upright', async () => {
  const lying = await makeClip(join(drive.folder, 'lying.mp4'), { frames: 20 });
  const clip = await makeRotated(lying, join(drive.folder, 'rotated.mp4'));
  expect(await analyze(drive.folder, clip, 'rotated')).toMatchObject({ exitCode: 0 });
  const video = await probeClip(join(drive.folder, 'rotated', 'overlay.mp4'));
  expect(video).toMatchObject({ width: 96, height: 160, rotationDeg: 0 });
});

it('writes down the real times of video with a variable rate', async () => {
  // Frame n at n² milliseconds: 0, 1, 4, 9, … 1521 ms.
  const clip = await makeClip(join(drive.folder, 'variable.mkv'), { frames: 40, timesMs: 'N*N' });
  expect(await analyze(drive.folder, clip, 'variable')).toMatchObject({ exitCode: 0 });
  const { frames } = await readAnalysis(join(drive.folder, 'variable', 'analysis.json'));
  for (const { timestampSec } of frames) expect(Math.sqrt(1000 * timestampSec) % 1).toBeCloseTo(0, 3);
});
