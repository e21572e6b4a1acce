/**
 * Labelled events: a CSV file with the columns id, video, start, end, label, split. Read strictly and completely: a
 * person who prepared a thousand events learns everything that is wrong with them at once, each with its line.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { mapConcurrently } from '../concurrent.ts';
import { L2cafError, messageOf } from '../errors.ts';
import type { TimeSpan, VideoClip } from '../types.ts';
import { probeClip } from '../video/probe.ts';
import { resolveSpan } from '../video/sample.ts';
import { type CsvRecord, parseCsv } from './csv.ts';

/** What an event is for: fitting the weights, watching the training, measuring the result. */
export const SPLITS = ['train', 'val', 'test'] as const;
/** See {@link SPLITS}. */
export type Split = (typeof SPLITS)[number];

/** A labelled span of a video. */
export interface LabelledEvent {
  readonly id: string;
  /** The video as the file names it: relative to the file's folder, or absolute. */
  readonly video: string;
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  readonly label: string;
  readonly split: Split;
}

/** The columns of an events file, in any order. */
export const EVENT_COLUMNS = ['id', 'video', 'start', 'end', 'label', 'split'] as const;
type Row = Readonly<Record<(typeof EVENT_COLUMNS)[number], string>> & { readonly line: number };

/**
 * Reads an events file and probes its videos.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` with all problems of the file, each with its line: unknown or
 *   missing columns, wrong values, ids used twice, missing videos, spans outside their video.
 */
export async function readEvents(path: string, signal?: AbortSignal): Promise<LabelledEvent[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  const problems: string[] = [];
  const rows = readRows(parseCsv(text, path), problems);
  const clips = await probeVideos(dirname(path), rows, problems, signal);
  const events = rows.flatMap((row) => readEvent(row, clips.get(row.video), problems));
  const lines = new Map<string, number>();
  for (const { id, line } of rows) {
    if (lines.has(id)) problems.push(`line ${line}: the id ${id} is already used on line ${lines.get(id)}`);
    else lines.set(id, line);
  }
  if (rows.length === 0 && problems.length === 0) problems.push('it holds no events');
  failIfAny(path, problems);
  return events;
}

/**
 * Checks that events can train and measure an embedding.
 *
 * @throws L2cafError `input-unreadable` with all problems: a training label with one event (it has no positive pair), only
 *   one training label (no negatives), no test events.
 */
export function checkTrainable(path: string, events: readonly LabelledEvent[]): void {
  const counts = new Map<string, number>();
  for (const { label, split } of events) if (split === 'train') counts.set(label, (counts.get(label) ?? 0) + 1);
  const problems = [...counts]
    .filter(([, count]) => count === 1)
    .map(([label]) => `the label ${label} has one training event only, so it has no positive pair`);
  if (counts.size === 0) problems.push('no event has the split train');
  if (counts.size === 1) problems.push('all training events have the same label, so there are no negatives');
  if (!events.some(({ split }) => split === 'test')) problems.push('no event has the split test: nothing to measure');
  failIfAny(path, problems);
}

function readRows(records: readonly CsvRecord[], problems: string[]): Row[] {
  const [header, ...rest] = records;
  const names = header?.fields ?? [];
  const unknown = names.filter((name) => !EVENT_COLUMNS.some((column) => column === name));
  const missing = EVENT_COLUMNS.filter((column) => !names.includes(column));
  if (unknown.length > 0) problems.push(`line 1: unknown columns: ${unknown.join(', ')}`);
  if (missing.length > 0) problems.push(`line 1: missing columns: ${missing.join(', ')}`);
  if (new Set(names).size < names.length) problems.push('line 1: a column is there twice');
  if (problems.length > 0) return [];
  return rest.flatMap(({ line, fields }) => {
    if (fields.length === names.length) {
      return [{ line, ...Object.fromEntries(names.map((name, i) => [name, fields[i]])) } as Row];
    }
    problems.push(`line ${line}: ${fields.length} fields, the heading has ${names.length}`);
    return [];
  });
}

/** Videos that are probed at once; each takes a short-lived process. */
const VIDEOS_AT_ONCE = 8;

/** Probes each video once; those that cannot be used are problems, with the first line that names them. */
async function probeVideos(
  folder: string,
  rows: readonly Row[],
  problems: string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, VideoClip>> {
  const lines = new Map<string, number>();
  for (const { video, line } of rows) if (video !== '' && !lines.has(video)) lines.set(video, line);
  const probed = await mapConcurrently([...lines], VIDEOS_AT_ONCE, async ([video, line]) => {
    try {
      return { video, clip: await probeClip(resolve(folder, video), signal) };
    } catch (error) {
      if (!(error instanceof L2cafError) || error.code === 'aborted' || error.code === 'ffmpeg-missing') throw error;
      return { problem: `line ${line}: ${error.message}` };
    }
  });
  problems.push(...probed.flatMap(({ problem }) => problem ?? []));
  return new Map(probed.flatMap(({ video, clip }) => (clip ? [[video, clip] as const] : [])));
}

function readEvent(row: Row, clip: VideoClip | undefined, problems: string[]): LabelledEvent[] {
  const { id, video, label, split } = row;
  const found = problems.length;
  for (const column of ['id', 'video', 'label'] as const) {
    if (row[column] === '') problems.push(`line ${row.line}: the ${column} is empty`);
  }
  if (!isSplit(split)) problems.push(`line ${row.line}: the split is "${split}", not one of ${SPLITS.join(', ')}`);
  const startSec = seconds(row, 'start', problems);
  const endSec = seconds(row, 'end', problems);
  if (problems.length > found || clip === undefined || !isSplit(split)) return [];
  try {
    return [{ id, video, clip, label, split, span: resolveSpan(clip, { startSec, endSec }) }];
  } catch (error) {
    if (!(error instanceof L2cafError)) throw error;
    problems.push(`line ${row.line}: ${error.message}`);
    return [];
  }
}

function seconds(row: Row, column: 'start' | 'end', problems: string[]): number {
  const value = row[column] === '' ? Number.NaN : Number(row[column]);
  if (!Number.isFinite(value))
    problems.push(`line ${row.line}: the ${column} "${row[column]}" is not a number of seconds`);
  return value;
}

function isSplit(value: string): value is Split {
  return SPLITS.some((split) => split === value);
}

/** Problems shown at once; a wrong column gives one per line, and nobody reads thousands. */
const MAX_SHOWN = 20;

function failIfAny(path: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const rest = problems.length > MAX_SHOWN ? [`and ${problems.length - MAX_SHOWN} more`] : [];
  const list = [...problems.slice(0, MAX_SHOWN), ...rest].map((problem) => `\n  ${problem}`).join('');
  throw new L2cafError('input-unreadable', `${path} cannot be used:${list}`, {
    hint: `an events file has the columns ${EVENT_COLUMNS.join(', ')}; times in seconds, videos relative to the file`,
  });
}
