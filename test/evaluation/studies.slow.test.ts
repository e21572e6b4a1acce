/** The studies of events and of still pictures, whole, with the real trunk at a small size and an untrained head. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeStills } from '../../fixtures/stills/write.ts';
import type { StudyReport } from '../../src/evaluation/study-report.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { runCli } from '../cli/run-cli.ts';
import { saveUntrainedModel } from './untrained-model.ts';

const CLIPS = join(import.meta.dirname, '..', '..', 'fixtures', 'clips');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-studies-'));
  await pullTrunk(RESNET50_IMAGENET);
  await saveUntrainedModel(join(folder, 'model'), { width: 96, height: 64 });
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a study as a user would; its report and the names of its files. */
async function study(name: string, ...args: readonly string[]): Promise<{ report: StudyReport; files: string[] }> {
  const out = join(folder, name);
  const result = await runCli(['evaluate', name, ...args, '--backend', 'wasm', '-o', out, '--json', '-q']);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  const report = JSON.parse(result.stdout) as StudyReport;
  const written: unknown = JSON.parse(await readFile(join(out, `${name}.json`), 'utf8'));
  expect(written).toEqual({ ...report, seal: expect.stringMatching(/^l2caf [0-9a-f]{64}$/) });
  return { report, files: (await readdir(out)).filter((file) => file !== '.l2caf').sort() };
}

const onEvents = (): string[] => [
  join(CLIPS, 'events.csv'),
  ...['--model', join(folder, 'model'), '--split', 'train', '--limit', '3'],
];

const ROAD_METHODS = ['l2caf', 'l2caf-positive', 'random'];

/** A figure of a row of the first table. */
function figure({ tables }: StudyReport, measure: string, name: string, group?: string): number {
  const row = tables[0]!.rows.find((own) => own.name === name && own.group === group);
  return row!.figures[measure]!.value;
}

