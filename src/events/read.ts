/**
 * Lists of events as people have them: tables and JSON with a row per event, BDD-X tables with many events in a row, ELAN
 * annotation files, or simply a folder of clips. Each becomes the same rows; what is wrong with one is noted with its line
 * and does not keep the others from being read. docs/events.md describes all of it.
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { L2cafError, messageOf } from '../base/errors.ts';
import { readText } from '../base/text.ts';
import { elanRows } from './elan.ts';
import { folderRows } from './folder.ts';
import { jsonRows } from './json.ts';
import type { EventRows, Need } from './row.ts';
import { tableRows } from './table.ts';

/**
 * Reads a list of events, in the format that its content tells.
 *
 * @param needs what wrong rows are asked for as well, so that all that is wrong with them is known
 * @throws L2cafError `input-not-found`; `input-unreadable` when the list as a whole is of no use
 */
export async function readRows(path: string, needs: readonly Need[] = []): Promise<EventRows> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  if (info.isDirectory()) return folderRows(path);
  const source = await readText(path, LISTS);
  const extension = extname(path).toLowerCase();
  const start = source.text.trimStart();
  if (extension === '.eaf' || start.startsWith('<')) return elanRows(source, path, basename(path, extname(path)));
  const isJson = ['.json', '.jsonl', '.ndjson'].includes(extension) || start.startsWith('{') || start.startsWith('[');
  return isJson ? jsonRows(source, path, needs) : tableRows(source, path, needs);
}

const LISTS = 'give a list of events as CSV, JSON or ELAN file, or the folder of the clips';

/** The folder to which the videos of a list are relative. */
export async function folderOfList(path: string): Promise<string> {
  return (await stat(path)).isDirectory() ? path : dirname(path);
}
