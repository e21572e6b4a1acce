/** Tables of figures: what is averaged over what, how they are written, and a plot that holds them. */
import { loadImage } from '@napi-rs/canvas';
import { expect, it } from 'vitest';
import {
  csvOf,
  type FigureTable,
  figureRows,
  meanOf,
  showEstimate,
  sumsOf,
  textRows,
} from '../../src/evaluation/figure-table.ts';
import { drawFigures } from '../../src/evaluation/plot.ts';

const MEASURE = { key: 'lift', title: 'energy lift', digits: 2, chance: 1 };
const event = (group: string, ...lifts: readonly number[]) => ({
  group,
  rows: new Map([['own', sumsOf(lifts.map((lift) => ({ lift })))]]),
});

async function table(): Promise<FigureTable> {
  const events = [event('b', 1, 2, 3), event('a', 10)];
  const rows = await figureRows(events, [meanOf(MEASURE)], { seed: 1 });
  return { title: 'T', rowTitle: 'method', measures: [MEASURE], rows, highlighted: ['own'] };
}

it('averages over maps, not over events, for all and per group', async () => {
  const { rows } = await table();
  expect(
    rows.map(({ name, group, counts, figures }) => [name, group, counts['events'], figures['lift']!.value]),
  ).toEqual([
    ['own', undefined, 2, 4],
    ['own', 'a', 1, 10],
    ['own', 'b', 1, 2],
  ]);
  expect(rows[0]!.figures['lift']!.low).toBe(2); // two of the first event
  expect(rows[0]!.figures['lift']!.high).toBe(10);
});

it('writes CSV with empty cells for what is no number, and quotes', async () => {
  const { rows, ...rest } = await table();
  const quoted = rows.map((row) => ({ ...row, name: 'a, "b"' }));
  expect(csvOf({ ...rest, rows: quoted }).split('\n')).toEqual([
    'group,method,events,lift,liftLow,liftHigh',
    ',"a, ""b""",2,4,2,10',
    'a,"a, ""b""",1,10,,',
    'b,"a, ""b""",1,2,,',
    '',
  ]);
});

it('prints a table per group', async () => {
  expect(textRows(await table(), 'a')).toEqual([
    ['method', 'energy lift'],
    ['own', '10.00'],
  ]);
  expect(showEstimate({ value: 1.456, low: 1.2, high: 2 }, 2)).toBe('1.46 (1.20-2.00)');
  expect(showEstimate({ value: Number.NaN, low: 0, high: 1 }, 2)).toBe('-');
});

it('draws any table: with negative numbers, on a logarithmic scale, without intervals, with nothing at all', async () => {
  const estimate = (value: number, low = Number.NaN, high = Number.NaN) => ({ value, low, high });
  const measures = [MEASURE, { ...MEASURE, key: 'log', scale: 'log' as const }];
  const rows = [
    { name: 'x', counts: {}, figures: { lift: estimate(-0.4, -0.5, 0.1), log: estimate(1e-4) } },
    { name: 'a longer name', counts: {}, figures: { lift: estimate(Number.NaN), log: estimate(2, 1, 30) } },
  ];
  const one = await loadImage(Buffer.from(drawFigures({ ...(await table()), measures, rows }, 'caption')));
  const none = [{ name: 'x', counts: {}, figures: { lift: estimate(Number.NaN), log: estimate(Number.NaN) } }];
  const other = await loadImage(Buffer.from(drawFigures({ ...(await table()), measures, rows: none }, 'caption')));
  expect(one.height).toBeGreaterThan(other.height);
});

it('says how far the intervals are, and can be stopped', async () => {
  const controller = new AbortController();
  const done: (readonly [number, number | undefined])[] = [];
  const records = [event('b', 1, 2), event('a', 10)];
  await figureRows(records, [meanOf(MEASURE)], { seed: 1, onProgress: (p) => done.push([p.done, p.total]) });
  expect(done).toEqual([0, 1, 2, 3].map((row) => [row, 3]));
  const onProgress = (): void => controller.abort();
  const work = figureRows(records, [meanOf(MEASURE)], { seed: 1, onProgress, signal: controller.signal });
  await expect(work).rejects.toMatchObject({ code: 'aborted' });
});
