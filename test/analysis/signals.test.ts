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
  const record = {
    names: ['steering', 'speed'],
    timesSec: [0, 2],
    values: [
      [0, 4],
      [1, 1],
    ],
  };

  it('writes down what was recorded at the frames', () => {
    const analysis = withSignals(exampleAnalysis(), record);
    expect(analysis.signals).toEqual({
      names: ['steering', 'speed'],
      values: [
        [1, 3],
        [1, 1],
      ],
    });
    expect(parseAnalysis(JSON.parse(JSON.stringify(analysis)), 'it')).toEqual(analysis);
    expect(ribbonOf(analysis).signals).toEqual([
      { lines: [{ name: 'steering', values: [1, 3] }] },
      { lines: [{ name: 'speed', values: [1, 1] }] },
    ]);
    expect(ribbonOf(exampleAnalysis()).signals).toBeUndefined();
  });

  it('warns where nothing was', () => {
    const analysis = withSignals(exampleAnalysis(), { ...record, timesSec: [100, 102] });
    expect(analysis.signals).toBeUndefined();
    expect(analysis.warnings.at(-1)).toBe('no signal was recorded within 0.00–3.00 s');
    expect(withSignals(exampleAnalysis(), undefined)).toEqual(exampleAnalysis());
  });

  it('documents hold a value per frame', () => {
    const signals = { names: ['steering'], values: [[1]] };
    expect(() => parseAnalysis({ ...exampleAnalysis(), signals }, 'it')).toThrow(
      'signals: a signal has another number of values than there are frames',
    );
  });
});
