/**
 * Numbers that were recorded beside a clip, such as a steering angle: from a table, or a tub's own. Documents hold them at
 * the moments of the analysed frames, so that whatever a network predicts stands beside what was done, and as they were
 * recorded, so that what happened between two of these frames is seen.
 */
import { type CsvRecord, readCsvFile } from '../base/csv.ts';
import { L2cafError } from '../base/errors.ts';
import type { RecordedSignals, TimeSpan } from '../base/types.ts';
import type { Analysis } from './document.ts';

/** More columns are no signals of one drive. */
const MAX_SIGNALS = 64;

/**
 * Reads a table of signals: a column with the time in seconds from the start of the clip, and columns of numbers, whose
 * headings are their names. Cells may be empty; columns with anything else than numbers are left out.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` when it has no time, a time that is no number, or no numbers
 */
export async function readSignals(path: string): Promise<RecordedSignals> {
  const [heading, ...rows] = await readCsvFile(path);
  const names = heading?.fields ?? [];
  const time = names.findIndex((name) => TIME_NAME.test(name));
  if (time < 0) {
    const hint = 'its first line names the columns: time (seconds from the start of the clip), then one per signal';
    throw new L2cafError('input-unreadable', `${path} has no column named time`, { hint });
  }
  const timed = rows.map((row) => ({ row, timeSec: timeOf(row, time, path) }));
  timed.sort((a, b) => a.timeSec - b.timeSec);
  const isFirst = ({ timeSec }: { timeSec: number }, i: number): boolean => timeSec !== timed[i - 1]?.timeSec;
  const distinct = timed.filter(isFirst);
  const columns = names.flatMap((name, k) => {
    if (k === time || name === '' || names.indexOf(name) !== k) return [];
    const values = distinct.map(({ row }) => cellOf(row, k));
    return values.includes(undefined) || values.every(Number.isNaN) ? [] : [{ name, values: values as number[] }];
  });
  if (columns.length === 0) {
    throw new L2cafError('input-unreadable', `${path} has no column of numbers beside the time`, {
      hint: 'write numbers with a point, 0.5, and leave what is unknown empty',
    });
  }
  if (columns.length > MAX_SIGNALS) {
    throw new L2cafError('input-unreadable', `${path} has ${columns.length} columns of numbers`, {
      hint: `leave ${MAX_SIGNALS} of them at most`,
    });
  }
  return {
    names: columns.map(({ name }) => name),
    timesSec: distinct.map(({ timeSec }) => timeSec),
    values: columns.map(({ values }) => values),
  };
}

const TIME_NAME = /^(time|times|t|sec|secs|seconds|timestamp|time_s|time_sec|timesec|timestampsec)$/i;

function timeOf({ line, fields }: CsvRecord, column: number, path: string): number {
  const text = fields[column] ?? '';
  const timeSec = text === '' ? Number.NaN : Number(text);
  if (Number.isFinite(timeSec)) return timeSec;
  throw new L2cafError('input-unreadable', `${path}, line ${line}: the time is not a number of seconds`);
}

