/** The list that a batch is of: its folder says which, so that the folder can stand for its list. */
import { join, resolve } from 'node:path';
import { jsonIn, readOwn } from '../base/input-files.ts';

/** The file in a batch's folder that names its list, see {@link batchListJson}. */
export const BATCH_LIST = 'list.json';

const SCHEMA = 'l2caf-list/1';

/** What the file holds: `{"schema": "l2caf-list/1", "list": "/absolute/events.csv"}`. */
export function batchListJson(list: string): string {
  return `${JSON.stringify({ schema: SCHEMA, list: resolve(list) })}\n`;
}

const MAX_BYTES = 1e6;

/** The list that a path stands for: of a batch's folder the batch's own, of anything else the path itself. */
export async function listMeant(path: string): Promise<string> {
  const named = await readOwn(join(path, BATCH_LIST), { maxBytes: MAX_BYTES }).catch(() => ''); // no folder of a batch
  const { schema, list } = (jsonIn(named) ?? {}) as { readonly schema?: unknown; readonly list?: unknown };
  return schema === SCHEMA && typeof list === 'string' ? list : path;
}
