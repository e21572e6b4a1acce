/** `l2caf analyze A B …`: one clip after another, each into a folder of its own. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { openModel } from '../../src/analysis/pipeline.ts';
import { loadCommand } from '../../src/cli/commands.ts';
import { makeClip } from '../support/clips.ts';
import { makeNetworkDrive, type NetworkDrive } from './network-drive.ts';
import { type CliResult, runCli } from './run-cli.ts';

vi.mock('../../src/analysis/pipeline.ts', { spy: true });

let drive: NetworkDrive;
beforeAll(async () => {
  drive = await makeNetworkDrive([]);
  await makeClip(join(drive.folder, 'other.mp4'), { frames: 30, rate: '10', width: 64, height: 48 });
});
afterAll(() => drive.remove());

function analyze(...args: readonly string[]): Promise<CliResult> {
  return runCli(['analyze', ...args, '--model', drive.model, '--norm', '0..1', '--no-report'], { cwd: drive.folder });
}

it('does each, tells of one that it cannot do, and does the others', async () => {
  const { exitCode, stdout, stderr } = await analyze('drive.mp4', 'gone.mp4', 'other.mp4', '-o', 'out');
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/drive\.mp4 \(1 of 3\)[\s\S]*error: there is no file gone\.mp4[\s\S]*other\.mp4 \(3 of 3\)/);
  expect(stderr).toMatch(/warning: 1 of 3 clips could not be analyzed/);
  expect((await readdir(join(drive.folder, 'out'))).sort()).toEqual(['drive', 'other']);
  for (const name of ['drive', 'other']) {
    const { source } = await readAnalysis(join(drive.folder, 'out', name, 'analysis.json'));
    expect(source.path).toBe(join(drive.folder, `${name}.mp4`));
    expect(stdout).toContain(join('out', name, 'strip.png'));
  }
});

it('opens the network once, and tells of one that cannot be opened once', async () => {
  const paths = ['drive.mp4', 'other.mp4'].map((name) => join(drive.folder, name));
  const silent = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockReturnValue(true));
  try {
    const how = ['--model', drive.model, '--norm', '0..1', '--no-report', '-q', '-o', join(drive.folder, 'once')];
    await (await loadCommand('analyze')).parseAsync([...paths, ...how], { from: 'user' });
    expect(openModel).toHaveBeenCalledTimes(1);
  } finally {
    for (const spy of silent) spy.mockRestore();
  }
  const { exitCode, stderr } = await runCli(['analyze', ...paths, '--model', 'gone.onnx', '-o', 'none'], {
    cwd: drive.folder,
  });
  expect(exitCode).toBe(1);
  expect(stderr.match(/error: .*gone\.onnx/g)).toHaveLength(1);
});

it.each([
  [['drive.mp4', 'other.mp4', '--start', '1'], /--start is of one clip, and 2 are given/],
  [['drive.mp4', 'other.mp4', '--objects', 'x.csv'], /--objects is of one clip/],
  [['drive.mp4', './drive.mp4', '-o', 'twice'], /two of the clips are named drive/],
])('says in a line what cannot be: %j', async (args, message) => {
  expect(await analyze(...args)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message), stdout: '' });
});
