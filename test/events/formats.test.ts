/** What lists look like as programs save them: encodings, dialects of CSV, forms of JSON. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRows } from '../../src/events/read.ts';
import type { EventRows } from '../../src/events/row.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-formats-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(name: string, content: string | Uint8Array): Promise<EventRows> {
  await writeFile(join(folder, name), content);
  return readRows(join(folder, name));
}

/** The rows as `video start end label`, after checking that nothing is wrong. */
async function rowsOf(name: string, content: string | Uint8Array): Promise<string[]> {
  const { rows, problems } = await read(name, content);
  expect(problems).toEqual([]);
  return rows.map(({ videos, startSec, endSec, label }) => `${videos[0]!.name} ${startSec} ${endSec} ${label}`);
}

function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes).swap16();
}

describe('encodings', () => {
  const text = 'video,start,end,label\ndrive.mp4,0,1,Fußgänger 一左转 🚦\n';
  const wide = Buffer.from(text, 'utf16le');
  const wideMarked = Buffer.from(`\uFEFF${text}`, 'utf16le');
  it.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with a mark', Buffer.from(`\uFEFF${text}`)],
    ['UTF-16, little end first', wide],
    ['UTF-16, little end first, with a mark', wideMarked],
    ['UTF-16, big end first', swapped(wide)],
    ['UTF-16, big end first, with a mark', swapped(wideMarked)],
  ])('%s is read', async (_, bytes) => {
    expect(await rowsOf('a.csv', bytes)).toEqual(['drive.mp4 0 1 Fußgänger 一左转 🚦']);
  });
  it('another one is named, row by row, and no label is damaged', async () => {
    const latin = Buffer.from('video,label\na.mp4,stop\nb.mp4,Fußgänger\nc.mp4,turn\n', 'latin1');
    const { rows, problems } = await read('latin.csv', latin);
    expect(rows.map(({ label }) => label)).toEqual(['stop', 'turn']);
    expect(problems).toEqual([
      expect.stringMatching(/^line 3: the label .* is not UTF-8 .*Windows-1252.*b\.mp4,Fußgänger/),
    ]);
    const heading = Buffer.from('vidéo,label\na.mp4,stop\n', 'latin1');
    await expect(read('heading.csv', heading)).rejects.toThrow(/line 1: the name .* is not UTF-8 .*vidéo,label/);
    expect((await read('lost.csv', 'video,label\na.mp4,Fu\uFFFDg\n')).problems).toEqual([
      expect.stringMatching(/^line 2: the label .* has lost letters/),
    ]);
  });
  it.each([
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x76, 0, 0, 0]), /it is in UTF-32/],
    ['no text', Buffer.from([0, 0, 0, 0x18, 0x66, 0x74, 0x79, 0x70, 1, 0, 0, 2]), /it is not a text file/],
    ['half of UTF-16', Buffer.concat([wideMarked, Buffer.from([0])]), /its UTF-16LE text is damaged/],
  ])('%s is refused', async (_, bytes, message) => {
    await expect(read('x.csv', bytes)).rejects.toMatchObject({ code: 'input-unreadable', message });
  });
  it('the one that XML declares is read, if it is known', async () => {
    const xml = (encoding: string): Buffer => Buffer.from(eaf(encoding, 'Fußgänger'), 'latin1');
    expect(await rowsOf('a.eaf', xml('ISO-8859-1'))).toEqual(['a.mp4 1 2 Fußgänger']);
    await expect(read('b.eaf', xml('EBCDIC-XX'))).rejects.toThrow(/its encoding, EBCDIC-XX, is not known/);
    expect((await read('c.eaf', xml('UTF-8'))).problems).toEqual([expect.stringMatching(/^line 4: .* is not UTF-8/)]);
  });
});

/** An annotation file with one event. */
function eaf(encoding: string, label: string): string {
  return `<?xml version="1.0" encoding="${encoding}"?>
<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" MIME_TYPE="video/mp4"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="2000"/></TIME_ORDER>
<TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
<ANNOTATION_VALUE>${label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>`;
}

