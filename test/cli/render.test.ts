import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { sha256OfFile } from '../../src/base/files.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip } from '../support/clips.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';
import { runCli } from './run-cli.ts';

const folder = await mkdtemp(join(tmpdir(), 'l2caf-render-cli-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const path = await makeClip(join(folder, 'clip.mp4'), { frames: 75, width: 160, height: 96 });
  const good = exampleAnalysis({ path, sha256: await sha256OfFile(path), width: 160, height: 96 });
  await writeAnalysis(join(folder, 'all', 'day', 'one', 'analysis.json'), good);
  await writeAnalysis(join(folder, 'all', 'two', 'analysis.json'), good);
  await writeAnalysis(join(folder, 'some', 'good', 'analysis.json'), good);
  await writeAnalysis(
    join(folder, 'some', 'bad', 'analysis.json'),
    exampleAnalysis({ path: join(folder, 'gone.mp4') }),
  );
});

it('makes a video of every analysis in a folder, in another one if it is named, of the kind that is asked for', async () => {
  const args = ['render', 'all', '-o', 'slides', '--format', 'gif', '--max-mb', '0.5', '--no-legend', '--show-class'];
  const { exitCode, stdout, stderr } = await runCli(args, { cwd: folder });
  expect(exitCode).toBe(0);
  const written = [join('slides', 'day-one.gif'), join('slides', 'two.gif')];
  expect(stdout).toBe(written.map((name) => `${name}\n`).join(''));
  for (const name of written) {
    expect((await probeClip(join(folder, name))).durationSec).toBeCloseTo(3, 1);
    expect(stderr).toContain(`${name}: 160x96, 12.5 pictures per second, 256 colours, `);
  }
  const again = await runCli(args, { cwd: folder });
  expect(again.exitCode).toBe(0);
});

it('says which could not be made, makes the others beside their analyses, and ends with 3', async () => {
  const { exitCode, stdout, stderr } = await runCli(['render', 'some', '-q'], { cwd: folder });
  expect([exitCode, stdout]).toEqual([3, `${join('some', 'good', 'overlay.mp4')}\n`]);
  expect(stderr).toContain('gone.mp4');
  expect(stderr).toContain('1 of 2 videos could not be made');
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(await readdir(join(folder, 'some', 'bad'))).toEqual(['analysis.json']);
});

it.each<[string[], number, RegExp]>([
  [['all', '-o', 'x.mp4'], 2, /x\.mp4 is one video, but there may be several analyses/],
  [['.git'], 1, /cannot read \.git/],
  [['empty'], 1, /there is no analysis\.json in empty/],
  [['all/two/analysis.json', '-o', 'x.webm', '--format', 'gif'], 2, /the name x\.webm says what kind of video it is/],
  [['all', '--format', 'avi'], 2, /--format/],
  [['all/two/analysis.json', '--max-mb', '0'], 2, /--max-mb/],
])('refuses %j', async (args, code, message) => {
  await mkdir(join(folder, 'empty'), { recursive: true });
  const before = await readdir(folder, { recursive: true });
  const { exitCode, stdout, stderr } = await runCli(['render', ...args], { cwd: folder });
  expect([exitCode, stdout]).toEqual([code, '']);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
});
