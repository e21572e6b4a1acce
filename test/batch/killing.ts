/** Runs a batch in a process of its own, kills it at random moments until it gets through, and compares what it made. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { program } from './tiny-batch.ts';

/** The batch that is killed, as `tiny-batch-program.ts` takes it. */
export interface KilledBatch {
  readonly list: string;
  readonly jobs?: number;
  readonly queue?: string;
  /** Cache folder, so that features can be computed anew. */
  readonly cache: string;
}

/**
 * Runs batches from nothing to their end until their processes were killed `kills` times (SIGKILL), each at a random moment
 * after the end of one of its next events, or while it is starting; then, or when a batch has got through before, compares
 * it with `expected`.
 *
 * @param folder for the batches
 * @param expected content that each must have, see {@link contentOf}
 */
export async function killAndCompare(
  { list, jobs = 1, queue, cache }: KilledBatch,
  folder: string,
  kills: number,
  random: () => number,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  let killed = 0;
  for (let round = 0; killed < kills; round++) {
    const out = join(folder, String(round), 'out');
    const args = [list, out, String(jobs), ...(queue === undefined ? [] : [queue])];
    for (let isThrough = false; !isThrough; ) {
      const child = startProgram('tiny-batch-program', args, { L2CAF_CACHE: cache });
      const ended = once(child, 'close');
      const errors: string[] = [];
      child.stderr!.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
      if (killed < kills) await Promise.race([momentToKill(child, random), ended]);
      if (killed < kills) child.kill('SIGKILL');
      const [code, signal] = (await ended) as [number | null, string | null];
      if (signal === 'SIGKILL') killed++;
      else if (code === 0) isThrough = true;
      else throw new Error(`the batch ended with ${code ?? signal}: ${errors.join('')}`);
    }
    expect(await contentOf(out)).toEqual(expected);
    expect(new Set(Object.values(await analysesMade(out)))).toEqual(new Set([1]));
  }
}

/** Starts one of the compiled programs. */
export function startProgram(
  name: string,
  args: readonly string[],
  env: Readonly<NodeJS.ProcessEnv> = {},
): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(program(name)), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** One time in four while it starts, else up to 100 ms after an event has ended. */
async function momentToKill(child: ChildProcess, random: () => number): Promise<void> {
  if (random() < 0.25) return setTimeout(1000 * random());
  await once(child.stdout!, 'data');
  await setTimeout(100 * random());
}

/** SHA-256 of every file of a batch that must not depend on how it went: all but the journal, the timings and their seal. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((name) => !['journal.jsonl', 'timings.csv', '.l2caf'].includes(name))
    .sort();
  const hashes = files.map(async (name) => {
    const bytes = await readFile(join(folder, name));
    // A table as it is, so that a failing test says in which row it differs.
    return [
      name,
      name === 'results.csv' ? bytes.toString() : createHash('sha256').update(bytes).digest('hex'),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(hashes));
}

/** How often the journal says that each event's analysis was made. */
export async function analysesMade(folder: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of (await readFile(join(folder, 'journal.jsonl'), 'utf8')).trimEnd().split('\n')) {
    const entry = JSON.parse(line) as { kind: string; event: string; files?: { json?: unknown } };
    if (entry.kind === 'made' && entry.files?.json) counts[entry.event] = (counts[entry.event] ?? 0) + 1;
  }
  return counts;
}
