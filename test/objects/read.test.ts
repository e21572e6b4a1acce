/** Files of objects are taken for what they hold, and say what is wrong with them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectList } from '../../src/objects/boxes.ts';
import { readObjects } from '../../src/objects/read.ts';
import { OBJECT_FILES } from './files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-objects-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(name: string, text: string): Promise<ObjectList> {
  await writeFile(join(folder, name), text);
  return readObjects(join(folder, name));
}

const CAR = { x: 14, y: 20, width: 30, height: 16, id: '3' };
const SIGN = { x: 100, y: 8, width: 8, height: 10 };

describe('every kind of file', () => {
  it.each([
    [
      'boxes.csv',
      'CSV',
      'frames',
      0,
      { ...CAR, at: 2, label: 'car', score: 0.9 },
      { ...SIGN, label: 'sign', score: 0.4 },
    ],
    ['times.csv', 'CSV', 'seconds', 0, { ...CAR, at: 0.08, label: 'car' }, { ...SIGN, label: 'sign' }],
    [
      'mot.txt',
      'a file of the MOT challenge',
      'frames',
      1,
      { ...CAR, at: 3, label: 'class 3' },
      { ...SIGN, label: 'class 9' },
    ],
    [
      'sink.csv',
      'CSV of supervision',
      'frames',
      0,
      { ...CAR, at: 2, label: 'car', score: 0.9 },
      { ...SIGN, label: 'sign', score: 0.9 },
    ],
    [
      'sink.json',
      'JSON of supervision',
      'frames',
      0,
      { ...CAR, at: 2, label: 'car', score: 0.9 },
      { ...SIGN, label: 'sign', score: 0.9 },
    ],
    [
      'coco.json',
      'COCO',
      'frames',
      0,
      { ...CAR, at: 2, label: 'car', picture: 'frame_2.png' },
      { ...SIGN, label: 'sign' },
    ],
    [
      'results.json',
      'a list of COCO results',
      'frames',
      0,
      { ...CAR, at: 2, label: 'class 1', score: 0.9 },
      { ...SIGN, label: 'class 2', score: 0.4 },
    ],
  ])('%s', async (name, format, axis, firstFrame, car, sign) => {
    const list = await read(name, OBJECT_FILES[name]!);
    expect(list).toMatchObject({ format, axis, firstFrame });
    expect(list.boxes).toHaveLength(12);
    expect(list.boxes[4]).toEqual(name === 'coco.json' ? { ...car, of: { width: 160, height: 96 } } : car);
    expect(list.boxes[5]).toMatchObject(sign);
    expect(list.boxes[5]!.id).toBeUndefined();
  });

  it('tracks of CVAT move, and stay until they are outside or the task ends', async () => {
    const { boxes, picture, firstFrame } = await read('cvat.xml', OBJECT_FILES['cvat.xml']!);
    expect({ picture, firstFrame }).toEqual({ picture: { width: 160, height: 96 }, firstFrame: 0 });
    const still = { x: 10, y: 20, width: 30, height: 16 };
    expect(boxes).toEqual([
      { ...still, at: 0, id: '3', label: 'car', movesTo: { ...still, at: 5 } },
      { ...SIGN, at: 0, id: '4', label: 'sign', movesTo: { ...SIGN, at: 6 } },
    ]);
    const moving = await read(
      'moving.xml',
      OBJECT_FILES['cvat.xml']!.replace('frame="5" outside="1"', 'frame="5" outside="0"'),
    );
    expect(moving.boxes[0]!.movesTo).toEqual({ ...still, x: 20, at: 5 });
    expect(moving.boxes[1]).toEqual({
      ...still,
      x: 20,
      at: 5,
      id: '3',
      label: 'car',
      movesTo: { ...still, x: 20, at: 6 },
    });
  });

  it('boxes of single images of CVAT count the frames of a video from 0, others by their names', async () => {
    const image = (name: string, id: number, label: string) =>
      `<image id="${id}" name="${name}" width="160" height="96">` +
      `<box label="${label}" xtl="14" ytl="20" xbr="44" ybr="36" rotation="3"><attribute name="track_id">3</attribute></box>` +
      '<polygon label="road" points="1,1;2,2;3,1"/></image>';
    const of = (images: string) => read('images.xml', `<annotations><version>1.1</version>${images}</annotations>`);
    const video = await of(image('frame_000001', 0, 'car') + image('frame_000009', 1, 'car'));
    expect(video).toMatchObject({ format: 'CVAT for images', firstFrame: 0, axis: 'frames' });
    expect(video.boxes.map(({ at }) => at)).toEqual([1, 9]);
    expect(video.boxes[0]).toEqual({
      ...{ ...CAR, at: 1, label: 'car', picture: 'frame_000001', of: { width: 160, height: 96 } },
    });
    expect(video.notes).toEqual(['2 shapes that are no boxes were left out', '2 turned boxes were taken upright']);
    const pictures = await of(image('day/img_0001.jpg', 0, 'car') + image('day/img_0002.jpg', 1, 'car'));
    expect(pictures).toMatchObject({ firstFrame: 1, boxes: [{ at: 1, picture: 'day/img_0001.jpg' }, { at: 2 }] });
    const unnumbered = await of(image('street.jpg', 4, 'car'));
    expect(unnumbered.boxes).toMatchObject([{ at: 4, picture: 'street.jpg' }]);
  });

  it('says what was left out', async () => {
    expect((await read('mot.txt', OBJECT_FILES['mot.txt']!)).notes).toEqual([
      '6 boxes that it marks as not to be counted were left out',
    ]);
    const polygons = OBJECT_FILES['cvat.xml']!.replace(
      '</annotations>',
      '<track id="5" label="lane"><polygon frame="0" points="1,1;2,2"/></track></annotations>',
    );
    expect((await read('p.xml', polygons)).notes).toEqual(['1 tracks that are no boxes were left out']);
  });

  it('takes COCO images that are counted from 1 for that, and their own field before their names', async () => {
    const coco = JSON.parse(OBJECT_FILES['coco.json']!) as { images: Record<string, unknown>[] };
    const from1 = coco.images.map((image, i) => ({ ...image, file_name: `img${String(i + 1).padStart(5, '0')}.jpg` }));
    expect(await read('one.json', JSON.stringify({ ...coco, images: from1 }))).toMatchObject({ firstFrame: 1 });
    const own = coco.images.map((image, i) => ({ ...image, file_name: 'x-99.png', frame_index: i }));
    const list = await read('own.json', JSON.stringify({ ...coco, images: own }));
    expect(list.boxes.map(({ at }) => at)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });
});

describe('what is wrong', () => {
  it.each<[string, string, RegExp]>([
    ['nothing', '', /is empty/],
    ['no boxes', 'frame,x,y,w,h\n', /holds no boxes/],
    [
      'no box columns',
      'frame,id,label\n1,2,car\n',
      /has no column for x, y, width and height .*it has frame, id, label/,
    ],
    ['no frame', 'id,x,y,w,h\n1,2,3,4,5\n', /has no column for frame or time/],
    [
      'a row that is no box',
      'frame,x,y,w,h\n1,2,3,4,5\n2,a,3,4,5\n3,1,1,0,5\n',
      /rows that are no boxes \(2\):\n {2}line 3: 2, a, 3, 4, 5\n {2}line 4/,
    ],
    ['half a frame', 'frame,x,y,w,h\n1.5,2,3,4,5\n', /rows that are no boxes/],
    ['a MOT line without numbers', '1,1,1,1,5,5,1\n1,1,x,1,5,5,1\n', /lines that are no boxes \(1\):\n {2}line 2/],
    ['the MOT frame 0', '0,1,1,1,5,5,1\n', /lines that are no boxes/],
    ['broken JSON', '{"images": [', /is no JSON/],
    ['other JSON', '{"hello": 1}', /is JSON, but no list of boxes/],
    ['a list of numbers', '[1, 2]', /is JSON, but no list of boxes/],
    [
      'COCO of an unknown image',
      '{"images":[{"id":1}],"annotations":[{"image_id":2,"bbox":[1,2,3,4]}]}',
      /annotations.0: no image 2/,
    ],
    ['COCO without frames', '{"images":[{"id":"a"}],"annotations":[]}', /does not say which frame the image a is/],
    ['COCO of two videos', '{"videos":[1,2],"images":[{"id":1}],"annotations":[]}', /is of 2 videos/],
    ['other XML', '<html><body/></html>', /is XML, but not of CVAT/],
    ['CVAT without anything', '<annotations><version>1.1</version></annotations>', /holds no tracks and no images/],
    [
      'a box of CVAT that is none',
      '<annotations><image id="0" name="a"><box xtl="9" ytl="0" xbr="1" ybr="5"/></image></annotations>',
      /images that cannot be read \(1\):\n {2}image 1: no box from 9, 0 to 1, 5/,
    ],
    [
      'a CVAT box without corners',
      '<annotations><track id="1" label="a"><box frame="0"/></track></annotations>',
      /tracks that cannot be read \(1\):\n {2}track 1: box.0.@xtl/,
    ],
  ])('%s', async (name, text, message) => {
    await expect(read(`${name.replace(/\W/g, '-')}.txt`, text)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('a file in another encoding', async () => {
    await writeFile(
      join(folder, 'latin.csv'),
      Buffer.from('frame,label,x,y,w,h\n1,Fu\xdfg\xe4nger,1,1,5,5\n', 'latin1'),
    );
    await expect(readObjects(join(folder, 'latin.csv'))).rejects.toThrow(/is not in UTF-8/);
  });
});
