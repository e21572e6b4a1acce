/** Lists of events in every format, and what is wrong with them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBatchEvents } from '../../src/batch/events.ts';
import { Videos } from '../../src/batch/videos.ts';
import { readRows } from '../../src/events/read.ts';
import { folderOf } from '../../src/events/row.ts';
import { makeClip } from '../support/clips.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-rows-'));
  await mkdir(join(folder, 'videos'));
  await makeClip(join(folder, 'videos', 'drive.mp4'), { frames: 50, rate: '10' });
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('CSV and JSON lines', () => {
  it('keep further columns, and name events that have no id', async () => {
    const csv = await file('a.csv', 'video,start,end,label,weather\ndrive.mp4,1,2.5,turn,"rain, fog"\ndrive.mp4,,,,\n');
    const jsonl = await file(
      'a.jsonl',
      '{"video":"drive.mp4","start":1,"end":2.5,"label":"turn","weather":"rain, fog"}\n\n{"video":"drive.mp4","tags":["a"]}\n',
    );
    const first = { startSec: 1, endSec: 2.5, label: 'turn', split: '', extra: { weather: 'rain, fog' } };
    for (const { rows, problems } of [await readRows(csv), await readRows(jsonl)]) {
      expect(problems).toEqual([]);
      expect(rows[0]).toMatchObject({
        id: 'event-00001',
        videos: [{ name: 'drive.mp4' }],
        place: expect.any(String),
        ...first,
      });
      expect(rows[1]).not.toHaveProperty('startSec');
    }
    expect((await readRows(jsonl)).rows[1]).toMatchObject({ place: 'line 3', extra: { tags: '["a"]' } });
  });
  it('report every wrong row with its line and read the others', async () => {
    const csv = await file('b.csv', 'id,video,start,end\na,drive.mp4,x,2\nb,,0,1\nc,drive.mp4,0\nd,drive.mp4,0,1\n');
    const { rows, problems } = await readRows(csv);
    expect(problems).toEqual([
      'line 4: 3 fields, the heading has 4',
      'line 2: the start "x" is not a time (seconds, m:ss or h:mm:ss)',
      'line 3: the video is empty',
    ]);
    expect(rows.map(({ id }) => id)).toEqual(['d']);
    const jsonl = await file('b.jsonl', '{"video":"drive.mp4"}\n[1]\n{\n');
    expect((await readRows(jsonl)).problems).toEqual([
      'line 2: not an object',
      expect.stringMatching(/^line 3: not JSON/),
    ]);
  });
  it.each([
    ['c.csv', 'road,start\na,1\n', /no column video, only road, start/],
    ['empty.csv', '', /it is empty/],
    ['d.csv', 'video,video\na,b\n', /a column is there twice/],
  ])('are refused as a whole when their heading is wrong (%s)', async (name, text, message) => {
    await expect(readRows(await file(name, text))).rejects.toMatchObject({ code: 'input-unreadable', message });
  });
});

describe('BDD-X tables', () => {
  it('give an event per answer', async () => {
    const heading =
      'Input.Video,Answer.1start,Answer.1end,Answer.1action,Answer.1justification,Answer.2start,Answer.2end,Answer.2action';
    const csv = await file(
      'bddx.csv',
      `${heading}\nhttps://example.org/v/06d5.mov,0,11,The car accelerates,because the light has turned green,12,,stops\n`,
    );
    const { rows, problems } = await readRows(csv);
    expect(rows).toEqual([
      {
        place: 'line 2, answer 1',
        id: '06d5-1',
        videos: [{ name: '06d5.mov' }],
        startSec: 0,
        endSec: 11,
        label: 'The car accelerates',
        split: '',
        extra: { justification: 'because the light has turned green' },
      },
    ]);
    expect(problems).toEqual(['line 2, answer 2: it has no end']);
  });
  it('name their events after the video, or after the line that has none', async () => {
    const csv = await file(
      'bddx2.csv',
      'Input.Video,Answer.1start,Answer.1end,Answer.1action,Answer.3end,Answer.3start,Answer.2justification\nhttps://x.org/a.b/c.d.mov,0,1,stops,4,2,\nplain,0,1,goes,,,\n,0,1,x,,,\n,,,,,,why\n',
    );
    const { rows, problems, notes } = await readRows(csv);
    expect(rows.map(({ id, place, label, videos, endSec }) => [id, place, label, videos[0]!.name, endSec])).toEqual([
      ['c.d-1', 'line 2, answer 1', 'stops', 'c.d.mov', 1],
      ['c.d-3', 'line 2, answer 3', '', 'c.d.mov', 4],
      ['plain-1', 'line 3, answer 1', 'goes', 'plain', 1],
    ]);
    expect(problems).toEqual(['line 4, answer 1: the video is empty', 'line 5, answer 2: it has no start']);
    expect(notes).toEqual([]);
    await expect(readRows(await file('no.csv', 'Input.Video,Answer.1\na,b\n'))).rejects.toThrow(/no column video/);
  });
});

const elan = (body: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/hdd/drive.mp4" RELATIVE_MEDIA_URL="./drive.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="500"/>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2500"/>
    <TIME_SLOT TIME_SLOT_ID="ts3"/>
  </TIME_ORDER>
${body}
</ANNOTATION_DOCUMENT>
`;

describe('ELAN files', () => {
  it('give an event per annotation, also of those that refer to others', async () => {
    const path = await file(
      'session.eaf',
      elan(`<TIER TIER_ID="Goal-oriented" LINGUISTIC_TYPE_REF="default">
  <ANNOTATION>
    <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>left turn &amp; stop</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  <ANNOTATION>
    <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>unfinished</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER TIER_ID="Cause"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
  <ANNOTATION_VALUE>sign</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="Empty"/>`),
    );
    const { rows, problems } = await readRows(path);
    const span = { startSec: 1, endSec: 2.5 }; // of the annotation; the video's origin is added when it is found
    expect(rows).toMatchObject([
      { place: 'line 13', id: 'session-a1', ...span, label: 'left turn & stop', extra: { tier: 'Goal-oriented' } },
      { id: 'session-a3', ...span, label: 'sign', extra: { tier: 'Cause' } },
    ]);
    expect(rows[0]!.videos[0]).toEqual({ name: './drive.mp4', offsetSec: 0.5 });
    expect(problems).toEqual(['line 16: the annotation a2 has no end time']);
  });
  it.each([
    ['<a/>', /^it is not an ELAN file: ANNOTATION_DOCUMENT: Invalid input/],
    [
      '<ANNOTATION_DOCUMENT><TIER>x</TIER></ANNOTATION_DOCUMENT>',
      /^it is not an ELAN file: ANNOTATION_DOCUMENT\.TIER\.0: /,
    ],
    ['<a', /^it is not XML: ./],
    ['', /^it is not (XML|an ELAN file: (document|ANNOTATION_DOCUMENT)): ./],
    [elan('').replace(/<MEDIA_DESC.*\n/, ''), /^it names no video \(MEDIA_DESCRIPTOR\)$/],
    ['<ANNOTATION_DOCUMENT/>', /^it names no video|^it is not an ELAN file/],
    [elan('').replace('milliseconds', 'beats'), /^its time unit is beats, not milliseconds, PAL-frames, NTSC-frames$/],
  ])('are refused when they are none (%#)', async (text, why) => {
    const path = await file('x.eaf', text);
    const error = await readRows(path).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'input-unreadable' });
    expect((error as Error).message.startsWith(`${path} cannot be used: `)).toBe(true);
    expect((error as Error).message.slice(`${path} cannot be used: `.length)).toMatch(why);
  });
  it('are told by their content, as JSON is, whatever the file is called', async () => {
    const tier = '<TIER TIER_ID="t"><ANNOTATION/></TIER>';
    expect((await readRows(await file('session.txt', `\n  ${elan(tier).replace(/^.*\n/, '')}`))).rows).toEqual([]);
    expect((await readRows(await file('list.txt', '\n {"video":"a.mp4"}'))).rows).toHaveLength(1);
    expect((await readRows(await file('list.JSON', '{"video":"a.mp4"}'))).rows).toHaveLength(1);
    await expect(readRows(await file('x.EAF', '[]'))).rejects.toThrow('cannot be used: it is not');
    await expect(readRows(join(folder, 'absent.csv'))).rejects.toMatchObject({
      ...{
        code: 'input-not-found',
        message: expect.stringMatching(/^cannot read .*absent\.csv: there is no such file/),
      },
    });
    await expect(readRows(await file('video.csv', '\0\0\0\x18ftyp\x01\0\0\x02'))).rejects.toMatchObject({
      hint: 'give a list of events as CSV, JSON or ELAN file, or the folder of the clips',
    });
  });
  it('are all read from a folder of them', async () => {
    const sessions = join(folder, 'sessions');
    await mkdir(sessions);
    const tier = `<TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>`;
    for (const name of ['one.eaf', 'two.eaf']) await writeFile(join(sessions, name), elan(tier));
    const { events } = await readBatchEvents(sessions, new Videos(), { videos: join(folder, 'videos') });
    expect(events.map(({ id }) => id)).toEqual(['one-a1', 'two-a1']);
  });
});

describe('events', () => {
  const list =
    'id,video,start,end,label\na,drive.mp4,0,2,x\nb,absent.mp4,0,1,x\nc,drive.mp4,4,9,x\nA,drive.mp4,0,1,y\nd,list.csv,0,1,y\n';
  it('are those whose video is there and holds them; the rest is reported', async () => {
    const path = await file('list.csv', list);
    await writeFile(join(folder, 'videos', 'list.csv'), list);
    const { events, problems } = await readBatchEvents(path, new Videos(), { videos: join(folder, 'videos') });
    expect(events).toMatchObject([{ id: 'a', video: 'drive.mp4', span: { startSec: 0, endSec: 2 } }]);
    expect(problems).toEqual([
      expect.stringMatching(/^line 3: there is no file .*absent\.mp4$/),
      expect.stringMatching(/^line 4: the time span 4–9 s reaches beyond/),
      'line 5: the id A is already used on line 2',
      expect.stringMatching(/^line 6: cannot read .*list\.csv/),
    ]);
  });
  it('can be chosen by label and number', async () => {
    const path = await file('list.csv', list);
    const options = { videos: join(folder, 'videos') };
    expect((await readBatchEvents(path, new Videos(), { ...options, limit: 1 })).problems).toEqual([]);
    const { events } = await readBatchEvents(path, new Videos(), { ...options, only: 'y', limit: 1 });
    expect(events.map(({ id }) => id)).toEqual(['A']);
  });
  it('may be a folder of clips', async () => {
    const { events } = await readBatchEvents(join(folder, 'videos'), new Videos());
    expect(events).toMatchObject([{ id: 'drive', span: { startSec: 0, endSec: 5 } }]);
    await mkdir(join(folder, 'empty'));
    await expect(readRows(join(folder, 'empty'))).rejects.toMatchObject({ message: /holds no video/ });
  });
  it('have folders that file systems can hold', () => {
    expect(folderOf('a/b:c')).toMatch(/^a_b_c-[0-9a-f]{8}$/);
    expect(folderOf('..')).toMatch(/^\.\.-[0-9a-f]{8}$/);
    expect(folderOf('Straße 1')).toBe('Straße 1');
    const ids = [
      'a/b',
      'a:b',
      'a_b',
      'con',
      'nul.txt',
      'a.',
      '',
      '.',
      '語'.repeat(85),
      `${'語'.repeat(85)}2`,
      '😀'.repeat(99),
    ];
    const folders = ids.map(folderOf);
    expect(new Set(folders).size).toBe(ids.length);
    for (const folder of folders) {
      expect(Buffer.byteLength(folder)).toBeLessThan(230);
      expect(folder).toMatch(/^[^/:]+$/);
      expect(Buffer.from(folder).toString()).toBe(folder); // no half of a letter
    }
  });
  it('are not probed again while their video stays the same', async () => {
    const seen: unknown[] = [];
    const path = join(folder, 'videos', 'drive.mp4');
    const facts = await new Videos([], async (found) => void seen.push(found)).facts(path);
    const later = new Videos([facts], async () => {
      throw new Error('probed again');
    });
    expect(await later.facts(path)).toBe(facts);
    expect(seen).toEqual([facts]);
    const changed = new Videos([{ ...facts, clip: { ...facts.clip, identity: '' } }]);
    expect(await changed.facts(path)).toEqual(facts);
  });
});
