/** Dense labels: cells covered by boxes and masks, mirrored with the picture. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlannedEvent } from '../../src/features/dataset.ts';
import { PLAIN_VIEW } from '../../src/features/views.ts';
import { useBackend } from '../../src/models/backend.ts';
import { DenseLabels, type DenseSource } from '../../src/training/dense-labels.ts';
import { toyEvent, toyFrame } from './toy.ts';

const GRID = { height: 2, width: 4 };
let folder: string;
beforeAll(async () => {
  await useBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'l2caf-dense-'));
  const boxes = {
    size: { width: 80, height: 40 },
    label: 'car_braking',
    decisive: { kind: 'car', firstFrame: 2, lastFrame: 3 },
    objects: [
      { id: 'car-1', kind: 'car', decisive: true, boxes: [[0, 0, 25, 20], null, [0, 0, 20, 20]] },
      { id: 'sign-1', kind: 'sign', decisive: false, boxes: [null, [70, 25, 80, 40]] },
    ],
  };
  await writeFile(join(folder, 'boxed.json'), JSON.stringify(boxes));
  await mkdir(join(folder, 'masked'));
  // Left half of the picture 2, right half 5.
  const canvas = createCanvas(80, 40);
  const context = canvas.getContext('2d');
  for (const [value, x] of [
    [2, 0],
    [5, 40],
  ] as const) {
    context.fillStyle = `rgb(${value}, ${value}, ${value})`;
    context.fillRect(x, 0, 40, 40);
  }
  await writeFile(join(folder, 'masked', '0000.png'), await canvas.encode('png'));
});
afterAll(() => rm(folder, { recursive: true }));

function planned(video: string, frames: number, size = { width: 80, height: 40 }): PlannedEvent {
  const event = toyEvent('a', 'train', video);
  const clip = { ...event.clip, ...size };
  const views = [{ view: PLAIN_VIEW, frames: Array.from({ length: frames }, (_, i) => toyFrame(video, i)) }];
  return { event: { ...event, clip }, domain: video, views };
}

const folders = (classes?: string[]): Map<string, DenseSource> =>
  new Map(['boxed', 'masked'].map((domain) => [domain, { folder, ...(classes && { classes }) }]));

describe('DenseLabels', () => {
  it('marks the cells that a box covers by a tenth or more, and mirrors them', async () => {
    const labels = await DenseLabels.load([planned('boxed', 2)], folders(), GRID);
    expect(labels.classes).toEqual(['boxed/car', 'boxed/sign']);
    const [car, sign, mirrored] = [
      toyFrame('boxed', 0),
      toyFrame('boxed', 1),
      { ...toyFrame('boxed', 0), mirrored: true },
    ].map((frame) => [...labels.batch([frame]).present.dataSync()]);
    // [cell, class]: the car covers cell 0 and a quarter of cell 1; the sign three eighths of the last cell.
    expect(car).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(sign).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(mirrored).toEqual([0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
  it('names the event where and while its decisive object shows it', async () => {
    const labels = await DenseLabels.load([planned('boxed', 3)], folders(), GRID);
    expect(labels.classes).toEqual(['boxed/car', 'boxed/event:car_braking', 'boxed/sign']);
    const [before, during] = [0, 2].map((frame) => [...labels.batch([toyFrame('boxed', frame)]).present.dataSync()]);
    expect(before!.slice(0, 3)).toEqual([1, 0, 0]);
    expect(during!.slice(0, 6)).toEqual([1, 1, 0, 0, 0, 0]);
  });
  it('reads masks; classes of another domain do not count', async () => {
    const labels = await DenseLabels.load([planned('boxed', 2), planned('masked', 1)], folders(), GRID);
    expect(labels.classes).toEqual(['boxed/car', 'boxed/sign', 'masked/2', 'masked/5']);
    const { present, importance } = labels.batch([toyFrame('masked', 0)]);
    expect([...present.dataSync()].slice(0, 16)).toEqual([0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    expect([...importance.dataSync()].slice(0, 4)).toEqual([0, 0, 1, 1]);
  });
  it('weighs rare classes more, and frames without labels not at all', async () => {
    const labels = await DenseLabels.load([planned('boxed', 2)], folders(), GRID);
    const signCell = [...labels.batch([toyFrame('boxed', 1)]).importance.dataSync()].at(-1);
    expect(signCell).toBe(15); // 15 cells of 16 without a sign
    expect(new Set(labels.batch([toyFrame('elsewhere', 0)]).importance.dataSync())).toEqual(new Set([0]));
  });
  it('counts the classes that are asked for only', async () => {
    const labels = await DenseLabels.load([planned('boxed', 2), planned('masked', 1)], folders(['car', '5']), GRID);
    expect(labels.classes).toEqual(['boxed/car', 'masked/5']);
  });
  it('refuses masks of another size than the video, and videos without any', async () => {
    const load = (event: PlannedEvent): Promise<DenseLabels> =>
      DenseLabels.load([{ ...event, domain: 'd' }], new Map([['d', { folder }]]), GRID);
    await expect(load(planned('masked', 1, { width: 64, height: 40 }))).rejects.toThrow(/80x40, its video .* 64x40/);
    await expect(load(planned('masked', 2))).rejects.toThrow(/masked.0001\.png/);
  });
});
