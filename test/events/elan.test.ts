/** ELAN's files: which video, which times, which texts. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBatchEvents } from '../../src/batch/events.ts';
import { Videos } from '../../src/batch/videos.ts';
import { elanRows } from '../../src/events/elan.ts';
import { slotTimes } from '../../src/events/elan-slots.ts';
import { readLabels } from '../../src/events/labels.ts';
import { pathsOfUrl } from '../../src/events/video-files.ts';
import { probeClip } from '../../src/video/media/probe.ts';
import { makeClip } from '../support/clips.ts';

interface Parts {
  readonly media?: string;
  readonly header?: string;
  /** Time of each slot, t1 on; null where it states none. */
  readonly slots?: readonly (number | string | null)[];
  readonly tiers?: string;
}

const DRIVE =
  '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/data/drive.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./drive.mp4"/>';

function document({ media = DRIVE, header = 'TIME_UNITS="milliseconds"', slots = [1000, 2000], tiers }: Parts): string {
  const order = slots.map(
    (value, i) => `<TIME_SLOT TIME_SLOT_ID="t${i + 1}"${value === null ? '' : ` TIME_VALUE="${value}"`}/>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR=""><HEADER MEDIA_FILE="" ${header}>${media}</HEADER>
<TIME_ORDER>${order.join('')}</TIME_ORDER>
${tiers ?? tier('p', ['a1', 't1', 't2', 'turn'])}</ANNOTATION_DOCUMENT>`;
}

type Aligned = readonly [id: string, from: string, to: string, label: string];

function tier(id: string, ...annotations: readonly Aligned[]): string {
  const items = annotations.map(
    ([name, from, to, label]) =>
      `<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="${name}" TIME_SLOT_REF1="${from}" TIME_SLOT_REF2="${to}"><ANNOTATION_VALUE>${label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>`,
  );
  return `<TIER TIER_ID="${id}">\n${items.join('\n')}</TIER>\n`;
}

const rowsOf = (parts: Parts) => elanRows({ text: document(parts) }, 'x.eaf', 'x');
const times = (parts: Parts) => rowsOf(parts).rows.map(({ id, startSec, endSec }) => `${id} ${startSec} ${endSec}`);

describe('times', () => {
  it('of slots without one divide what is around them evenly, along the annotations of a tier', () => {
    // the slots of two tiers lie between each other in the order of the file
    const slots = [0, null, null, null, 1500];
    const tiers = `${tier('p', ['a0', 't1', 't5', 'turn'])}${tier('c', ['a1', 't1', 't2', ''], ['a2', 't2', 't4', ''], ['a3', 't4', 't5', ''])}${tier('d', ['b1', 't1', 't3', ''], ['b2', 't3', 't5', ''])}`;
    expect(times({ slots, tiers })).toEqual([
      'x-a0 0 1.5',
      'x-a1 0 0.5',
      'x-a2 0.5 1',
      'x-a3 1 1.5',
      'x-b1 0 0.75',
      'x-b2 0.75 1.5',
    ]);
  });
  it('of what divides a divided annotation lie within it', () => {
    const child = tier('d', ['b1', 't2', 't3', ''], ['b2', 't3', 't4', '']).replace('"d"', '"d" PARENT_REF="c"');
    const tiers = `${child}${tier('c', ['a1', 't1', 't2', ''], ['a2', 't2', 't4', ''])}`;
    expect(times({ slots: [0, null, null, 4000], tiers })).toEqual(['x-b1 2 3', 'x-b2 3 4', 'x-a1 0 2', 'x-a2 2 4']);
  });
  it('that no annotation connects lie between those before and after them', () => {
    for (const none of [null, -1, '']) {
      const slots = [0, none, none, 3000];
      expect(times({ slots, tiers: tier('p', ['a1', 't2', 't3', 'x']) })).toEqual(['x-a1 1 2']);
    }
  });
  it('that are missing or no numbers make one bad row', () => {
    const tiers = tier(
      'p',
      ['a1', 't1', 't2', 'x'],
      ['a2', 't2', 't3', 'x'],
      ['a3', 't1', 't9', 'x'],
      ['a4', 't2', 't4', 'x'],
    );
    const { rows, problems } = rowsOf({ slots: [0, 1000, 'soon', null], tiers });
    expect(rows.map(({ id }) => id)).toEqual(['x-a1']);
    expect(problems).toEqual([
      'line 6: the annotation a2 has no end time',
      'line 7: the annotation a3 has no end time',
      'line 8: the annotation a4 has no end time',
    ]);
  });
  it('of annotations that refer to others are theirs, also through several tiers', () => {
    const refer = (id: string, to: string): string =>
      `<TIER TIER_ID="${id}"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="${id}" ANNOTATION_REF="${to}"><ANNOTATION_VALUE>v</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>`;
    const tiers = `${tier('p', ['a1', 't1', 't2', 'x'])}${refer('r1', 'a1')}${refer('r2', 'r1')}${refer('c1', 'c2')}${refer('c2', 'c1')}`;
    expect(times({ tiers })).toEqual(['x-a1 1 2', 'x-r1 1 2', 'x-r2 1 2']);
    expect(rowsOf({ tiers }).problems).toHaveLength(2); // those that refer to each other
  });
  it.each([
    ['PAL-frames', 'x-a1 1 2'],
    ['NTSC-frames', 'x-a1 0.834167 1.668333'],
  ])('may be counted in %s', (unit, expected) => {
    expect(times({ header: `TIME_UNITS="${unit}"`, slots: [25, 50] })).toEqual([expected]);
  });
  it('in other units are refused by name', () => {
    expect(() => rowsOf({ header: 'TIME_UNITS="beats"' })).toThrow(/its time unit is beats/);
  });
});

describe('what a file leaves out', () => {
  const aligned = (...attributes: readonly string[]): string =>
    `<ANNOTATION><ALIGNABLE_ANNOTATION ${attributes.join(' ')}/></ANNOTATION>`;
  const [id, from, to] = ['ANNOTATION_ID="a1"', 'TIME_SLOT_REF1="t1"', 'TIME_SLOT_REF2="t2"'];

  it.each([
    ['a value', aligned(id!, from!, to!), ['x-a1 1 2']],
    ['an id', aligned(from!, to!), ['x- 1 2']],
    ['an annotation', '<ANNOTATION></ANNOTATION><ANNOTATION>\n</ANNOTATION>', []],
    ['annotations', '', []],
    ['a start', aligned(id!, to!), 'line 4: the annotation a1 has no start time'],
    ['an end', aligned(id!, from!), 'line 4: the annotation a1 has no end time'],
    [
      'what it refers to',
      '<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a1"/></ANNOTATION>',
      'line 4: the annotation a1 has no start time',
    ],
  ] as const)('may be %s', (_, annotations, expected) => {
    const found = rowsOf({ tiers: `<TIER TIER_ID="p">${annotations}</TIER>` });
    if (typeof expected === 'string') expect(found).toEqual({ rows: [], problems: [expected], notes: [] });
    else {
      expect(found.problems).toEqual([]);
      expect(found.rows.map(({ id: own, startSec, endSec }) => `${own} ${startSec} ${endSec}`)).toEqual(expected);
      expect(found.rows.every(({ label }) => label === '')).toBe(true);
    }
  });

  it('may be tiers, their names, and the order of time', () => {
    const nameless = `<TIER>${aligned(id!, from!, to!)}</TIER>`;
    expect(rowsOf({ tiers: nameless }).rows[0]).toMatchObject({ id: 'x-a1', extra: { tier: '' }, split: '' });
    expect(rowsOf({ tiers: '<TIER/>' })).toEqual({ rows: [], problems: [], notes: [] });
    const without = (part: RegExp): string => document({}).replace(part, '');
    const rows = (text: string) => elanRows({ text }, 'x.eaf', 'x');
    expect(rows(without(/<TIER(.|\n)*<\/TIER>/))).toEqual({ rows: [], problems: [], notes: [] });
    const [noOrder, noSlots] = [/<TIME_ORDER>.*<\/TIME_ORDER>/, /<TIME_SLOT.*(?=<\/TIME_ORDER>)/].map(without);
    for (const text of [noOrder!, noSlots!])
      expect(rows(text).problems).toEqual([expect.stringContaining('the annotation a1 has no start time')]);
    expect(() => rows(without(/<HEADER.*<\/HEADER>/))).toThrow('names no video');
    const labels = ['<ANNOTATION_VALUE lang="de"/>', '<ANNOTATION_VALUE lang="de"> turn\n</ANNOTATION_VALUE>'].map(
      (value) =>
        rows(
          document({
            tiers: tier('p', ['a1', 't1', 't2', '']).replace(/<ANNOTATION_VALUE>.*?<\/ANNOTATION_VALUE>/, value),
          }),
        ).rows[0]!.label,
    );
    expect(labels).toEqual(['', 'turn']);
    expect(rows(document({ header: '' })).rows).toMatchObject([{ startSec: 1, endSec: 2 }]); // milliseconds
    expect(rows(document({ header: 'TIME_UNITS=""' })).rows).toHaveLength(1);
  });

  it('may be the times of slots between tiers that refer to each other in a circle', () => {
    const circle = ['c', 'd'].map((name, i) =>
      tier(name, [`${name}1`, 't1', 't2', '']).replace(`"${name}"`, `"${name}" PARENT_REF="${'dc'[i]}"`),
    );
    expect(times({ tiers: circle.join('') })).toEqual(['x-c1 1 2', 'x-d1 1 2']);
  });
});

describe('time slots', () => {
  const slots = (...values: readonly (string | undefined)[]) => values.map((value, i) => ({ id: `t${i + 1}`, value }));
  const at = (values: readonly (string | undefined)[], tiers: Parameters<typeof slotTimes>[1] = []) =>
    Object.fromEntries(slotTimes(slots(...values), tiers));
  const tierOf = (own: string, parent: string | undefined, ...spans: readonly (readonly [string, string])[]) => ({
    ...{ id: own, parent, spans },
  });

  it.each<[readonly (string | undefined)[], Record<string, number>]>([
    [['0', '12.75', '100'], { t1: 0, t2: 12.75, t3: 100 }],
    [['12.', '.5', 'x1', '1x'], {}],
    [['0', undefined, '10'], { t1: 0, t2: 5, t3: 10 }],
    [['0', '', '-1', '9'], { t1: 0, t2: 3, t3: 6, t4: 9 }],
    [['0', 'soon', '10'], { t1: 0, t3: 10 }],
    [['0', '-5', '10'], { t1: 0, t3: 10 }],
    [['0', '1e3', '10'], { t1: 0, t3: 10 }],
    [['0', undefined, 'soon', undefined, '10'], { t1: 0, t5: 10 }], // on neither side of it
    [[undefined, '4', undefined], { t2: 4 }],
    [['9', undefined, '4', undefined, '6'], { t1: 9, t3: 4, t4: 5, t5: 6 }], // time does not run back
    [['4', undefined, '4'], { t1: 4, t2: 4, t3: 4 }],
  ])('%j are at %j', (values, expected) => {
    expect(at(values)).toEqual(expected);
  });

  it('are divided along the annotations first, those of a parent before those of a child, whatever their order', () => {
    const values = ['0', undefined, undefined, undefined, '8'];
    const parent = tierOf('p', undefined, ['t1', 't3'], ['t3', 't5']);
    const child = tierOf('c', 'p', ['t1', 't2'], ['t2', 't3']);
    const grandchild = tierOf('g', 'c', ['t2', 't4'], ['t4', 't3']);
    const expected = { t1: 0, t2: 2, t3: 4, t4: 3, t5: 8 };
    expect(at(values, [parent, child, grandchild])).toEqual(expected);
    expect(at(values, [grandchild, child, parent])).toEqual(expected);
    expect(at(values, [child, grandchild, parent])).toEqual(expected);
  });

  it('end a chain where one has a time, or where it comes back', () => {
    expect(at(['0', '4', undefined], [tierOf('p', undefined, ['t1', 't2'], ['t2', 't3'])])).toEqual({ t1: 0, t2: 4 });
    expect(at(['0', undefined], [tierOf('p', undefined, ['t1', 't2'], ['t2', 't2'])])).toEqual({ t1: 0 });
  });
});

it('texts have their entities decoded, once', () => {
  const label = 'Stra&#223;e &#x26; &lt;b&gt; 007 &amp;lt; &quot;&apos; <![CDATA[a & b]]>';
  const { rows } = rowsOf({ tiers: tier('G&amp;H &#246;', ['a1', 't1', 't2', label]) });
  expect(rows[0]).toMatchObject({ label: 'Straße & <b> 007 &lt; "\' a & b', extra: { tier: 'G&H ö' } });
});

it('many entities are no attack', () => {
  const many = Array.from({ length: 3000 }, (_, i): Aligned => [`a${i}`, 't1', 't2', '&amp;&#223;']);
  expect(rowsOf({ tiers: tier('t', ...many) }).rows).toHaveLength(3000);
});

it.each([
  ['file:///C:/my%20data/drive.mp4', ['C:/my%20data/drive.mp4', 'C:/my data/drive.mp4']],
  ['file:///home/me/100%.mp4', ['/home/me/100%.mp4']],
  ['file:/home/me/a.mp4', ['/home/me/a.mp4']],
  ['file://localhost/home/a.mp4', ['/home/a.mp4']],
  ['file://server/share/a.mp4', ['//server/share/a.mp4']],
  ['file:////server/share/a.mp4', ['//server/share/a.mp4']],
  ['./videos/a%20b.mp4', ['./videos/a%20b.mp4', './videos/a b.mp4']],
])('the address %s may mean %j', (url, paths) => {
  expect(pathsOfUrl(url)).toEqual(paths);
});

describe('videos', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'l2caf-elan-'));
    await mkdir(join(folder, 'sub'));
    await makeClip(join(folder, 'drive.mp4'), { frames: 50, rate: '10' });
    await makeClip(join(folder, 'sub', 'my drive.mp4'), { frames: 50, rate: '10' });
  });
  afterAll(() => rm(folder, { recursive: true }));
  const list = async (name: string, parts: Parts): Promise<string> => {
    await writeFile(join(folder, name), document(parts));
    return join(folder, name);
  };
  const media = (relative: string, url = 'file:///C:/x/none.mp4', more = ''): string =>
    `<MEDIA_DESCRIPTOR MEDIA_URL="${url}" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="${relative}" ${more}/>`;

  it('the second is taken where the first is not there, with its own origin', async () => {
    const rear = media('./rear.mp4', undefined, 'TIME_ORIGIN="9000"');
    const path = await list('two.eaf', { media: `${rear}${media('./drive.mp4', undefined, 'TIME_ORIGIN="500"')}` });
    const { events, problems } = await readBatchEvents(path, new Videos());
    expect(problems).toEqual([]);
    expect(events).toMatchObject([{ video: './drive.mp4', span: { startSec: 1.5, endSec: 2.5 } }]);
    // also where the first's absolute address is that of the second
    const same = 'file:///C:/x/drive.mp4';
    const both = `${media('./rear.mp4', same, 'TIME_ORIGIN="9000"')}${media('./drive.mp4', same)}`;
    const { events: own } = await readBatchEvents(await list('same.eaf', { media: both }), new Videos());
    expect(own).toMatchObject([{ video: './drive.mp4', span: { startSec: 1, endSec: 2 } }]);
    const clip = await probeClip(join(folder, 'drive.mp4'));
    const { events: shown } = await readLabels(path, clip, { startSec: 0, endSec: 5 });
    expect(shown).toEqual([{ id: 'two-a1', label: 'turn', startSec: 1.5, endSec: 2.5 }]);
  });
  it.each([
    ['./sub/my%20drive.mp4', undefined],
    ['.\\sub\\my drive.mp4', undefined],
    ['./gone/none.mp4', 'file:///D:/drives/drive.mp4'],
  ])('are found as %s, %s', async (relative, url) => {
    const { events } = await readBatchEvents(await list('a.eaf', { media: media(relative, url) }), new Videos());
    expect(events).toHaveLength(1);
  });
  it('are told when none is there, and sound is none', async () => {
    const absent = await list('absent.eaf', { media: media('./rear.mp4', 'file:///data/rear.mp4') });
    const { problems } = await readBatchEvents(absent, new Videos());
    expect(problems).toEqual([expect.stringMatching(/^line 5: there is no file .*rear\.mp4 nor \/data\/rear\.mp4$/)]);
    const sound = '<MEDIA_DESCRIPTOR MEDIA_URL="drive.mp4" MIME_TYPE="audio/x-wav"/>';
    expect(() => rowsOf({ media: sound })).toThrow(/names no video/);
    for (const type of ['image/png', 'text/plain', 'audio/mpeg'])
      expect(() => rowsOf({ media: sound.replace('audio/x-wav', type) })).toThrow(/names no video/);
    for (const type of ['video/x-audio/1', 'application/octet-stream'])
      expect(rowsOf({ media: sound.replace('audio/x-wav', type) }).rows[0]!.videos[0]).toEqual({ name: 'drive.mp4' });
  });
  it('are named once each: by the relative address, the absolute one, and beside the file', () => {
    const named = (...media: readonly string[]) => rowsOf({ media: media.join('') }).rows[0]!.videos;
    const one =
      '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/a%20b.mp4" RELATIVE_MEDIA_URL="./y/c.mp4" TIME_ORIGIN="-250"/>';
    const two = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///d/e.mp4" TIME_ORIGIN="soon"/>';
    expect(named(one, two)).toEqual([
      ...['./y/c.mp4', 'C:/x/a%20b.mp4', 'C:/x/a b.mp4', 'c.mp4'].map((name) => ({ name, offsetSec: -0.25 })),
      { name: '/d/e.mp4' },
      ...['a%20b.mp4', 'a b.mp4'].map((name) => ({ name, offsetSec: -0.25 })),
      { name: 'e.mp4' },
    ]);
    expect(named('<MEDIA_DESCRIPTOR TIME_ORIGIN="0" RELATIVE_MEDIA_URL="a.mp4"/>', '\n')).toEqual([{ name: 'a.mp4' }]);
  });
  it('of old files stand in the header', async () => {
    const path = await list('old.eaf', { media: '', header: 'TIME_UNITS="milliseconds"' });
    await writeFile(path, document({ media: '' }).replace('MEDIA_FILE=""', 'MEDIA_FILE="drive.mp4"'));
    expect((await readBatchEvents(path, new Videos())).events).toHaveLength(1);
  });
});
