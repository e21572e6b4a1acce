/** Runs a batch in a process of its own, kills it at random moments until it gets through, and compares what it made. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

const PROGRAM = join(import.meta.dirname, 'tiny-batch.ts');

/**
 * Runs the batch; kills it (SIGKILL) `kills` times, each at a random moment around the end of one of its next events, or
 * while it is starting.
 */
export async function runKilled(
  args: readonly string[],
  cache: string,
  kills: number,
  random: () => number,
): Promise<void> {
  for (let killed = 0; ; ) {
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), PROGRAM, ...args], {
      env: { ...process.env, L2CAF_CACHE: cache },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    if (killed < kills) {
      await Promise.race([momentToKill(child, random), ended]);
      child.kill('SIGKILL');
      killed++;
      await ended;
      continue;
    }
    const code = await ended;
    if (code !== 0) throw new Error(`the batch ended with ${code}: ${errors}`);
    return;
  }
}

/** One time in four while it starts, else up to 300 ms after an event has ended. */
async function momentToKill(child: ChildProcess, random: () => number): Promise<void> {
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  if (random() < 0.25) return wait(2000 * random());
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  await wait(300 * random());
}

/** SHA-256 of every file of a batch that must not depend on how it went: all but the journal and the timings. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((name) => name !== 'journal.jsonl' && name !== 'timings.csv')
    .sort();
  const hashes = files.map(async (name) => {
    return [
      name,
      createHash('sha256')
        .update(await readFile(join(folder, name)))
        .digest('hex'),
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
