/**
 * `npm run fuzz -- [--minutes N] [--cases N] [--seed S] [--only KIND] [--case I] [--workers N]`: has the readers of
 * everything that comes from outside read mutations of it. Exit code 1 when one crashed, hung, or was wrong in silence; every
 * finding says how to see it again.
 */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/base/random.ts';
import type { FuzzCase, FuzzKind, Outcome } from './kind.ts';
import { fuzzKinds, prepareKinds } from './kinds.ts';
import { runCases } from './pool.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    cases: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    case: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
});
const seed = Number(values.seed);
const most = values.case === undefined ? Number(values.cases ?? Number.POSITIVE_INFINITY) : 1;
const minutes = Number(values.minutes ?? (Number.isFinite(most) ? Number.POSITIVE_INFINITY : 5));
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));

const root = await mkdtemp(join(tmpdir(), 'l2caf-fuzz-'));
const prepared = join(root, 'prepared');
await mkdir(prepared);
await prepareKinds(prepared);
const kinds = (await fuzzKinds(prepared)).filter(({ name }) => values.only === undefined || name === values.only);
if (kinds.length === 0) {
  console.error(`there is no kind ${values.only}`);
  process.exit(2);
}
if (values.case !== undefined && kinds.length > 1) {
  console.error('--case needs --only: which kind?');
  process.exit(2);
}
const counts = new Map(kinds.map(({ name }) => [name, { cases: 0, read: 0, refused: 0, finding: 0 }]));
const until = Date.now() + minutes * 60_000;
console.log(`seed ${seed}, in ${root}`);
let last = Date.now();
await runCases(
  schedule(),
  {
    ...{ module: new URL('kinds.ts', import.meta.url), prepared, folder: root, seed },
    ...{ workers: Math.min(most, Number(values.workers)), deadlineSec: 60 },
  },
  tell,
);
console.table(Object.fromEntries(counts));
console.log(`${total('cases')} cases, ${total('finding')} findings`);
process.exit(total('finding') > 0 ? 1 : 0);

/** The cases in the order in which they are tried, which the seed alone decides. */
function* schedule(): Generator<FuzzCase> {
  const order = createRandom(seed, 0);
  const begun = new Map<string, number>();
  for (let cases = 0; cases < most && Date.now() < until; cases++) {
    const { name } = weighted(kinds, order.uniform());
    const index = values.case === undefined ? (begun.get(name) ?? 0) : Number(values.case);
    begun.set(name, index + 1);
    yield { kind: name, index };
  }
}

function tell({ kind, index }: FuzzCase, outcome: Outcome): void {
  const count = counts.get(kind)!;
  count.cases++;
  count[outcome.kind]++;
  if (outcome.kind === 'finding') {
    console.log(`FINDING ${kind} ${index}: ${outcome.why}`);
    console.log(`  again: npm run fuzz -- --seed ${seed} --only "${kind}" --case ${index}`);
  }
  if (Date.now() - last < 30_000) return;
  last = Date.now();
  console.log(`${total('cases')} cases, ${total('finding')} findings`);
}

function total(of: 'cases' | 'finding'): number {
  return [...counts.values()].reduce((sum, count) => sum + count[of], 0);
}

function weighted(among: readonly FuzzKind[], share: number): FuzzKind {
  let left = share * among.reduce((sum, { weight }) => sum + weight, 0);
  for (const kind of among) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  return among[0]!;
}
