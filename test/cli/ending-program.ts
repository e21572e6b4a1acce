/** A program that is to end in the way that its argument names, while a bar is drawn and much would keep it alive. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { L2cafError, throwIfAborted } from '../../src/base/errors.ts';
import { interruptible, runProgram } from '../../src/cli/run.ts';
import { createTerminal } from '../../src/cli/terminal.ts';

const HOUR_MS = 3_600_000;
const terminal = createTerminal();
const show = (done: number): void => terminal.onProgress({ stage: 'working', done, total: 10, unit: 'frames' });

async function waitFor(signal: AbortSignal): Promise<void> {
  for (let i = 0; ; i++) {
    show(i % 9);
    await setTimeout(20);
    throwIfAborted(signal);
  }
}

const ENDINGS: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>> = {
  error: async () => {
    throw new L2cafError('input-unreadable', 'this went wrong', { hint: 'do this' });
  },
  bug: async () => {
    throw new TypeError('nobody foresaw this');
  },
  uncaught: async (signal) => {
    globalThis.setTimeout(() => {
      throw new Error('nobody caught this');
    }, 50);
    await waitFor(signal);
  },
  rejection: async (signal) => {
    void Promise.reject(new Error('nobody caught this'));
    await waitFor(signal);
  },
  exit: async () => process.exit(7),
  result: async () => terminal.result('the result'),
  wait: waitFor,
  deaf: async () => {
    for (;;) {
      show(5);
      await setTimeout(20);
    }
  },
};

function keepAlive(): void {
  globalThis.setTimeout(() => {}, HOUR_MS);
  createServer().listen(0, '127.0.0.1');
  new Worker(`setTimeout(() => {}, ${HOUR_MS})`, { eval: true });
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] }); // ends with us: its input does
  child.stdin.write('alive');
}

await runProgram(() =>
  interruptible(async (signal) => {
    const ending = process.argv[2]!;
    if (ending === 'idle') {
      show(5);
      terminal.info('now waiting for what never comes');
      await once(new EventTarget(), 'never');
    }
    keepAlive();
    show(5);
    await setTimeout(50);
    await ENDINGS[ending]!(signal);
  }),
);
