/** Boxes meet the frames of a clip: of variable rate, of a folder, turned; and files of other clips are refused. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VideoClip } from '../../src/base/types.ts';
import { type PlacedObjects, type PlaceOptions, placeObjects } from '../../src/objects/place.ts';
import { readObjects } from '../../src/objects/read.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip, makeRotated } from '../support/clips.ts';
import { makePictures } from '../support/pictures.ts';
import { OBJECT_FILES } from './files.ts';

let folder: string;
let clip: VideoClip; // 160x96, 25 frames/s
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-place-'));
  clip = await probeClip(await makeClip(join(folder, 'clip.mp4'), { frames: 25 }));
});
afterAll(() => rm(folder, { recursive: true }));

async function place(
  name: string,
  options: PlaceOptions & { text?: string; of?: VideoClip; startSec?: number; endSec?: number } = {},
): Promise<PlacedObjects> {
  const { text = OBJECT_FILES[name]!, of = clip, startSec = 0, endSec = of.durationSec, ...how } = options;
  await writeFile(join(folder, name), text);
  return placeObjects(await readObjects(join(folder, name)), of, { startSec, endSec }, how);
}

/** Where the car is at a time, pixels from the left. */
const carAt = (objects: PlacedObjects, timeSec: number): number | undefined => {
  const car = objects.objects.findIndex(({ id }) => id === '3');
  return objects.at(timeSec).find(({ object }) => object === car)?.box.x;
};

describe('frames become times', () => {
  it.each(['boxes.csv', 'times.csv', 'mot.txt', 'sink.csv', 'sink.json', 'coco.json', 'results.json'])(
    'of %s',
    async (name) => {
      const objects = await place(name);
      expect([0, 0.04, 0.12, 0.2].map((time) => carAt(objects, time))).toEqual([10, 12, 16, 20]);
      expect(objects.at(0.4)).toEqual([]); // frame 10
      expect(objects.objects.map(({ id }) => id)).toEqual(['3', undefined]);
      expect(objects.notes.join('\n')).toMatch(/boxes without an id are taken together by their label/);
    },
  );

  it('of a track of CVAT, frame by frame on a straight line, until it is outside', async () => {
    const text = OBJECT_FILES['cvat.xml']!.replace('outside="1"', 'outside="0"');
    const objects = await place('moving.xml', { text });
    expect([0, 0.04, 0.12, 0.2].map((time) => carAt(objects, time))).toEqual([10, 12, 16, 20]);
    expect(objects.at(0.24)).toEqual([]); // the task ends with frame 5
    const still = await place('cvat.xml');
    expect([0, 0.16, 0.2].map((time) => carAt(still, time))).toEqual([10, 10, undefined]);
  });

  it('of a clip of variable rate, by its own frames', async () => {
    const own = await probeClip(await makeClip(join(folder, 'vfr.mp4'), { frames: 20, timesMs: '40*N+200*gt(N\\,2)' }));
    const objects = await place('boxes.csv', { of: own });
    // Frames 0, 1, 2 at 0, 40, 80 ms; 3, 4, 5 at 320, 360, 400 ms.
    expect([0.08, 0.32, 0.4].map((time) => carAt(objects, time))).toEqual([14, 16, 20]);
    expect(carAt(objects, 0.12)).toBe(14); // frame 2 is still on screen
  });

  it('at another rate, and from another first number', async () => {
    const slow = await place('boxes.csv', { fps: 12.5 });
    expect([0, 0.08, 0.16].map((time) => carAt(slow, time))).toEqual([10, 12, 14]);
    const shifted = await place('boxes.csv', {
      text: OBJECT_FILES['boxes.csv']!.replaceAll(/^(\d),/gm, '10$1,'),
      first: 100,
    });
    expect(carAt(shifted, 0.08)).toBe(14);
  });

  it('of a folder of pictures, by their names', async () => {
    const names = ['frame_4.png', 'frame_5.png', 'frame_6.png'];
    const pictures = await probeClip(await makePictures(join(folder, 'frames'), names, 'png'), undefined, { fps: 10 });
    const coco = {
      images: names.map((file_name, i) => ({ id: i, file_name, width: 64, height: 32 })),
      annotations: names.map((_, i) => ({ image_id: i, bbox: [10 + i, 1, 5, 5], track_id: 3 })),
    };
    const objects = await place('named.json', { text: JSON.stringify(coco), of: pictures });
    expect([0, 0.1, 0.2].map((time) => carAt(objects, time))).toEqual([10, 11, 12]);
    expect(objects.notes[0]).toMatch(/pictures known by their names/);
  });

  it('takes the boxes of the nearest frame that has some, not of one far away', async () => {
    const text = 'frame,id,x,y,w,h\n0,3,10,10,20,20\n4,3,20,10,20,20\n8,3,30,10,20,20\n';
    const objects = await place('sparse.csv', { text });
    expect([0.04, 0.12, 0.2].map((time) => carAt(objects, time))).toEqual([10, 20, 20]); // frames 1, 3, 5
    expect(objects.at(0.6)).toEqual([]);
  });
});

