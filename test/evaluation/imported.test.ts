/** The studies on networks of the user's, as a user runs them: what they find, and what they refuse. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateCommand } from '../../src/cli/commands/evaluate.ts';
import type { StudyReport } from '../../src/evaluation/study-report.ts';
import { TinyFolder } from '../models/onnx/tiny-folder.ts';
import { brightness, cnnLstm, pictureCnn } from '../models/onnx/tiny-networks.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');
const EVENTS = join(CLIPS, 'events.csv');

let folder: TinyFolder;
let out: string;
let [lstm, picture] = ['', ''];
beforeAll(async () => {
  folder = await TinyFolder.make();
  out = await mkdtemp(join(tmpdir(), 'l2caf-evaluate-own-'));
  lstm = await folder.write(cnnLstm(), 'lstm');
  picture = await folder.write(pictureCnn(), 'picture');
});
afterAll(async () => {
  await folder.remove();
  await rm(out, { recursive: true });
});

async function run(study: string, model: string, ...args: readonly string[]): Promise<StudyReport> {
  const command = evaluateCommand();
  for (const each of command.commands) each.exitOverride().configureOutput({ writeErr: () => {} });
  const data = study === 'timing' ? [] : [EVENTS, '--split', 'all', '--limit', '2'];
  const fixed = ['--model', model, '--norm', '0..1', '-q', '-o', out];
  await command.parseAsync([study, ...data, ...fixed, ...args], { from: 'user' });
  return JSON.parse(await readFile(join(out, `${study}.json`), 'utf8')) as StudyReport;
}

function rowsOf({ tables }: StudyReport, table = 0): string[] {
  return [...new Set(tables[table]!.rows.map(({ name }) => name))];
}

describe('evaluate --model FILE', () => {
  it('measures faithfulness: the best filter is the most faithful, and chance lies in between', async () => {
    const report = await run(
      'faithfulness',
      lstm,
      '--methods',
      'l2caf,l2caf-reinit,gradcam-abs,activation-norm,random',
    );
    expect(report.model.id).toBe('lstm');
    expect(report.options).toMatchObject({ backend: 'onnxruntime', target: 'oblivious' });
    expect(rowsOf(report)).toEqual(['l2caf', 'l2caf-reinit', 'gradcam-abs', 'activation-norm', 'random']);
    expect(report.tables).toHaveLength(1);
    expect(report.tables[0]!.notes!.join(' ')).toContain('No frame can be left out');
    const area = (name: string) => report.tables[0]!.rows.find((row) => row.name === name)!.figures['insertion']!.value;
    expect(area('l2caf')).toBeGreaterThan(area('random'));
  });

  it('ranks the frames of a network of pictures, from which any can be left out', async () => {
    const report = await run('faithfulness', picture);
    expect(rowsOf(report)).not.toContain('l2caf-paper'); // it tells no gradients
    expect(rowsOf(report, 1)).toContain('importance');
  });

  it('checks sanity by drawing the weights of the file anew, part by part', async () => {
    const report = await run('sanity', lstm, '--methods', 'l2caf,centre');
    const rows = report.tables[0]!.rows;
    expect([...new Set(rows.map(({ name }) => name))]).toEqual(
      ['logits', 'all steps', 'features/conv', 'early/conv'].map((name) => `${name} node`),
    );
    const of = (method: string) =>
      rows.filter(({ group }) => group === method).map((row) => row.figures['rankCorrelation']!.value);
    expect(of('centre').every((value) => value > 0.99)).toBe(true); // knows nothing of the network
    expect(of('l2caf').every((value) => value < 0.99)).toBe(true);
  });

  it('measures stability without what needs gradients, and localization where the network sees the frames', async () => {
    const stability = await run('stability', picture, '--limit', '1', '--methods', 'l2caf');
    expect(rowsOf(stability)).toEqual(expect.arrayContaining(['random start', 'one frame later', 'brightness × 1.2']));
    expect(rowsOf(stability)).not.toContain('published descent');
    const truth = ['--truth', CLIPS, '--split', 'train', '--methods', 'l2caf,centre', '--limit', '3'];
    const card = ['--layer', 'features', '--layout', 'b c h w', '--resize', 'contain'];
    const found = await run('localization', await folder.write(brightness(), 'brightness'), ...truth, ...card);
    const lift = (name: string) => found.tables[0]!.rows.find((row) => row.name === name)!.figures['energyLift']!.value;
    expect(lift('l2caf')).toBeGreaterThan(0);
    expect(lift('centre')).toBeGreaterThan(0);
  });

  it('times what a network that tells no gradients can do', async () => {
    const report = await run('timing', picture, '--repeats', '1', '--labels', 'a,b,c,d,e');
    expect(rowsOf(report)).toEqual([
      ...['fast, class, Grad-CAM', 'fast, class, CAM', 'fast, class, auto (closed-form)'],
      ...['fast, oblivious, Grad-CAM', 'fast, oblivious, auto (closed-form)'],
    ]);
  });

  it.each<[string, string, string[], RegExp]>([
    [
      'descents',
      'faithfulness',
      ['--methods', 'l2caf-paper'],
      /the gd solver cannot be used: the network tells no gradients/,
    ],
    ['filters over all of time', 'faithfulness', ['--filter', 'volume'], /measured frame by frame/],
    ['labels of no class', 'sanity', ['--target', 'label'], /the model has no class named/],
  ])('refuses %s in words', async (_, study, args, message) => {
    await expect(run(study, lstm, ...args)).rejects.toThrow(message);
  });

  it('refuses options of network files for a model of its own', async () => {
    await expect(run('sanity', 'driving')).rejects.toThrow('driving knows itself how it wants its frames');
  });
});
