/** `l2caf batch --model FILE`: a network of the user's, in worker processes, gives what `l2caf analyze` gives. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { analyzeEvent, type ModelOptions, openClip, openModel } from '../../src/analysis/pipeline.ts';
import { parseCsv } from '../../src/base/csv.ts';
import { RANGE } from '../models/onnx/tiny-folder.ts';
import { makeClip } from '../support/clips.ts';
import { makeNetworkDrive, type NetworkDrive } from './network-drive.ts';
import { type CliResult, runCli } from './run-cli.ts';

let drive: NetworkDrive;
let folder: string;
let clip: string;
let model: string;
beforeAll(async () => {
  drive = await makeNetworkDrive(['a,drive.mp4,0,2', 'b,drive.mp4,1,4', 'c,drive.mp4,3,6']);
  ({ folder, clip, model } = drive);
});
afterAll(() => drive.remove());

/** Runs it on the events, two workers. */
function batch(out: string, ...args: readonly string[]): Promise<CliResult> {
  const [list, common] = ['events.csv', ['--norm', '0..1', '--jobs', '2', '--outputs', 'json', '--json']];
  return runCli(['batch', list, '--model', model, ...common, '-o', out, ...args], { cwd: folder });
}

/** The events that were worked on, and how many were done. */
function endsIn({ stdout }: CliResult): { ended: string[]; done: number } {
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; id: string; done: number });
  const ended = lines.filter(({ event }) => event === 'done').map(({ id }) => id);
  return { ended: ended.sort(), done: lines.at(-1)!.done };
}

it('writes the analyses that analyze finds, says once what was guessed, and makes nothing twice', async () => {
  const first = await batch('out');
  expect(first).toMatchObject({ exitCode: 0 });
  expect(endsIn(first)).toEqual({ ended: ['a', 'b', 'c'], done: 3 });
  expect(first.stderr.match(/filters act on features/g)).toHaveLength(1);

  const options: ModelOptions = { backend: 'auto', model, card: RANGE, threads: 1 };
  const opened = await openModel(options);
  for (const [id, startSec, endSec] of [
    ['a', 0, 2],
    ['b', 1, 4],
    ['c', 3, 6],
  ] as const) {
    const event = await openClip(clip, { startSec, endSec });
    const { timingsSec: _, ...alone } = await analyzeEvent(opened, { ...event, frames: 3, seed: 0 });
    const { events, ...found } = await readAnalysis(join(folder, 'out', 'events', id, 'analysis.json'));
    expect(events).toBeUndefined();
    expect(found).toEqual(JSON.parse(JSON.stringify(alone)));
  }
  opened.network.dispose();

  expect(endsIn(await batch('out'))).toEqual({ ended: [], done: 3 });
  const otherwise = endsIn(await batch('out', '--norm', '-1..1', '--only', '', '--limit', '1'));
  expect(otherwise).toEqual({ ended: ['a'], done: 1 }); // with another card
});

it('shows all of the picture to a network that reads its middle alone', async () => {
  const bright = (_: number, width: number, height: number): Uint8Array =>
    Uint8Array.from({ length: width * height }, (_value, i) => (i % width < width / 4 ? 235 : 40));
  await makeClip(join(folder, 'wide.mp4'), { frames: 20, rate: '10', width: 192, height: 48, draw: bright });
  await writeFile(join(folder, 'wide.csv'), 'id,video,start,end\nwide,wide.mp4,0,2\n');
  const args = ['--model', model, '--norm', '0..1', '--resize', 'cover', '--outputs', 'strip', '-o', 'wide'];
  expect(await runCli(['batch', 'wide.csv', ...args], { cwd: folder })).toMatchObject({ exitCode: 0 });
  const { embedding } = await readAnalysis(join(folder, 'wide', 'events', 'wide', 'analysis.json'));
  const opened = await openModel({ backend: 'auto', model, card: { input: { ...RANGE.input, resize: 'cover' } } });
  const event = await openClip(join(folder, 'wide.mp4'), {});
  expect(embedding).toEqual((await analyzeEvent(opened, { ...event, frames: 3, seed: 0 })).embedding);
  opened.network.dispose();
  const strip = await loadImage(await readFile(join(folder, 'wide', 'events', 'wide', 'strip.jpg')));
  const context = createCanvas(strip.width, strip.height).getContext('2d');
  context.drawImage(strip, 0, 0);
  const inFrame = Array.from({ length: 20 }, (_, i) => context.getImageData(24, 85 + i, 1, 1).data[0]!);
  expect(Math.max(...inFrame)).toBeGreaterThan(200); // the bright part, which the network does not see
});

it('has numbers as columns, each beside what was recorded of it, and explains one of them', async () => {
  const numbers = ['--kind', 'numbers', '--labels', 'steering,throttle,brake,horn', '--limit', '1'];
  expect(await batch('numbers', ...numbers, '--target', 'output:steering')).toMatchObject({ exitCode: 0 });
  const path = join(folder, 'numbers', 'results.csv');
  const [heading, row] = parseCsv(await readFile(path, 'utf8'), path, ',');
  const value = (name: string): string => row!.fields[heading!.fields.indexOf(name)]!;
  const { numbers: found, options } = await readAnalysis(join(folder, 'numbers', 'events', 'a', 'analysis.json'));
  expect(options.target).toBe('output:steering');
  for (const [i, name] of found!.names.entries()) expect(Number(value(`output_${name}`))).toBe(found!.values[i]);
  expect(heading!.fields).not.toContain('recorded_steering');
});

it.each([
  [['--kind', 'numbers', '--target', 'output:nonsense'], /no number named "nonsense"/],
  [['--target', 'class:nonsense'], /no class named "nonsense"/],
  [['--frames', '5'], /was exported for 3 frames, not 5/],
  [['--untrained'], /random weights are those of l2caf's own networks/],
  [['--layer', 'nonsense'], /no tensor or node named nonsense/],
])('says in a line what cannot work, before any work: %j', async (args, message) => {
  const { exitCode, stderr, stdout } = await batch('none', ...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
});
