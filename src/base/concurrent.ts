/** Work on many things at once, but not on all; and long work in one piece, which must let others in. */
import { setImmediate } from 'node:timers/promises';
import { L2cafError, throwIfAborted } from './errors.ts';

/** Milliseconds that work in one piece may keep the process to itself. */
const PIECE_MS = 50;

/**
 * For long computations in this thread, which nothing can interrupt, Ctrl-C included: a function to be awaited between
 * their parts. It lets events in if the last turn is long enough ago, and throws `aborted` once the signal has fired.
 */
export function createPause(signal: AbortSignal | undefined): () => Promise<void> {
  let turnAt = performance.now();
  return async () => {
    if (performance.now() - turnAt >= PIECE_MS) {
      await setImmediate();
      turnAt = performance.now();
    }
    throwIfAborted(signal);
  };
}

/**
 * The result of work that others may be waiting for as well; who is interrupted waits no longer, and the work goes on.
 *
 * @throws L2cafError `aborted`; what the work throws
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  throwIfAborted(signal);
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new L2cafError('aborted', 'interrupted', { cause: signal.reason }));
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/**
 * Results of `work` on each item, in their order; at most `limit` run at once. After a failure no more start, and it is
 * thrown when those under way have ended, so that nothing goes on behind the caller's back. If several fail it is the first
 * of them in the order of the items, whichever failed first in time: what a user reads does not vary from run to run.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const failures = new Map<number, unknown>();
  const lane = async (): Promise<void> => {
    for (const [i, item] of queue) {
      if (failures.size > 0) return;
      try {
        results[i] = await work(item, i);
      } catch (error) {
        failures.set(i, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
  return results;
}

/** Works by name, each told by a signal when it is to stop. */
type Works = Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>;

/**
 * Does several things at once and gives their results by the same names. When one fails the others are told to stop, and
 * its error is thrown when all have ended, so that nothing goes on behind the caller's back.
 *
 * @typeParam T the works by their names
 * @throws what the first that failed throws
 */
export async function sideBySide<T extends Works>(
  works: T,
  signal?: AbortSignal,
): Promise<{ [Name in keyof T]: Awaited<ReturnType<T[Name]>> }> {
  const failed = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const failures: unknown[] = [];
  const done = await Promise.all(
    Object.entries(works).map(async ([name, work]) => {
      const result = await work(stop).catch((error: unknown) => {
        failures.push(error);
        failed.abort(error);
      });
      return [name, result];
    }),
  );
  if (failures.length > 0) throw failures[0];
  return Object.fromEntries(done) as { [Name in keyof T]: Awaited<ReturnType<T[Name]>> };
}
