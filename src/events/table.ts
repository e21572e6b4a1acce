/** Rows from a table: CSV with a heading, whose columns `columns.ts` understands, or a BDD-X table. */

import { type CsvRecord, MISQUOTED, readCsv } from '../base/csv.ts';
import { L2cafError } from '../base/errors.ts';
import { LOST, type SourceText, whyLost } from '../base/text.ts';
import { bddxRows, isBddx } from './bddx.ts';
import { type EventRows, MAX_COLUMNS, type Need, RowReader, tooMany } from './row.ts';

/**
 * The events of a table.
 *
 * @throws L2cafError `input-unreadable` when its heading is of no use
 */
export function tableRows(source: SourceText, path: string, needs: readonly Need[] = []): EventRows {
  const { records, delimiter, misquoted } = readCsv(source.text);
  const [heading, ...rest] = records;
  if (heading === undefined || misquoted.some((line) => line < heading.line)) {
    throw unusableTable(path, misquoted.length > 0 ? `line ${misquoted[0]}: ${MISQUOTED}` : 'it is empty');
  }
  const names = headingNames(heading);
  const place = `line ${heading.line}`;
  if (names.length > MAX_COLUMNS) throw unusableTable(path, `${place}: ${tooMany(names.length)}`);
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) throw unusableTable(path, `${place}: a column is there twice: ${twice}`);
  const damaged = names.find((name) => name.includes(LOST));
  if (damaged !== undefined) {
    throw unusableTable(path, `${place}: the name "${damaged}" ${whyLost(source, heading.line)}`);
  }
  const reader = new RowReader(source, needs, { decimalComma: delimiter !== ',' });
  for (const line of misquoted) reader.reject({ line }, MISQUOTED);
  const tables = rest.flatMap(({ line, fields }, i) => {
    const values = trimmedTo(fields, names.length);
    if (values.length === names.length) {
      return [{ line, ordinal: i + 1, values: new Map(names.map((name, k) => [name, values[k]!.trim()])) }];
    }
    reader.reject({ line }, `${values.length} fields, the heading has ${names.length}`);
    return [];
  });
  if (isBddx(names)) {
    const rows = tables.flatMap((row) => bddxRows(row.values, row.line, reader));
    return { rows, problems: reader.problems, notes: [] };
  }
  const { roles, problems } = reader.columns(names);
  if (!roles.has('video')) throw unusableTable(path, `${place}: there is no column video, only ${names.join(', ')}`);
  if (problems.length > 0) throw unusableTable(path, `${place}: ${problems.join('; ')}`);
  const rows = tables.flatMap(({ values, ...at }) => reader.read(values, at) ?? []);
  return { rows, problems: reader.problems, notes: reader.notes };
}

/** Names of columns; those at the end without one are not there, others are called by their number. */
function headingNames({ fields }: CsvRecord): string[] {
  return trimmedTo(fields, 0).map((name, i) => name.trim() || `column ${i + 1}`);
}

/** The fields without empty ones at the end, as far as there are more than wanted. */
function trimmedTo(fields: readonly string[], wanted: number): readonly string[] {
  let count = fields.length;
  while (count > wanted && fields[count - 1]!.trim() === '') count--;
  return fields.slice(0, count);
}

function unusableTable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} cannot be used: ${why}`, {
    hint: 'the first line of a table names its columns: video and, if wanted, id, start, end (seconds), label, split',
  });
}
