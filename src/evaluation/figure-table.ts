/**
 * What every study ends in: a table of figures, one row per thing compared and one column per measure, each with its 95 %
 * interval over events. Tables, CSV files and plots are made from this one shape, so a new figure is a new measure.
 */
import { createPause } from '../base/concurrent.ts';
import { csvText } from '../base/csv.ts';
import { groupBy } from '../base/group-by.ts';
import type { ProgressListener } from '../base/types.ts';
import { bootstrap, type Estimate } from './bootstrap.ts';

/** How a column is named, printed and drawn. */
export interface Measure {
  /** Of the column in JSON and CSV. */
  readonly key: string;
  readonly title: string;
  /** Digits after the decimal point. */
  readonly digits: number;
  /** What guessing gives, where that is known: a dashed line in the plot. */
  readonly chance?: number;
  /** Scale of the plot; default `linear`, from 0. */
  readonly scale?: 'linear' | 'log';
}

/** One thing that is compared, on all events or on those of one group. */
export interface FigureRow {
  readonly name: string;
  /** A label or another part of the events; absent: all. */
  readonly group?: string;
  /** What was counted, such as events and frames. */
  readonly counts: Readonly<Record<string, number>>;
  /** By the key of the measure. */
  readonly figures: Readonly<Record<string, Estimate>>;
}

/** A table of figures. */
export interface FigureTable {
  /** Of its files; the first table of a study has none of its own. */
  readonly key?: string;
  readonly title: string;
  /** What the rows are, such as `method`. */
  readonly rowTitle: string;
  readonly measures: readonly Measure[];
  readonly rows: readonly FigureRow[];
  /** Rows or groups that are drawn in the colour of what is examined rather than of what it is compared with. */
  readonly highlighted: readonly string[];
  /** What the ends of the intervals are; default: of 95 % by bootstrap. */
  readonly intervals?: string;
  readonly notes?: readonly string[];
}

/** A measure, and how it is computed from what was recorded of some events. */
export interface Statistic<R> extends Measure {
  /** The figure of these events; not a number where it does not exist. */
  of(records: readonly R[]): number;
}

/** The measures of a table, without what computes them. */
export function measuresOf<R>(statistics: readonly Statistic<R>[]): Measure[] {
  return statistics.map(({ of: _, ...measure }) => measure);
}

/** What was recorded of one event: one record per row of the table. */
export interface EventRecords<R> {
  readonly group?: string;
  readonly rows: ReadonlyMap<string, R>;
}

