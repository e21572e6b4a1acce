/**
 * Files that are either whole or absent: everything l2caf writes goes to a temporary name in the same folder first and
 * is renamed when it is complete, so that a crash, a full disk or Ctrl-C leaves no half-written file under a final name.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { L2cafError, messageOf } from './errors.ts';

/**
 * Calls `write` with a temporary path beside `path` (same extension) and renames the result to `path`; removes it if
 * `write` fails. Creates the folder.
 *
 * @throws L2cafError `output-unwritable` when the folder cannot be made or written to.
 */
export async function writeAtomically(path: string, write: (temporaryPath: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  if (await isFolder(path)) throw unwritable(path, 'it is a folder');
  await makeFolder(folder);
  const extension = extname(path);
  const temporary = join(folder, `.${basename(path, extension)}.${randomBytes(4).toString('hex')}.part${extension}`);
  try {
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true, recursive: true });
    throw isFileSystemError(error) ? unwritable(path, error) : error;
  }
}

/** Writes text or bytes to `path`, whole or not at all. */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  await writeAtomically(path, (temporary) => writeFile(temporary, data));
}

/**
 * Makes a folder and its parents; returns the topmost one that was not there before, if any.
 *
 * @throws L2cafError `output-unwritable`
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await makeMissing(resolve(path));
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Not mkdir's `recursive`: Node 20 tries for ever where an existing parent answers ENOENT, as /proc does. */
async function makeMissing(folder: string): Promise<string | undefined> {
  if (await isFolder(folder)) return undefined;
  const parent = dirname(folder);
  const topmostNew = parent === folder ? undefined : await makeMissing(parent);
  await mkdir(folder).catch(async (error: unknown) => {
    if (!(await isFolder(folder))) throw error; // else another process has just made it
  });
  return topmostNew ?? folder;
}

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isDirectory() ?? false;
}

/**
 * Runs `work` with the folder made; if it fails, the folders that were made for it are removed again, unless something
 * lies in them. Throws as {@link makeFolder}.
 */
export async function withFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  const topmostNew = await makeFolder(path);
  try {
    return await work();
  } catch (error) {
    if (topmostNew !== undefined) {
      for (let folder = resolve(path); ; folder = dirname(folder)) {
        const isEmpty = await rmdir(folder).then(
          () => true,
          () => false,
        );
        if (!isEmpty || folder === topmostNew) break;
      }
    }
    throw error;
  }
}

const hashes = new Map<string, Promise<string>>();

/**
 * SHA-256 of a file's content, in hexadecimal. A file is read once per process, as a stream, and again only when its
 * size, time or identity has changed: one analysis asks for its source and its weights in several places.
 */
export async function sha256OfFile(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const version = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  const known = hashes.get(version);
  if (known !== undefined) return known;
  const hash = hashContent(path);
  hashes.set(version, hash);
  hash.catch(() => hashes.delete(version));
  return hash;
}

async function hashContent(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** Bytes of a file; undefined when there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info?.size;
}

function isFileSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

function unwritable(path: string, cause: unknown): L2cafError {
  return new L2cafError('output-unwritable', `cannot write ${path}: ${messageOf(cause)}`, {
    hint: 'choose another folder with -o, or check its permissions and the free space',
    cause,
  });
}
