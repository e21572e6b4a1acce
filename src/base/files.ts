/**
 * Files that are either whole or absent: everything l2caf writes goes to a temporary name in the same folder first, is
 * brought to the disk, and is renamed when it is complete, so that a crash, a power cut, a full disk or Ctrl-C leaves no
 * half-written file under a final name.
 */
import type { BigIntStats } from 'node:fs';
import { access, mkdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { unlessAborted } from './concurrent.ts';
import { L2cafError } from './errors.ts';
import { expectRegularFile, hashFile } from './input-files.ts';
import { checkOutput, unwritable } from './output.ts';
import { sealFile, settleSeal } from './seal.ts';
import { sync, syncFile, syncFolder } from './sync.ts';
import { sweep, temporaryName } from './temporary.ts';

/**
 * Calls `write` with a temporary path beside `path` (same extension) and renames the result to `path`; removes it if
 * `write` fails. Creates the folder. When it resolves, the file outlives a power cut. A file that is replaced keeps its
 * permissions; through a link, the file that it names is replaced. The file gets l2caf's seal (`seal.ts`).
 *
 * @param sources files that it is made from, which it must not replace
 * @throws L2cafError `usage`, `output-exists` as {@link checkOutput}; `usage` when `path` is named as another format than
 *   what was written; `output-unwritable` when the folder cannot be made or written to, the disk is full (also where `write`
 *   fails without saying so), or `path` is write-protected or anything else than a file
 */
export async function writeAtomically(
  path: string,
  write: (temporaryPath: string) => Promise<void>,
  sources: readonly string[] = [],
): Promise<void> {
  const target = await checkOutput(path, sources);
  const folder = dirname(target.path);
  await makeFolder(folder);
  await sweep(folder);
  const temporary = join(folder, await temporaryName(target.path));
  try {
    await write(temporary);
    await sealFile(temporary, target.path);
    await checkOutput(target.path, sources); // also against what was read meanwhile
    await sync(temporary, 'r+', target.mode);
    await rename(temporary, target.path);
    await settleSeal(target.path);
    await syncFolder(folder);
  } catch (error) {
    const problem = await diskProblem(error, temporary);
    await rm(temporary, { force: true, recursive: true }).catch(() => {}); // what went wrong before is to be told
    throw problem === undefined ? error : unwritable(path, problem);
  }
}

/**
 * What the operating system has against a file whose writing has failed, if anything. Other programs (ffmpeg) say in words
 * only that the disk is full; whether it is, is tried out.
 */
async function diskProblem(error: unknown, temporary: string): Promise<unknown> {
  if (isFileSystemError(error)) return error;
  if (error instanceof L2cafError && error.code === 'aborted') return undefined;
  try {
    await writeFile(temporary, new Uint8Array(PROBE_BYTES), { flag: 'a' });
    await syncFile(temporary);
    return undefined;
  } catch (problem) {
    return problem instanceof Error ? Object.assign(problem, { cause: error }) : problem;
  }
}

const PROBE_BYTES = 1 << 16;

/** Whether there is a file or folder at a path, as far as it can be told. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Writes text or bytes to `path`, whole or not at all. Throws as {@link writeAtomically}. */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  sources: readonly string[] = [],
): Promise<void> {
  await writeAtomically(path, (temporary) => writeFile(temporary, data), sources);
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
  await syncFolder(parent);
  return topmostNew ?? folder;
}

/** Whether a folder lies at a path, by any links. */
export async function isFolder(path: string): Promise<boolean> {
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

/**
 * Which file lies at a path, and in which state: where it is (device, inode), its size, and when its content and its
 * properties changed last, to the nanosecond. Two different states look the same only to whoever sets the clock back.
 *
 * @throws NodeJS.ErrnoException when there is none
 */
export async function identityOf(path: string): Promise<string> {
  return identityIn(await stat(path, { bigint: true }));
}

/** {@link identityOf} a file that was looked at. */
export function identityIn({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** The error for a file that became another one while it was being read. */
export function changedInput(path: string, cause?: unknown): L2cafError {
  return new L2cafError('input-changed', `${path} was changed while it was being read`, {
    hint: 'run the command again once the file stays as it is',
    cause,
  });
}

/** The identity of a folder begins so, where a clip is one: its files are compared one by one, when they are read. */
export const FOLDER_IDENTITY = 'folder ';

/**
 * Throws unless a file is still the one that was probed.
 *
 * @throws L2cafError `input-changed`, also when it is gone
 */
export async function assertUnchanged({
  path,
  identity,
}: {
  readonly path: string;
  readonly identity: string;
}): Promise<void> {
  if (identity.startsWith(FOLDER_IDENTITY)) return;
  const now = await identityOf(path).catch((cause: unknown) => {
    throw changedInput(path, cause);
  });
  if (now !== identity) throw changedInput(path);
}

const hashes = new Map<string, Promise<string>>();

/** Which state of a file is hashed, and what ends it. */
export interface Sha256Options {
  /** Which file is meant ({@link identityOf}), where that is known. */
  readonly identity?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * SHA-256 of a file's content, in hexadecimal. A file is read once per process, as a stream, and again only when its
 * size, time or identity has changed: one analysis asks for its source and its weights in several places.
 *
 * @throws L2cafError `input-changed` when it is not the one that is meant, or changes again and again; `aborted`; as
 *   `openInput`, when it cannot be read
 */
export async function sha256OfFile(path: string, { identity, signal }: Sha256Options = {}): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const info = await expectRegularFile(path);
    const version = identityIn(info);
    if (identity !== undefined && version !== identity) throw changedInput(path);
    const hash = hashes.get(version) ?? hashContent(path, version, signal);
    hashes.set(version, hash);
    hash.catch(() => hashes.delete(version));
    try {
      return await unlessAborted(hash, signal);
    } catch (error) {
      const code = error instanceof L2cafError ? error.code : undefined;
      // Whoever hashes the same file may have been interrupted, and we not.
      if (code === 'aborted' && !signal?.aborted) attempt--;
      // Whoever means no state of the file in particular gets that of the next: another process has just put it there.
      else if (code !== 'input-changed' || identity !== undefined || attempt === HASH_ATTEMPTS) throw error;
    }
  }
}

const HASH_ATTEMPTS = 5;

async function hashContent(path: string, version: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = await hashFile(path, { signal });
  await assertUnchanged({ path, identity: version });
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
