/** Events files: what is read, and that everything wrong with one is told at once, with its line. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failIfAny, type LabelledEvent, type LabelledOptions, readEvents } from '../../src/events/labelled.ts';
import { checkTrainable } from '../../src/training/trainable.ts';
import { makeClip } from '../support/clips.ts';

describe('readEvents', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-events-'));
    await makeClip(join(folder, 'drive, one.mp4'), { frames: 40, rate: '10', width: 64, height: 64 });
  });
  afterAll(() => rm(folder, { recursive: true }));
  const read = async (text: string, options: LabelledOptions = {}): Promise<LabelledEvent[]> => {
    const path = join(folder, 'events.csv');
    await writeFile(path, text);
    return readEvents(path, options);
  };

  it('reads columns in any order', async () => {
    const events = await read('video,id,split,label,start,end\n"drive, one.mp4",e1,test,stop,0.5,3\n');
    expect(events).toMatchObject([
      { id: 'e1', split: 'test', label: 'stop', span: { startSec: 0.5, endSec: 3 }, clip: { width: 64 } },
    ]);
  });
  it('takes the list of a batch by the folder of the batch, and says so', async () => {
    const list = join(folder, 'listed.csv');
    await writeFile(list, 'video,id,split,label\n"drive, one.mp4",e1,test,stop\n');
    const batch = await mkdtemp(join(folder, 'batch-'));
    await writeFile(join(batch, 'list.json'), JSON.stringify({ schema: 'l2caf-list/1', list }));
    const notes: string[] = [];
    const events = await readEvents(batch, { onNote: (note) => notes.push(note) });
    expect(events).toMatchObject([{ id: 'e1', split: 'test', label: 'stop' }]);
    expect(notes).toEqual([`${batch} is a batch: taken are the events of its list, ${list}`]);
    await writeFile(join(batch, 'list.json'), '{"list": "of somebody else"}');
    await expect(readEvents(batch)).rejects.toThrow(/holds no video/);
  });
  it('says once what no event of a list states', async () => {
    const row = '"drive, one.mp4"';
    await expect(read(`id,video,split\na,${row},train\nb,${row},train\n`)).rejects.toThrow(
      /cannot be used:\n {2}none of its 2 events has a label: a column label states it$/,
    );
    await expect(read(`id,video,label,split\na,${row},x,train\nb,${row},,\n`)).rejects.toThrow(
      /cannot be used:\n {2}line 3: the label is empty\n {2}line 3: the split is ""[^\n]*$/,
    );
  });
  it('lists all problems at once', async () => {
    const error = await read(
      [
        'id,video,start,end,label,split',
        'a,"drive, one.mp4",1,9,stop,train',
        'b,missing.mp4,0,1,stop,train',
        'c,"drive, one.mp4",x,1,,holiday',
        'c,"drive, one.mp4",0,1,stop',
        'a,"drive, one.mp4",0,1,stop,train',
      ].join('\n'),
    ).catch((cause: unknown) => cause as Error);
    const message = (error as Error).message;
    for (const expected of [
      /line 2: .*beyond the end/,
      /line 3: .*missing\.mp4/,
      /line 4: the label is empty/,
      /line 4: the split is "holiday"/,
      /line 4: the start "x"/,
      /line 5: 5 fields/,
      /line 6: the id a is already used on line 2/,
    ]) {
      expect(message).toMatch(expected);
    }
  });
  it('asks for labels and splits only where they are needed', async () => {
    const list = 'video,start,end\n"drive, one.mp4",0,1\n';
    await expect(read(list)).rejects.toThrow(/line 2: the label is empty\n {2}line 2: the split is ""/);
    await expect(read(list, { needs: ['label'] })).rejects.toThrow(/line 2: the label is empty$/);
    expect(await read(list, { needs: [] })).toMatchObject([{ id: 'event-00001', label: '', split: '' }]);
  });
  it('looks for videos where they are said to be', async () => {
    const options = { needs: [], videos: join(folder, 'elsewhere') } as const;
    await expect(read('video\n"drive, one.mp4"\n', options)).rejects.toThrow(/line 2: there is no file .*elsewhere/);
    const moved = await read('video\n"gone/drive, one.mp4"\n', { needs: [], videos: folder });
    expect(moved).toMatchObject([{ video: 'gone/drive, one.mp4', clip: { path: join(folder, 'drive, one.mp4') } }]);
  });
  it('refuses an empty file', async () => {
    await expect(read('id,video,start,end,label,split\n')).rejects.toMatchObject({
      code: 'input-unreadable',
      message: `${join(folder, 'events.csv')} cannot be used:\n  it holds no events`,
      hint: 'docs/events.md describes lists; l2caf batch would leave wrong rows out',
    });
  });
  it('tells what was not understood, and what it read', async () => {
    const notes: string[] = [];
    const text = 'video,label,weather\n"drive, one.mp4",stop,rain\n';
    const events = await read(text, { needs: ['label'], onNote: (note) => notes.push(note) });
    expect(notes).toEqual([
      `${join(folder, 'events.csv')}: nothing is called start or end; kept without a meaning: weather`,
    ]);
    expect(events.map(({ clip, ...event }) => [event, clip.path])).toEqual([
      [
        { id: 'event-00001', video: 'drive, one.mp4', span: { startSec: 0, endSec: 4 }, label: 'stop', split: '' },
        join(folder, 'drive, one.mp4'),
      ],
    ]);
    expect(await read(text, { needs: ['label'] })).toHaveLength(1); // nobody need listen
    const stopped = read(text, { needs: ['label'], signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
  });
  it.each([
    [20, ''],
    [21, '\n  and 1 more'],
    [25, '\n  and 5 more'],
  ])('shows twenty problems of %d', (count, rest) => {
    const problems = Array.from({ length: count }, (_, i) => `problem ${i}`);
    const shown = problems.slice(0, 20).map((problem) => `\n  ${problem}`);
    expect(() => failIfAny('x.csv', problems, 'look')).toThrow(
      expect.objectContaining({ message: `x.csv cannot be used:${shown.join('')}${rest}`, hint: 'look' }),
    );
    expect(() => failIfAny('x.csv', [], '')).not.toThrow();
  });
});

describe('checkTrainable', () => {
  const events = (...list: [label: string, split: string][]): LabelledEvent[] =>
    list.map(([label, split]) => ({ label, split }) as LabelledEvent);
  it('accepts two labels with pairs and a test event', () => {
    const good = events(['a', 'train'], ['a', 'train'], ['b', 'train'], ['b', 'train'], ['a', 'test']);
    expect(() => checkTrainable('x.csv', good)).not.toThrow();
  });
  it.each([
    [events(['a', 'train'], ['a', 'train'], ['b', 'train'], ['a', 'test']), /label b has one training event/],
    [events(['a', 'train'], ['a', 'train'], ['b', 'test']), /no negatives/],
    [events(['a', 'train'], ['a', 'train'], ['b', 'train'], ['b', 'train']), /no event has the split test/],
    [events(['a', 'test']), /no event has the split train/],
  ])('refuses what cannot work (%#)', (bad, message) => {
    expect(() => checkTrainable('x.csv', bad)).toThrow(message);
  });
});
