/**
 * Files of the MOT challenge (https://motchallenge.net): lines without a heading, `frame, id, x, y, width, height, confidence, class,
 * visibility`, frames counted from 1. Those of detectors have the id -1; results have three world coordinates in place of the last two.
 */
import type { CsvRecord } from '../base/csv.ts';
import type { ObjectBox, ObjectList } from './boxes.ts';
import { refusedEntries } from './refused.ts';
import { idOf, isBox } from './table.ts';

/** Numbers of a line, at least. */
const LEAST_FIELDS = 6;
/** Numbers of a line that states a class. */
const FIELDS_WITH_CLASS = 9;

/** Whether the first line is one of such a file. */
export function isMot(first: CsvRecord): boolean {
  return (
    first.fields.length >= LEAST_FIELDS && first.fields.every((field) => field !== '' && Number.isFinite(Number(field)))
  );
}

/**
 * The boxes of such a file, but for those that it marks as not to be counted (confidence 0 where a class is stated).
 *
 * @throws L2cafError `input-unreadable` with the lines that are wrong
 */
export function boxesOfMot(path: string, records: readonly CsvRecord[]): ObjectList {
  const problems: string[] = [];
  let ignored = 0;
  const boxes = records.flatMap(({ line, fields }): ObjectBox[] => {
    const numbers = fields.map((field) => (field === '' ? Number.NaN : Number(field)));
    const [at, id, x, y, width, height, score] = numbers as [number, number, number, number, number, number, number];
    const box = { x, y, width, height };
    if (numbers.length < LEAST_FIELDS || !Number.isInteger(at) || at < 1 || !isBox(box)) {
      problems.push(`line ${line}: ${fields.join(',').slice(0, 120)}`);
      return [];
    }
    const kind = numbers.length === FIELDS_WITH_CLASS && numbers[7]! >= 1 ? numbers[7]! : undefined;
    if (kind !== undefined && score === 0) {
      ignored++;
      return [];
    }
    const own = idOf(id);
    return [
      {
        ...{ ...box, at },
        ...(own !== undefined && { id: own }),
        ...(kind !== undefined && { label: `class ${kind}` }),
        ...(Number.isFinite(score) && kind === undefined && { score }),
      },
    ];
  });
  if (problems.length > 0) throw refusedEntries(path, 'lines that are no boxes', problems);
  const notes = ignored > 0 ? [`${ignored} boxes that it marks as not to be counted were left out`] : [];
  return { path, format: 'a file of the MOT challenge', axis: 'frames', firstFrame: 1, boxes, notes };
}
