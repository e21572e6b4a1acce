/**
 * `npm run fuzz -- [--minutes N] [--seed S] [--only KIND] [--case I]`: has the readers of everything that comes from outside
 * read mutations of it. Exit code 1 when one crashed, hung, or was wrong in silence; every finding says how to see it again.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/base/random.ts';
import { runCase } from './fuzz.ts';
import { fuzzKinds } from './kinds.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
    case: { type: 'string' },
  },
});
const seed = Number(values.seed);
const root = await mkdtemp(join(tmpdir(), 'l2caf-fuzz-'));
const kinds = (await fuzzKinds(root)).filter(({ name }) => values.only === undefined || name === values.only);
if (kinds.length === 0) {
  console.error(`there is no kind ${values.only}`);
  process.exit(2);
}
const counts = new Map(kinds.map(({ name }) => [name, { cases: 0, read: 0, refused: 0, finding: 0 }]));
const until = Date.now() + Number(values.minutes) * 60_000;
const order = createRandom(seed, 0);
console.log(`seed ${seed}, ${values.minutes} minutes, in ${root}`);
let last = Date.now();
let total = 0;
while (values.case === undefined ? Date.now() < until : total === 0) {
  const kind = weighted(order.uniform());
  const count = counts.get(kind.name)!;
  const index = values.case === undefined ? count.cases : Number(values.case);
  count.cases++;
  total++;
  const { kind: outcome, why } = await runCase(kind, seed, index, join(root, 'cases', `${kind.name}-${index}`));
  count[outcome]++;
  if (outcome === 'finding') {
    console.log(`FINDING ${kind.name} ${index}: ${why}`);
    console.log(`  again: npm run fuzz -- --seed ${seed} --only "${kind.name}" --case ${index}`);
  }
  if (Date.now() - last > 30_000) {
    last = Date.now();
    console.log(`${total} cases, ${sum('finding')} findings, ${Math.max(0, Math.round((until - last) / 1000))} s left`);
  }
}
console.table(Object.fromEntries(counts));
console.log(`${total} cases, ${sum('finding')} findings`);
process.exit(sum('finding') > 0 ? 1 : 0);

function sum(of: 'finding'): number {
  return [...counts.values()].reduce((all, count) => all + count[of], 0);
}

function weighted(share: number): (typeof kinds)[number] {
  const all = kinds.reduce((weight, kind) => weight + kind.weight, 0);
  let left = share * all;
  for (const kind of kinds) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  return kinds[0]!;
}
