/** Keeps a second process from writing to the same batch. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { L2cafError } from '../errors.ts';

/**
 * Takes the lock, from a process that is no longer there if need be. Returns how to give it back.
 *
 * @throws L2cafError `output-unwritable` while another process holds it
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new L2cafError('output-unwritable', `cannot write ${path}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder > 0 && holder !== process.pid && isRunning(holder)) {
      throw new L2cafError('output-unwritable', `another batch, process ${holder}, is writing to this folder`, {
        hint: `wait for it, choose another folder with -o, or remove ${path} if there is none`,
      });
    }
    await rm(path, { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
