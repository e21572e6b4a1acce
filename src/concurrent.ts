/** Work on many things at once, but not on all; and long work in one piece, which must let others in. */
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from './errors.ts';

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

/** Results of `work` on each item, in their order; at most `limit` run at once. After a failure, which is thrown, no more start. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const [i, item] of queue) {
      if (failed) return;
      try {
        results[i] = await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}
