/** Runs a task for many items, a few at a time. */

/**
 * Calls `task` for each item, in order, at most `atOnce` at the same time. After the first failure no further one is
 * started; it is thrown when those under way have ended.
 */
export async function eachOf<T>(items: Iterable<T>, atOnce: number, task: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (failures.length === 0) {
      const { value, done } = iterator.next();
      if (done) return;
      await task(value).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (failures.length > 0) throw failures[0];
}
