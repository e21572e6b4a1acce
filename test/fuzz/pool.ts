/**
 * Cases in processes of their own: a case that ends its process, or is not over by its deadline, is a finding, and another
 * process takes its place.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { FuzzCase, Outcome } from './kind.ts';

/** How {@link runCases} runs them. */
export interface PoolOptions {
  /** The module of the kinds, a `FuzzModule`. */
  readonly module: URL;
  /** Where its kinds were prepared. */
  readonly prepared: string;
  /** The folder in which the cases have theirs. */
  readonly folder: string;
  readonly seed: number;
  readonly workers: number;
  /** Longest time for a case, seconds. */
  readonly deadlineSec: number;
}

/** Runs cases until there are no more; `told` hears what came of each. */
export async function runCases(
  cases: Iterator<FuzzCase>,
  options: PoolOptions,
  told: (of: FuzzCase, outcome: Outcome) => void,
): Promise<void> {
  const work = async (place: number): Promise<void> => {
    let worker: Worker | undefined;
    try {
      for (let next = cases.next(); !next.done; next = cases.next()) {
        worker ??= await startWorker(options, place);
        told(next.value, await runIn(worker, next.value, options.deadlineSec));
        if (!worker.child.connected) worker = undefined;
      }
    } finally {
      if (worker) end(worker.child);
    }
  };
  await Promise.all(Array.from({ length: options.workers }, (_, place) => work(place)));
}

interface Worker {
  readonly child: ChildProcess;
  /** What it wrote to its standard error during this case. */
  said: string;
}

async function startWorker({ module, prepared, folder, seed }: PoolOptions, place: number): Promise<Worker> {
  const own = join(folder, `worker-${place}`);
  const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [module.href, prepared, own, String(seed)], {
    execArgv: ['--import', import.meta.resolve('tsx'), `--max-old-space-size=${HEAP_MB}`],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true, // a group of its own, with the programs that it starts
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const worker: Worker = { child, said: '' };
  child.stderr!.on('data', (chunk: Buffer) => {
    worker.said = (worker.said + chunk.toString()).slice(-4000);
  });
  const [first] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[];
  if (first !== 'ready') throw new Error(`a process of the fuzzer does not start: ${worker.said}`);
  return worker;
}

/** Of JavaScript's memory; a reader that wants more for a small file is to be found. */
const HEAP_MB = 1500;

async function runIn(worker: Worker, of: FuzzCase, deadlineSec: number): Promise<Outcome> {
  const { child } = worker;
  worker.said = '';
  return new Promise((done) => {
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      child.off('message', finish).off('close', gone);
      done(outcome);
    };
    const gone = (code: number | null, signal: string | null): void =>
      finish({ kind: 'finding', why: `it ended the process, ${signal ?? `code ${code}`}: ${worker.said}` });
    const timer = setTimeout(() => {
      end(child);
      child.off('close', gone);
      child.once('close', () => finish({ kind: 'finding', why: `no end after ${deadlineSec} s` }));
    }, 1000 * deadlineSec);
    child.on('message', finish).once('close', gone);
    child.send(of);
  });
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach(end));

/** Ends a process and what it started. */
function end({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {
    // it is gone
  }
}
