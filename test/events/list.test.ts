/** Lists whose videos are looked at: each once, again where that was cut short, and what is wrong in the order of the list. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ErrorCode, L2cafError } from '../../src/base/errors.ts';
import type { Progress, VideoClip } from '../../src/base/types.ts';
import { type EventListOptions, readEventList } from '../../src/events/list.ts';
import { findVideo, pathsOfUrl, placesOf, stemOf } from '../../src/events/video-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-list-'));
  for (const name of ['a.mp4', 'b.mp4', 'c.mp4']) await writeFile(join(folder, name), '');
});
afterAll(() => rm(folder, { recursive: true }));

/** Facts of a video of ten seconds. */
const tenSeconds = async (path: string) => ({
  clip: { path, durationSec: 10, frameRate: { numerator: 10, denominator: 1 } } as VideoClip,
});

async function read(rows: readonly string[], look: typeof tenSeconds = tenSeconds, options: EventListOptions = {}) {
  const path = join(folder, 'list.csv');
  await writeFile(path, ['id,video,start,end,label,split', ...rows, ''].join('\n'));
  return readEventList(path, look, options);
}

describe('a list', () => {
  it('has each video looked at once, and tells how far it is', async () => {
    const look = vi.fn(tenSeconds);
    const seen: Progress[] = [];
    const rows = ['1,a.mp4,0,1,x,', '2,b.mp4,0,2,x,', '3,a.mp4,1,3,y,train', '4,a.mp4,0,9,,'];
    const { events, problems } = await read(rows, look, { onProgress: (progress) => seen.push(progress) });
    expect(problems).toEqual([]);
    expect(look.mock.calls.map(([path]) => path).sort()).toEqual([join(folder, 'a.mp4'), join(folder, 'b.mp4')]);
    expect(seen).toEqual([1, 2].map((done) => ({ stage: 'checking videos', done, total: 2, unit: 'videos' })));
    const [one, two, three, four] = events;
    expect(three).toEqual({
      ...{ id: '3', video: 'a.mp4', facts: await tenSeconds(join(folder, 'a.mp4')), label: 'y', split: 'train' },
      ...{ span: { startSec: 1, endSec: 3 }, listed: [{ id: '3', label: 'y', startSec: 1, endSec: 3 }] },
      extra: Object.create(null),
    });
    const listed = [one, two, four].map((event) => event!.listed.map(({ id }) => id));
    expect(listed).toEqual([['1'], ['2'], ['1', '3']]); // those of its video that it overlaps and that are labelled
  });

  it('tells all that is wrong with it, in its order', async () => {
    const many = Array.from({ length: 9 }, (_, i) => `n${i},a.mp4,0,1,x,`);
    const rows = ['e,a.mp4,0,x,x,train', ...many, 'n0,a.mp4,0,99,,', 'E,gone.mp4,0,1,x,val'];
    const { events, problems } = await read(rows, tenSeconds, { needs: ['label'] });
    expect(events).toHaveLength(9);
    expect(problems).toEqual([
      'line 2: the end "x" is not a time (seconds, m:ss or h:mm:ss)',
      'line 12: the id n0 is already used on line 3',
      'line 12: the label is empty',
      expect.stringMatching(/^line 12: the time span 0–99 s reaches beyond/),
      `line 13: there is no file ${join(folder, 'gone.mp4')}`,
    ]);
  });

  it('may be cut to a label and a number of events', async () => {
    const rows = ['1,a.mp4,0,1,x,', '2,b.mp4,0,2,y,', '3,c.mp4,1,3,y,', '4,gone.mp4,0,1,y,'];
    const look = vi.fn(tenSeconds);
    const { events, problems } = await read(rows, look, { only: 'y', limit: 2 });
    expect([events.map(({ id }) => id), problems, look.mock.calls.length]).toEqual([['2', '3'], [], 2]);
    expect((await read(rows, tenSeconds, { limit: 0 })).events).toEqual([]);
    expect((await read(rows, tenSeconds, { only: '' })).events).toEqual([]);
  });
});

