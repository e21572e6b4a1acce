/** Which boxes of a file are of a still picture. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VideoClip } from '../../src/base/types.ts';
import { objectsOnPicture } from '../../src/objects/on-picture.ts';
import { placeObjects } from '../../src/objects/place.ts';
import { readObjects } from '../../src/objects/read.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip } from '../support/clips.ts';
import { makePictures } from '../support/pictures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-on-picture-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function listOf(name: string, text: string) {
  await writeFile(join(folder, name), text);
  return readObjects(join(folder, name));
}

const TABLE =
  'file,label,x,y,width,height,score\ndog.png,dog,10,20,30,40,0.9\ncats/cat.png,cat,1,2,3,4,0.9\ndog.png,ball,50,50,100,10,0.2\n';
const COCO = JSON.stringify({
  images: [
    { id: 1, file_name: 'dog.png', width: 200, height: 120 },
    { id: 2, file_name: 'cat.png', width: 90, height: 90 },
  ],
  categories: [{ id: 7, name: 'dog' }],
  annotations: [
    { id: 1, image_id: 1, category_id: 7, bbox: [20, 40, 60, 80] },
    { id: 2, image_id: 2, category_id: 7, bbox: [0, 0, 9, 9] },
  ],
});
const dog = { path: '/pictures/dog.png', width: 100, height: 60, isOnly: false };

describe('boxes of a picture', () => {
  it('are those with its name in a table, cut at its border', async () => {
    const list = await listOf('boxes.csv', TABLE);
    expect(objectsOnPicture(list, dog)).toEqual([
      { name: 'dog', label: 'dog', boxes: [{ x: 10, y: 20, width: 30, height: 40 }] },
      { name: 'ball', label: 'ball', boxes: [{ x: 50, y: 50, width: 50, height: 10 }] },
    ]);
    expect(objectsOnPicture(list, dog, 0.5).map(({ name }) => name)).toEqual(['dog']);
    expect(objectsOnPicture(list, { ...dog, path: '/cats/cat.png' })).toHaveLength(1);
    expect(objectsOnPicture(list, { ...dog, path: '/dogs/cat.png' })).toEqual([]); // another folder's
  });

  it('are those of its image in COCO, each scaled from the size that its image has there', async () => {
    const list = await listOf('coco.json', COCO);
    const [found] = objectsOnPicture(list, dog);
    expect(found).toEqual({ name: 'dog', label: 'dog', boxes: [{ x: 10, y: 20, width: 30, height: 40 }] });
    expect(() => objectsOnPicture(list, { ...dog, path: 'cat.png' })).toThrow(/is of pictures of 90x90, and what/);
  });

  it('are all of a file that names none, where there is one picture', async () => {
    const list = await listOf('plain.csv', 'frame,x,y,w,h\n3,10,20,30,40\n3,0,0,5,5\n');
    expect(objectsOnPicture(list, { ...dog, isOnly: true })[0]!.boxes).toHaveLength(2);
    expect(() => objectsOnPicture(list, dog)).toThrow(/does not say which pictures/);
    const moving = await listOf('moving.csv', 'frame,x,y,w,h\n3,10,20,30,40\n4,0,0,5,5\n');
    expect(() => objectsOnPicture(moving, { ...dog, isOnly: true })).toThrow(/does not say which pictures/);
  });

  it('of another picture are refused', async () => {
    const list = await listOf('far.csv', 'file,x,y,w,h\ndog.png,1000,2000,30,40\n');
    expect(() => objectsOnPicture(list, dog)).toThrow(/boxes outside of the picture/);
  });
});

describe('boxes of pictures that are known by name alone', () => {
  const place = async (clip: VideoClip, text: string) =>
    placeObjects(await listOf('named.csv', text), clip, { startSec: 0, endSec: clip.durationSec });

  it('find their frames in a folder of pictures, and none in a video', async () => {
    const pictures = await makePictures(join(folder, 'pictures'), ['p1.jpg', 'p2.jpg', 'p3.jpg', 'p4.jpg']);
    const clip = await probeClip(pictures, undefined, { fps: 10 });
    const list = await listFramesByName(clip);
    const text = `image,label,x,y,w,h\n${list[2]},car,4,5,6,7\n`;
    const placed = await place(clip, text);
    expect(placed.at(0.2)).toEqual([{ object: 0, box: { x: 4, y: 5, width: 6, height: 7 } }]);
    expect(placed.at(0)).toEqual([]);
    const video = await probeClip(await makeClip(join(folder, 'clip.mp4'), { frames: 10 }));
    await expect(place(video, text)).rejects.toThrow(/says of which pictures its boxes are .* not the clip's/);
  });
});

async function listFramesByName(clip: VideoClip): Promise<string[]> {
  const { listFrames } = await import('../../src/video/media/frame-list.ts');
  const { details } = await listFrames(clip, { startSec: 0, endSec: 9 });
  return details.pictures!.pictures.map(({ name }) => name);
}
