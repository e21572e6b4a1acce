/** When pictures are shown: by their numbers, by a table, by what a car recorded. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  median,
  rationalOf,
  someOf,
  statedByTable,
  statedByTub,
  tooMany,
} from '../../../src/video/media/picture-times.ts';
import { counted, isOrAre, readTub, type TubRecord } from '../../../src/video/media/tub.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-times-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function table(text: string): Promise<string> {
  const path = join(folder, 'times.csv');
  await writeFile(path, text);
  return path;
}

describe('a table', () => {
  it.each(['file', 'filename', 'Name', 'image', 'picture', 'frame'])('may call the file %s', async (name) => {
    for (const time of ['time', 'times', 'seconds', 'SEC', 'timestamp', 'time_s', 'timesec'])
      expect(await statedByTable(await table(`${time},${name}\n0,a.png\n0.5,b.png\n`))).toEqual({
        pictures: [
          { name: 'a.png', timeSec: 0 },
          { name: 'b.png', timeSec: 0.5 },
        ],
        notes: [],
      });
  });

  it('is in any order, and counts from the first picture on', async () => {
    expect(await statedByTable(await table('file,time\nb.png,12.25\na.png,10\n'))).toEqual({
      pictures: [
        { name: 'a.png', timeSec: 0 },
        { name: 'b.png', timeSec: 2.25 },
      ],
      notes: ['its times begin at 10 s: here, they count from the first picture on'],
    });
    expect(await statedByTable(await table('file,time\n'))).toEqual({ pictures: [], notes: [] });
  });

  it.each([
    ['file,when\na,1\n', 'it has no columns file and time', 'begin it with a line "file,time"; times are in seconds'],
    ['files,time\na,1\n', 'it has no columns file and time', 'begin it with a line "file,time"; times are in seconds'],
    ['', 'it has no columns file and time', 'begin it with a line "file,time"; times are in seconds'],
    ['file,time\na,1\nb,\n', 'line 3 does not name a file and a time in seconds', undefined],
    ['file,time\na,x\n', 'line 2 does not name a file and a time in seconds', undefined],
    ['file,time\n,1\n', 'line 2 does not name a file and a time in seconds', undefined],
    ['file,time\na\n', 'line 2 does not name a file and a time in seconds', undefined],
    ['file,time\na,Infinity\n', 'line 2 does not name a file and a time in seconds', undefined],
  ])('that is none is refused (%#)', async (text, why, hint) => {
    const path = await table(text);
    const error: unknown = await statedByTable(path).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'input-unreadable', message: `cannot read ${path}: ${why}` });
    expect((error as { hint?: string }).hint).toBe(hint);
  });
});

describe('a tub', () => {
  const record = (stampSec: number | undefined, i: number): TubRecord => ({
    picture: `${i}.jpg`,
    stampSec,
    numbers: new Map(),
  });
  const stated = (stamps: readonly (number | undefined)[], fps?: number) => {
    const { pictures, notes } = statedByTub(
      { pictures: folder, records: stamps.map(record), notes: ['said before'] },
      fps,
    );
    return { times: pictures.map(({ timeSec }) => timeSec), notes: notes.slice(1) };
  };

  it.each<[string, readonly (number | undefined)[], number | undefined, readonly number[], readonly string[]]>([
    ['goes by its clock', [100, 100.1, 100.25], undefined, [0, 0.1, 0.25], []],
    [
      'leaves pauses out',
      [0, 0.1, 0.2, 5.2, 5.3],
      undefined,
      [0, 0.1, 0.2, 0.3, 0.4],
      ['the recording pauses once, 5.0 s in all: pauses are left out'],
    ],
    [
      'counts pauses',
      [0, 3, 3.1, 6.1],
      undefined,
      [0, 0.1, 0.2, 0.3],
      ['the recording pauses 2 times, 6.0 s in all: pauses are left out'],
    ],
    ['takes two seconds for driven', [0, 2, 4], undefined, [0, 2, 4], []],
    ['goes on where its clock is set back, or stands', [0, 0.1, 0.2, 0.1, 0.1], undefined, [0, 0.1, 0.2, 0.3, 0.4], []],
    [
      'has twenty pictures a second where it does not say',
      [undefined, undefined],
      undefined,
      [0, 0.05],
      ['the records of the tub state no times: 20 pictures per second are taken'],
    ],
    ['may say it in part', [undefined, 1, 1.1], undefined, [0, 0.1, 0.2], []],
    ['has the rate that is asked for', [0, 7, undefined], 10, [0, 0.1, 0.2], []],
  ])('%s', (_, stamps, fps, times, notes) => {
    expect(stated(stamps, fps)).toEqual({ times, notes });
  });

  it('of version 2 has its records in catalogs, without those that were deleted', async () => {
    const tub = join(folder, 'tub2');
    await mkdir(tub);
    const line = (index: number | undefined, rest: object = {}) =>
      JSON.stringify({
        'cam/image_array': `${index}.jpg`,
        _index: index,
        _timestamp_ms: 1500,
        'user/angle': 0.5,
        name: 'x',
        ...rest,
      });
    await writeFile(
      join(tub, 'manifest.json'),
      `["inputs"]\n{"paths":["old.catalog"]}\n{"paths":["a.catalog","b.catalog"],"deleted_indexes":[1,7]}\n\n`,
    );
    await writeFile(join(tub, 'a.catalog'), `${line(2)}\n${line(1)}\n${line(0, { milliseconds: 5 })}\n`);
    await writeFile(
      join(tub, 'b.catalog'),
      `${line(7)}\nnonsense\n{}\n${line(3, { _timestamp_ms: 'x', milliseconds: 2500 })}\n`,
    );
    const found = await readTub(tub, ['manifest.json'], undefined);
    expect(found).toMatchObject({
      pictures: join(tub, 'images'),
      notes: ['b.catalog has 2 lines that cannot be read as a record', '2 deleted records of the tub are left out'],
    });
    expect(found!.records.map(({ picture, stampSec }) => [picture, stampSec])).toEqual([
      ['0.jpg', 1.5],
      ['2.jpg', 1.5],
      ['3.jpg', 2.5],
    ]);
    expect([...found!.records[0]!.numbers]).toEqual([['user/angle', 0.5]]);
    await writeFile(join(tub, 'manifest.json'), '{"paths":["../a.catalog"]}\n');
    await expect(readTub(tub, ['manifest.json'], undefined)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: `${join(tub, 'manifest.json')} is not the manifest of a Donkey tub: it names no catalogs`,
      hint: 'give a whole tub, or its folder of pictures with --fps',
    });
  });

  it('of version 1 has a file for each, in the order of their numbers', async () => {
    const tub = join(folder, 'tub1');
    await mkdir(tub);
    const names = ['record_10.json', 'record_9.json', 'record_11.json'];
    await writeFile(join(tub, names[0]!), JSON.stringify({ 'cam/image_array': 'ten.jpg' }));
    await writeFile(join(tub, names[1]!), JSON.stringify({ 'cam/image_array': 'nine.jpg', milliseconds: 250 }));
    await writeFile(join(tub, names[2]!), '[]');
    const found = await readTub(tub, [...names, 'record_x.json', 'xrecord_1.json', 'meta.json'], undefined);
    expect(found).toMatchObject({ pictures: tub, notes: ['1 record of the tub cannot be read'] });
    expect(found!.records.map(({ picture, stampSec }) => [picture, stampSec])).toEqual([
      ['nine.jpg', 0.25],
      ['ten.jpg', undefined],
    ]);
    expect(await readTub(tub, ['a.jpg', 'record_.json'], undefined)).toBeUndefined();
  });
});

it('says how many, and a few of many', () => {
  expect([counted(1, 'line'), counted(0, 'line'), counted(12_345, 'line')]).toEqual([
    '1 line',
    '0 lines',
    '12,345 lines',
  ]);
  expect([isOrAre(1), isOrAre(0), isOrAre(2)]).toEqual(['is', 'are', 'are']);
  expect(someOf(['a', 'b"', 'c'])).toBe('"a", "b\\"", "c"');
  expect(someOf(['a', 'b', 'c', 'd'])).toBe('"a", "b", "c", …');
  expect(someOf(['x'.repeat(300)])).toBe(`"${'x'.repeat(200)}"`);
  expect([median([]), median([3]), median([5, 1, 3]), median([4, 1, 3, 2])]).toEqual([undefined, 3, 3, 3]);
  expect([rationalOf(20), rationalOf(29.97)]).toEqual([
    { numerator: 20, denominator: 1 },
    { numerator: 29_970_000, denominator: 1_000_000 },
  ]);
  expect(tooMany('drive')).toMatchObject({
    ...{ code: 'input-unreadable', hint: 'split it into several folders' },
    message: expect.stringMatching(/^cannot read drive: it holds too many files: at most [\d,]+ pictures are taken$/),
  });
});
