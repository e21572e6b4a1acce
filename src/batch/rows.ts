/**
 * Event lists as people have them: CSV and JSON lines with a row per event, BDD-X tables with many events in a row, ELAN
 * annotation files, or simply a folder of clips. Each becomes the same rows; what is wrong with one is noted with its line
 * and does not keep the others from being read.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { L2cafError, messageOf } from '../errors.ts';
import { parseCsv } from '../training/csv.ts';
import { bddxRows, isBddx } from './bddx.ts';
import { elanRows } from './elan.ts';

/** One event as a file states it, before its video is looked at. */
export interface EventRow {
  /** Where it stands, such as `line 7`. */
  readonly place: string;
  readonly id: string;
  /** Where the video may be: the first of these that exists is meant. Relative to the list, or absolute. */
  readonly videos: readonly string[];
  /** Absent: the start of the video. */
  readonly startSec?: number;
  /** Absent: the end of the video. */
  readonly endSec?: number;
  readonly label: string;
  readonly split: string;
  /** Further columns, by name. */
  readonly extra: Readonly<Record<string, string>>;
}

/** What a list holds. */
export interface EventRows {
  readonly rows: readonly EventRow[];
  /** What is wrong with the other rows, each with its place. */
  readonly problems: readonly string[];
}

/** File names that are taken for videos in a folder of clips. */
const VIDEO_NAMES = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|wmv|flv)$/i;

/** The columns with a meaning; all others are kept as they are. */
const COLUMNS = ['id', 'video', 'start', 'end', 'label', 'split'] as const;

/**
 * Reads a list of events, in the format that its name and heading tell.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` when the file as a whole is of no use
 */
export async function readRows(path: string): Promise<EventRows> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  if (info.isDirectory()) return folderRows(path);
  const text = await readFile(path, 'utf8');
  switch (extname(path).toLowerCase()) {
    case '.eaf':
      return elanRows(text, path);
    case '.jsonl':
    case '.ndjson':
      return jsonRows(text);
    default:
      return csvRows(text, path);
  }
}

/** A row from named values; what it lacks, or cannot mean, is noted. */
export function rowOf(
  values: Readonly<Record<string, unknown>>,
  place: string,
  ordinal: number,
  problems: string[],
): EventRow[] {
  const text = (name: string): string => textOf(values[name]);
  const found = problems.length;
  const times = { startSec: secondsOf(text('start')), endSec: secondsOf(text('end')) };
  if (text('video') === '') problems.push(`${place}: the video is empty`);
  if (Number.isNaN(times.startSec)) problems.push(`${place}: the start "${text('start')}" is not a number of seconds`);
  if (Number.isNaN(times.endSec)) problems.push(`${place}: the end "${text('end')}" is not a number of seconds`);
  if (problems.length > found) return [];
  const extra = Object.entries(values).filter(([name]) => !COLUMNS.some((column) => column === name));
  return [
    {
      place,
      id: text('id') || `event-${String(ordinal).padStart(5, '0')}`,
      videos: [text('video')],
      ...(times.startSec !== undefined && { startSec: times.startSec }),
      ...(times.endSec !== undefined && { endSec: times.endSec }),
      label: text('label'),
      split: text('split'),
      extra: Object.fromEntries(extra.map(([name, value]) => [name, textOf(value)])),
    },
  ];
}

function csvRows(text: string, path: string): EventRows {
  const [heading, ...records] = parseCsv(text, path);
  const names = heading?.fields ?? [];
  if (new Set(names).size < names.length) throw unusable(path, 'line 1: a column is there twice');
  const problems: string[] = [];
  const tables = records.flatMap(({ line, fields }, i) => {
    if (fields.length === names.length) {
      return [{ line, ordinal: i + 1, values: Object.fromEntries(names.map((name, k) => [name, fields[k]!])) }];
    }
    problems.push(`line ${line}: ${fields.length} fields, the heading has ${names.length}`);
    return [];
  });
  if (heading === undefined) throw unusable(path, 'it is empty');
  if (isBddx(names)) return { rows: tables.flatMap((row) => bddxRows(row.values, row.line, problems)), problems };
  if (!names.includes('video')) throw unusable(path, `line 1: there is no column video, only ${names.join(', ')}`);
  const rows = tables.flatMap(({ values, line, ordinal }) => rowOf(values, `line ${line}`, ordinal, problems));
  return { rows, problems };
}

function jsonRows(text: string): EventRows {
  const problems: string[] = [];
  const rows = text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return [];
    const place = `line ${i + 1}`;
    try {
      const values = JSON.parse(line) as unknown;
      if (typeof values === 'object' && values !== null && !Array.isArray(values)) {
        return rowOf(values as Record<string, unknown>, place, i + 1, problems);
      }
      problems.push(`${place}: not an object`);
    } catch (error) {
      problems.push(`${place}: not JSON: ${messageOf(error)}`);
    }
    return [];
  });
  return { rows, problems };
}

/** Every annotation file of a folder or, without any, every video of it. */
async function folderRows(folder: string): Promise<EventRows> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  const annotations = names.filter((name) => extname(name).toLowerCase() === '.eaf');
  if (annotations.length > 0) {
    const lists = await Promise.all(
      annotations.map(async (name) => elanRows(await readFile(join(folder, name), 'utf8'), join(folder, name))),
    );
    const named = (problem: string, i: number): string => `${annotations[i]}, ${problem}`;
    return {
      rows: lists.flatMap(({ rows }, i) => rows.map((row) => ({ ...row, place: named(row.place, i) }))),
      problems: lists.flatMap(({ problems }, i) => problems.map((problem) => named(problem, i))),
    };
  }
  const videos = names.filter((name) => VIDEO_NAMES.test(name));
  if (videos.length === 0) throw unusable(folder, 'the folder holds no video and no .eaf file');
  const rows = videos.map((name) => {
    return { place: name, id: basename(name, extname(name)), videos: [name], label: '', split: '', extra: {} };
  });
  return { rows, problems: [] };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value).trim();
}

/** Seconds; undefined for an empty text, NaN for one that is no number. */
function secondsOf(text: string): number | undefined {
  if (text === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : Number.NaN;
}

function unusable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} cannot be used: ${why}`, {
    hint: 'give a CSV file or JSON lines with a video column (and id, start, end, label, split), an .eaf file, or a folder of clips',
  });
}