/** NaN for an empty cell, undefined for one that is no number. */
function cellOf({ fields }: CsvRecord, column: number): number | undefined {
  const text = fields[column] ?? '';
  if (text === '' || /^nan$/i.test(text)) return Number.NaN;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Where a record has a hole of more than so many of its usual steps, and longer than this, nothing is known of it. */
const HOLE = { steps: 5, sec: 1 } as const;

/**
 * Signals at some moments, linear between the two values around each; null before the first, after the last, and within
 * holes of the record.
 *
 * @param timesSec seconds from the start of the clip
 * @returns per signal, one value per moment
 */
export function signalsAt({ timesSec, values }: RecordedSignals, momentsSec: readonly number[]): (number | null)[][] {
  const longestSec = longestStepSec(timesSec);
  const places = momentsSec.map((moment) => placeOf(timesSec, moment, longestSec));
  return values.map((own) =>
    places.map((place) => {
      if (place === undefined) return null;
      const { after, share } = place;
      const value = share === 1 ? own[after]! : (1 - share) * own[after - 1]! + share * own[after]!;
      return Number.isNaN(value) ? null : value;
    }),
  );
}

/** Two records that are further apart have a hole between them. */
function longestStepSec(timesSec: readonly number[]): number {
  const gaps = timesSec.slice(1).map((time, i) => time - timesSec[i]!);
  const usualSec = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? 0;
  return Math.max(HOLE.sec, HOLE.steps * usualSec);
}

/** Times of one moment that differ by rounding, seconds. */
const ROUNDING_SEC = 1e-4;

/** Between which two records a moment lies: the place of the second, and its share in the value. */
function placeOf(
  timesSec: readonly number[],
  moment: number,
  longestSec: number,
): { readonly after: number; readonly share: number } | undefined {
  let [low, high] = [0, timesSec.length]; // the first record that is not before the moment
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timesSec[middle]! < moment - ROUNDING_SEC) low = middle + 1;
    else high = middle;
  }
  const [next, previous] = [timesSec[low], timesSec[low - 1]];
  if (next === undefined) return undefined;
  if (next - moment <= ROUNDING_SEC) return { after: low, share: 1 };
  if (previous === undefined || next - previous > longestSec) return undefined;
  return { after: low, share: (moment - previous) / (next - previous) };
}

type SignalRecord = NonNullable<NonNullable<Analysis['signals']>['record']>;

/** What was recorded within a span, from its start to its end; null within holes. */
function recordWithin(recorded: RecordedSignals, { startSec, endSec }: TimeSpan): SignalRecord {
  const { timesSec } = recorded;
  const longestSec = longestStepSec(timesSec);
  const holes = timesSec.flatMap((time, i) =>
    time - timesSec[i - 1]! > longestSec ? [(time + timesSec[i - 1]!) / 2] : [],
  );
  const within = [...timesSec, ...holes].filter(
    (time) => time > startSec + ROUNDING_SEC && time < endSec - ROUNDING_SEC,
  );
  const moments = [startSec, ...within.sort((a, b) => a - b), endSec];
  return thinned({ timesSec: moments, values: signalsAt(recorded, moments) });
}

/** More moments of a record than a plot can show. */
const MAX_RECORD = 2000;

/** A long record by the least and the greatest values of equal stretches, in the order in which they came: no peak is lost. */
function thinned({ timesSec, values }: SignalRecord): SignalRecord {
  if (timesSec.length <= MAX_RECORD) return { timesSec, values };
  const length = Math.ceil((2 * timesSec.length) / MAX_RECORD);
  const starts = timesSec.flatMap((_, i) => (i % length === 0 ? [i] : []));
  return {
    timesSec: starts.flatMap((i) => endsOf(timesSec.slice(i, i + length))),
    values: values.map((own) => starts.flatMap((i) => extremesOf(own.slice(i, i + length)))),
  };
}

/** The first and the last; of a single one, that. */
function endsOf<Item>(items: readonly Item[]): Item[] {
  return items.length > 1 ? [items[0]!, items.at(-1)!] : [...items];
}

function extremesOf(values: readonly (number | null)[]): (number | null)[] {
  const known = values.filter((value) => value !== null);
  if (values.length === 1 || known.length === 0) return endsOf(values);
  const [least, greatest] = [Math.min(...known), Math.max(...known)];
  return known.indexOf(least) <= known.lastIndexOf(greatest) ? [least, greatest] : [greatest, least];
}

/** The analysis with what was recorded during it, in place of other signals that it may have. */
export function withSignals<Document extends Analysis>(
  analysis: Document,
  recorded: RecordedSignals | undefined,
): Document {
  if (recorded === undefined) return analysis;
  const moments = analysis.frames.map(({ timestampSec }) => timestampSec);
  const values = signalsAt(recorded, moments);
  const isKnown = values.some((own) => own.some((value) => value !== null));
  if (isKnown) {
    const record = recordWithin(recorded, analysis.span);
    return { ...analysis, signals: { names: [...recorded.names], values, record } };
  }
  const { signals: _, ...rest } = analysis;
  const { startSec, endSec } = analysis.span;
  const warning = `no signal was recorded within ${startSec.toFixed(2)}–${endSec.toFixed(2)} s`;
  return { ...(rest as Document), warnings: [...analysis.warnings, warning] };
}
