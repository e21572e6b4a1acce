/** Bounded concurrency: order, bound, and what a failure stops; long work that lets others in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createPause, mapConcurrently, sideBySide } from '../../src/base/concurrent.ts';

it('keeps the order of the items and never runs more than the limit', async () => {
  let [running, most] = [0, 0];
  const results = await mapConcurrently([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++running);
    await sleep(item);
    running--;
    return 10 * item;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
  expect(await mapConcurrently([], 2, async () => 1)).toEqual([]);
});

it('throws the first failure, when what is under way has ended, and starts nothing after it', async () => {
  const ended: number[] = [];
  const work = async (item: number): Promise<void> => {
    await sleep(item === 1 ? 30 : 1);
    if (item === 2) throw new Error('no');
    ended.push(item);
  };
  await expect(mapConcurrently([1, 2, 3, 4, 5, 6], 2, work)).rejects.toThrow('no');
  expect(ended).toEqual([1]);
});

it('throws the failure of the first item that has one, whichever comes first in time', async () => {
  const work = async (item: number): Promise<void> => {
    await sleep(item === 2 ? 30 : 1);
    if (item >= 2) throw new Error(`no ${item}`);
  };
  await expect(mapConcurrently([1, 2, 3], 3, work)).rejects.toThrow('no 2');
});

it('lets events in while something is computed in one piece, and stops it', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  const pause = createPause(controller.signal);
  const compute = async (): Promise<void> => {
    for (;;) await pause(); // nothing but the signal ends this
  };
  await expect(compute()).rejects.toMatchObject({ code: 'aborted' });
});

describe('things done side by side', () => {
  const until = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')));
    });

  it('give their results by their names', async () => {
    const works = { one: async () => 1, two: () => sleep(5, 'two') };
    expect(await sideBySide(works)).toEqual({ one: 1, two: 'two' });
  });

  it('are stopped by the first that fails, which is told when all have ended', async () => {
    let hasEnded = false;
    const long = (signal: AbortSignal): Promise<void> =>
      until(signal).finally(() => {
        hasEnded = true;
      });
    const failing = async (): Promise<never> => {
      await sleep(1);
      throw new Error('no');
    };
    await expect(sideBySide({ long, failing })).rejects.toThrow('no');
    expect(hasEnded).toBe(true);
  });

  it('are stopped by whoever asked for them', async () => {
    const controller = new AbortController();
    const ended = expect(sideBySide({ until }, controller.signal)).rejects.toThrow('stopped');
    controller.abort();
    await ended;
  });
});
