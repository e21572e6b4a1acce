/**
 * How long commands, worker processes and threads take until they begin, beside Node alone in the same run. Each round runs
 * every row once; times and ratios are medians of the rounds.
 */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeResults } from './results.ts';
import { median, root } from './support.ts';

const ROUNDS = 7;

/** What is started, and the arguments of Node, seen from a built checkout. */
const STARTS: readonly (readonly [string, (folder: string) => readonly string[]])[] = [
  ['`l2caf --version`', (folder) => cli(folder, '--version')],
  ['`l2caf --help`', (folder) => cli(folder, '--help')],
  ['`l2caf analyze --help`', (folder) => cli(folder, 'analyze', '--help')],
  ['`l2caf batch --help`', (folder) => cli(folder, 'batch', '--help')],
  ['`l2caf evaluate --help`', (folder) => cli(folder, 'evaluate', '--help')],
  ['`l2caf models info`', (folder) => cli(folder, 'models', 'info')],
  ['`l2caf analyze none.mp4` (there is no such file)', (folder) => cli(folder, 'analyze', 'none.mp4')],
  ['TensorFlow.js', (folder) => importing(folder, 'base/tensorflow.js')],
  ['the code of a worker process of `batch`', (folder) => importing(folder, 'batch/serve.js')],
  ['the code of the thread that finds filters', (folder) => importing(folder, 'analysis/explain.js')],
  ["`import 'l2caf'`", (folder) => importing(folder, 'index.js')],
];

/** @param args the folder of an earlier checkout that is built, optional */
export async function run([before]: readonly string[]): Promise<void> {
  const folders = [...(before === undefined ? [] : [resolve(before)]), root];
  const alone: number[] = [];
  const times = folders.map(() => STARTS.map((): number[] => []));
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(startMs(['-e', '0']));
    for (const [i, folder] of folders.entries()) {
      for (const [k, [, args]] of STARTS.entries()) times[i]![k]!.push(startMs(args(folder)));
    }
  }
  const shown = (own: readonly number[]): string[] => [
    median(own).toFixed(0),
    median(own.map((ms, round) => ms / alone[round]!)).toFixed(1),
  ];
  await writeResults({
    name: 'startup',
    command: `npm run bench -- startup${before === undefined ? '' : ' BEFORE'}`,
    tables: [
      {
        columns: ['', ...(before === undefined ? [] : ['before: ms', 'before: × Node']), 'ms', '× Node'],
        rows: [
          ['`node -e 0`', ...folders.flatMap(() => shown(alone))],
          ...STARTS.map(([name], k) => [name, ...times.flatMap((own) => shown(own[k]!))]),
        ],
        notes: [`Medians of ${ROUNDS} rounds, Node ${process.versions.node}.`],
      },
    ],
  });
}

function cli(folder: string, ...args: readonly string[]): readonly string[] {
  return [join(folder, 'dist', 'cli', 'main.js'), ...args];
}

function importing(folder: string, module: string): readonly string[] {
  const address = JSON.stringify(pathToFileURL(join(folder, 'dist', module)).href);
  return ['--input-type=module', '-e', `await import(${address});`];
}

/** From the start of a process of Node to its end; a refusal, which is one of the rows, counts as an end. */
function startMs(args: readonly string[]): number {
  const start = performance.now();
  const { error, signal } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (error ?? signal) throw error ?? new Error(`node ${args.join(' ')}: ${signal}`);
  return performance.now() - start;
}
