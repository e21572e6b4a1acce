/**
 * Keeps a second process from what one is doing (writing to the same batch, replacing the same results), whether on this
 * machine, in another container, or on another machine that shares the folder. The lock is a folder with a note of who holds
 * it. It gets its name when the note is in it, which a file system does at once and for one only, so there is never a lock
 * that names nobody. No lock is too old: one ends when its holder gives it back, or is known to have ended.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { L2cafError, messageOf, systemCodeOf } from './errors.ts';
import { type Holder, type HolderState, parseHolder, stateOf, thisProcess } from './holder.ts';
import { readOwn } from './input-files.ts';
import { syncFile } from './sync.ts';

/** The lock of a folder in which what belongs together is replaced together. */
export const LOCK = '.l2caf.lock';

/** The note in the lock. */
const NOTE = 'holder.json';
const MAX_NOTE_BYTES = 1 << 16;

/** Rounds in which there was a lock that named nobody, before it is taken for something else. */
const MAX_ROUNDS = 100;

/**
 * Takes the lock, from a process that is known to have ended if need be. Returns how to give it back.
 *
 * @throws L2cafError `output-unwritable` while another process holds it, or may hold it elsewhere
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const result = await askForLock(path);
  if (typeof result === 'function') return result;
  throw heldBy(result, path);
}

/** {@link takeLock}; undefined where another process holds it, or may hold it elsewhere. */
export async function takeLockIfFree(path: string): Promise<(() => Promise<void>) | undefined> {
  const result = await askForLock(path);
  return typeof result === 'function' ? result : undefined;
}

/** {@link takeLockIfFree}, while it is waited for others, milliseconds; undefined when it did not become free. */
export async function takeLockWithin(path: string, patienceMs: number): Promise<(() => Promise<void>) | undefined> {
  for (const endMs = performance.now() + patienceMs; performance.now() < endMs; await setTimeout(POLL_MS)) {
    const give = await takeLockIfFree(path);
    if (give !== undefined) return give;
  }
  return undefined;
}

/** Whoever is waited for needs milliseconds. */
const POLL_MS = 10;

/** How to give the lock back, or who holds it. */
async function askForLock(path: string): Promise<(() => Promise<void>) | Held> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const result = await tryLock(path);
    if (result !== undefined) return result;
  }
  throw unreadable(path, 'it names nobody');
}

interface Held {
  readonly holder: Holder;
  readonly state: HolderState;
  readonly here: Holder['place'];
}

/** How to give the lock back; or who holds it; undefined when that has just changed. */
async function tryLock(path: string): Promise<(() => Promise<void>) | Held | undefined> {
  const own = await thisProcess();
  if (await claim(path, own)) return () => remove(path, own);
  const holder = await readHolder(path);
  if (holder === undefined) return undefined;
  const state = await stateOf(holder, own.place);
  if (state !== 'ended') return { holder, state, here: own.place };
  // Two may find out at the same time, and the second must not remove what the first has taken meanwhile: who removes the
  // lock of an ended process, holds a lock of its own for that.
  const guard = await tryLock(`${path}.${holder.token}.end.part`);
  if (typeof guard !== 'function') return guard;
  await remove(path, holder);
  await guard();
  return undefined;
}

/** What a rename to a name that is taken fails with; Windows says no more than that it may not. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['ENOTEMPTY', 'EEXIST', 'ENOTDIR'],
  ...(process.platform === 'win32' ? ['EPERM', 'EACCES'] : []),
  'ENOENT', // who has the lock clears up what others have left, ours too
]);

/** Whether the lock was free, and is the holder's now. */
async function claim(path: string, holder: Holder): Promise<boolean> {
  const own = aside(path, holder);
  // With its folder, which a run that had made it and failed may just have removed.
  await mkdir(own, { recursive: true }).catch((error: unknown) => {
    throw unwritable(path, error);
  });
  try {
    await writeFile(join(own, NOTE), `${JSON.stringify(holder)}\n`);
    await syncFile(join(own, NOTE)); // a power cut must not leave a lock that names nobody
    await rename(own, path);
    return true;
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    if (TAKEN.has(systemCodeOf(error) ?? '')) return false;
    throw unwritable(path, error);
  }
}

/** Removes the lock if it is this holder's. */
async function remove(path: string, holder: Holder): Promise<void> {
  if ((await readHolder(path))?.token !== holder.token) return; // somebody has removed it by hand
  const gone = aside(path, holder);
  try {
    await rename(path, gone);
    await rm(gone, { recursive: true, force: true });
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unwritable(path, error);
  }
}

/** Whether a name, beside a {@link LOCK}, is that of a part of it: what a killed process has left behind. */
export function isPartOfLock(name: string): boolean {
  return name.startsWith(`${LOCK}.`) && name.endsWith('.part');
}

/** A name that goes with what a killed process has left behind. */
function aside(path: string, { token }: Holder): string {
  return join(dirname(path), `${basename(path)}.${token}.part`);
}

async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = (await readOwn(join(path, NOTE), { maxBytes: MAX_NOTE_BYTES })).toString('utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, messageOf(error), error);
  }
  try {
    return await parseHolder(text);
  } catch (error) {
    throw unreadable(path, 'it is damaged, or of another version', error);
  }
}

function heldBy({ holder: { pid, place }, state, here }: Held, path: string): L2cafError {
  if (state === 'running') {
    return new L2cafError('output-unwritable', `another run, process ${pid}, is writing to this folder`, {
      hint: 'wait for it, or choose another folder with -o',
    });
  }
  const where = place.host === here.host ? `${place.host}, in another container or before a restart,` : place.host;
  return new L2cafError(
    'output-unwritable',
    `a run on ${where} (process ${pid}) is writing to this folder, or has ended without saying so`,
    { hint: `whether it still runs cannot be told from here: if it does not, remove the folder ${path}` },
  );
}

function unwritable(path: string, cause: unknown): L2cafError {
  return new L2cafError('output-unwritable', `cannot lock ${path}: ${messageOf(cause)}`, { cause });
}

function unreadable(path: string, why: string, cause?: unknown): L2cafError {
  return new L2cafError('output-unwritable', `the lock ${path} cannot be read: ${why}`, {
    hint: 'if no other run is writing to its folder, remove it',
    cause,
  });
}
