/**
 * Reads NumPy's .npy files, versions 1 to 3, little-endian float32 in row order: the form in which some published
 * networks keep their weights. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { L2cafError, messageOf } from '../base/errors.ts';
import { readInput } from '../base/input-files.ts';
import { product } from '../base/matrix.ts';
import type { NamedArray } from './safetensors.ts';

/** Of the largest array of the networks that are read so, many times over. */
const MAX_BYTES = 1e9;
const MAGIC = '\x93NUMPY';

/**
 * Reads one array.
 *
 * @throws L2cafError `weights-invalid` when the file is absent, truncated, or holds another type or order.
 */
export async function readNpy(path: string): Promise<NamedArray> {
  const bytes = await readInput(path, { maxBytes: MAX_BYTES }).catch((cause: unknown) => {
    throw new L2cafError('weights-invalid', messageOf(cause), { cause });
  });
  const invalid = (why: string): L2cafError => new L2cafError('weights-invalid', `${path}: ${why}`);
  if (bytes.length < 12 || bytes.toString('latin1', 0, 6) !== MAGIC) throw invalid('it is not a .npy file');
  const isFirstVersion = bytes[6] === 1;
  const headerStart = isFirstVersion ? 10 : 12;
  const headerEnd = headerStart + (isFirstVersion ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  const header = bytes.toString('latin1', headerStart, headerEnd);
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const dimensions = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (type === undefined || dimensions === undefined) throw invalid('its header cannot be read');
  if (type !== '<f4') throw invalid(`it holds ${type}, only <f4 (float32) can be read`);
  if (!/'fortran_order':\s*False/.test(header)) throw invalid('it is in column order, only row order can be read');
  const shape = (dimensions.match(/\d+/g) ?? []).map(Number);
  const count = product(shape);
  if (bytes.length !== headerEnd + 4 * count) throw invalid(`it is truncated: expected ${count} numbers`);
  return { shape, data: new Float32Array(new Uint8Array(bytes.subarray(headerEnd)).buffer) };
}
