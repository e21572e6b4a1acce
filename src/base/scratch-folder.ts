/**
 * Folders for what a process needs while it works. They go when it is done and however it ends; those of a process that
 * was killed go when the next one makes a folder for the same purpose.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { L2cafError, messageOf, systemCodeOf } from './errors.ts';
import { type Holder, parseHolder, stateOf, thisProcess } from './holder.ts';
import { readOwn } from './input-files.ts';

/** A folder of this process's own, which no other user can see. */
export interface ScratchFolder {
  readonly path: string;
  /** Removes it, and all that is in it, before the process ends. */
  remove(): Promise<void>;
}

/** Says whose a folder is. */
const HOLDER = 'holder.json';
const MAX_NOTE_BYTES = 1 << 16;

/**
 * Makes a folder.
 *
 * @param purpose how its name begins, unlike that of anything else in `parent`
 * @param parent the folder to make it in; by default the system's for temporary files
 * @throws L2cafError `output-unwritable`
 */
export async function makeScratchFolder(purpose: string, parent: string = tmpdir()): Promise<ScratchFolder> {
  const holder = await thisProcess();
  await removeLeftovers(purpose, parent, holder.place);
  const path = await mkdtemp(join(parent, purpose)).catch((error: unknown) => {
    throw noRoom(parent, error);
  });
  const removeAtEnd = (): void => rmSync(path, { recursive: true, force: true });
  process.once('exit', removeAtEnd);
  const remove = async (): Promise<void> => {
    process.off('exit', removeAtEnd);
    await rm(path, { recursive: true, force: true }).catch(() => {}); // what cannot go now goes with the next one
  };
  try {
    const note = join(path, HOLDER);
    await writeFile(`${note}.part`, JSON.stringify(holder));
    await rename(`${note}.part`, note); // whole or not there; whether it outlives a power cut does not matter
  } catch (error) {
    await remove();
    throw noRoom(parent, error);
  }
  return { path, remove };
}

/**
 * Runs `use` with a folder that is removed afterwards. Throws as {@link makeScratchFolder}, also when there is no room in it, and
 * as `use`.
 */
export async function withScratchFolder<T>(purpose: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await makeScratchFolder(purpose);
  try {
    return await use(folder.path);
  } catch (error) {
    throw isOfFolder(error, folder.path) ? noRoom(tmpdir(), error) : error;
  } finally {
    await folder.remove();
  }
}

/** What a system answers to a program that writes, and to no other. */
const OF_WRITING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

function isOfFolder(error: unknown, folder: string): boolean {
  if (!OF_WRITING.has(systemCodeOf(error) ?? '')) return false;
  return !(error instanceof L2cafError) || error.message.includes(folder);
}

function noRoom(parent: string, cause: unknown): L2cafError {
  const why = messageOf(cause instanceof L2cafError ? cause.cause : cause);
  return new L2cafError('output-unwritable', `cannot write temporary files to ${parent}: ${why}`, {
    hint: 'make room there, or set TMPDIR to another folder',
    cause,
  });
}

/** Removes what processes that were killed have left. */
async function removeLeftovers(purpose: string, parent: string, here: Holder['place']): Promise<void> {
  const names = await readdir(parent).catch((): string[] => []);
  for (const name of names.filter((found) => found.startsWith(purpose))) {
    const folder = join(parent, name);
    const note = await readOwn(join(folder, HOLDER), { maxBytes: MAX_NOTE_BYTES }).catch(() => undefined);
    if (note === undefined) continue; // it is just being made, or is not ours
    const holder = await parseHolder(note.toString('utf8')).catch(() => undefined);
    if (holder && (await stateOf(holder, here)) !== 'ended') continue;
    await rm(folder, { recursive: true, force: true }).catch(() => {}); // another user's
  }
}
