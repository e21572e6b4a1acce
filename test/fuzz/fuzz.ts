/** One case after another, each with a deadline and a folder, and what may come of it. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { L2cafError } from '../../src/base/errors.ts';
import { createRandom } from '../../src/base/random.ts';
import type { FuzzKind } from './kind.ts';

/** What the reader made of a case. */
export interface Outcome {
  readonly kind: 'read' | 'refused' | 'finding';
  /** Of a finding: what happened. */
  readonly why?: string;
}

/** Longest time for a case, seconds. */
const DEADLINE_SEC = 60;

/** Runs case `index` of a kind; the same seed gives the same case. Its folder stays only with a finding. */
export async function runCase(kind: FuzzKind, seed: number, index: number, root: string): Promise<Outcome> {
  const folder = join(root, 'in');
  await rm(root, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const random = createRandom(seed, nameKey(kind.name), index);
  const over = new AbortController();
  const outcome = await Promise.race([
    kind.try(random, folder).then((): Outcome => ({ kind: 'read' }), outcomeOf),
    setTimeout(1000 * DEADLINE_SEC, undefined, { signal: over.signal }).then(
      (): Outcome => ({ kind: 'finding', why: `no end after ${DEADLINE_SEC} s` }),
      (): Outcome => ({ kind: 'read' }),
    ),
  ]);
  over.abort();
  const outside = (await readdir(dirname(folder))).filter((name) => name !== 'in');
  if (outside.length > 0) return { kind: 'finding', why: `it wrote ${outside.join(', ')} outside its folder` };
  if (outcome.kind !== 'finding') await rm(root, { recursive: true });
  return outcome;
}

/** An error in words is what readers are to answer with; anything else is a finding. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof L2cafError && !/\n\s+at /.test(error.message) && error.message.length < 2000)
    return { kind: 'refused' };
  return { kind: 'finding', why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function nameKey(name: string): number {
  return [...name].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)!) % 1_000_003, 7);
}
