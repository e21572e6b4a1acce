/**
 * Rows from JSON: an object per event, one a line (JSON lines), in an array, or in an object around an array, whose video,
 * label and split then hold for every event.
 */
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { L2cafError } from '../base/errors.ts';
import { LINE_END, type SourceText } from '../base/text.ts';
import { assignColumns, type Role } from './columns.ts';
import { type EventRow, type EventRows, type Need, type RowPlace, RowReader } from './row.ts';

/**
 * The events of JSON lines or of a JSON document, whichever the text is.
 *
 * @throws L2cafError `input-unreadable` for a document that is no JSON, or holds no array of events
 */
export function jsonRows(source: SourceText, path: string, needs: readonly Need[] = []): EventRows {
  const reader = new RowReader(source, needs);
  const isNamedLines = /\.(jsonl|ndjson)$/i.test(path);
  const whole = parse(source.text);
  const rows =
    'root' in whole && !(isNamedLines && whole.root.type === 'object')
      ? documentRows(source.text, whole.root, path, reader)
      : isNamedLines || beginsWithObject(source.text)
        ? lineRows(source.text, reader)
        : undefined;
  if (rows !== undefined) return { rows, problems: reader.problems, notes: reader.notes };
  throw unusable(path, 'wrong' in whole ? whole.wrong : 'it holds no events');
}

/** Whether the first line is an object of its own. */
function beginsWithObject(text: string): boolean {
  const first = parse(text.split(LINE_END).find((line) => line.trim() !== '') ?? '');
  return 'root' in first && first.root.type === 'object';
}

function lineRows(text: string, reader: RowReader): EventRow[] {
  return text.split(LINE_END).flatMap((line, i) => {
    if (line.trim() === '') return [];
    const at = { line: i + 1, ordinal: i + 1 };
    const parsed = parse(line);
    if ('root' in parsed) return readObject(line, parsed.root, at, reader);
    reader.reject(at, `not JSON: ${parsed.wrong.replace('line 1, ', '')}`);
    return [];
  });
}

/** What an object around the events says about all of them. */
const COMMON: readonly Role[] = ['video', 'label', 'split'];

function documentRows(text: string, root: Node, path: string, reader: RowReader): EventRow[] {
  const lineOf = lineFinder(text);
  const items = (array: Node, common: ReadonlyMap<string, string>): EventRow[] =>
    (array.children ?? []).flatMap((item, i) =>
      readObject(text, item, { line: lineOf(item.offset), ordinal: i + 1 }, reader, common),
    );
  if (root.type === 'array') return items(root, new Map());
  if (root.type !== 'object') throw unusable(path, `it holds a ${root.type}`);
  const lists = (root.children ?? []).filter(({ children: [, value] = [] }) => {
    return value?.type === 'array' && value.children?.some(({ type }) => type === 'object');
  });
  const [list, ...others] = lists.map(({ children: [key, value] = [] }) => ({
    name: String(key!.value),
    value: value!,
  }));
  if (others.length > 0)
    throw unusable(
      path,
      `which of its arrays holds the events? ${[list!, ...others].map(({ name }) => name).join(', ')}`,
    );
  if (list === undefined) return readObject(text, root, { line: lineOf(root.offset), ordinal: 1 }, reader);
  const values = valuesOf(text, root);
  values.delete(list.name);
  const { roles } = assignColumns([...values.keys()]);
  const common = COMMON.flatMap((role) => roles.get(role)?.name ?? []);
  return items(list.value, new Map(common.map((name) => [name, values.get(name)!])));
}

function readObject(
  text: string,
  node: Node,
  at: RowPlace,
  reader: RowReader,
  common: ReadonlyMap<string, string> = new Map(),
): EventRow[] {
  if (node.type !== 'object') {
    reader.reject(at, 'not an object');
    return [];
  }
  const values = valuesOf(text, node);
  if (values.size < (node.children ?? []).length) {
    reader.reject(at, 'a name is there twice');
    return [];
  }
  const row = reader.read(new Map([...common, ...values]), at);
  return row ? [row] : [];
}

/** The values of an object as texts: numbers as they are written, what is nested as JSON. */
function valuesOf(text: string, { children = [] }: Node): Map<string, string> {
  return new Map(children.map(({ children: [key, value] = [] }) => [String(key!.value), textOf(text, value!)]));
}

function textOf(text: string, { type, value, offset, length }: Node): string {
  if (type === 'null') return '';
  if (type === 'string') return String(value).trim();
  const source = text.slice(offset, offset + length);
  return type === 'object' || type === 'array' ? JSON.stringify(JSON.parse(source)) : source;
}

/** The syntax tree of a text that is JSON, or what is wrong with it. */
function parse(text: string): { readonly root: Node } | { readonly wrong: string } {
  if (text.trim() === '') return { wrong: 'it is empty' };
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  } catch (error) {
    if (error instanceof RangeError) return { wrong: 'it is nested too deeply' };
    throw error;
  }
  const [first] = errors;
  if (first === undefined) return { root: root! };
  const before = text.slice(0, first.offset).split(LINE_END);
  const words = printParseErrorCode(first.error)
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase();
  return { wrong: `line ${before.length}, column ${before.at(-1)!.length + 1}: ${words}` };
}

/** The line, from 1, on which a place of the text lies; to be asked for places in ascending order. */
function lineFinder(text: string): (offset: number) => number {
  let [line, at] = [1, 0];
  return (offset) => {
    line += text.slice(at, offset).split(LINE_END).length - 1;
    at = offset;
    return line;
  };
}

function unusable(path: string, why: string): L2cafError {
  return new L2cafError('input-unreadable', `${path} cannot be used: it is no JSON list of events: ${why}`, {
    hint: 'give an array of objects, or an object a line, with video and, if wanted, id, start, end (seconds), label, split',
  });
}
