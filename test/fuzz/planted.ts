/** Kinds whose readers do what the fuzzer is there to find. */
import process from 'node:process';
import type { FuzzKind } from './kind.ts';

const READERS: Readonly<Record<string, FuzzKind['try']>> = {
  fine: async () => {},
  exits: async () => process.exit(7),
  hangs: () => new Promise(() => {}),
  'rejects later': async () => void Promise.reject(new Error('nobody waits for this')),
  'keeps turning': async () => {
    for (;;);
  },
};

/** Nothing is to be prepared. */
export async function prepareKinds(): Promise<void> {}

/** One kind for each. */
export async function fuzzKinds(): Promise<FuzzKind[]> {
  return Object.entries(READERS).map(([name, attempt]) => ({ name, weight: 1, try: attempt }));
}
