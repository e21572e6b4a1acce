/** The packaged model, exported and imported again, and its trunk as a classifier: with the real weights. */
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Analysis } from '../../src/analysis/document.ts';
import { runCli } from '../cli/run-cli.ts';
import { cosine, difference } from '../support/compare.ts';

const FIXTURE = join(import.meta.dirname, '..', '..', 'fixtures', 'clips', 'traffic_light_red.mp4');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-export-real-'));
});

async function analyzed(model: string, ...options: string[]): Promise<Analysis> {
  const { stdout, exitCode, stderr } = await runCli([
    ...['analyze', FIXTURE, '--model', model, '--json', '-q', '--no-report', '-o', join(folder, 'out'), ...options],
  ]);
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as Analysis;
}

describe('the packaged model', () => {
  it('exported has the same filters, labels and probabilities', async () => {
    const target = join(folder, 'driving');
    const { exitCode, stdout } = await runCli(['models', 'export', 'driving', '-o', target]);
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toEqual(['network.onnx', 'network.json'].map((name) => join(target, name)));
    expect((await readdir(target)).filter((name) => !name.startsWith('.')).sort()).toEqual([
      'network.json',
      'network.onnx',
    ]);
    for (const options of [['--no-fine'], ['--fine', '--target', 'class:traffic_light_red']]) {
      const [own, imported] = [await analyzed('driving', ...options), await analyzed(target, ...options)];
      expect(imported.labels).toEqual(own.labels);
      expect(imported.classes!.map(({ label }) => label).slice(0, 3)).toEqual(
        own.classes!.map(({ label }) => label).slice(0, 3),
      );
      for (const { label, probability } of own.classes!) {
        expect(imported.classes!.find((other) => other.label === label)!.probability).toBeCloseTo(probability, 5);
      }
      expect(difference(imported.embedding, own.embedding)).toBeLessThan(1e-4);
      for (const [i, { loss, filter }] of own.frames.entries()) {
        const other = imported.frames[i]!;
        expect(Math.abs(other.loss - loss) / Math.abs(loss)).toBeLessThan(1e-4);
        expect(1 - cosine(other.filter.values, filter.values)).toBeLessThan(1e-4);
      }
    }
  });

  it('is not written into the folder of a trained model', async () => {
    const trained = join(import.meta.dirname, '..', '..', 'models', 'driving');
    const { exitCode, stderr } = await runCli(['models', 'export', 'driving', '-o', trained]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('holds a trained model');
  });
});

it('the trunk exported names what is in pictures', async () => {
  const target = join(folder, 'resnet');
  expect((await runCli(['models', 'export', 'resnet50-imagenet', '-o', target])).exitCode).toBe(0);
  const { classes } = await analyzed(target);
  expect(classes![0]!.label).toContain('traffic light');
});