/** How {@link figureRows} works. */
export interface FigureRowsOptions {
  /** Of the resamples. */
  readonly seed: number;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The rows of a table: over all events, then per group. All rows and measures of the same events are resampled
 * alike. An event without a record for a row is left out of that row. `unit` is what the records are of, `countsOf` gives
 * further counts of a row.
 *
 * @throws L2cafError `aborted`
 */
export async function figureRows<R>(
  events: readonly EventRecords<R>[],
  statistics: readonly Statistic<R>[],
  {
    seed,
    onProgress,
    signal,
    countsOf,
    unit = 'events',
  }: FigureRowsOptions & { unit?: string; countsOf?: (records: readonly R[]) => Record<string, number> },
): Promise<FigureRow[]> {
  const pause = createPause(signal);
  const parts = recordsByRow(events);
  const rows: FigureRow[] = [];
  for (const { records, ...names } of parts) {
    onProgress?.({ stage: 'intervals', done: rows.length, total: parts.length, unit: 'rows' });
    const figures: Record<string, Estimate> = {};
    for (const { key, of } of statistics) {
      await pause();
      figures[key] = bootstrap(records.length, (indices) => of(indices.map((i) => records[i]!)), { seed });
    }
    rows.push({ ...names, counts: { [unit]: records.length, ...countsOf?.(records) }, figures });
  }
  onProgress?.({ stage: 'intervals', done: rows.length, total: parts.length, unit: 'rows' });
  return rows;
}

/** What was recorded for each row: of all events, then of each group in alphabetical order. */
function recordsByRow<R>(events: readonly EventRecords<R>[]): (Pick<FigureRow, 'name' | 'group'> & { records: R[] })[] {
  const groups = [...groupBy(events, ({ group }) => group)].flatMap(([group, own]) =>
    group === undefined ? [] : [{ group, own }],
  );
  const all: readonly { group?: string; own: readonly EventRecords<R>[] }[] = [
    { own: events },
    ...groups.sort((a, b) => (a.group < b.group ? -1 : 1)),
  ];
  return all.flatMap(({ group, own }) => {
    const names = new Set(own.flatMap(({ rows }) => [...rows.keys()]));
    return [...names].map((name) => ({
      name,
      ...(group !== undefined && { group }),
      records: own.flatMap(({ rows }) => (rows.has(name) ? [rows.get(name)!] : [])),
    }));
  });
}

/** Numbers read off several maps of one event, added up, so that an event's frames stay together in resampling. */
export interface Sums {
  readonly maps: number;
  readonly sums: Readonly<Record<string, number>>;
}

/** Adds up the readings of an event's maps. */
export function sumsOf(readings: readonly Readonly<Record<string, number>>[]): Sums {
  const sums: Record<string, number> = {};
  for (const reading of readings) {
    for (const [key, value] of Object.entries(reading)) sums[key] = (sums[key] ?? 0) + value;
  }
  return { maps: readings.length, sums };
}

/** The mean over all maps of a reading that {@link sumsOf} added up under the measure's key. */
export function meanOf(measure: Measure): Statistic<Sums> {
  return {
    ...measure,
    of: (records) => {
      const maps = records.reduce((sum, record) => sum + record.maps, 0);
      return records.reduce((sum, record) => sum + (record.sums[measure.key] ?? Number.NaN), 0) / maps;
    },
  };
}

/** The number of maps, for {@link figureRows}. */
export function countMaps(records: readonly { readonly maps: number }[]): Record<string, number> {
  return { maps: records.reduce((sum, { maps }) => sum + maps, 0) };
}

/** `1.46 (1.31-1.60)`, `1.46` without an interval, `-` when it is not a number. */
export function showEstimate({ value, low, high }: Estimate, digits: number): string {
  if (!Number.isFinite(value)) return '-';
  if (!Number.isFinite(low)) return value.toFixed(digits);
  return `${value.toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`;
}

/** A table as text: for one group (or all events) the heading and a line per row. */
export function textRows({ rowTitle, measures, rows }: FigureTable, group: string | undefined): string[][] {
  const own = rows.filter((row) => row.group === group);
  return [
    [rowTitle, ...measures.map(({ title }) => title)],
    ...own.map(({ name, figures }) => [
      name,
      ...measures.map(({ key, digits }) => showEstimate(figures[key]!, digits)),
    ]),
  ];
}

/** The groups of a table in their order; undefined stands for all events. */
export function groupsOf({ rows }: FigureTable): (string | undefined)[] {
  return [...new Set(rows.map(({ group }) => group))];
}

/**
 * The table as comma-separated values, one line per row and group. The group is empty for all events; what is not a number
 * (the interval of a single event) is empty too, and null in JSON.
 */
export function csvOf({ rowTitle, measures, rows }: FigureTable): string {
  const counts = [...new Set(rows.flatMap((row) => Object.keys(row.counts)))];
  const heading = ['group', rowTitle, ...counts, ...measures.flatMap(({ key }) => [key, `${key}Low`, `${key}High`])];
  const lines = rows.map(({ group = '', name, counts: own, figures }) => [
    group,
    name,
    ...counts.map((key) => String(own[key] ?? '')),
    ...measures.flatMap(({ key }) => [figures[key]!.value, figures[key]!.low, figures[key]!.high]).map(cell),
  ]);
  return csvText([heading, ...lines]);
}

function cell(value: number): string {
  return Number.isFinite(value) ? String(value) : '';
}