describe('tables', () => {
  it.each([
    ['other names', 'Clip,Start Time,Stop Time,Category\na.mp4,1,2,turn\n'],
    ['clock times', 'video,start,end,label\na.mp4,0:01,0:00:02.0,turn\n'],
    ['milliseconds', 'video,start_ms,end_ms,label\na.mp4,1000,2e3,turn\n'],
    [
      'minutes and hours',
      'video,start (min),end (hours),label\na.mp4,0.016666666666666666,5.555555555555556e-4,turn\n',
    ],
    ['a duration', 'video,start,duration,label\na.mp4,1,1,turn\n'],
    ['a duration in milliseconds', 'video,onset,duration_ms,label\na.mp4,1,1000,turn\n'],
    ['Excel, German', 'sep=;\r\nvideo;start;end;label;\r\na.mp4;1,0;2,0;turn;\r\n;;;;\r\n'],
    ['tabs and lone carriage returns', 'video\tstart\tend\tlabel\ra.mp4\t1\t2\t"turn"\r'],
    ['a column of indices without a name', ',video,start,end,label\n0,a.mp4,1,2,turn\n'],
    ['empty fields at the end', 'video,start,end,label,,\na.mp4,1,2,turn,,,\n'],
  ])('with %s', async (_, text) => {
    expect(await rowsOf('table.csv', text)).toEqual(['a.mp4 1 2 turn']);
  });
  it('are refused where columns cannot be told apart, or a time would be passed over', async () => {
    await expect(read('x.csv', 'video,start,begin\na.mp4,1,2\n')).rejects.toThrow(/line 1: .*both say the start/);
    await expect(read('x.csv', '\nvideo,start_frame\na.mp4,1\n')).rejects.toThrow(/line 2: .*counts frames/);
    await expect(read('x.csv', 'video,"start\na.mp4,1\n')).rejects.toThrow(/line 1: a quotation mark/);
  });
  it.each([
    ['', 'it is empty'],
    ['\n\n', 'it is empty'],
    ['video,"start\na.mp4,1\n', 'line 1: a quotation mark is not closed or out of place'],
    ['road,,start\na,1,2\n', 'line 1: there is no column video, only road, column 2, start'],
    ['\nvideo,label,label\na,b,c\n', 'line 2: a column is there twice: label'],
    ['video,start,begin,finish,end\n', /^line 1: the columns "start" and "begin" .*; the columns "finish" and "end" /],
    [`video${',a'.repeat(4096)}\n`, 'line 1: it has 4097 columns, more than 4096'],
    ['video,no\uFFFDte\na,b\n', /^line 1: the name "no\uFFFDte" has lost letters/],
  ])('are refused with what is wrong (%#)', async (text, why) => {
    const error = await read('x.csv', text).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'input-unreadable',
      hint: 'the first line of a table names its columns: video and, if wanted, id, start, end (seconds), label, split',
    });
    const { message } = error as Error;
    const before = `${join(folder, 'x.csv')} cannot be used: `;
    expect(message.slice(0, before.length)).toBe(before);
    if (typeof why === 'string') expect(message.slice(before.length)).toBe(why);
    else expect(message.slice(before.length)).toMatch(why);
  });
  it('count their rows and lines as an editor does', async () => {
    const { rows, problems } = await read('x.csv', '\nvideo,note\n\na.mp4,"two\nlines"\nb.mp4\n c.mp4 , x \n');
    expect(problems).toEqual(['line 6: 1 fields, the heading has 2']);
    expect(rows.map(({ place, id, videos, extra }) => [place, id, videos[0]!.name, extra['note']])).toEqual([
      ['line 4', 'event-00001', 'a.mp4', 'two\nlines'],
      ['line 7', 'event-00003', 'c.mp4', 'x'],
    ]);
    const { rows: short } = await read('y.csv', 'video,label,\na.mp4,x, ,,\n');
    expect(short[0]).toMatchObject({ label: 'x' });
  });
  it('say what is missing while other columns are kept', async () => {
    expect((await read('x.csv', 'video,von,bis,weather\na.mp4,1,2,rain\n')).notes).toEqual([
      'nothing is called start or end or label; kept without a meaning: von, bis, weather',
    ]);
    expect((await read('x.csv', 'video\na.mp4\n')).notes).toEqual([]);
  });
  it('have one bad row where one row is bad', async () => {
    const { rows, problems } = await read(
      'bad.csv',
      'video,start,end,label\na.mp4,1;2,2,x\nb.mp4,0,1,"x\nc.mp4,0,1,x,y\nd.mp4,0,1,x\n,0,1,x\n',
    );
    expect(rows.map(({ place }) => place)).toEqual(['line 5']);
    expect([...problems].sort()).toEqual([
      'line 2: the start "1;2" is not a time (seconds, m:ss or h:mm:ss)',
      'line 3: a quotation mark is not closed or out of place',
      'line 4: 5 fields, the heading has 4',
      'line 6: the video is empty',
    ]);
    expect((await read('ms.csv', 'video,start_ms\na.mp4,0:01\n')).problems).toEqual([
      'line 2: the start "0:01" is not a number of milliseconds, as the column "start_ms" states',
    ]);
  });
  it('may have many columns, but not any number', async () => {
    const wide = (count: number): string =>
      `video,${Array.from({ length: count - 1 }, (_, i) => `c${i}`).join(',')}\na.mp4${',1'.repeat(count - 1)}\n`;
    expect(Object.keys((await read('wide.csv', wide(4096))).rows[0]!.extra)).toHaveLength(4095);
    await expect(read('x.csv', wide(100_000))).rejects.toThrow(/line 1: it has 100000 columns, more than 4096/);
    const row = JSON.stringify({
      video: 'a.mp4',
      ...Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [i, 1])),
    });
    const { problems } = await read('x.json', `[${row},{"video":"a.mp4"}]`);
    expect(problems).toEqual([expect.stringMatching(/it has 5001 columns/)]);
  });
  it('may have columns of any name', async () => {
    const { rows } = await read('x.csv', 'video,start,end,label,__proto__,constructor,toString\na.mp4,0,1,x,p,c,t\n');
    expect(Object.entries(rows[0]!.extra)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
      ['toString', 't'],
    ]);
    const { rows: plain } = await read('y.csv', 'video,start,end,label,x\na.mp4,0,1,x,y\n');
    expect(plain[0]!.extra['constructor']).toBeUndefined();
  });
});

