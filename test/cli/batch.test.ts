/** `l2caf batch` as far as it goes without a network: what it says about lists and options that cannot work. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Batch } from '../../src/batch/batch.ts';
import { loadCommand } from '../../src/cli/commands.ts';
import { makeClip } from '../support/clips.ts';
import { runCli } from './run-cli.ts';

let folder: string;
let list: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-cli-batch-'));
  list = join(folder, 'events.csv');
  await makeClip(join(folder, 'drive.mp4'), { frames: 30, rate: '10' });
  await writeFile(list, 'id,video,start,end,label\na,drive.mp4,0,2,x\nb,absent.mp4,0,1,x\nc,drive.mp4,2,1,x\n');
  await writeFile(join(folder, 'no-rows.csv'), 'id,video\n');
});
afterAll(() => rm(folder, { recursive: true }));

const batch = (...args: readonly string[]) => runCli(['batch', ...args, '-o', join(folder, 'out')], { cwd: folder });

it('names every wrong row before any work, and does none with --strict', async () => {
  const { exitCode, stderr, stdout } = await batch(list, '--strict');
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(
    /error: .*2 rows are wrong:\n {2}line 3: there is no file .*\n {2}line 4: the time span 2–1 s is empty/,
  );
  expect(await readFile(join(folder, 'out', 'wrong-rows.txt'), 'utf8')).toMatch(/^line 3: .*\nline 4: .*\n$/);
  expect(existsSync(join(folder, 'out', 'events'))).toBe(false);
});

it.each([
  [['absent.csv'], 1, /cannot read absent\.csv/],
  [['no-rows.csv'], 1, /no event that can be analyzed.*\n.*it has no rows/],
  [['events.csv', '--only', 'y'], 1, /no event that can be analyzed.*\n.*no row has the label y/],
  [['events.csv', '--target', 'class:nonsense'], 2, /no class named "nonsense"/],
  [['events.csv', '--model', 'nonsense'], 1, /no model named nonsense/],
  [['events.csv', '--outputs', 'gif'], 2, /expected some of json, strip, mp4/],
  [['events.csv', '--jobs', '0'], 2, /expected a whole number from 1 on/],
])('says in a line what cannot work: %j', async (args, code, message) => {
  const { exitCode, stderr } = await batch(...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(exitCode).toBe(code);
});

it('takes another folder by default when a batch of another list has used it while this one came to its lock', async () => {
  process.chdir(folder);
  const open = Batch.open;
  const faster = JSON.stringify({ schema: 'l2caf-list/1', list: join(folder, 'day1', 'events.csv') });
  const spy = vi.spyOn(Batch, 'open').mockImplementationOnce(async (path) => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'list.json'), faster);
    return open(path);
  });
  const silent = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const command = await loadCommand('batch');
    await command.parseAsync(['events.csv', '--only', 'y'], { from: 'user' }).catch(() => undefined);
  } finally {
    for (const each of [spy, silent]) each.mockRestore();
  }
  expect(await readFile(join('l2caf-out', 'events', 'list.json'), 'utf8')).toBe(faster);
  const own = JSON.parse(await readFile(join('l2caf-out', 'events-2', 'list.json'), 'utf8'));
  expect(own).toMatchObject({ list });
});