describe('a video that cannot be looked at', () => {
  const failing = (code: ErrorCode) => vi.fn(() => Promise.reject(new L2cafError(code, 'it is broken')));

  it('is a problem of its rows', async () => {
    const look = failing('input-unreadable');
    const { events, problems } = await read(['1,a.mp4,0,1,x,', '2,a.mp4,0,2,x,'], look);
    expect([events, problems]).toEqual([[], ['line 2: it is broken', 'line 3: it is broken']]);
    expect(look).toHaveBeenCalledOnce();
  });

  it('is looked at once more if ffmpeg was killed', async () => {
    const look = failing('ffmpeg-killed');
    expect((await read(['1,a.mp4,0,1,x,'], look)).problems).toEqual(['line 2: it is broken']);
    expect(look).toHaveBeenCalledTimes(2);
    look.mockClear();
    const once = vi.fn(tenSeconds).mockRejectedValueOnce(new L2cafError('ffmpeg-killed', 'it is broken'));
    expect((await read(['1,a.mp4,0,1,x,'], once)).events).toHaveLength(1);
  });

  it.each(['aborted', 'ffmpeg-missing'] as const)('ends it all where no other can be either: %s', async (code) => {
    await expect(read(['1,a.mp4,0,1,x,'], failing(code))).rejects.toMatchObject({ code });
  });

  it('by a fault of the program ends it all', async () => {
    const look = () => Promise.reject(new TypeError('a bug'));
    await expect(read(['1,a.mp4,0,1,x,'], look)).rejects.toThrow(TypeError);
  });

  it('is not looked at once the user has stopped', async () => {
    const look = vi.fn(tenSeconds);
    await expect(read(['1,a.mp4,0,1,x,'], look, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(look).not.toHaveBeenCalled();
  });
});

describe('where a video may lie', () => {
  it.each([
    ['a.mp4', undefined, ['/list/a.mp4']],
    ['x/a.mp4', undefined, ['/list/x/a.mp4']],
    ['/x/a.mp4', undefined, ['/x/a.mp4']],
    ['x/a.mp4', '/videos', ['/videos/x/a.mp4', '/videos/a.mp4']],
    ['x\\a.mp4', '/videos', ['/videos/x\\a.mp4', '/videos/a.mp4', '/videos/x/a.mp4', '/videos/a.mp4']],
    ['file:///x/a%20b.mp4', undefined, ['/x/a%20b.mp4', '/x/a b.mp4']],
    ['profile:a.mp4', undefined, ['/list/profile:a.mp4']],
  ])('%s, beside the list or in %s', (name, videos, expected) => {
    expect(placesOf({ name }, '/list', videos)).toEqual(expected);
  });

  it('is said as far as a line holds it', async () => {
    const refused = (names: readonly string[]) =>
      findVideo({ videos: names.map((name) => ({ name })) }, '/list', undefined).catch((error: Error) => error.message);
    expect(await refused(['a'])).toBe('there is no file /list/a');
    expect(await refused(['a', 'a'])).toBe('there is no file /list/a');
    expect(await refused(['a', 'b', 'c'])).toBe('there is no file /list/a nor /list/b nor /list/c');
    expect(await refused(['a', 'b', 'c', 'd'])).toBe('there is no file /list/a (nor at 3 other places)');
    await expect(findVideo({ videos: [{ name: 'a' }] }, '/list', undefined)).rejects.toMatchObject({
      code: 'input-not-found',
    });
    expect(await findVideo({ videos: [{ name: 'x' }, { name: 'b.mp4', offsetSec: 2 }] }, folder, undefined)).toEqual({
      ...{ name: 'b.mp4', offsetSec: 2, path: join(folder, 'b.mp4') },
    });
  });

  it('is called by the last part of its path without the extension', () => {
    expect(['a/b.c.mp4', 'C:\\x\\b.mp4', 'b', 'x/'].map(stemOf)).toEqual(['b.c', 'b', 'b', 'x']);
  });

  it.each([
    ['file:a.mp4', ['a.mp4']],
    ['file:/a.mp4', ['/a.mp4']],
    ['file:///./a.mp4', ['./a.mp4']],
    ['file:///c:\\a.mp4', ['c:\\a.mp4']],
    ['file://LOCALHOST/a.mp4', ['/a.mp4']],
    ['file://server/localhost/a.mp4', ['//server/localhost/a.mp4']],
    ['my file:a.mp4', ['my file:a.mp4']],
    ['', ['']],
    ['file:///a\nb.mp4', ['/a\nb.mp4']],
    ['file:///ab:/x', ['/ab:/x']],
  ])('%j is %j', (url, paths) => {
    expect(pathsOfUrl(url)).toEqual(paths);
  });
});
