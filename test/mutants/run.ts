/**
 * `npm run mutants -- [--room ROOM] [--share S] [--seed S]`: changes the code of a room, or of a part of one such as
 * `video/drawing`, in small ways, one at a time, and sees whether a test of that room fails (Stryker). Of all mutants a seeded
 * sample is tried; those that survive are listed, and how many were killed goes into docs/results.md (`npm run results`),
 * beside what is there of other rooms. Not part of CI: it takes from ten minutes to hours.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { readResults, writeResults } from '../../bench/results.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join('.cache', 'mutants');
const REPORT = join(FOLDER, 'report.json');

const { values } = parseArgs({
  options: {
    room: { type: 'string', default: 'l2caf' },
    share: { type: 'string', default: '0.05' },
    seed: { type: 'string', default: '1' },
  },
});
const { room, seed } = values;
const share = Number(values.share);
process.chdir(ROOT);
await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const configuration = join(FOLDER, 'stryker.json');
await writeFile(
  configuration,
  JSON.stringify({
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutants/vitest.config.ts', related: false },
    plugins: ['@stryker-mutator/vitest-runner', './test/mutants/sample.mjs'],
    checkers: ['sample'],
    sample: { seed, share },
    warnings: { unknownOptions: false },
    mutate: [`src/${room}/**/*.ts`],
    coverageAnalysis: 'perTest',
    ignoreStatic: true,
    concurrency: availableParallelism(),
    ignorePatterns: ['.cache', '.git', 'out', 'coverage', 'docs', 'fixtures/generated'],
    tempDirName: join(FOLDER, 'sandbox'),
    reporters: ['progress-append-only', 'survivors', 'json'],
    jsonReporter: { fileName: REPORT },
    dryRunTimeoutMinutes: 60,
    // A busy machine must not pass for a killed mutant.
    ...{ timeoutMS: 15_000, timeoutFactor: 4 },
  }),
);
const { status } = spawnSync('npx', ['--no-install', 'stryker', 'run', configuration], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, L2CAF_MUTANTS_ROOM: room },
});
if (status !== 0) process.exit(status ?? 1);

const { files } = JSON.parse(await readFile(REPORT, 'utf8')) as {
  files: Record<string, { readonly mutants: readonly { readonly status: string }[] }>;
};
const count = { all: 0, tried: 0, killed: 0 };
for (const { mutants } of Object.values(files)) {
  for (const { status: outcome } of mutants) {
    if (outcome === 'Ignored') continue; // in code that runs once, when its file is loaded
    count.all++;
    if (outcome === 'CompileError') continue; // not in the sample
    count.tried++;
    if (outcome === 'Killed' || outcome === 'Timeout') count.killed++;
  }
}

/** Least and most of the share that is killed of all, at 95 % (Wilson, 1927). */
function interval({ tried, killed }: { readonly tried: number; readonly killed: number }): string {
  const [p, z2] = [killed / tried, 1.96 ** 2];
  const middle = p + z2 / (2 * tried);
  const half = 1.96 * Math.sqrt((p * (1 - p)) / tried + z2 / (4 * tried ** 2));
  return [middle - half, middle + half].map((end) => (end / (1 + z2 / tried)).toFixed(2)).join('-');
}

const others = (await readResults('mutants').catch(() => undefined))?.tables[0]?.rows ?? [];
const row = [
  room,
  `${count.all}`,
  seed,
  `${count.tried}`,
  `${count.killed}`,
  `${(count.killed / count.tried).toFixed(2)} (${interval(count)})`,
];
await writeResults({
  name: 'mutants',
  command: 'npm run mutants -- --room ROOM',
  tables: [
    {
      columns: ['room', 'mutants', 'seed', 'tried', 'killed', 'share'],
      rows: [...others.filter(([name]) => name !== room), row].sort(([one], [two]) => one!.localeCompare(two!)),
    },
  ],
});
