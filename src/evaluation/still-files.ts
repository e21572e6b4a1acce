/** Lists and boxes of data sets of still pictures, whatever their layout. */
import { L2cafError } from '../base/errors.ts';
import { readInput } from '../base/input-files.ts';
import type { Box } from './wsol.ts';

/** Lists of the largest data sets have some ten million bytes. */
export const MAX_FILE_BYTES = 256e6;

/** The text of a list. Throws as `readInput`. */
export async function textOf(path: string): Promise<string> {
  const bytes = await readInput(path, { maxBytes: MAX_FILE_BYTES }).catch((cause: unknown) => {
    if (!(cause instanceof L2cafError)) throw cause;
    const hint = 'docs/evaluation.md describes the layouts; --format says which this is';
    throw new L2cafError(cause.code, cause.message, { hint, cause });
  });
  return bytes.toString('utf8');
}

/** The first four fields as a box. Throws L2cafError `input-unreadable`. */
export function boxOf(fields: readonly string[], where: string): Box {
  const [left, top, right, bottom] = fields.slice(0, 4).map(Number);
  const box = [left, top, right, bottom] as const;
  if (!box.every((value) => Number.isFinite(value)) || box[2]! < box[0]! || box[3]! < box[1]!) {
    throw unreadable(where, `has a line without a box: ${fields.join(' ')}`);
  }
  return box as unknown as Box;
}

/** That a data set cannot be read. */
export function unreadable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${why}`, {
    hint: 'docs/evaluation.md describes the layouts; --format says which this is',
  });
}