describe('JSON', () => {
  const event = '{"video":"a.mp4","start":1,"end":2,"label":"turn"}';
  it.each([
    ['an array', 'a.json', `[${event},\n${event}]`],
    ['an array after a mark', 'a.json', `\uFEFF [${event},${event}]`],
    ['lines', 'a.jsonl', `\uFEFF${event}\r\n\n${event}\r\n`],
    ['lines in a file called .json', 'a.json', `${event}\n${event}\n`],
    ['an array in a file called .jsonl', 'a.jsonl', `[${event},${event}]`],
    ['an array in a file called .txt', 'a.txt', `[${event},${event}]`],
    [
      'a document about one video',
      'a.json',
      '{"version":1,"video":"a.mp4","events":[{"start":"0:01","end":2,"label":"turn"},{"begin_ms":1000,"to":2,"class":"turn"}]}',
    ],
  ])('as %s', async (_, name, text) => {
    expect(await rowsOf(name, text)).toEqual(['a.mp4 1 2 turn', 'a.mp4 1 2 turn']);
  });
  it('names what is wrong by its line', async () => {
    const { rows, problems } = await read(
      'wrong.json',
      `[\n${event},\n5,\n{"video":"b.mp4",\n"start":"x"},\n{"start":0},{"video":"a","video":"b"},\n${event}]`,
    );
    expect(rows.map(({ place }) => place)).toEqual(['line 2', 'line 7']);
    expect(problems).toEqual([
      'line 3: not an object',
      expect.stringMatching(/^line 4: the start "x" is not a time/),
      'line 6: no video is named, only start',
      'line 6: a name is there twice',
    ]);
    const lines = await read('wrong.jsonl', `${event}\n{"video":"b.mp4"\n{"video":"c.mp4","starting":1}\n`);
    expect(lines.problems).toEqual([
      'line 2: not JSON: column 17: close brace expected',
      expect.stringMatching(/^line 3: the column "starting" looks like a time/),
    ]);
  });
  it.each([
    ['[{"video":"a.mp4"},\n{"video" "b.mp4"}]', 'line 2, column 10: colon expected'],
    ['[{"video":"a.mp4"},', 'line 1, column 20: value expected'],
    ['[{"video":"a.mp4"}, // first\n{"video":"b.mp4"}]', 'line 1, column 21: invalid comment token'],
    ['[{"video":"a.mp4"},]', 'line 1, column 20: value expected'],
    ['"events"', 'it holds a string'],
    ['7', 'it holds a number'],
    ['', 'it is empty'],
    [' \n', 'it is empty'],
    ['['.repeat(1e5), 'it is nested too deeply'],
    ['{"videos":[{"id":1}],"events":[{"id":1}]}', 'which of its arrays holds the events? videos, events'],
  ])('is refused as a whole where it is no list (%#)', async (text, why) => {
    await expect(read('x.json', text)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: `${join(folder, 'x.json')} cannot be used: it is no JSON list of events: ${why}`,
      hint: 'give an array of objects, or an object a line, with video and, if wanted, id, start, end (seconds), label, split',
    });
  });
  it('of nothing holds no events, and one object is one', async () => {
    expect(await rowsOf('x.json', '[]')).toEqual([]);
    expect(await rowsOf('x.json', event)).toEqual(['a.mp4 1 2 turn']);
    expect(await rowsOf('x.jsonl', event)).toEqual(['a.mp4 1 2 turn']);
    expect(await rowsOf('x.jsonl', '\n \n')).toEqual([]);
    expect(await rowsOf('x.NDJSON', `${event}\n`)).toEqual(['a.mp4 1 2 turn']);
    expect((await read('x.json', '{}')).problems).toEqual(['line 1: no video is named, only ']);
    expect((await read('x.json', '[{}]')).problems).toEqual(['line 1: no video is named, only ']);
  });
  it('may say of all events what they do not say themselves', async () => {
    const { rows, problems } = await read(
      'x.json',
      '{"frames":[1,2],"empty":[],"class":"turn","clip":"a.mp4","split":"val","start":5,"by":"me",\n"list":[{"id":"one"},\n{"class":"stop","clip":"b.mp4"}]}',
    );
    expect(problems).toEqual([]);
    expect(rows.map(({ place, id, videos, label, split }) => [place, id, videos[0]!.name, label, split])).toEqual([
      ['line 2', 'one', 'a.mp4', 'turn', 'val'],
      ['line 3', 'event-00002', 'b.mp4', 'stop', 'val'],
    ]);
    expect(rows[0]).not.toHaveProperty('startSec'); // times are every event's own
    expect(Object.keys(rows[0]!.extra)).toEqual([]);
  });
  it('keeps texts without the white space around them, and truth as it is written', async () => {
    const { rows } = await read('x.json', '[{"video":" a.mp4 ","label":" turn  left ","sure":true,"none":[]}]');
    expect(rows[0]).toMatchObject({ label: 'turn  left', videos: [{ name: 'a.mp4' }] });
    expect(Object.entries(rows[0]!.extra)).toEqual([
      ['sure', 'true'],
      ['none', '[]'],
    ]);
  });
  it.each([
    ['{"video":"a.mp4"}\n{"video":"b.mp4",}\n', 'line 2: not JSON: column 18: property name expected'],
    ['{"video":"a.mp4"}\n{"video":"b.mp4"} x\n', /^line 2: not JSON: column 19: /],
    ['{"video":"a.mp4"}\n7\n', 'line 2: not an object'],
  ])('has one bad line where one line is bad (%#)', async (text, problem) => {
    for (const name of ['x.jsonl', 'x.json']) {
      const { rows, problems } = await read(name, text);
      expect([rows.length, problems.length]).toEqual([1, 1]);
      expect(problems[0]).toMatch(problem);
    }
  });
  it('keeps numbers as they are written and what is nested as JSON', async () => {
    const { rows } = await read(
      'x.json',
      '[{"video":"a.mp4","start":0,"end":1,"label":1.50,"id":12345678901234567890,"__proto__":{"a": [1,\n2]},"none":null}]',
    );
    expect(rows[0]).toMatchObject({ id: '12345678901234567890', label: '1.50' });
    expect(Object.entries(rows[0]!.extra)).toEqual([
      ['__proto__', '{"a":[1,2]}'],
      ['none', ''],
    ]);
  });
});
