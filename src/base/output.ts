/**
 * Decides where output may go. Nothing that a run reads is ever replaced. In a command, which guards its outputs, neither is
 * a file that l2caf did not write or that was changed since (`seal.ts`), unless `--force` was given. Everything that is
 * written passes through `checkOutput`, in `writeAtomically`; commands ask it before their work, too, so that nobody waits for
 * hours to be refused.
 */
import { constants } from 'node:fs';
import { access, lstat, readlink, realpath, rm, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { L2cafError, messageOf, systemCodeOf } from './errors.ts';
import { areInputsNoted, inputThatIs, noteInputs } from './noted-inputs.ts';
import { foreignSeals, isSealed, keepsSealBeside, WRITTEN_EXTENSIONS, whySealless } from './seal.ts';

/** A file to write: the one that a path names in the end, and its permissions if it is there. */
export interface OutputTarget {
  readonly path: string;
  readonly mode?: number;
}

let isForced = false;

/**
 * Guards what this process writes from now on: a program that runs one job, such as a command.
 *
 * @param force whether files that l2caf did not write may be replaced
 */
export function guardOutputs({ force = false }: { readonly force?: boolean | undefined } = {}): void {
  noteInputs();
  isForced = force;
}

/**
 * Checks that a file may be written, or replaced if it is there.
 *
 * @param sources files that it is made from
 * @throws L2cafError `usage` when it is one of them, or else an input; `output-exists` when it is not l2caf's, or where its
 *   seal would lie is a file of somebody else's;   `output-unwritable` when it is write-protected, or anything else than a file
 */
export async function checkOutput(path: string, sources: readonly string[] = []): Promise<OutputTarget> {
  const target = await targetOf(path);
  const why = keepsSealBeside(target.path) ? await whySealless(dirname(target.path)) : undefined;
  if (why !== undefined) throw foreignSeals(why);
  if (target.mode === undefined) return target;
  const info = await stat(target.path, { bigint: true });
  const input = await inputThatIs(info, sources);
  if (input !== undefined) {
    const other = resolve(input) === resolve(path) ? 'what this run reads' : `${input}, which this run reads`;
    throw new L2cafError('usage', `${path} is ${other}: it is not replaced`, { hint: 'choose another name with -o' });
  }
  if (!areInputsNoted() || isForced || info.size === 0n || !isForPeople(target.path)) return target;
  if (await isSealed(target.path)) return target;
  throw new L2cafError('output-exists', `${path} is there already, and not as l2caf wrote it: it is not replaced`, {
    hint: 'choose another place with -o, or add --force to replace it',
  });
}

/** Checks all files that a command may write, before it begins. Throws as {@link checkOutput}. */
export async function checkOutputs(paths: readonly string[]): Promise<void> {
  for (const path of paths) await checkOutput(path);
}

/**
 * Checks that a folder may be made or written to.
 *
 * @throws L2cafError `output-unwritable` when there is something else of that name, or it is write-protected; `usage` when it is named
 *   as a file
 */
export async function checkOutputFolder(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info && !info.isDirectory()) throw unwritable(path, 'it is not a folder');
  const extension = extname(path).toLowerCase();
  const isFile = !/[\\/]$/.test(path) && (isForPeople(path) || OTHER_EXTENSIONS.includes(extension));
  if (info || !isFile) return expectWritable(path, path);
  throw new L2cafError('usage', `the output is a folder, and ${path} is named as a file`, {
    hint: `give a folder, such as ${path.slice(0, -extension.length)}`,
  });
}

/** Of files that nobody calls a folder after. */
const OTHER_EXTENSIONS = ['.avi', '.mkv', '.mov', '.webp', '.eaf', '.bmp', '.tif', '.tiff'];

/**
 * Removes files that are out of date, if they are as l2caf wrote them and are none of `sources` or of the inputs; returns
 * those that are gone. Throws L2cafError `output-unwritable`.
 */
export async function removeSealed(paths: readonly string[], sources: readonly string[] = []): Promise<string[]> {
  const removed: string[] = [];
  for (const path of paths) {
    const info = await lstat(path, { bigint: true }).catch(() => undefined);
    if (!info?.isFile() || (await inputThatIs(info, sources)) !== undefined || !(await isSealed(path))) continue;
    await rm(path).catch((error: unknown) => {
      throw unwritable(path, error);
    });
    removed.push(path);
  }
  return removed;
}

/** Caches are l2caf's own; their files have other names. */
function isForPeople(path: string): boolean {
  return WRITTEN_EXTENSIONS.includes(extname(path).toLowerCase());
}

/** As many links as Linux follows. */
const MAX_LINKS = 40;

async function targetOf(path: string): Promise<OutputTarget> {
  let target = path;
  try {
    for (let links = 0; links <= MAX_LINKS; links++) {
      const info = await lstat(target).catch((error: unknown) => {
        if (!ABSENT.has(systemCodeOf(error) ?? '')) throw error;
      });
      if (info === undefined) {
        await expectWritable(dirname(resolve(target)), path);
        return { path: target };
      }
      if (!info.isSymbolicLink()) {
        if (info.isDirectory()) throw unwritable(path, 'it is a folder');
        if (!info.isFile()) throw unwritable(path, 'it is not a regular file');
        await access(target, constants.W_OK);
        return { path: target, mode: info.mode & 0o777 };
      }
      target = resolve(await realpath(dirname(target)), await readlink(target));
    }
  } catch (error) {
    throw error instanceof L2cafError ? error : unwritable(path, error);
  }
  throw unwritable(path, 'its links lead in a circle');
}

/**
 * Checks that a folder can be written to, or the one in which it would be made.
 *
 * @param path what is to be written
 * @throws L2cafError `output-unwritable`
 */
async function expectWritable(folder: string, path: string): Promise<void> {
  for (let place = resolve(folder); ; place = dirname(place)) {
    try {
      await access(place, constants.W_OK);
      return;
    } catch (error) {
      if (!ABSENT.has(systemCodeOf(error) ?? '') || place === dirname(place)) throw unwritable(path, error);
    }
  }
}

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);

/** The error for a place that cannot be written to. */
export function unwritable(path: string, cause: unknown): L2cafError {
  return new L2cafError('output-unwritable', `cannot write ${path}: ${messageOf(cause)}`, {
    hint: 'choose another folder with -o, or check its permissions and the free space',
    cause,
  });
}
