/** One event as a list states it, and how it is made from named values, whatever the format they come from. */
import { createHash } from 'node:crypto';
import { LOST, type SourceText, whyLost } from '../base/text.ts';
import { assignColumns, type Columns, type Role, type RoleColumn } from './columns.ts';
import { type NumberNotation, numberOf, secondsOf } from './time.ts';

/** One event as a file states it, before its video is looked at. */
export interface EventRow {
  /** Where it stands, such as `line 7`. */
  readonly place: string;
  readonly id: string;
  /** Where the video may be: the first of these that exists is meant. */
  readonly videos: readonly VideoName[];
  /** Absent: the start of the video. */
  readonly startSec?: number;
  /** Absent: the end of the video. */
  readonly endSec?: number;
  readonly label: string;
  readonly split: string;
  /** Further columns, by name; without a prototype, as a column may have any name. */
  readonly extra: Readonly<Record<string, string>>;
}

/** What a list calls a video. */
export interface VideoName {
  /** A path, relative to the list or absolute, as any system writes it. */
  readonly name: string;
  /** What is added to the row's times to have those of this video, seconds; absent: 0. */
  readonly offsetSec?: number;
}

/** What a list holds. */
export interface EventRows {
  readonly rows: readonly EventRow[];
  /** What is wrong with the other rows, each with its place. */
  readonly problems: readonly string[];
  /** What else the user should know about how the list was read. */
  readonly notes: readonly string[];
}

/** What an event is for: fitting the weights, watching the training, measuring the result. */
export const SPLITS = ['train', 'val', 'test'] as const;
/** See {@link SPLITS}. */
export type Split = (typeof SPLITS)[number];

/** What a row must state for those who need it; a split is then one of {@link SPLITS}. */
export type Need = 'label' | 'split';

/** What a row lacks. */
export function lacks({ label, split }: Pick<EventRow, 'label' | 'split'>, needs: readonly Need[]): string[] {
  return needs.flatMap((need) => {
    if (need === 'label') return label === '' ? ['the label is empty'] : [];
    if (SPLITS.some((name) => name === split)) return [];
    return [`the split is ${quoted(split)}, not one of ${SPLITS.join(', ')}`];
  });
}

/** Where a row stands. */
export interface RowPlace {
  /** From 1. */
  readonly line: number;
  /** Which part of the line, such as `answer 2`. */
  readonly part?: string;
  /** From 1, among all rows: names those without an id. */
  readonly ordinal: number;
}

/** More columns are no list of events; tables of a batch have one for each. */
export const MAX_COLUMNS = 4096;

/** What is wrong with so many columns. */
export function tooMany(columns: number): string {
  return `it has ${columns} columns, more than ${MAX_COLUMNS}`;
}

/** Makes rows from named values and collects what is wrong. */
export class RowReader {
  readonly problems: string[] = [];
  readonly #source: SourceText;
  readonly #notation: NumberNotation;
  readonly #needs: readonly Need[];
  readonly #known = new Map<string, Columns>();

  /** @param needs what wrong rows are asked for as well; right ones are the business of whoever needs it */
  constructor(source: SourceText, needs: readonly Need[] = [], notation: NumberNotation = {}) {
    this.#source = source;
    this.#needs = needs;
    this.#notation = notation;
  }

  /** Notes what is wrong at a place. */
  reject({ line, part }: Pick<RowPlace, 'line' | 'part'>, problem: string): void {
    this.problems.push(`${placeName(line, part)}: ${problem}`);
  }

  /** What columns of these names mean. */
  columns(names: readonly string[]): Columns {
    const key = JSON.stringify(names);
    const columns = this.#known.get(key) ?? assignColumns(names);
    this.#known.set(key, columns);
    return columns;
  }