describe('boxes', () => {
  it('of pictures of another size are scaled', async () => {
    const text = OBJECT_FILES['coco.json']!.replaceAll('"width":160,"height":96', '"width":320,"height":192');
    expect((await place('large.json', { text })).at(0)[0]!.box).toEqual({ x: 5, y: 10, width: 15, height: 8 });
  });

  it('that stick out of the picture are cut, those beside it left out', async () => {
    const text = `${OBJECT_FILES['boxes.csv']!}0,9,bus,150,-4,30,20,1\n1,8,bus,200,4,30,20,1\n`;
    const objects = await place('out.csv', { text });
    expect(objects.at(0).map(({ box }) => box)).toContainEqual({ x: 150, y: 0, width: 10, height: 16 });
    expect(objects.warnings).toEqual(['1 of 14 boxes within the span lie outside of the picture, and were left out']);
    expect(objects.objects.map(({ name }) => name)).toEqual(['car 3', 'sign', 'bus 9']);
  });

  it('with a low score are left out when asked', async () => {
    expect((await place('boxes.csv', { leastScore: 0.5 })).objects.map(({ name }) => name)).toEqual(['car 3']);
  });

  it('of one id have the label that it has most often', async () => {
    const text =
      'frame,id,label,x,y,w,h\n0,1,van,1,1,9,9\n1,1,car,1,1,9,9\n2,1,car,1,1,9,9\n3,car_7,car,1,1,9,9\n4,5,,1,1,9,9\n';
    expect((await place('names.csv', { text })).objects.map(({ name }) => name)).toEqual([
      'car 1',
      'car_7',
      'object 5',
    ]);
  });
});

describe('files of other clips are refused', () => {
  const row = (frame: number, x = 10): string => `frame,x,y,w,h\n${frame},${x},10,20,20\n`;
  it.each<[string, string, Parameters<typeof place>[1], RegExp]>([
    ['frames beyond the clip', row(25), {}, /has the frame 25, and those of the clip are 0 to 24/],
    ['frames before the first', row(3), { first: 4 }, /has the frame 3, and those of the clip are 4 to 28/],
    [
      'frames beyond the clip at a rate',
      row(12),
      { fps: 5 },
      /has the frame 12, and at 5 per second the clip \(1.00 s long\) has none/,
    ],
    ['times beyond the clip', 'time,x,y,w,h\n7,1,1,9,9\n', {}, /has boxes at 7 s, and the clip is 1.00 s long/],
    [
      'a span without boxes',
      row(0),
      { startSec: 0.5 },
      /has no boxes within 0.50–1.00 s: its boxes are of 0.00–0.00 s/,
    ],
    [
      'boxes of a larger picture',
      `${row(0, 900)}1,700,300,9,9\n2,5,5,9,9\n`,
      {},
      /boxes outside of the picture \(2 of 3, up to 920,309; it has 160x96\)/,
    ],
    ['shares of the picture', 'frame,x,y,w,h\n0,0.1,0.1,0.2,0.2\n', {}, /are they shares of the picture/],
    [
      'a score that none has',
      'frame,x,y,w,h,score\n0,1,1,9,9,0.2\n',
      { leastScore: 0.5 },
      /has no box with a score of 0.5/,
    ],
  ])('%s', async (name, text, options, message) => {
    await expect(place(`${name.replace(/\W/g, '-')}.csv`, { ...options, text })).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringMatching(message),
    });
  });

  it('times with a rate', async () => {
    await expect(place('times.csv', { fps: 5 })).rejects.toMatchObject({ code: 'usage' });
  });

  it('boxes of the stored picture of a clip that is turned when shown', async () => {
    const turned = await probeClip(await makeRotated(clip.path, join(folder, 'turned.mp4')));
    await expect(place('coco.json', { of: turned })).rejects.toThrow(
      /is of pictures of 160x96, and what is shown has 96x160/,
    );
  });
});
