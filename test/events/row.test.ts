/** One event from named values: times in every unit, and what is said of values that cannot be used. */
import { describe, expect, it } from 'vitest';
import { lacks, MAX_COLUMNS, type Need, RowReader, tooMany } from '../../src/events/row.ts';

const AT = { line: 3, ordinal: 2 };

/** What becomes of values, and what is wrong with them. */
function read(values: Readonly<Record<string, string>>, needs: readonly Need[] = [], decimalComma = false) {
  const reader = new RowReader({ text: '' }, needs, { decimalComma });
  return { row: reader.read(new Map(Object.entries(values)), AT), problems: reader.problems };
}

describe('times', () => {
  it.each([
    ['start', '90', 90],
    ['start', '1:30', 90],
    ['start_ms', '90250', 90.25],
    ['start_us', '90250000', 90.25],
    ['start_ns', '90250000000', 90.25],
    ['start_min', '1.5', 90],
    ['start_hours', '0.5', 1800],
    ['start', '0', 0],
  ])('%s = %s is %d s', (name, text, seconds) => {
    const { row, problems } = read({ video: 'a.mp4', [name]: text });
    expect(problems).toEqual([]);
    expect(row).toEqual({
      ...{ place: 'line 3', id: 'event-00002', videos: [{ name: 'a.mp4' }], startSec: seconds, label: '', split: '' },
      extra: Object.create(null),
    });
  });

  it.each([
    [{ start: '2', duration: '3' }, [2, 5]],
    [{ duration: '3' }, [undefined, 3]],
    [{ duration_ms: '3000', start_min: '1' }, [60, 63]],
    [{ start: '2', end: '4', duration: '9' }, [2, 4]], // an end says it all
    [{ start: '', end: '' }, [undefined, undefined]],
    [{ end: '4' }, [undefined, 4]],
  ])('%j are the span %j', (values, [start, end]) => {
    const { row } = read({ video: 'a.mp4', ...(values as Record<string, string>) });
    expect([row!.startSec, row!.endSec]).toEqual([start, end]);
    expect(Object.hasOwn(row!, 'startSec')).toBe(start !== undefined);
    expect(Object.hasOwn(row!, 'endSec')).toBe(end !== undefined);
  });

  it('may have a decimal comma where the list has', () => {
    expect(read({ video: 'a.mp4', start: '1,5' }, [], true).row!.startSec).toBe(1.5);
    expect(read({ video: 'a.mp4', start_ms: '1500,5' }, [], true).row!.startSec).toBe(1.5005);
  });
});

describe('a wrong row', () => {
  const clock = 'is not a time (seconds, m:ss or h:mm:ss)';
  it.each<[Record<string, string>, readonly Need[], readonly string[]]>([
    [{ video: 'a', start: 'x' }, [], [`the start "x" ${clock}`]],
    [{ video: 'a', duration: '-1' }, [], [`the duration "-1" ${clock}`]],
    [
      { video: 'a', end_us: '0:01' },
      [],
      ['the end "0:01" is not a number of microseconds, as the column "end_us" states'],
    ],
    [{ video: '', start: '1' }, [], ['the video is empty']],
    [{ start: '1', end: '2' }, [], ['no video is named, only start, end']],
    [
      { video: '', label: '', split: 'holiday' },
      ['label', 'split'],
      ['the video is empty', 'the label is empty', 'the split is "holiday", not one of train, val, test'],
    ],
    [{ video: 'a', start: '1', begin: '2' }, [], [expect.stringContaining('both say the start')]],
    [{ video: 'a', note: 'Fu\uFFFD' }, [], [expect.stringMatching(/^the note "Fu\uFFFD" has lost letters/)]],
    [{ video: 'a', 'no\uFFFDte': '' }, [], [expect.stringMatching(/^the no\uFFFDte "" has lost letters/)]],
    [{ video: 'a', start: 'x'.repeat(80) }, [], [`the start "${'x'.repeat(80)}" ${clock}`]],
    [{ video: 'a', start: 'x'.repeat(81) }, [], [`the start "${'x'.repeat(80)}…" (81 characters) ${clock}`]],
  ])('%j is reported with its place', (values, needs, problems) => {
    const { row, problems: found } = read(values, needs);
    expect(row).toBeUndefined();
    expect(found.map((problem) => problem.replace(/^line 3: /, ''))).toEqual(problems);
    expect(found.every((problem) => problem.startsWith('line 3: '))).toBe(true);
  });

  it('may be part of a line, or have too many columns', () => {
    const reader = new RowReader({ text: '' });
    reader.reject({ line: 7, part: 'answer 2' }, 'no');
    const wide = (columns: number) =>
      reader.read(new Map(Array.from({ length: columns }, (_, i) => [i === 0 ? 'video' : `c${i}`, 'a'])), AT);
    expect(wide(MAX_COLUMNS)).toBeDefined();
    expect(wide(MAX_COLUMNS + 1)).toBeUndefined();
    expect(reader.problems).toEqual(['line 7, answer 2: no', 'line 3: it has 4097 columns, more than 4096']);
    expect(tooMany(5000)).toBe('it has 5000 columns, more than 4096');
  });
});

it('a row lacks what is needed and not there', () => {
  expect(lacks({ label: '', split: '' }, [])).toEqual([]);
  expect(lacks({ label: 'a', split: 'val' }, ['label', 'split'])).toEqual([]);
  expect(lacks({ label: '', split: 'test' }, ['split'])).toEqual([]);
  expect(lacks({ label: '', split: 'x' }, ['split', 'label'])).toEqual([
    'the split is "x", not one of train, val, test',
    'the label is empty',
  ]);
});

describe('notes', () => {
  const notesOf = (...rows: readonly (readonly string[])[]): readonly string[] => {
    const reader = new RowReader({ text: '' });
    for (const names of rows) reader.columns(names);
    return reader.notes;
  };
  it.each([
    [['video', 'start', 'end', 'label', 'x'], undefined],
    [['video', 'start', 'duration', 'label', 'x'], undefined],
    [['video'], undefined],
    [['video', 'start', 'end', 'x', 'y'], 'nothing is called label; kept without a meaning: x, y'],
    [['video', 'start', 'label', 'x'], 'nothing is called end; kept without a meaning: x'],
    [['video', 'end', 'x'], 'nothing is called start or label; kept without a meaning: x'],
  ])('%j: %s', (names, note) => {
    expect(notesOf(names)).toEqual(note === undefined ? [] : [note]);
  });

  it('take all rows together, each name once', () => {
    expect(notesOf(['video', 'start', 'x'], ['video', 'end', 'x', 'y'])).toEqual([
      'nothing is called label; kept without a meaning: x, y',
    ]);
    expect(notesOf(['video', 'start', 'x'], ['video', 'end', 'label'])).toEqual([]);
  });
});
