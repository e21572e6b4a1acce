/** What the studies refuse before any network runs, leaving nothing behind. */
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateCommand } from '../../src/cli/commands/evaluate.ts';
import { mapAgreement } from '../../src/evaluation/stability-study.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-evaluate-'));
  await writeFile(join(folder, 'boxes.csv'), 'file,x,y,w,h\nv.mp4,0,0,9,9\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function run(name: string, ...args: readonly string[]): Promise<void> {
  const command = evaluateCommand();
  for (const study of command.commands) study.exitOverride().configureOutput({ writeErr: () => {} });
  await command.parseAsync([name, ...args, '-q', '-o', join(folder, 'out')], { from: 'user' });
}

describe('evaluate refuses', () => {
  const events = join(CLIPS, 'events.csv');
  it.each<[string, string[], RegExp]>([
    ['a split without events', ['faithfulness', events, '--split', 'val'], /no event with the split val/],
    ['a model that is not there', ['sanity', events, '--model', 'none'], /no model named none/],
    ['a list that is not there', ['stability', 'none.csv'], /cannot read none\.csv/],
    ['nothing to measure', ['retrieval', events, '--limit', '0'], /from 1 on/],
    [
      'boxes of videos without frames',
      ['localization', events, '--truth', 'BOXES', '--split', 'train'],
      /no column frame/,
    ],
    ['an unknown still method', ['stills', 'x.csv', '--methods', 'lime'], /unknown: lime/],
    ['an unknown layout', ['stills', 'x', '--format', 'coco'], /Allowed choices/],
    ['a data set that is not there', ['stills', 'nowhere', '--format', 'cub'], /cannot read nowhere/],
    ['an unknown preset', ['timing', '--presets', 'adam'], /unknown: adam/],
  ])('%s', async (_, args, message) => {
    const given = args.map((arg) => (arg === 'BOXES' ? join(folder, 'boxes.csv') : arg)) as [string, ...string[]];
    await expect(run(...given)).rejects.toThrow(message);
    await expect(access(join(folder, 'out'))).rejects.toThrow();
  });
});

it('evaluate names the splits that there are', async () => {
  await expect(run('faithfulness', join(CLIPS, 'events.csv'), '--split', 'val')).rejects.toMatchObject({
    hint: 'choose another with --split: train (6), all',
  });
});

describe('agreement', () => {
  const map = (...values: readonly number[]) => ({ height: 2, width: 3, values: Float32Array.from(values) });
  it('is whole for a map and itself, opposite for its reverse, and allows a peak one cell of play', () => {
    const own = map(6, 5, 4, 3, 2, 1);
    expect(mapAgreement(own, own)).toEqual({ rankCorrelation: 1, ssim: 1, samePeak: 1 });
    const other = mapAgreement(own, map(1, 2, 3, 4, 5, 6));
    expect(other.rankCorrelation).toBeCloseTo(-1, 10);
    expect(other.samePeak).toBe(0); // two columns away
    expect(mapAgreement(own, map(1, 2, 3, 4, 6, 5)).samePeak).toBe(1);
  });
});
