/**
 * How every command ends: exit codes, errors in one line, Ctrl-C. `runProgram` is the one place that ends the process, so
 * that nothing that somebody forgot (a timer, a connection, a thread) keeps it alive, and the terminal is in order.
 */
import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { L2cafError, messageOf } from '../base/errors.ts';
import { BUGS } from '../base/version.ts';
import { endBar } from './bar.ts';
import { printable } from './printable.ts';

/** Exit codes of the command line; `partly`: a batch finished, some of its events failed. */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3, interrupted: 130 } as const;

/** Runs the program and ends the process, whatever else is still going on in it. */
export async function runProgram(program: () => Promise<unknown>): Promise<void> {
  process.on('uncaughtException', (error) => void endProgram(reportError(error)));
  process.on('beforeExit', () => {
    void endProgram(reportError(new Error('the program had nothing left to do before it was done')));
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(); // `l2caf … | head` closes our output early; that is no error
    const why = `cannot write to the standard output: ${messageOf(error)}`;
    process.exit(reportError(new L2cafError('output-unwritable', why, { cause: error })));
  });
  process.stderr.on('error', () => {}); // the terminal is gone: there is nobody left to be told
  let code: number;
  try {
    await program();
    code = Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    code = reportError(error);
  }
  await endProgram(code);
}

async function endProgram(code: number): Promise<void> {
  endBar();
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve())); // also once it is broken
  }
  process.exit(code);
}

/**
 * Runs `work` with a signal that Ctrl-C fires, or a polite kill, or a terminal that goes away; a second Ctrl-C (or kill)
 * ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const hangUp = (): void => controller.abort();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangUp);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', hangUp);
  }
}

/** Tells the user what was thrown and returns the exit code. Stack traces are shown only with `L2CAF_DEBUG`. */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  endBar();
  const isKnown = error instanceof L2cafError;
  const message = isKnown ? error.message : `this is a bug of l2caf, please report it at ${BUGS}: ${messageOf(error)}`;
  const hint = isKnown ? error.hint : 'with L2CAF_DEBUG=1 in the environment it says where it happened';
  // A terminal shows the keys of Ctrl-C where its cursor is.
  const start = isKnown && error.code === 'aborted' && process.stderr.isTTY ? '\n' : '';
  process.stderr.write(`${start}error: ${printable(message)}\n`);
  if (hint !== undefined) process.stderr.write(`hint: ${printable(hint)}\n`);
  if (process.env['L2CAF_DEBUG']) process.stderr.write(`${inspect(error)}\n`);
  if (!isKnown) return EXIT.failed;
  if (error.code === 'aborted') return EXIT.interrupted;
  return error.code === 'usage' ? EXIT.usage : EXIT.failed;
}
