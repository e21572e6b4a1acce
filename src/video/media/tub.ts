/**
 * Tubs: what a Donkey car records, a picture and a few numbers (steering, throttle) some twenty times a second. Version 2
 * has a manifest that names catalogs with one record per line, and its pictures in a folder of their own; version 1 has a
 * JSON file for every record, beside its picture. (donkeycar: parts/tub_v2.py, parts/datastore_v2.py, parts/datastore.py.)
 */
import { join } from 'node:path';
import * as z from '#zod';
import { mapConcurrently } from '../../base/concurrent.ts';
import { L2cafError } from '../../base/errors.ts';
import { jsonIn, readInput } from '../../base/input-files.ts';

/** One record of a tub. */
export interface TubRecord {
  /** File name of its picture. */
  readonly picture: string;
  /** When it was made, seconds on the car's clock, where it says so. */
  readonly stampSec: number | undefined;
  /** The numbers of it, by name. */
  readonly numbers: ReadonlyMap<string, number>;
}

/** What a tub says. */
export interface Tub {
  /** The folder of the pictures. */
  readonly pictures: string;
  /** In the order in which they were recorded, without those that were deleted. */
  readonly records: readonly TubRecord[];
  readonly notes: readonly string[];
}

/**
 * Reads the records of a folder if it is a tub.
 *
 * @param names of the files in it
 * @throws L2cafError `input-unreadable` for a tub whose manifest cannot be used; `input-not-found` for a catalog that is
 *   not there
 */
export async function readTub(
  folder: string,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Tub | undefined> {
  if (names.includes(MANIFEST)) return readCatalogs(folder, signal);
  const records = names.flatMap((name) => {
    const number = RECORD_FILE.exec(name)?.[1];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
  if (records.length === 0) return undefined;
  records.sort((a, b) => a.number - b.number);
  return readRecordFiles(
    folder,
    records.map(({ name }) => name),
    signal,
  );
}

const MANIFEST = 'manifest.json';
const RECORD_FILE = /^record_(\d{1,15})\.json$/;

/** A million deleted records take 8 MB. */
const MAX_MANIFEST_BYTES = 64e6;
/** A thousand records, the default, take 200 kB. */
const MAX_CATALOG_BYTES = 256e6;
const MAX_RECORD_BYTES = 1e6;
/** Files that are read at once. */
const FILES_AT_ONCE = 16;

const manifestSchema = z.object({
  paths: z.array(z.string().regex(/^[^/\\]+$/)),
  deleted_indexes: z.array(z.number()).default([]),
});

async function readCatalogs(folder: string, signal: AbortSignal | undefined): Promise<Tub> {
  const path = join(folder, MANIFEST);
  const text = await readInput(path, { maxBytes: MAX_MANIFEST_BYTES, signal });
  const parsed = linesOf(text).map((line) => manifestSchema.safeParse(jsonIn(line)));
  const manifest = parsed.findLast(({ success }) => success)?.data;
  if (manifest === undefined) {
    throw new L2cafError('input-unreadable', `${path} is not the manifest of a Donkey tub: it names no catalogs`, {
      hint: 'give a whole tub, or its folder of pictures with --fps',
    });
  }
  const deleted = new Set(manifest.deleted_indexes);
  const records: (TubRecord & { readonly index: number })[] = [];
  const notes: string[] = [];
  let left = 0;
  for (const name of manifest.paths) {
    const lines = linesOf(await readInput(join(folder, name), { maxBytes: MAX_CATALOG_BYTES, signal }));
    const read = lines.map(recordIn);
    const damaged = read.filter((record) => record === undefined).length;
    if (damaged > 0) notes.push(`${name} has ${counted(damaged, 'line')} that cannot be read as a record`);
    for (const record of read) {
      if (record === undefined) continue;
      if (record.index !== undefined && deleted.has(record.index)) left++;
      else records.push({ ...record, index: record.index ?? records.length });
    }
  }
  if (left > 0) notes.push(`${counted(left, 'deleted record')} of the tub ${isOrAre(left)} left out`);
  records.sort((a, b) => a.index - b.index);
  return { pictures: join(folder, 'images'), records, notes };
}

async function readRecordFiles(
  folder: string,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Tub> {
  const read = await mapConcurrently(names, FILES_AT_ONCE, async (name) =>
    recordIn((await readInput(join(folder, name), { maxBytes: MAX_RECORD_BYTES, signal })).toString('utf8')),
  );
  const records = read.filter((record) => record !== undefined);
  const damaged = read.length - records.length;
  const notes = damaged > 0 ? [`${counted(damaged, 'record')} of the tub cannot be read`] : [];
  return { pictures: folder, records, notes };
}

function linesOf(text: Buffer): string[] {
  return text
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

const recordSchema = z.looseObject({
  'cam/image_array': z.string(),
  _index: z.number().optional().catch(undefined),
  _timestamp_ms: z.number().optional().catch(undefined),
  milliseconds: z.number().optional().catch(undefined),
});

function recordIn(text: string): (TubRecord & { readonly index: number | undefined }) | undefined {
  const { data } = recordSchema.safeParse(jsonIn(text));
  if (data === undefined) return undefined;
  const stampMs = data._timestamp_ms ?? data.milliseconds;
  const numbers = Object.entries(data).filter(
    (entry): entry is [string, number] =>
      typeof entry[1] === 'number' && !entry[0].startsWith('_') && entry[0] !== 'milliseconds',
  );
  return {
    picture: data['cam/image_array'],
    index: data._index,
    stampSec: stampMs === undefined ? undefined : stampMs / 1000,
    numbers: new Map(numbers),
  };
}

/** `1 line`, `2 lines`, … */
export function counted(count: number, thing: string): string {
  return `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`;
}

/** The verb for so many things. */
export function isOrAre(count: number): string {
  return count === 1 ? 'is' : 'are';
}
