/**
 * Reads MATLAB's Level 5 MAT-files, in which data sets of that time keep their annotations ("MAT-File Format", MathWorks):
 * numbers, text, cells and structs. Sparse arrays, objects and the newer files (HDF5) are not read.
 */
import { inflateSync } from 'node:zlib';
import { L2cafError } from '../base/errors.ts';
import { product } from '../base/matrix.ts';

/** An array in MATLAB's order (columns first): its numbers, its text, its cells, or its structs. */
export type MatValue = readonly number[] | string | readonly MatValue[] | readonly MatStruct[];

/** One element of a struct array. */
export interface MatStruct {
  readonly [field: string]: MatValue;
}

/**
 * The variables of a file by name.
 *
 * @throws L2cafError `input-unreadable` when it is no Level 5 MAT-file, cut off, or holds what is not read
 */
export function readMatFile(bytes: Uint8Array, path: string): Map<string, MatValue> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittleEndian = file.toString('latin1', 126, 128) === 'IM';
  if (!isLittleEndian || file.readUInt16LE(124) !== 0x0100) {
    throw new L2cafError('input-unreadable', `${path} is not a MATLAB file of level 5`, {
      hint: "save it with MATLAB's option -v6 or -v7",
    });
  }
  try {
    return new Map([...elementsOf(file.subarray(HEADER_BYTES))].map(variableOf));
  } catch (cause) {
    throw new L2cafError('input-unreadable', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

const HEADER_BYTES = 128;

/** A tagged piece of data. */
interface Element {
  readonly type: number;
  readonly data: Buffer;
}

/** Types of elements, and classes of arrays. */
const [INT8, MATRIX, COMPRESSED, UTF16] = [1, 14, 15, 17];
const [CELL, STRUCT, OBJECT, CHAR, SPARSE] = [1, 2, 3, 4, 5];

function* elementsOf(data: Buffer): Generator<Element> {
  for (let at = 0; at < data.length; ) {
    const tag = data.readUInt32LE(at);
    const isSmall = tag >>> 16 !== 0;
    const [type, bytes, from] = isSmall ? [tag & 0xffff, tag >>> 16, at + 4] : [tag, data.readUInt32LE(at + 4), at + 8];
    if (from + bytes > data.length) throw new Error('it is cut off');
    const content = data.subarray(from, from + bytes);
    if (type === COMPRESSED) yield* elementsOf(inflateSync(content));
    else yield { type, data: content };
    at = isSmall ? at + 8 : from + (type === COMPRESSED ? bytes : Math.ceil(bytes / 8) * 8);
  }
}

function variableOf({ type, data }: Element): [string, MatValue] {
  if (type !== MATRIX) throw new Error(`it holds data of type ${type} outside an array`);
  const [flags, dimensions, name, ...content] = [...elementsOf(data)];
  if (!flags || !dimensions || !name) return ['', []]; // an array that was never filled
  const count = product(numbersOf(dimensions));
  return [name.data.toString('latin1'), contentOf(flags.data.readUInt8(0), count, content)];
}

function contentOf(arrayClass: number, count: number, content: readonly Element[]): MatValue {
  const [first, second, ...rest] = content;
  switch (arrayClass) {
    case CELL:
      return content.map((cell) => variableOf(cell)[1]);
    case STRUCT: {
      const names = namesOf(first!, second!);
      return Array.from({ length: count }, (_, k) =>
        Object.fromEntries(names.map((name, i) => [name, variableOf(rest[k * names.length + i]!)[1]])),
      );
    }
    case CHAR:
      return first ? textOf(first) : '';
    case OBJECT:
    case SPARSE:
      throw new Error('it holds an object or a sparse array');
    default:
      return first ? numbersOf(first) : [];
  }
}

/** Names of fields, each filled up with zeros to the same length. */
function namesOf(length: Element, names: Element): string[] {
  const [bytes] = numbersOf(length) as [number];
  return Array.from({ length: names.data.length / bytes }, (_, i) =>
    names.data.toString('latin1', i * bytes, (i + 1) * bytes).replace(/\0.*$/, ''),
  );
}

function textOf({ type, data }: Element): string {
  if (type === UTF16 || type === UINT16) return data.toString('utf16le');
  return data.toString('utf8');
}

const UINT16 = 4;

/** How a number of each type is read, and its bytes. */
const NUMBERS: Readonly<Record<number, readonly [(data: Buffer, at: number) => number, number]>> = {
  [INT8]: [(data, at) => data.readInt8(at), 1],
  2: [(data, at) => data.readUInt8(at), 1],
  3: [(data, at) => data.readInt16LE(at), 2],
  [UINT16]: [(data, at) => data.readUInt16LE(at), 2],
  5: [(data, at) => data.readInt32LE(at), 4],
  6: [(data, at) => data.readUInt32LE(at), 4],
  7: [(data, at) => data.readFloatLE(at), 4],
  9: [(data, at) => data.readDoubleLE(at), 8],
  12: [(data, at) => Number(data.readBigInt64LE(at)), 8],
  13: [(data, at) => Number(data.readBigUInt64LE(at)), 8],
};

function numbersOf({ type, data }: Element): number[] {
  const reader = NUMBERS[type];
  if (!reader) throw new Error(`it holds numbers of type ${type}`);
  const [read, bytes] = reader;
  return Array.from({ length: data.length / bytes }, (_, i) => read(data, i * bytes));
}
