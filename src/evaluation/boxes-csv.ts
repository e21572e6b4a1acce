/**
 * Boxes of objects as a CSV file, the form that most annotations can be brought to: `file,x,y,w,h`, or `x0,y0,x1,y1` in place
 * of the last four; `frame` for videos (from 0); `class` or `class_name` if they have one;
 * `split` (train, val or test) and `mask`, a picture that is not black on the object; `seen`, 1 where what learns to retrieve may
 * see the class. Other columns are passed over.
 */

import { readCsvFile } from '../base/csv.ts';
import { L2cafError } from '../base/errors.ts';
import { SPLITS, type Split } from '../events/row.ts';
import type { Box } from './wsol.ts';

/** One box. */
export interface FileBox {
  /** Picture or video, as the file names it. */
  readonly file: string;
  readonly frame?: number;
  readonly box: Box;
  readonly class?: string;
  readonly split?: Split;
  readonly mask?: string;
  readonly seen?: boolean;
}

/**
 * Reads the file.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` with every line that is wrong
 */
export async function readBoxesCsv(path: string): Promise<FileBox[]> {
  const [header, ...records] = await readCsvFile(path);
  const columns = columnsOf(header?.fields ?? [], path);
  const problems: string[] = [];
  const boxes = records.flatMap(({ line, fields }) => {
    const box = readBox(fields, columns);
    if (box === undefined) problems.push(`line ${line}: ${fields.join(',')}`);
    return box ?? [];
  });
  if (problems.length > 0) {
    const shown = problems.slice(0, MAX_SHOWN).map((problem) => `\n  ${problem}`);
    throw unreadable(path, `has lines that are no boxes (${problems.length}):${shown.join('')}`);
  }
  if (boxes.length === 0) throw unreadable(path, 'holds no boxes');
  return boxes;
}

/** Wrong lines shown at once. */
const MAX_SHOWN = 20;

interface Columns {
  readonly file: number;
  /** Of x, y and then either w, h or x1, y1. */
  readonly corners: readonly number[];
  readonly isSize: boolean;
  readonly frame: number;
  readonly class: number;
  readonly split: number;
  readonly mask: number;
  readonly seen: number;
}

function columnsOf(names: readonly string[], path: string): Columns {
  const find = (...wanted: readonly string[]): number => names.findIndex((name) => wanted.includes(name));
  const isSize = names.includes('w');
  const wanted = isSize ? ['x', 'y', 'w', 'h'] : ['x0', 'y0', 'x1', 'y1'];
  const corners = wanted.map((name) => find(name));
  const file = find('file', 'image', 'video');
  if (file < 0 || corners.includes(-1)) throw unreadable(path, `lacks columns of boxes: it has ${names.join(', ')}`);
  return {
    file,
    corners,
    isSize,
    frame: find('frame'),
    class: find('class', 'class_name'),
    split: find('split'),
    mask: find('mask'),
    seen: find('seen'),
  };
}

function readBox(fields: readonly string[], columns: Columns): FileBox | undefined {
  const number = (column: number): number => (fields[column]?.trim() ? Number(fields[column]) : Number.NaN);
  const [x, y, a, b] = columns.corners.map(number) as [number, number, number, number];
  const box: Box = columns.isSize ? [x, y, x + a, y + b] : [x, y, a, b];
  const frame = columns.frame < 0 ? undefined : number(columns.frame);
  const file = fields[columns.file];
  const isFrame = frame === undefined || (Number.isInteger(frame) && frame >= 0);
  if (!file || !isFrame || !box.every(Number.isFinite) || box[2] < box[0] || box[3] < box[1]) return undefined;
  const name = fields[columns.class];
  const [split, mask, seen] = [columns.split, columns.mask, columns.seen].map((column) => fields[column]);
  if (split !== undefined && !isSplit(split)) return undefined;
  return {
    ...{ file, box },
    ...(frame !== undefined && { frame }),
    ...(name !== undefined && { class: name }),
    ...(split !== undefined && { split }),
    ...(mask && { mask }),
    ...(seen !== undefined && { seen: seen === '1' }),
  };
}

function isSplit(text: string): text is Split {
  return SPLITS.some((split) => split === text);
}

function unreadable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${why}`, {
    hint: 'a file of boxes has the columns file, x, y, w, h (or x0, y0, x1, y1), and frame, class, split (train, val or test) and mask where needed',
  });
}
