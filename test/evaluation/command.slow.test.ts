/** `l2caf evaluate localization` on the fixture clips with the real trunk and an untrained head. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_METHODS } from '../../src/evaluation/choices.ts';
import type { StudyReport } from '../../src/evaluation/study-report.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { runCli } from '../cli/run-cli.ts';
import { saveUntrainedModel } from './untrained-model.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-localization-'));
  await pullTrunk(RESNET50_IMAGENET);
  await saveUntrainedModel(join(folder, 'model'), { width: 384, height: 224 });
});
afterAll(() => rm(folder, { recursive: true }));

describe('evaluate localization', () => {
  const args = (out: string): string[] => [
    'evaluate',
    'localization',
    join(CLIPS, 'events.csv'),
    '--model',
    join(folder, 'model'),
    '--truth',
    CLIPS,
    '--split',
    'train',
    '-o',
    join(folder, out),
  ];

  it('prints a table per label and writes its files', async () => {
    const result = await runCli(args('table'));
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toMatch(/^Where the maps lie\n\nall, 5 events, 14 maps/);
    expect(result.stdout).toMatch(/\nmethod +energy lift +pointing +PxAP\nl2caf +\d\.\d\d \(\d/);
    expect(result.stderr).toMatch(/events left out: 1 \(no single object decides left_turn\)/);
    const names = [
      '.l2caf',
      'localization-temporal.csv',
      'localization-temporal.png',
      'localization.csv',
      'localization.json',
      'localization.png',
    ];
    expect((await readdir(join(folder, 'table'))).sort()).toEqual(names);
    const csv = (await readFile(join(folder, 'table', 'localization.csv'), 'utf8')).trim().split('\n');
    expect(csv.length).toBe(1 + 6 * DEFAULT_METHODS.length);
    for (const line of csv) expect(line.split(',').length).toBe(csv[0]!.split(',').length);
  });

  it('gives the same numbers again, as one JSON document', async () => {
    const { stdout } = await runCli([...args('a'), '--json', '-q']);
    const report = JSON.parse(stdout) as StudyReport;
    const { seal: _, ...written } = JSON.parse(await readFile(join(folder, 'table', 'localization.json'), 'utf8'));
    expect(report).toEqual(written); // of the test before
    expect(report).toMatchObject({
      schema: 'l2caf-evaluation/1',
      study: 'localization',
      used: { events: 5, frames: 14, framesLeftOut: 1 },
    });
    for (const { figures } of report.tables[0]!.rows) expect(figures['energyLift']!.value).toBeGreaterThan(0);
  });
});
