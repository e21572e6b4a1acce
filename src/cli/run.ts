/** How every command ends: exit codes, errors in one line, Ctrl-C. */
import { CommanderError } from 'commander';
import { L2cafError } from '../errors.ts';

/** Exit codes of the command line; `partly`: a batch finished, some of its events failed. */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3, interrupted: 130 } as const;

/** Runs `work` with a signal that Ctrl-C (or a polite kill) fires; a second Ctrl-C ends the process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** Tells the user what was thrown and returns the exit code. A stack trace is shown only with `L2CAF_DEBUG`. */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (!(error instanceof L2cafError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`l2caf: this is a bug, please report it:\n${text}\n`);
    return EXIT.failed;
  }
  process.stderr.write(`error: ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
  if (process.env['L2CAF_DEBUG']) process.stderr.write(`${error.stack}\n${String(error.cause ?? '')}\n`);
  if (error.code === 'aborted') return EXIT.interrupted;
  return error.code === 'usage' ? EXIT.usage : EXIT.failed;
}
