/** Maps: what lies together stays together, the same again for the same seed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { drawMap } from '../../src/retrieval/map-picture.ts';
import { PROJECTIONS, projectEmbeddings } from '../../src/retrieval/project.ts';
import { writeProjectorFiles } from '../../src/retrieval/projector-files.ts';
import { classColor, classPlaces } from '../../src/video/drawing/palette.ts';
import { someRecords } from './records.ts';

/** Two groups of directions in eight dimensions. */
const GROUPS = Array.from({ length: 40 }, (_, i) => {
  const random = createRandom(3, i);
  return Float32Array.from({ length: 8 }, (_, k) => Number(k === i % 2) + 0.1 * random.normal());
});

describe.each(PROJECTIONS)('%s', (method) => {
  it('keeps two groups apart, and gives the same map again', async () => {
    const { points } = await projectEmbeddings(GROUPS, { method, seed: 5 });
    const distance = (a: number, b: number): number =>
      Math.hypot(points[a]![0] - points[b]![0], points[a]![1] - points[b]![1]);
    for (const a of points.keys()) {
      const nearest = [...points.keys()].filter((b) => b !== a).sort((b, c) => distance(a, b) - distance(a, c))[0]!;
      expect(nearest % 2).toBe(a % 2);
    }
    expect((await projectEmbeddings(GROUPS, { method, seed: 5 })).points).toEqual(points);
  });

  it('takes three events, not two', async () => {
    expect((await projectEmbeddings(GROUPS.slice(0, 3), { method, seed: 0 })).points.length).toBe(3);
    await expect(projectEmbeddings(GROUPS.slice(0, 2), { method, seed: 0 })).rejects.toThrow(/three events, not 2/);
  });
});

it('can be stopped while UMAP is at work', async () => {
  const controller = new AbortController();
  const onProgress = (): void => controller.abort();
  const work = projectEmbeddings(GROUPS, { method: 'umap', seed: 0, onProgress, signal: controller.signal });
  await expect(work).rejects.toMatchObject({ code: 'aborted', message: 'interrupted' });
});

it('finds the principal components of a line on the sphere', async () => {
  // Directions at −30°, 0° and 30° in the plane of the first two of three axes: the chord is 1 long.
  const line = [-30, 0, 30].map((degrees) => {
    const angle = (degrees * Math.PI) / 180;
    return Float64Array.of(9 * Math.cos(angle), 9 * Math.sin(angle), 0);
  });
  const { points, axes } = await projectEmbeddings(line, { method: 'pca', seed: 0 });
  expect(points.map(([x]) => x)).toEqual([-0.5, 0, 0.5].map((x) => expect.closeTo(x, 6)));
  expect(axes[0]).toMatch(/component 1 \(98 % of the variance\)/);
});

describe('the picture', () => {
  const content = {
    title: 'a title <&>',
    caption: 'a caption',
    axes: ['x', 'y'] as const,
    points: GROUPS.map((_, i) => [i, i % 3] as const),
    labels: GROUPS.map((_, i) => (i === 0 ? undefined : `label ${i % 20}`)),
    splits: GROUPS.map((_, i) => ['train', 'val', 'test', undefined][i % 4]),
  };

  it('is a PNG, or an SVG of moderate size', async () => {
    const { width, height } = await loadImage(Buffer.from(drawMap(content, 'png')));
    const svg = Buffer.from(drawMap(content, 'svg')).toString();
    expect([width, height]).toEqual([2200, 1600]);
    expect(svg).toMatch(/^<\?xml .*<svg .*<\/svg>\s*$/s);
    expect(svg.match(/<path/g)!.length).toBeGreaterThan(2 * GROUPS.length);
    expect(svg.length).toBeLessThan(1e6);
  });

  it('draws labels that are classes of the network in their own colours, others in those that follow', () => {
    const classes = ['label 3', 'label 1', 'label 2'];
    const svg = Buffer.from(drawMap({ ...content, classes }, 'svg')).toString();
    const plain = Buffer.from(drawMap(content, 'svg')).toString();
    const ink = new RegExp(`fill="${classColor(0)}"`, 'gi');
    const own = content.labels.filter((label) => label === 'label 3').length;
    expect(svg.match(ink)).toHaveLength(own + 1); // and the legend
    expect(svg).not.toBe(plain);
    expect(classPlaces(['x', 'label 1', 'y'], classes)).toEqual(
      new Map([
        ['x', 3],
        ['label 1', 1],
        ['y', 4],
      ]),
    );
    expect(classPlaces(['x'], classes)).toBeUndefined();
  });

  it('takes points that are all the same', () => {
    const points = GROUPS.map(() => [1, 1] as const);
    expect(Buffer.from(drawMap({ ...content, points }, 'svg')).toString()).not.toMatch(/NaN|Infinity/);
  });
});

it('writes what the embedding projector reads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'l2caf-projector-'));
  const records = someRecords(3).map((record, i) => ({ ...record, id: i === 1 ? 'tab\there' : record.id }));
  const [tensors, metadata] = await writeProjectorFiles(folder, records);
  const rowsOf = async (path: string): Promise<string[][]> =>
    (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
  const numbers = await rowsOf(tensors!);
  expect(numbers.map((row) => Float32Array.from(row, Number))).toEqual(records.map(({ embedding }) => embedding));
  expect((await rowsOf(metadata!)).map((row) => row.slice(0, 2))).toEqual([
    ['label', 'id'],
    ['x', 'event-0'],
    ['y', 'tab here'],
    ['x', 'event-2'],
  ]);
  await rm(folder, { recursive: true });
});