describe('evaluate', () => {
  it('faithfulness: orders that know the network beat random ones, in both directions', async () => {
    const { report, files } = await study('faithfulness', ...onEvents(), '--road', '--methods', ROAD_METHODS.join());
    expect(files).toEqual(['', '-road', '-temporal'].flatMap((key) => [`faithfulness${key}.csv`, `faithfulness${key}.png`]).concat('faithfulness.json').sort()); // biome-ignore format: one list
    expect(figure(report, 'insertion', 'l2caf')).toBeGreaterThan(figure(report, 'insertion', 'random'));
    expect(figure(report, 'deletion', 'l2caf-positive')).toBeLessThan(figure(report, 'deletion', 'random'));
    expect(figure(report, 'sensitivityN', 'l2caf-positive')).toBeGreaterThan(figure(report, 'sensitivityN', 'random'));
    expect(figure(report, 'infidelity', 'l2caf-positive')).toBeLessThan(figure(report, 'infidelity', 'random'));
    const [, road, temporal] = report.tables;
    expect(road!.rows.filter(({ group }) => group === undefined).map(({ name }) => name)).toEqual(ROAD_METHODS);
    for (const { figures } of road!.rows) {
      expect(figures['road']!.value).toBeCloseTo(figures['lerf']!.value - figures['morf']!.value, 10);
    }
    expect(temporal!.rows.map(({ name }) => name)).toContain('importance');
  });

  it('sanity: maps of activations do not notice the recurrent part, and all notice the trunk', async () => {
    const { report, files } = await study('sanity', ...onEvents());
    expect(files).toEqual(['sanity-maps.png', 'sanity.csv', 'sanity.json', 'sanity.png']);
    const parts = ['embedding', 'LSTM', 'shallow CNN', 'conv4', 'conv3', 'conv2', 'conv1'];
    expect(report.tables[0]!.rows.filter(({ group }) => group === 'l2caf').map(({ name }) => name)).toEqual(parts);
    expect(figure(report, 'rankCorrelation', 'LSTM', 'activation-norm')).toBe(1);
    expect(figure(report, 'rankCorrelation', 'conv1', 'activation-norm')).toBeLessThan(0.9);
    expect(figure(report, 'rankCorrelation', 'LSTM', 'l2caf')).toBeLessThan(0.9);
    expect(figure(report, 'entropyRise', 'LSTM', 'activation-norm')).toBe(0); // the same map
  });

  it('stability: starting points change nothing, small changes little, another event much', {
    tags: ['nightly'],
  }, async () => {
    const { report } = await study('stability', ...onEvents());
    const agreement = (name: string): number => figure(report, 'rankCorrelation', name, 'l2caf');
    expect(agreement('random start')).toBeGreaterThan(0.98);
    expect(agreement('brightness × 1.2')).toBeGreaterThan(agreement('another event'));
    expect(figure(report, 'moved', 'compressed (crf 32)', 'l2caf')).toBeGreaterThan(0);
    expect(figure(report, 'moved', 'random start', 'l2caf')).toBe(0);
    const noise = Object.fromEntries(
      report.tables[1]!.rows.map(({ name, figures }) => [name, figures['maxSensitivity']!.value]),
    );
    expect(noise['l2caf']).toBeGreaterThan(0);
    expect(noise['l2caf']).toBeLessThan(1); // maps of unit length that have little in common differ by 1.4
  });

  it('timing: every way and network has its time', { tags: ['nightly'] }, async () => {
    const args = ['--model', join(folder, 'model'), '--classifier', 'resnet50-imagenet', '--presets', 'tf1-fast'];
    const { report } = await study('timing', ...args, '--repeats', '1', '--vanilla-iterations', '2');
    const networks = new Set(report.tables[0]!.rows.map(({ group }) => group));
    expect([...networks]).toEqual(['resnet50-imagenet + untrained (events)', 'resnet50-imagenet']);
    expect(report.tables[0]!.rows.every(({ figures }) => figures['seconds']!.value > 0)).toBe(true);
    const ofPictures = report.tables[0]!.rows.filter(({ group }) => group === 'resnet50-imagenet').map(
      ({ name }) => name,
    );
    expect(ofPictures).toEqual(
      expect.arrayContaining(['fast, class, auto (closed-form)', 'vanilla, class, tf1-fast descent']),
    );
  });

  it('stills: a box per picture, whatever it shows', async () => {
    const canvas = createCanvas(64, 48);
    canvas.getContext('2d').fillRect(10, 10, 30, 20);
    await writeFile(join(folder, 'a.png'), await canvas.encode('png'));
    await writeFile(join(folder, 'boxes.csv'), 'file,x,y,w,h,class\na.png,10,10,30,20,goldfish\n');
    const { report } = await study('stills', join(folder, 'boxes.csv'));
    expect(report.used).toEqual({ pictures: 1 });
    for (const { name } of report.tables[0]!.rows) {
      expect(figure(report, 'maxBoxAcc', name)).toBeGreaterThanOrEqual(figure(report, 'gtKnown', name));
      expect(figure(report, 'gtKnown', name)).toBeGreaterThanOrEqual(figure(report, 'top1', name));
    }
  });

  it('stills: retrieval by the features that the classes are told from', async () => {
    const drawn = join(folder, 'drawn');
    const set = { count: 6, seed: 1, size: { width: 128, height: 128 } };
    await writeStills(drawn, set, { onProgress: () => {} });
    const args = ['--split', 'all', '--embedding', '--methods', 'l2caf-oblivious,gradcam,centre'];
    const { report } = await study('stills', join(drawn, 'stills.csv'), ...args);
    expect(report.tables[0]!.measures.map(({ key }) => key).slice(0, 2)).toEqual(['box', 'recallAt1']);
    expect(report.details).toEqual({}); // no two of them are of one class, so that there is nothing to find
  });
});

describe('reproduce', () => {
  it('table3: on the unseen classes of drawn pictures, and from what is known of them when run again', async () => {
    const drawn = join(folder, 'unseen');
    const set = { count: 40, seed: 1, size: { width: 128, height: 128 } };
    await writeStills(drawn, set, { onProgress: () => {} });
    const out = join(folder, 'table3');
    const args = [
      'reproduce',
      'table3',
      '--data',
      drawn,
      '--limit',
      '5',
      '--backend',
      'wasm',
      '-o',
      out,
      '--json',
      '-q',
    ];
    const first = await runCli(args);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    const report = JSON.parse(first.stdout) as StudyReport;
    expect(report.used).toMatchObject({ pictures: 5, networks: ['resnet50-imagenet'] });
    expect(report.tables[0]!.title).toContain('pictures that are drawn, 5 of 20 pictures');
    expect(report.tables[0]!.rows.map(({ name }) => name)).toEqual(['gradcam', 'gradcam-abs', 'l2caf-oblivious']);
    expect((await readdir(out)).filter((file) => !file.startsWith('.')).sort()).toEqual(
      ['-resnet50-imagenet.outcomes.json', '.csv', '.json', '.png'].map((end) => `table3${end}`),
    );
    expect((await runCli(args)).stdout).toBe(first.stdout);
  });
});
