/**
 * Reads and writes safetensors, the weight format of this project: a JSON header and raw little-endian numbers, so a
 * weights file is data only and can be read tensor by tensor (a trimmed trunk need not read the layers it dropped).
 * Format: https://github.com/huggingface/safetensors#format
 */
import { open } from 'node:fs/promises';
import { L2cafError, messageOf } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { openInput } from '../base/input-files.ts';
import { product } from '../base/matrix.ts';
import { fromFloat16 } from './float16.ts';

/** A named array of numbers: `shape` row by row, as float32 whatever the file's precision (integers up to 2^24). */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A whole weights file, or the part of it that was read. */
export interface WeightsFile {
  readonly tensors: ReadonlyMap<string, NamedArray>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const BYTES_PER_NUMBER: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1 };
const MAX_HEADER_BYTES = 100 * 1024 * 1024;

/**
 * Reads the tensors of a safetensors file, or those whose name `wanted` accepts.
 *
 * @throws L2cafError `weights-invalid` when the file is truncated, not safetensors, or holds an unknown number type.
 */
export async function readSafetensors(
  path: string,
  wanted: (name: string) => boolean = () => true,
): Promise<WeightsFile> {
  const file = await openInput(path).catch((cause: unknown) => {
    throw new L2cafError('weights-invalid', messageOf(cause), { cause });
  });
  try {
    const size = (await file.stat()).size;
    const lengthBytes = new DataView(new ArrayBuffer(8));
    const { bytesRead } = await file.read(lengthBytes, 0, 8, 0);
    const headerLength = bytesRead === 8 ? Number(lengthBytes.getBigUint64(0, true)) : Number.NaN;
    if (!(headerLength >= 2 && headerLength <= MAX_HEADER_BYTES && 8 + headerLength <= size)) {
      throw invalid(path, 'it is truncated or not a safetensors file');
    }
    const headerBytes = new Uint8Array(headerLength);
    await file.read(headerBytes, 0, headerLength, 8);
    const { entries, metadata } = parseHeader(path, headerBytes);
    const tensors = new Map<string, NamedArray>();
    for (const [name, entry] of entries) {
      const [begin, end] = entry.data_offsets;
      const count = product(entry.shape);
      const width = Object.hasOwn(BYTES_PER_NUMBER, entry.dtype) ? BYTES_PER_NUMBER[entry.dtype] : undefined;
      if (width === undefined) throw invalid(path, `tensor ${name} has the unsupported type ${entry.dtype}`);
      if (end - begin !== count * width) throw invalid(path, `tensor ${name} has the wrong length for its shape`);
      if (8 + headerLength + end > size) throw invalid(path, `it is truncated (tensor ${name} is incomplete)`);
      if (!wanted(name)) continue;
      const bytes = new Uint8Array(end - begin);
      await file.read(bytes, 0, bytes.length, 8 + headerLength + begin);
      tensors.set(name, { shape: entry.shape, data: toFloat32(entry.dtype, bytes, count) });
    }
    return { tensors, metadata };
  } finally {
    await file.close();
  }
}

/** Writes float32 tensors, whole or not at all; the order of `tensors` is kept, so equal input gives equal bytes. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, NamedArray>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = JSON.stringify(header);
  const headerBytes = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8, ' '), 'utf8');
  const lengthBytes = Buffer.alloc(8);
  lengthBytes.writeBigUInt64LE(BigInt(headerBytes.length));
  await writeAtomically(path, async (temporary) => {
    const file = await open(temporary, 'w');
    try {
      await file.write(lengthBytes);
      await file.write(headerBytes);
      for (const { data } of tensors.values())
        await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

function parseHeader(
  path: string,
  bytes: Uint8Array,
): { entries: [string, HeaderEntry][]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new L2cafError('weights-invalid', `${path}: its header is not JSON, so it is not a safetensors file`, {
      cause,
    });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw invalid(path, 'its header is no table of tensors');
  }
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  const isText = (value: unknown): boolean => typeof value === 'string';
  if (typeof metadata !== 'object' || metadata === null || !Object.values(metadata).every(isText)) {
    throw invalid(path, 'its metadata are malformed');
  }
  for (const [name, entry] of Object.entries(entries)) {
    if (!isHeaderEntry(entry)) throw invalid(path, `the header entry of tensor ${name} is malformed`);
  }
  return { entries: Object.entries(entries) as [string, HeaderEntry][], metadata: metadata as Record<string, string> };
}

function isHeaderEntry(value: unknown): value is HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<HeaderEntry>;
  const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  return (
    typeof dtype === 'string' &&
    Array.isArray(shape) &&
    shape.every(isCount) &&
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every(isCount)
  );
}

function toFloat32(dtype: string, bytes: Uint8Array, count: number): Float32Array {
  const view = new DataView(bytes.buffer);
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer);
    case 'F64':
      return Float32Array.from({ length: count }, (_, i) => view.getFloat64(i * 8, true));
    case 'F16':
      return fromFloat16(Uint16Array.from({ length: count }, (_, i) => view.getUint16(i * 2, true)));
    case 'BF16':
      return new Float32Array(Uint32Array.from({ length: count }, (_, i) => view.getUint16(i * 2, true) << 16).buffer);
    case 'I64':
      return Float32Array.from({ length: count }, (_, i) => Number(view.getBigInt64(i * 8, true)));
    case 'I32':
      return Float32Array.from({ length: count }, (_, i) => view.getInt32(i * 4, true));
    default:
      return Float32Array.from(bytes);
  }
}

function invalid(path: string, why: string): L2cafError {
  return new L2cafError('weights-invalid', `${path}: ${why}`, { hint: 'fetch or export the file again' });
}
