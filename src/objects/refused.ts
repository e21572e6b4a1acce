/** Errors of files of objects. */
import { L2cafError } from '../base/errors.ts';

/** What a file of objects may be. */
const HINT =
  'give boxes as CSV or JSON (frame or time, id, label, x, y, width, height), COCO, MOT challenge, supervision or CVAT 1.1 (docs/objects.md)';

/** That a file of objects cannot be used. */
export function refusedObjects(path: string, why: string, hint: string = HINT): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${why}`, { hint });
}

/** What is wrong with single lines or entries, of which the first few are shown. */
export function refusedEntries(path: string, what: string, problems: readonly string[]): L2cafError {
  const shown = problems.slice(0, MAX_SHOWN).map((problem) => `\n  ${problem}`);
  return refusedObjects(path, `has ${what} (${problems.length}):${shown.join('')}`);
}

/** Wrong lines shown at once. */
const MAX_SHOWN = 10;
