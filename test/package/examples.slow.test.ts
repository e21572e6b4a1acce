/** The programs of examples/ run as they stand, against the built package, and do what they say. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAnalysis } from '../../src/analysis/document.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';
import { pullTrunk } from '../../src/models/pull.ts';
import { readPicture } from '../../src/video/media/picture.ts';
import { runNode } from '../cli/run-cli.ts';

const root = join(import.meta.dirname, '..', '..');
const EXAMPLES = join(root, 'examples');
const clips = join(root, 'fixtures', 'clips');

let folder: string;
beforeAll(async () => {
  await pullTrunk(RESNET50_IMAGENET);
  folder = await mkdtemp(join(tmpdir(), 'l2caf-examples-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What an example prints; it must end well and in silence on stderr. */
async function printed(name: string, ...args: string[]): Promise<string[]> {
  const options = { cwd: folder, env: { L2CAF_TFJS_NODE: '' } };
  const { exitCode, stdout, stderr } = await runNode(join(EXAMPLES, `${name}.mjs`), args, options);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

describe('the examples', () => {
  const cyclist = join(clips, 'cyclist.mp4');

  it('analyze and render', async () => {
    expect(await printed('analyze-and-render', cyclist, 'out')).toHaveLength(3);
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(['analysis.json', 'overlay.mp4', 'strip.png']);
  });

  it('explain classes', async () => {
    const [first] = await printed('class-target', cyclist);
    expect(first).toMatch(/^cyclist \(\d+ %\): brightest cells \d,\d+ {2}\d,\d+ {2}\d,\d+$/);
  });

  it('find the filter of a network of their own', async () => {
    const [reason, , ...rows] = await printed('own-tail');
    expect(reason).toBe('no closed form: the tail is not linear');
    const cells = rows.flatMap((row) => row.trim().split(/\s+/).map(Number));
    expect(cells.map((value, i) => [value, i] as const).sort(([a], [b]) => b - a)[0]![1]).toBe(4); // the middle
  });

  it('draw something of their own', async () => {
    expect(await printed('own-drawing', cyclist, 'regions.png')).toEqual(['regions.png']);
    const { picture } = await readPicture(join(folder, 'regions.png'));
    expect(picture.width / picture.height).toBeCloseTo((3 * 640) / 360, 5);
  });

  it('search', async () => {
    const [best, ...others] = await printed('search', join(clips, 'events.csv'), cyclist);
    expect(best).toBe('1.000 cyclist cyclist');
    expect(others.length).toBeGreaterThan(2);
  });

  it('run a batch with a maker of their own, and make nothing twice', async () => {
    const list = join(clips, 'events.csv');
    const ends = await printed('batch-own-maker', list, 'events');
    expect(ends.length).toBeGreaterThan(3);
    expect(ends.every((end) => / done$/.test(end))).toBe(true);
    expect((await readAnalysis(join(folder, 'events', 'events', 'cyclist', 'analysis.json'))).frames).toHaveLength(3);
    expect(await printed('batch-own-maker', list, 'events')).toEqual(['']);
  });

  it('are all here', async () => {
    const names = ['analyze-and-render', 'batch-own-maker', 'class-target', 'own-drawing', 'own-tail', 'search'];
    expect((await readdir(EXAMPLES)).sort()).toEqual(names.map((name) => `${name}.mjs`));
  });
});
