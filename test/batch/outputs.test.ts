/** What a batch may replace in its folder, what it removes, and what it leaves out. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { guardOutputs } from '../../src/base/output.ts';
import { isSealed } from '../../src/base/seal.ts';
import { findAnalyses } from '../../src/retrieval/analyses.ts';
import { makeClip } from '../support/clips.ts';
import { runTinyBatch } from './tiny-batch.ts';

let root: string;
let list: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-batch-outputs-'));
  process.env['L2CAF_CACHE'] = join(root, 'cache');
  list = join(root, 'events.csv');
  await makeClip(join(root, 'a.mp4'), { frames: 60, rate: '10', width: 64, height: 64 });
  await writeFile(list, 'id,video,start,end\none,a.mp4,0,3\ntwo,a.mp4,3,6\n');
  guardOutputs();
});
afterAll(() => rm(root, { recursive: true }));

it('leaves what is not its own, before it makes anything, and makes again what is, and is damaged', async () => {
  const folder = join(root, 'out');
  const strip = join(folder, 'events', 'two', 'strip.jpg');
  await mkdir(join(folder, 'events', 'two'), { recursive: true });
  await writeFile(strip, 'mine');
  const refused = runTinyBatch(list, folder, { outputs: ['strip'] });
  await expect(refused).rejects.toMatchObject({ code: 'output-exists' });
  expect(await readFile(strip, 'utf8')).toBe('mine');
  expect(existsSync(join(folder, 'events', 'one'))).toBe(false);
  await rm(strip);
  await runTinyBatch(list, folder, { outputs: ['strip'] });
  expect(await isSealed(strip)).toBe(true);
  await truncate(strip, 100);
  const { plans } = await runTinyBatch(list, folder, { outputs: ['strip'] });
  expect(plans.map(({ outputs }) => outputs.join())).toEqual(['', 'strip']);
  expect(await isSealed(strip)).toBe(true);
});

it('keeps nothing of an earlier analysis beside a new one, and no event that its list no longer has in its tables', async () => {
  const folder = join(root, 'out');
  const strip = join(folder, 'events', 'one', 'strip.jpg');
  await writeFile(list, 'id,video,start,end\none,a.mp4,0,3\n');
  await runTinyBatch(list, folder, { outputs: [] });
  expect(existsSync(strip)).toBe(true); // of the same analysis
  await runTinyBatch(list, folder, { outputs: [], analysis: { method: 'gradcam' } });
  expect(existsSync(strip)).toBe(false);
  const notes: string[] = [];
  expect(await findAnalyses(root, (note) => notes.push(note))).toEqual([
    join(folder, 'events', 'one', 'analysis.json'),
  ]);
  expect(notes).toEqual([`left out: 1 of the analyses in ${folder}, which its results.csv does not list as done`]);
});
