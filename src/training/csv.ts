/**
 * Comma-separated values (RFC 4180: quoted fields, doubled quotes, line breaks within quotes), with the line that each
 * record starts on, so that whatever is wrong with a record can be found in an editor.
 */
import { L2cafError } from '../errors.ts';

/** One record of a file. */
export interface CsvRecord {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Splits a text into records; blank lines are skipped, a byte order mark is ignored.
 *
 * @throws L2cafError `input-unreadable` when a quote is not closed or stands inside an unquoted field.
 */
export function parseCsv(text: string, path: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  const source = text.replace(/^\uFEFF/, '');
  const fieldPattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  let line = 1;
  let start = 1;
  let fields: string[] = [];
  while (fieldPattern.lastIndex < source.length || fields.length > 0) {
    const at = fieldPattern.lastIndex;
    const match = fieldPattern.exec(source);
    if (match === null) throw misquoted(path, line);
    const [whole, quoted, plain = '', separator] = match;
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    line += whole.split(/\r\n|\n|\r/).length - 1;
    fieldPattern.lastIndex = at + whole.length;
    if (separator === ',') continue;
    if (fields.length > 1 || fields[0] !== '') records.push({ line: start, fields });
    fields = [];
    start = line;
  }
  return records;
}

function misquoted(path: string, line: number): L2cafError {
  return new L2cafError('input-unreadable', `${path}, line ${line}: a quotation mark is not closed or out of place`, {
    hint: 'put the whole field in quotation marks, and double those within it',
  });
}
