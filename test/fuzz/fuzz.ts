/** One case: its input, a folder of its own, what the reader made of it, and what it left behind. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { L2cafError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import type { FuzzKind, Outcome } from './kind.ts';

/**
 * Runs case `index` of a kind in `root/in`, which stays only with a finding; the same seed gives the same case.
 *
 * @param watched folders in which nothing may change meanwhile; `root` is one of them, but for `in`
 */
export async function runCase(
  kind: FuzzKind,
  seed: number,
  index: number,
  root: string,
  watched: readonly string[] = [],
): Promise<Outcome> {
  const folder = join(root, 'in');
  await rm(root, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const listAll = async (): Promise<string[]> =>
    (await Promise.all([root, ...watched].map((each) => listing(each, folder)))).flat();
  const before = new Set(await listAll());
  const outcome = await kind
    .try(createRandom(seed, nameKey(kind.name), index), folder)
    .then((): Outcome => ({ kind: 'read' }), outcomeOf);
  await setImmediate(); // what was thrown and awaited by nobody ends the process now, not in the next case
  const changed = (await listAll()).filter((line) => !before.delete(line));
  const outside = [...changed, ...[...before].map((line) => `${line}, which is gone`)];
  if (outside.length > 0) return { kind: 'finding', why: `files outside its folder changed: ${outside.join('; ')}` };
  if (outcome.kind !== 'finding') await rm(root, { recursive: true });
  return outcome;
}

/** What is in a folder, each with its size and time of change; a folder below that is left out, and folders' own times. */
async function listing(folder: string, without: string): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const isIn = !relative(without, path).startsWith('..');
    if (isIn) continue;
    const { size, mtimeMs } = await stat(path);
    lines.push(entry.isDirectory() ? path : `${path} (${size} bytes, ${new Date(mtimeMs).toISOString()})`);
  }
  return lines;
}

/** An error in words is what readers are to answer with; anything else is a finding. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof L2cafError))
    return { kind: 'finding', why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const fault = faultOf(error.message) ?? faultOf(error.hint ?? '');
  return fault === undefined ? { kind: 'refused' } : { kind: 'finding', why: `${fault}: ${error.stack}` };
}

const MAX_CHARACTERS = 1000;

/** Why a message is none for a user; undefined where it is one. */
function faultOf(message: string): string | undefined {
  if (/\n\s+at /.test(message)) return 'a stack trace in a message';
  if (message.length > MAX_CHARACTERS) return `a message of ${message.length} characters`;
  if (OF_BUGS.test(message)) return 'a message in the words of a bug';
  return undefined;
}

/** What JavaScript says of programs, not of their inputs. */
const OF_BUGS =
  /cannot (read|set|convert|access|destructure|mix)\b.*(propert|undefined|null|object|bigint|symbol)|is not (a function|iterable|defined|a constructor)|call stack|invalid (array|typed array|string) length|out of (bounds|range)|\[object \w+\]/i;

function nameKey(name: string): number {
  return [...name].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)!) % 1_000_003, 7);
}