  /** What the user should know of columns that are missing while others are kept that may have been meant. */
  get notes(): string[] {
    const columns = [...this.#known.values()];
    const has = (role: Role): boolean => columns.some(({ roles }) => roles.has(role));
    const missing = [has('start') || 'start', has('end') || has('duration') || 'end', has('label') || 'label'];
    const names = missing.filter((role) => role !== true);
    const kept = [...new Set(columns.flatMap(({ extra }) => extra))];
    if (names.length === 0 || kept.length === 0) return [];
    return [`nothing is called ${names.join(' or ')}; kept without a meaning: ${kept.join(', ')}`];
  }

  /** The row, or undefined for one that is wrong. */
  read(values: ReadonlyMap<string, string>, at: RowPlace): EventRow | undefined {
    if (values.size > MAX_COLUMNS) {
      this.reject(at, tooMany(values.size));
      return undefined;
    }
    const { roles, extra, problems } = this.columns([...values.keys()]);
    const wrong: string[] = [...problems];
    const cell = (role: Role): string => values.get(roles.get(role)?.name ?? '') ?? '';
    const timeOf = (role: 'start' | 'end' | 'duration'): number | undefined => {
      const [text, column] = [cell(role), roles.get(role)];
      if (text === '' || column === undefined) return undefined;
      const value = timeIn(text, column, this.#notation);
      if (value === undefined) wrong.push(`the ${role} ${quoted(text)} is not ${wordsOfUnit(column)}`);
      return value;
    };
    const startSec = timeOf('start');
    const durationSec = timeOf('duration');
    const endSec = timeOf('end') ?? (durationSec === undefined ? undefined : (startSec ?? 0) + durationSec);
    if (cell('video') === '') {
      wrong.push(
        roles.has('video') ? 'the video is empty' : `no video is named, only ${[...values.keys()].join(', ')}`,
      );
    }
    for (const [name, value] of values) {
      if (`${name}${value}`.includes(LOST))
        wrong.push(`the ${name} ${quoted(value)} ${whyLost(this.#source, at.line)}`);
    }
    const stated = { label: cell('label'), split: cell('split') };
    if (wrong.length > 0) {
      for (const problem of [...wrong, ...lacks(stated, this.#needs)]) this.reject(at, problem);
      return undefined;
    }
    return {
      place: placeName(at.line, at.part),
      id: cell('id') || `event-${String(at.ordinal).padStart(5, '0')}`,
      videos: [{ name: cell('video') }],
      ...(startSec !== undefined && { startSec }),
      ...(endSec !== undefined && { endSec }),
      ...stated,
      extra: plainRecord(extra.map((name) => [name, values.get(name)!])),
    };
  }
}

function placeName(line: number, part: string | undefined): string {
  return part === undefined ? `line ${line}` : `line ${line}, ${part}`;
}

/** An object that holds these and nothing else: not even what every object inherits. */
export function plainRecord(entries: Iterable<readonly [string, string]>): Readonly<Record<string, string>> {
  const record = Object.create(null) as Record<string, string>;
  for (const [name, value] of entries) record[name] = value;
  return record;
}

/** Bytes of the longest name of a folder that every file system takes, with room for what is written beside it. */
const NAME_BYTES = 200;
/** What Windows keeps for devices, and endings that it takes off. */
const UNFIT = /^\.*$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|[ .]$/i;

/**
 * The folder of an event's files: its id. What a name cannot hold is replaced or left out; a part of the id's hash then tells
 * it from other ids.
 */
export function folderOf(id: string): string {
  const letters = [...id.replace(/[^\p{L}\p{N}._ -]/gu, '_')];
  let name = '';
  for (let i = 0, bytes = 0; i < letters.length; i++) {
    bytes += Buffer.byteLength(letters[i]!);
    if (bytes > NAME_BYTES) break;
    name += letters[i]!;
  }
  if (name === id && !UNFIT.test(name)) return name;
  return `${name}-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
}

/** As much of what stands in a file as fits into a message. */
function quoted(text: string): string {
  return text.length > QUOTED ? `"${text.slice(0, QUOTED)}…" (${text.length} characters)` : `"${text}"`;
}

const QUOTED = 80;

/** Units of a second, or seconds of a unit; dividing by a whole number keeps decimals as they are written. */
const PER_SECOND = { milliseconds: 1e3, microseconds: 1e6, nanoseconds: 1e9 } as const;
const SECONDS_IN = { minutes: 60, hours: 3600 } as const;

/** Seconds; undefined for what is no time in the column's unit. */
function timeIn(text: string, { unit }: RoleColumn, notation: NumberNotation): number | undefined {
  if (unit === 'seconds') return secondsOf(text, notation);
  const value = numberOf(text, notation);
  if (value === undefined) return undefined;
  return unit in PER_SECOND
    ? value / PER_SECOND[unit as keyof typeof PER_SECOND]
    : value * SECONDS_IN[unit as keyof typeof SECONDS_IN];
}

function wordsOfUnit({ name, unit }: RoleColumn): string {
  return unit === 'seconds'
    ? 'a time (seconds, m:ss or h:mm:ss)'
    : `a number of ${unit}, as the column "${name}" states`;
}
