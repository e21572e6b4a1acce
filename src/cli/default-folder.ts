/** Names for results where the user gave none: two sources of one name (day1/cam.mp4, day2/cam.mp4) do not share one. */
import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MAX_DOCUMENT_BYTES } from '../analysis/document.ts';
import { withFolder } from '../base/files.ts';
import { readOwn } from '../base/input-files.ts';
import { LOCK, takeLock, takeLockIfFree, takeLockWithin } from '../base/lock.ts';
import { checkOutputFolder } from '../base/output.ts';

/** A folder for results, where the user gave none. */
export interface FreeFolder {
  readonly name: string;
  /** Whether what is in a folder belongs to something else. */
  readonly isTaken: (folder: string) => Promise<boolean>;
}

/**
 * Runs `work` in a folder that no other run writes to meanwhile: what belongs together is replaced together, by one of them.
 *
 * @param folder the one that was asked for; or else the first of NAME, NAME-2, … that is neither taken nor in use
 * @throws L2cafError `output-unwritable` while another run is in the folder that was asked for; as `checkOutputFolder`
 */
export async function inOwnFolder<T>(folder: string | FreeFolder, work: (folder: string) => Promise<T>): Promise<T> {
  if (typeof folder === 'string') {
    const done = await locked(folder, takeLock, work);
    return done!.result;
  }
  const { name, isTaken } = folder;
  for (let n = 1; ; n++) {
    const candidate = numbered(name, n);
    if (await isTaken(candidate)) continue;
    const done = await locked(candidate, takeLockIfFree, async () => {
      // Another run may have been faster, and have ended meanwhile.
      return (await isTaken(candidate)) ? undefined : { result: await work(candidate) };
    });
    if (done?.result !== undefined) return done.result.result;
  }
}

async function locked<T>(
  folder: string,
  take: (lock: string) => Promise<(() => Promise<void>) | undefined>,
  work: (folder: string) => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  await checkOutputFolder(folder);
  return withFolder(folder, async () => {
    const give = await take(join(folder, LOCK));
    if (give === undefined) return undefined;
    try {
      return { result: await work(folder) };
    } finally {
      await give();
    }
  });
}

/** How long other runs are waited for, which write a few files each. */
const PATIENCE_MS = 30_000;

/**
 * Runs `work` while no other run does so in that folder, where several may write to it. Waits for them.
 *
 * @throws L2cafError `output-unwritable` when one does not end
 */
export async function inTurn<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = join(folder, LOCK);
  const give = (await takeLockWithin(lock, PATIENCE_MS)) ?? (await takeLock(lock));
  try {
    return await work();
  } finally {
    await give();
  }
}

/**
 * The name, or the first of NAME-2, NAME-3, … that is not taken.
 *
 * @param isTaken whether what is there belongs to something else
 */
export async function freeName(name: string, isTaken: (name: string) => Promise<boolean>): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = numbered(name, n);
    if (!(await isTaken(candidate))) return candidate;
  }
}

function numbered(name: string, n: number): string {
  return n === 1 ? name : `${name}-${n}`;
}

/**
 * Whether a file holds the results of something else. What is no such document is not: whoever would write there finds out
 * whose it is.
 *
 * @param path a JSON document that may be there
 * @param isOwn whether it is about what is to be done now; may fail for what it does not know
 */
export async function isOfOther(
  path: string,
  isOwn: (document: unknown) => boolean | Promise<boolean>,
): Promise<boolean> {
  const bytes = await readOwn(path, { maxBytes: MAX_DOCUMENT_BYTES }).catch(() => undefined);
  if (bytes === undefined) return false;
  try {
    return !(await isOwn(JSON.parse(bytes.toString('utf8'))));
  } catch {
    return false;
  }
}

/** Whether two paths name one file or folder, by any links. */
export async function isSamePath(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([a, b].map((path) => realpath(path).catch(() => resolve(path))));
  return first === second;
}

/** A source as documents state it. */
interface StatedSource {
  readonly source: { readonly path: string; readonly sha256: string };
}

/** For {@link isOfOther}: whether a document is about a file, under whatever name, or about that name's earlier content. */
export function isAbout(path: string, sha256: string): (document: unknown) => Promise<boolean> {
  return async (document) => {
    const { source } = document as StatedSource;
    return source.sha256 === sha256 || isSamePath(source.path, path);
  };
}
