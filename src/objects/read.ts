/** Files of objects, each taken for what its content says. */
import { type CsvRecord, parseCsv } from '../base/csv.ts';
import { jsonIn } from '../base/input-files.ts';
import { readText } from '../base/text.ts';
import type { ObjectList } from './boxes.ts';
import { boxesOfCoco, boxesOfCocoResults, isCocoDocument, isCocoResults } from './coco.ts';
import { boxesOfCvat } from './cvat.ts';
import { boxesOfMot, isMot } from './mot.ts';
import { refusedObjects } from './refused.ts';
import { boxesOfTable, type TableRow } from './table.ts';

/** More boxes are not read. */
const MAX_BOXES = 2e6;

/**
 * Reads boxes of objects: CSV or JSON with named columns, COCO, the MOT challenge, CVAT.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` for another kind of file, or with what is wrong in it
 */
export async function readObjects(path: string): Promise<ObjectList> {
  const { text, guess } = await readText(path, 'give a file of boxes (docs/objects.md)');
  if (guess !== undefined) throw refusedObjects(path, 'is not in UTF-8', 'save it as such');
  const list = boxesIn(path, text);
  if (list.boxes.length === 0) throw refusedObjects(path, 'holds no boxes');
  if (list.boxes.length > MAX_BOXES) {
    throw refusedObjects(
      path,
      `holds ${list.boxes.length} boxes`,
      `keep ${MAX_BOXES} of them, such as those of one drive`,
    );
  }
  return list;
}

function boxesIn(path: string, text: string): ObjectList {
  const start = /^\uFEFF?\s*(\S?)/.exec(text)?.[1];
  if (start === '<') return boxesOfCvat(path, text);
  if (start === '{' || start === '[') return boxesOfJson(path, jsonIn(text.replace(/^\uFEFF/, '')));
  const records = parseCsv(text, path);
  const [heading, ...rows] = records;
  if (heading === undefined) throw refusedObjects(path, 'is empty');
  if (isMot(heading)) return boxesOfMot(path, records);
  const placed = rows.map(({ line, fields }: CsvRecord): TableRow => ({ place: `line ${line}`, cells: fields }));
  return boxesOfTable(path, 'CSV', heading.fields, placed);
}

function boxesOfJson(path: string, json: unknown): ObjectList {
  if (json === undefined) throw refusedObjects(path, 'is no JSON, though it begins so');
  if (isCocoDocument(json)) return boxesOfCoco(path, json);
  if (isCocoResults(json)) return boxesOfCocoResults(path, json);
  const rows = Array.isArray(json) ? (json as readonly unknown[]) : [];
  const isRow = (row: unknown): row is Readonly<Record<string, unknown>> => typeof row === 'object' && row !== null;
  if (rows.length === 0 || !rows.every(isRow)) throw refusedObjects(path, 'is JSON, but no list of boxes');
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value: unknown): string =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const placed = rows.map((row, i): TableRow => {
    return { place: `entry ${i + 1}`, cells: names.map((name) => cell(row[name])) };
  });
  return boxesOfTable(path, 'JSON', names, placed);
}
