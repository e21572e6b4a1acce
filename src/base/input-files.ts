/**
 * Files that l2caf is given to read. Only regular files are read, and none without a bound: a pipe or a device may keep a
 * reader waiting for ever, or never end, and a document of gigabytes would fill the memory before anybody looks at it.
 */
import { createHash, type Hash } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { L2cafError, messageOf, throwIfAborted } from './errors.ts';
import { noteInput } from './noted-inputs.ts';

/** How much of a file is read at once, bytes. */
const CHUNK_BYTES = 1 << 22;

/** Not to wait for somebody to write into a pipe. (Windows has no such flag, nor pipes among its files.) */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** How a file is read. */
export interface ReadInputOptions {
  /** The largest file that is taken, bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a whole file, which is no output from then on (`noteInput`).
 *
 * @throws L2cafError `input-not-found` when it cannot be opened; `input-unreadable` when it is no regular file, larger than
 *   `maxBytes`, or cannot be read; `aborted`
 */
export async function readInput(path: string, options: ReadInputOptions): Promise<Buffer> {
  noteInput(path);
  return readOwn(path, options);
}

/** How a file of l2caf's own is read. */
interface ReadOwnOptions extends ReadInputOptions {
  /** Memory for what it holds, of at least `maxBytes`: of many files one after another none is thrown away. */
  readonly into?: Buffer | undefined;
}

/**
 * Reads a whole file that l2caf keeps for itself (caches, notes, results that it goes on from): it may be replaced by what is
 * written next. Throws as {@link readInput}.
 */
export async function readOwn(path: string, { maxBytes, signal, into }: ReadOwnOptions): Promise<Buffer> {
  const file = await openInput(path);
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw tooLarge(path, size, maxBytes);
    const chunks: Buffer[] = [];
    for (let bytes = 0; ; ) {
      throwIfAborted(signal);
      const room = into?.subarray(bytes) ?? Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - bytes + 1));
      const { bytesRead } = await file.read(room);
      if (bytesRead === 0) {
        if (into !== undefined) return into.subarray(0, bytes);
        return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      }
      bytes += bytesRead;
      if (bytes > size) throw unreadable(path, 'it grows while it is read');
      if (into === undefined) chunks.push(room.subarray(0, bytesRead));
    }
  } catch (error) {
    throw error instanceof L2cafError ? error : unreadable(path, messageOf(error), error);
  } finally {
    await file.close();
  }
}

/** {@link readInput}, at once. */
export function readInputSync(path: string, { maxBytes }: ReadInputOptions): Buffer {
  noteInput(path);
  let file: number;
  try {
    file = openSync(path, READ_ONLY);
  } catch (cause) {
    throw notFound(path, cause);
  }
  try {
    const info = fstatSync(file);
    refuseUnlessRegular(path, info);
    if (info.size > maxBytes) throw tooLarge(path, info.size, maxBytes);
    return readFileSync(file);
  } catch (error) {
    throw error instanceof L2cafError ? error : unreadable(path, messageOf(error), error);
  } finally {
    closeSync(file);
  }
}

/** What of a file is hashed, and how. */
export interface HashOptions {
  /** As `node:crypto` names it; SHA-256 by default. */
  readonly algorithm?: string;
  /** How much of it, from its start; by default all that it has when it is opened. */
  readonly bytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The hash of a file's content. Throws as {@link readInput}, of any size. */
export async function hashFile(path: string, { algorithm = 'sha256', bytes, signal }: HashOptions = {}): Promise<Hash> {
  const hash = createHash(algorithm);
  const file = await openInput(path);
  try {
    let left = bytes ?? (await file.stat()).size;
    const buffer = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES)); // most files are small
    while (left > 0) {
      throwIfAborted(signal);
      const { bytesRead } = await file.read(buffer, 0, Math.min(left, CHUNK_BYTES));
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return hash;
  } catch (error) {
    throw error instanceof L2cafError ? error : unreadable(path, messageOf(error), error);
  } finally {
    await file.close();
  }
}

/** What a text of JSON holds; undefined for what is none. */
export function jsonIn(text: Buffer | string): unknown {
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Opens a regular file for reading. Throws as {@link readInput}. */
export async function openInput(path: string): Promise<FileHandle> {
  const file = await open(path, READ_ONLY).catch((cause: unknown) => {
    throw notFound(path, cause);
  });
  try {
    refuseUnlessRegular(path, await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Finds out that a path names a regular file, for programs that open it themselves.
 *
 * @throws L2cafError `input-not-found` when there is none, `input-unreadable` when it is something else
 */
export async function expectRegularFile(path: string): Promise<BigIntStats> {
  const info = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw notFound(path, cause);
  });
  refuseUnlessRegular(path, info);
  return info;
}

function refuseUnlessRegular(path: string, info: Stats | BigIntStats): void {
  if (info.isFile()) return;
  const kinds: readonly (readonly [boolean, string])[] = [
    [info.isDirectory(), 'a folder'],
    [info.isFIFO(), 'a pipe'],
    [info.isSocket(), 'a socket'],
    [info.isCharacterDevice() || info.isBlockDevice(), 'a device'],
  ];
  const [, kind] = kinds.find(([is]) => is) ?? [true, 'something else'];
  throw unreadable(path, `it is ${kind}, not a file`);
}

function notFound(path: string, cause: unknown): L2cafError {
  return new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
}

function unreadable(path: string, why: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `cannot read ${path}: ${why}`, { cause });
}

function tooLarge(path: string, bytes: number, maxBytes: number): L2cafError {
  const megabytes = (count: number): string => `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`;
  return unreadable(path, `it has ${megabytes(bytes)}, of such files no more than ${megabytes(maxBytes)} are read`);
}
