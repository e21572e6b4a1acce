/**
 * Arrays for NumPy: a `.npz` is a zip archive of `.npy` files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html,
 * version 1.0). It is written as it is made, array by array.
 */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Zip, ZipDeflate } from 'fflate';
import { L2cafError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { product } from '../base/matrix.ts';

/** An array of numbers, row by row (C order). */
export interface NumpyArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
}

/** A member of an archive: an array under its name without `.npy`, or bytes under a whole name. */
export type NpzMember =
  | { readonly name: string; readonly array: NumpyArray }
  | { readonly name: string; readonly bytes: Uint8Array };

/**
 * An array as a `.npy` file.
 *
 * @throws L2cafError `shape-mismatch`
 */
export function npyBytes({ shape, values }: NumpyArray): Uint8Array {
  const count = product(shape);
  if (count !== values.length) {
    throw new L2cafError('shape-mismatch', `${values.length} numbers are no array of ${shape.join('x')}`);
  }
  const type = values instanceof Float32Array ? '<f4' : '<f8';
  const lengths = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${lengths}), }`;
  const total = ALIGNMENT * Math.ceil((PREFIX_BYTES + header.length + 1) / ALIGNMENT);
  const bytes = Buffer.alloc(total + values.byteLength);
  bytes.write('\x93NUMPY\x01\x00', 0, 'latin1');
  bytes.writeUInt16LE(total - PREFIX_BYTES, 8);
  bytes.write(`${header.padEnd(total - PREFIX_BYTES - 1)}\n`, PREFIX_BYTES, 'latin1');
  for (const [i, value] of values.entries()) {
    if (type === '<f4') bytes.writeFloatLE(value, total + 4 * i);
    else bytes.writeDoubleLE(value, total + 8 * i);
  }
  return bytes;
}

/** Bytes before the header: magic, version, its length. */
const PREFIX_BYTES = 10;
/** Numbers begin at a multiple of this. */
const ALIGNMENT = 64;

/**
 * Writes an archive, whole or not at all.
 *
 * @throws L2cafError `output-unwritable`, also where it would be larger than such archives can be; else as `writeAtomically`, and
 *   what the members throw
 */
export async function writeNpz(path: string, members: AsyncIterable<NpzMember>): Promise<void> {
  await writeAtomically(path, (temporary) =>
    pipeline(Readable.from(zipped(path, members)), createWriteStream(temporary)),
  );
}

async function* zipped(path: string, members: AsyncIterable<NpzMember>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  let problem: Error | undefined;
  let bytes = 0;
  const zip = new Zip((error, chunk) => {
    problem ??= error ?? undefined;
    if (chunk) ready.push(chunk);
  });
  const flush = function* (): Generator<Uint8Array> {
    if (problem) throw problem;
    const chunks = ready;
    ready = [];
    for (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) {
        throw new L2cafError('output-unwritable', `${path} would have more than ${MOST_BYTES / 1e9} GB`, {
          hint: 'export fewer analyses into one file',
        });
      }
      yield chunk;
    }
  };
  for await (const member of members) {
    const file = new ZipDeflate('array' in member ? `${member.name}.npy` : member.name, { level: 6 });
    file.mtime = NO_DATE; // the same analyses give the same file
    zip.add(file);
    file.push('array' in member ? npyBytes(member.array) : member.bytes, true);
    yield* flush();
  }
  zip.end();
  yield* flush();
}

/** What a zip archive without extensions can hold. */
const MOST_BYTES = 4e9;
/** The first day that such an archive knows. */
const NO_DATE = new Date(1980, 0, 1);
