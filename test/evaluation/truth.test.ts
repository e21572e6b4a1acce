/** Truth from masks and boxes: what is measured, what is left out, and everything that is wrong at once. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAMVID_CLASSES } from '../../src/evaluation/choices.ts';
import { surveyTruth, TruthFolder } from '../../src/evaluation/truth.ts';
import type { PlannedEvent } from '../../src/features/dataset.ts';
import { PLAIN_VIEW } from '../../src/features/views.ts';
import { toyEvent, toyFrame } from '../training/toy.ts';

const [WIDTH, HEIGHT] = [40, 30];
let folder: string;
let truth: TruthFolder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-truth-'));
  truth = new TruthFolder(folder, CAMVID_CLASSES);
  const boxes = {
    size: { width: WIDTH, height: HEIGHT },
    decisive: { kind: 'car', firstFrame: 1, lastFrame: 2 },
    objects: [
      { kind: 'car', decisive: true, boxes: [[0, 0, 10, 10], [0, 0, 10, 10.4], null] },
      { kind: 'car', decisive: true, boxes: [null, [5, 5, 15, 15], [38.6, -2, 44, 33]] },
      { kind: 'car', decisive: false, boxes: [[20, 20, 30, 30], [20, 20, 30, 30], null] },
    ],
  };
  const road = { ...boxes, decisive: { ...boxes.decisive, kind: 'road' } };
  await writeFile(join(folder, 'boxed.json'), JSON.stringify(boxes));
  await writeFile(join(folder, 'turn.json'), JSON.stringify(road));
  await writeFile(join(folder, 'broken.json'), '{"size": 3}');
  await mkdir(join(folder, 'masked'));
  await writeMask('masked/0000.png', WIDTH, 10); // class 10 on a column of 2 pixels: 60 pixels
  await writeMask('masked/0001.png', WIDTH, 8);
  await mkdir(join(folder, 'small'));
  await writeMask('small/0000.png', WIDTH / 2, 10);
});
afterAll(() => rm(folder, { recursive: true }));

async function writeMask(name: string, width: number, value: number): Promise<void> {
  const canvas = createCanvas(width, HEIGHT);
  const context = canvas.getContext('2d');
  context.fillStyle = '#030303';
  context.fillRect(0, 0, width, HEIGHT);
  context.fillStyle = `rgb(${value}, ${value}, ${value})`;
  context.fillRect(4, 0, 2, HEIGHT);
  await writeFile(join(folder, name), await canvas.encode('png'));
}

function planned(label: string, video: string, frames: number): PlannedEvent {
  const event = toyEvent(label, 'test', video);
  const clip = { ...event.clip, width: WIDTH, height: HEIGHT };
  const view = { view: PLAIN_VIEW, frames: Array.from({ length: frames }, (_, i) => toyFrame(video, i)) };
  return { event: { ...event, clip }, domain: 'toy', views: [view] };
}

function area(pixels: Uint8Array | undefined): number {
  return (pixels ?? new Uint8Array(0)).reduce((sum, value) => sum + value, 0);
}

describe('TruthFolder', () => {
  it('paints the boxes of decisive objects, in decisive frames', async () => {
    const { event } = planned('car_braking', 'boxed', 3);
    const images = await Promise.all([0, 1, 2].map((i) => truth.read(event, toyFrame('boxed', i))));
    expect(images.map((image) => area(image?.pixels))).toEqual([0, 100 + 100 - 25, 30]);
    expect([9, 10, 14].map((x) => images[1]!.pixels[9 * WIDTH + x])).toEqual([1, 1, 1]);
    expect(images[1]!.pixels[4 * WIDTH + 10]).toBe(0);
  });

  it('knows a video by its name, whichever system wrote its path', async () => {
    for (const video of ['drives/masked', 'C:\\drives\\masked']) {
      const { event } = planned('cyclist', video, 1);
      expect(area((await truth.read(event, toyFrame('masked', 0)))!.pixels)).toBe(2 * HEIGHT);
    }
  });

  it('takes the class that the label names from a mask', async () => {
    const { event } = planned('cyclist', 'masked', 2);
    const first = await truth.read(event, toyFrame('masked', 0));
    expect(first).toMatchObject({ width: WIDTH, height: HEIGHT });
    expect(area(first!.pixels)).toBe(2 * HEIGHT);
    expect(first!.pixels[4]).toBe(1);
    expect(area((await truth.read(event, toyFrame('masked', 1)))!.pixels)).toBe(0);
  });
});

describe('surveyTruth', () => {
  it('says what can be measured and what is left out', async () => {
    const events = [
      planned('cyclist', 'masked', 2),
      planned('open_road', 'masked', 2),
      planned('left_turn', 'turn', 3),
      planned('car_braking', 'boxed', 3),
      planned('signal', 'masked', 1),
    ];
    const survey = await surveyTruth(events, truth);
    expect(survey.events.map(({ planned: own, hasEvidence }) => [own.event.label, hasEvidence])).toEqual([
      ['cyclist', [true, false]],
      ['car_braking', [false, true, false]],
    ]);
    expect(survey).toMatchObject({
      eventsWithoutObject: 2,
      labelsWithoutObject: ['left_turn', 'open_road'],
      framesLeftOut: 1 + 2 + 1,
    });
  });

  it('lists everything that is wrong', async () => {
    const events = [
      planned('cyclist', 'masked', 3),
      planned('cyclist', 'small', 1),
      planned('x', 'broken', 1),
      planned('cyclist', 'absent', 1),
    ];
    const failure = surveyTruth(events, truth);
    await expect(failure).rejects.toMatchObject({ code: 'input-unreadable' });
    await expect(failure).rejects.toThrow(
      /0002\.png[\s\S]*small.0000\.png is 20x30, its video [\s\S]*40x30[\s\S]*broken\.json does not hold boxes[\s\S]*absent/,
    );
  });

  it('stops when interrupted', async () => {
    const signal = AbortSignal.abort();
    await expect(surveyTruth([planned('cyclist', 'masked', 1)], truth, { signal })).rejects.toMatchObject({
      code: 'aborted',
    });
  });
});
