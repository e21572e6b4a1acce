/** Which file lies beside which video of a batch. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../src/base/files.ts';
import { type BesideWish, type EventsBeside, withFilesBeside } from '../../src/batch/beside.ts';
import type { BatchEvent } from '../../src/batch/events.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'l2caf-beside-'));
  const files = {
    tracks: ['a.csv', 'b.mp4.json', 'c.xml', 'c.txt', 'notes.md', 'day1/cam.csv', 'day2/cam.csv'],
    flat: ['cam.csv', 'a.csv'],
    other: ['x.csv', 'a.md'],
    list: ['one.csv'],
  };
  for (const [folder, names] of Object.entries(files)) {
    for (const name of names) {
      await mkdir(join(root, folder, name, '..'), { recursive: true });
      await writeFile(join(root, folder, name), `${folder}/${name}`);
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

function event(video: string, extra: Readonly<Record<string, string>> = {}): BatchEvent {
  const facts = { sha256: '', clip: { path: `/videos/${video}` } };
  return { id: video, video, facts, extra } as unknown as BatchEvent;
}

function find(videos: readonly BatchEvent[], wish: BesideWish, kind: 'objects' | 'signals' = 'objects') {
  return withFilesBeside(videos, { [kind]: wish }, join(root, 'list'));
}

const inRoot = (path: string): BesideWish => ({ kind: 'path', path: join(root, path) });
const pathsIn = ({ events }: EventsBeside): Record<string, string | undefined> =>
  Object.fromEntries(events.map(({ id, objects, signals }) => [id, (objects ?? signals)?.path.slice(root.length + 1)]));

describe('in a folder', () => {
  it('is the file that is called as the video, with or without its ending', async () => {
    const found = await find([event('a.mp4'), event('b.mp4'), event('z.mp4')], inRoot('tracks'));
    expect(pathsIn(found)).toEqual({
      'a.mp4': join('tracks', 'a.csv'),
      'b.mp4': join('tracks', 'b.mp4.json'),
      'z.mp4': undefined,
    });
    expect(found.events[0]!.objects!.sha256).toBe(await sha256OfFile(join(root, 'tracks', 'a.csv')));
    expect(found).toMatchObject({ problems: [], notes: ['1 of 3 events have no objects'] });
  });

  it('is the one in the folder that the list names, where videos share a name', async () => {
    const found = await find([event('day1/cam.mp4'), event('day2\\cam.mp4')], inRoot('tracks'));
    expect(Object.values(pathsIn(found))).toEqual(['day1', 'day2'].map((day) => join('tracks', day, 'cam.csv')));
  });

  it('is nobody’s where it could be of two videos, and none where two could be meant', async () => {
    const shared = await find([event('day1/cam.mp4'), event('day2/cam.mp4'), event('a.mp4')], inRoot('flat'));
    expect(pathsIn(shared)).toEqual({ 'a.mp4': join('flat', 'a.csv') });
    expect(shared.problems).toHaveLength(2);
    expect(shared.problems[0]).toMatch(/^event day1\/cam\.mp4: .*cam\.csv is called as \/videos\/day1.* and as /);
    const two = await find([event('c.mp4'), event('a.mp4')], inRoot('tracks'));
    expect(two.problems).toEqual([
      expect.stringMatching(/several files of .* are called as its video: c\.(txt|xml), c/),
    ]);
  });

  it('that holds none of the videos is an error; signals are tables', async () => {
    await expect(find([event('a.mp4')], inRoot('other'))).rejects.toMatchObject({ code: 'usage' });
    await expect(find([event('b.mp4')], inRoot('tracks'), 'signals')).rejects.toThrow(/holds no file that is called/);
    expect(pathsIn(await find([event('a.mp4')], inRoot('tracks'), 'signals'))).toEqual({
      'a.mp4': join('tracks', 'a.csv'),
    });
  });
});

describe('a file', () => {
  it('is of the only video, of whatever name', async () => {
    const found = await find([event('q.mp4'), event('q.mp4')], inRoot('list/one.csv'));
    expect(Object.values(pathsIn(found))).toEqual([join('list', 'one.csv')]);
    await expect(find([event('q.mp4'), event('r.mp4')], inRoot('list/one.csv'))).rejects.toThrow(
      /is of one video, and the events are of 2/,
    );
    await expect(find([event('q.mp4')], inRoot('none.csv'))).rejects.toMatchObject({ code: 'input-not-found' });
  });
});

describe('a column', () => {
  const named = { kind: 'column', name: 'boxes' } as const;

  it('names files, relative to the list; an empty cell none; one that is not there is a problem of its event', async () => {
    const events = [
      event('a', { boxes: 'one.csv' }),
      event('b', { boxes: '../tracks/a.csv' }),
      event('c', { boxes: ' ' }),
      event('d', { boxes: 'gone.csv' }),
    ];
    const found = await find(events, named);
    expect(pathsIn(found)).toEqual({ a: join('list', 'one.csv'), b: join('tracks', 'a.csv'), c: undefined });
    expect(found.problems).toEqual([expect.stringMatching(/^event d: there is no file .*gone\.csv/)]);
  });

  it('that is not there, or names nothing, is an error', async () => {
    await expect(find([event('a', { weather: 'wet' })], named)).rejects.toMatchObject({
      message: expect.stringMatching(/no column "boxes"/),
      hint: 'its other columns: weather',
    });
    await expect(find([event('a', { boxes: '' })], named)).rejects.toThrow(/names no file for any event/);
  });
});
