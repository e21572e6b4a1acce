/**
 * Comma-separated values and their kin (semicolons, tabs), by way of csv-parse, with the line that each record starts on,
 * so that whatever is wrong with a record can be found in an editor, and does not keep the others from being read.
 */
import { CsvError, parse } from 'csv-parse/sync';
import { L2cafError } from './errors.ts';
import { readText } from './text.ts';

/** One record of a file. */
export interface CsvRecord {
  /** Line of the file on which it starts, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** What a text holds. */
export interface CsvTable {
  /** Lines without a value are no records. */
  readonly records: readonly CsvRecord[];
  readonly delimiter: string;
  /** Lines on which a quotation mark is not closed or out of place; the next line is read as a new record. */
  readonly misquoted: readonly number[];
}

/** Those that the heading may choose from: it takes the one that splits it most. */
const DELIMITERS = [',', ';', '\t', '|'];

/** Reads a text of records; white space around fields and around their quotation marks does not belong to them. */
export function readCsv(text: string, delimiter?: string): CsvTable {
  const [whole, declared] = /^\uFEFF?sep=([,;\t|])(?:\r\n|\n|\r)/.exec(text) ?? []; // Excel's own
  const bytes = Buffer.from(text.slice(whole?.length ?? 0).replace(/^\uFEFF/, ''));
  const chosen = delimiter ?? declared ?? chooseDelimiter(bytes);
  const records: CsvRecord[] = [];
  const misquoted: number[] = [];
  let line = whole === undefined ? 1 : 2;
  for (let at = 0; at < bytes.length; ) {
    // Where the next record starts; blank lines do not belong to it.
    let start = at;
    const advance = (to: number): void => {
      line += linesIn(bytes, start, to);
      start = to;
    };
    try {
      parse(bytes.subarray(at), {
        ...OPTIONS,
        delimiter: chosen,
        onRecord: (fields: string[], { bytes: read }) => {
          advance(afterBlankLines(bytes, start, at + read));
          if (fields.some((field) => field !== '')) records.push({ line, fields });
          advance(at + read);
          return null;
        },
      });
      break;
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      advance(afterBlankLines(bytes, start, bytes.length));
      misquoted.push(line);
      const end = lineEnd(bytes, start);
      advance(end);
      at = end;
    }
  }
  return { records, delimiter: chosen, misquoted };
}

/**
 * The records of a file, all of which must be whole.
 *
 * @throws L2cafError `input-not-found`; `input-unreadable` for another encoding, or quotation marks out of place
 */
export async function readCsvFile(path: string, delimiter?: string): Promise<readonly CsvRecord[]> {
  const { text, guess } = await readText(path, 'give a table as CSV');
  if (guess !== undefined)
    throw new L2cafError('input-unreadable', `${path} is not in UTF-8`, { hint: 'save it as such' });
  return parseCsv(text, path, delimiter);
}

/**
 * The records of a text, all of which must be whole.
 *
 * @throws L2cafError `input-unreadable` when a quotation mark is not closed, or stands inside an unquoted field
 */
export function parseCsv(text: string, path: string, delimiter?: string): readonly CsvRecord[] {
  const { records, misquoted } = readCsv(text, delimiter);
  if (misquoted.length === 0) return records;
  throw new L2cafError('input-unreadable', `${path}, line ${misquoted[0]}: ${MISQUOTED}`, {
    hint: 'put the whole field in quotation marks, and double those within it',
  });
}

/** Records as text, a line each; fields are quoted where they must be. What {@link readCsv} reads, but for white space around fields. */
export function csvText(records: readonly (readonly string[])[]): string {
  return records.map((fields) => `${fields.map(quoted).join(',')}\n`).join('');
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** What is wrong with a misquoted line. */
export const MISQUOTED = 'a quotation mark is not closed or out of place';

// An empty line as a record would be one of too few fields, for which csv-parse makes an error each time: slow, of millions.
const OPTIONS = {
  ...{ relaxColumnCount: true, skipEmptyLines: true, trim: true },
  recordDelimiter: ['\r\n', '\n', '\r'],
};

function chooseDelimiter(bytes: Buffer): string {
  const widths = DELIMITERS.map((delimiter) => {
    try {
      const [heading] = parse(bytes, { ...OPTIONS, delimiter, to: 1 }) as string[][];
      return heading?.length ?? 0;
    } catch (error) {
      if (error instanceof CsvError) return 0;
      throw error;
    }
  });
  return DELIMITERS[widths.indexOf(Math.max(...widths))]!;
}

const [TAB, NEWLINE, RETURN, SPACE] = [9, 10, 13, 32];

/** The start of the first line, from a start of a line on, that holds more than white space. */
function afterBlankLines(bytes: Buffer, from: number, to: number): number {
  let start = from;
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
    if (byte === NEWLINE || byte === RETURN) start = i + 1;
    else if (byte !== SPACE && byte !== TAB) break;
  }
  return start;
}

/** The first byte after the line on which the byte `at` lies. */
function lineEnd(bytes: Buffer, at: number): number {
  for (let i = at; i < bytes.length; i++) {
    if (bytes[i] === NEWLINE) return i + 1;
    if (bytes[i] === RETURN) return bytes[i + 1] === NEWLINE ? i + 2 : i + 1;
  }
  return bytes.length;
}

function linesIn(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    if (bytes[i] === NEWLINE || (bytes[i] === RETURN && bytes[i + 1] !== NEWLINE)) count++;
  }
  return count;
}
