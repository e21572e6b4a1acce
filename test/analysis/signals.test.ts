import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAnalysis } from '../../src/analysis/document.ts';
import { readSignals, signalsAt, withSignals } from '../../src/analysis/signals.ts';
import { ribbonOf } from '../../src/analysis/timeline.ts';
import { exampleAnalysis } from '../support/example-analysis.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-signals-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string) {
  const path = join(folder, 'signals.csv');
  await writeFile(path, text);
  return readSignals(path);
}

describe('readSignals', () => {
  it('takes the columns of numbers, by increasing time', async () => {
    expect(await read('steering,Time,mode,throttle\n0.5,1,user,\n-1,0,user,0.25\n9,1,user,9\n')).toEqual({
      names: ['steering', 'throttle'],
      timesSec: [0, 1],
      values: [
        [-1, 0.5],
        [0.25, Number.NaN],
      ],
    });
  });

  it.each([
    ['nothing', '', /no column named time/],
    ['no time', 'steering\n1\n', /no column named time/],
    ['no numbers', 'time,mode\n0,user\n', /no column of numbers/],
    ['no values', 'time,steering\n0,\n', /no column of numbers/],
    ['a time in words', 'time,steering\n0,1\nsoon,1\n', /line 3: the time is not a number/],
    ['decimal commas', 'time;steering\n0;0,5\n', /no column of numbers/],
    ['too many columns', `time,${Array.from({ length: 65 }, (_, k) => `s${k}`)}\n0${',1'.repeat(65)}\n`, /65 columns/],
  ])('refuses %s', async (_, text, message) => {
    await expect(read(text)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringMatching(message),
    });
  });
});

describe('signalsAt', () => {
  const record = { names: ['a'], timesSec: [1, 2, 3, 4, 9, 10], values: [[0, 10, 20, Number.NaN, 50, 60]] };

  it('is linear between two records', () => {
    expect(signalsAt(record, [1, 1.25, 2, 2.99999, 9.5, 10])).toEqual([[0, 2.5, 10, 20, 55, 60]]);
  });

  it('knows nothing outside the record, beside unknown values, and in its holes', () => {
    const holed = { ...record, timesSec: [1, 2, 3, 4, 9.5, 10] };
    expect(signalsAt(holed, [0.9, 3.5, 4, 6, 10.1])).toEqual([[null, null, null, null, null]]);
    expect(signalsAt({ ...record, values: [[0, 1, 2, 3, 8, 9]] }, [6])).toEqual([[5]]); // five steps are no hole
    expect(signalsAt({ ...holed, values: [[0, 1, 2, 3, 8, 9]] }, [6])).toEqual([[null]]);
  });

  it('takes a single record for its moment', () => {
    expect(signalsAt({ names: ['a'], timesSec: [1], values: [[7]] }, [0.5, 1, 1.5])).toEqual([[null, 7, null]]);
  });
});

describe('withSignals', () => {
  const recorded = {
    names: ['steering', 'speed'],
    timesSec: [0, 2],
    values: [
      [0, 4],
      [1, 1],
    ],
  };
  const record = {
    timesSec: [0, 2, 3],
    values: [
      [0, 4, null],
      [1, 1, null],
    ],
  };

  it('writes down what was recorded, and what of it at the frames', () => {
    const analysis = withSignals(exampleAnalysis(), recorded);
    expect(analysis.signals).toEqual({
      names: ['steering', 'speed'],
      values: [
        [1, 3],
        [1, 1],
      ],
      record,
    });
    expect(parseAnalysis(JSON.parse(JSON.stringify(analysis)), 'it')).toEqual(analysis);
    expect(ribbonOf(analysis).signals).toEqual([
      { lines: [{ name: 'steering', timesSec: record.timesSec, values: record.values[0] }] },
      { lines: [{ name: 'speed', timesSec: record.timesSec, values: record.values[1] }] },
    ]);
    const { record: _, ...earlier } = analysis.signals!; // of a document that has none
    expect(ribbonOf({ ...analysis, signals: earlier }).signals![0]).toEqual({
      lines: [{ name: 'steering', values: [1, 3] }],
    });
    expect(ribbonOf(exampleAnalysis()).signals).toBeUndefined();
  });

  it('keeps what happened between two frames, and a hole as one', () => {
    const brake = { names: ['brake'], timesSec: [0, 0.5, 0.6, 0.7, 0.8, 2.6], values: [[0, 0, 0, 1, 0, 0]] };
    const { signals } = withSignals(exampleAnalysis(), brake);
    expect(signals!.values).toEqual([[0, null]]);
    expect(signals!.record!.timesSec).toEqual([0, 0.5, 0.6, 0.7, 0.8, 1.7000000000000002, 2.6, 3]);
    expect(signals!.record!.values).toEqual([[0, 0, 0, 1, 0, null, 0, null]]);
  });

  it('keeps the peaks of a long record', () => {
    const timesSec = Array.from({ length: 30_000 }, (_, i) => i / 10_000);
    const values = timesSec.map((_, i) => (i === 12_345 ? 9 : i === 12_346 ? -9 : 1));
    const { record: own } = withSignals(exampleAnalysis(), { names: ['x'], timesSec, values: [values] }).signals!;
    expect(own!.timesSec.length).toBeLessThanOrEqual(2000);
    expect(own!.timesSec.every((time, i) => i === 0 || time > own!.timesSec[i - 1]!)).toBe(true);
    const known = own!.values[0]!.filter((value) => value !== 1 && value !== null);
    expect(known).toEqual([9, -9]);
  });

  it('warns where nothing was', () => {
    const analysis = withSignals(exampleAnalysis(), { ...recorded, timesSec: [100, 102] });
    expect(analysis.signals).toBeUndefined();
    expect(analysis.warnings.at(-1)).toBe('no signal was recorded within 0.00–3.00 s');
    expect(withSignals(exampleAnalysis(), undefined)).toEqual(exampleAnalysis());
  });

  it('documents hold a value per frame', () => {
    const signals = { names: ['steering'], values: [[1]] };
    expect(() => parseAnalysis({ ...exampleAnalysis(), signals }, 'it')).toThrow(
      'signals: a signal has another number of values than there are frames',
    );
    const uneven = { names: ['steering'], values: [[1, 1]], record: { timesSec: [0, 1], values: [[1]] } };
    expect(() => parseAnalysis({ ...exampleAnalysis(), signals: uneven }, 'it')).toThrow(
      'signals.record: a signal has another number of values than there are times',
    );
  });
});
