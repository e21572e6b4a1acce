/** What is to be seen in a video, from a folder of boxes and masks. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClipSize, LabelFolder } from '../../src/events/label-folder.ts';
import type { LabelledEvent } from '../../src/events/labelled.ts';

let folder: string;
let labels: LabelFolder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-boxes-'));
  labels = new LabelFolder(folder);
});
afterAll(() => rm(folder, { recursive: true }));

const clip = { path: '/videos/drive.mp4', width: 3, height: 2 } as LabelledEvent['clip'];
const save = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

describe('boxes', () => {
  const document = {
    size: { width: 64, height: 48 },
    label: 'stop',
    decisive: { kind: 'sign', firstFrame: 2, lastFrame: 5 },
    objects: [
      { kind: 'sign', decisive: true, boxes: [[1, 2, 3, 4.5], null] },
      { kind: 'tree', boxes: [] },
    ],
  };

  it('are read once for all events of a video, whatever folder it lies in', async () => {
    await save('drive.json', JSON.stringify(document));
    const found = await labels.boxes({ video: 'videos\\drive.mp4' });
    expect(found).toEqual({
      ...document,
      objects: [document.objects[0], { kind: 'tree', decisive: false, boxes: [] }],
    });
    await save('drive.json', 'changed since');
    expect(await labels.boxes({ video: '/other/drive.avi' })).toBe(found);
  });

  it('may be few: what a clip shows and what decides it need not be said', async () => {
    const least = { size: { width: 1, height: 1 }, objects: [] };
    await save('least.json', JSON.stringify(least));
    expect(await labels.boxes({ video: 'least.mp4' })).toEqual(least);
  });

  it('are none where there is a folder of masks, and must be one of the two', async () => {
    await mkdir(join(folder, 'masked'));
    expect(await labels.boxes({ video: 'masked.mp4' })).toBeUndefined();
    await expect(labels.boxes({ video: 'gone.mp4' })).rejects.toMatchObject({
      code: 'input-unreadable',
      message: `neither ${join(folder, 'gone.json')} nor the folder ${join(folder, 'gone')} is there`,
    });
  });

  it.each([
    ['no JSON', '{'],
    ['no size', '{"objects":[]}'],
    ['an empty size', '{"size":{"width":0,"height":1},"objects":[]}'],
    ['half a pixel', '{"size":{"width":1.5,"height":1},"objects":[]}'],
    ['a box of three numbers', '{"size":{"width":1,"height":1},"objects":[{"kind":"a","boxes":[[1,2,3]]}]}'],
    [
      'half a frame',
      '{"size":{"width":1,"height":1},"objects":[],"decisive":{"kind":"a","firstFrame":0.5,"lastFrame":1}}',
    ],
    ['an object of no kind', '{"size":{"width":1,"height":1},"objects":[{"boxes":[]}]}'],
  ])('are refused with the name of their file: %s', async (name, text) => {
    await save(`${name}.json`, text);
    await expect(labels.boxes({ video: `${name}.mp4` })).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringContaining(`${join(folder, name)}.json does not hold boxes: `),
    });
  });

  it('that cannot be read are not taken for missing', async () => {
    await mkdir(join(folder, 'folder.json'));
    await expect(labels.boxes({ video: 'folder.mp4' })).rejects.toThrow('folder.json');
    await expect(labels.boxes({ video: 'folder.mp4' })).rejects.not.toThrow('neither');
  });
});

describe('masks', () => {
  it('are the grey values of the frame, row by row', async () => {
    const canvas = createCanvas(3, 2);
    const context = canvas.getContext('2d');
    for (const [i, grey] of [0, 1, 2, 50, 200, 255].entries()) {
      context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
      context.fillRect(i % 3, Math.floor(i / 3), 1, 1);
    }
    await mkdir(join(folder, 'drive'));
    await writeFile(join(folder, 'drive', '0007.png'), canvas.toBuffer('image/png'));
    await writeFile(join(folder, 'drive', '12345.png'), canvas.toBuffer('image/png'));
    const event = { video: 'videos/drive.mp4', clip };
    expect([...(await labels.mask(event, 7))]).toEqual([0, 1, 2, 50, 200, 255]);
    expect(await labels.mask(event, 12345)).toHaveLength(6);
    await expect(labels.mask({ ...event, clip: { ...clip, height: 3 } }, 7)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: `${join(folder, 'drive', '0007.png')} is 3x2, its video /videos/drive.mp4 is 3x3`,
    });
    await expect(labels.mask(event, 8)).rejects.toThrow('0008.png');
  });

  it('must be as wide and as high as the video', () => {
    expect(() => expectClipSize('x', { width: 3, height: 2 }, clip)).not.toThrow();
    for (const size of [
      { width: 2, height: 2 },
      { width: 3, height: 1 },
    ])
      expect(() => expectClipSize('x', size, clip)).toThrow(`x is ${size.width}x${size.height}, its video`);
  });
});
