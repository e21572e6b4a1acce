/** `index` and `search` with a network of the user's: its output is the embedding. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeAnalysis } from '../../src/analysis/document.ts';
import { analyzeEvent, openClip, openModel } from '../../src/analysis/pipeline.ts';
import { RANGE } from '../models/onnx/tiny-folder.ts';
import { makeNetworkDrive, type NetworkDrive } from './network-drive.ts';
import { type CliResult, runCli } from './run-cli.ts';

let drive: NetworkDrive;
let folder: string;
let clip: string;
let model: string;
beforeAll(async () => {
  drive = await makeNetworkDrive(['a,drive.mp4,0,2', 'b,drive.mp4,2,4', 'c,drive.mp4,4,6']);
  ({ folder, clip, model } = drive);
});
afterAll(() => drive.remove());

const run = (...args: readonly string[]): Promise<CliResult> => runCli([...args, '-q'], { cwd: folder });
const withModel = (norm = '0..1'): string[] => ['--model', model, '--norm', norm];

it('embeds events as analyze does, and refuses another network or card by name', async () => {
  const indexed = await run('index', 'events.csv', '-o', 'db', ...withModel());
  expect(indexed).toMatchObject({ exitCode: 0, stdout: '3 new, 0 replaced, 0 unchanged; 3 events in db\n' });
  expect(indexed.stderr.match(/filters act on/g)).toHaveLength(1);

  const opened = await openModel({ backend: 'auto', model, card: RANGE });
  const event = await openClip(clip, { startSec: 0, endSec: 2 });
  const analysis = await analyzeEvent(opened, { ...event, frames: 3, seed: 0 });
  opened.network.dispose();
  await writeAnalysis(join(folder, 'done', 'a', 'analysis.json'), analysis);
  const known = await run('index', 'done', '-o', 'db');
  expect(known.stdout).toBe('0 new, 0 replaced, 1 unchanged; 3 events in db\n');

  for (const args of [withModel('-1..1'), []]) {
    const { exitCode, stderr } = await run('index', 'events.csv', '-o', 'db', ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/db was indexed with the model pilot, 3 frames of 16x16 \(\w{8}\), not \w+, 3 frames of/);
  }
});

it('finds what is like a clip, and shows what makes a pair similar', async () => {
  const query = [clip, '--start', '0.5', '--end', '2.5', '--exclude', 'self', '-k', '3', '--json'];
  const searched = await run('search', ...query, '--db', 'db', ...withModel(), '-o', 'like.png', '--explain');
  expect(searched).toMatchObject({ exitCode: 0 });
  const { neighbours } = JSON.parse(searched.stdout) as { neighbours: { id: string; distance: number }[] };
  expect(neighbours.map(({ id }) => id).sort()).toEqual(['a', 'b', 'c']);
  expect((await loadImage(await readFile(join(folder, 'like.png')))).width).toBeGreaterThan(100);
  const other = await run('search', ...query, '--db', 'db', ...withModel('-1..1'));
  expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('was indexed with the model pilot') });
});
