/** A disk that is really full, for tests: a file system in memory, which only root can make. Others skip, visibly. */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A small disk. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves this much free, by a file of its own. */
  leave(bytes: number): Promise<void>;
  /** Makes it read-only, or no longer. */
  protect(isReadOnly: boolean): void;
  remove(): Promise<void>;
}

/** Whether there can be one. */
export const canMount: boolean = process.platform === 'linux' && tryMount();

/** Makes a disk, in a new folder. */
export async function smallDisk(folder: string, bytes: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'l2caf-test', folder);
  const filler = join(folder, 'filler');
  return {
    folder,
    leave: async (left) => {
      await rm(filler, { force: true });
      const { bavail, bsize } = await statfs(folder);
      await writeFile(filler, new Uint8Array(Math.max(0, bavail * bsize - left)));
    },
    protect: (isReadOnly) => mount('-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, folder),
    remove: async () => {
      spawnSync('umount', ['--lazy', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function mount(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount: ${stderr}`);
}

function tryMount(): boolean {
  const folder = '/mnt';
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4096', 'l2caf-test', folder]).status === 0;
  return isMounted && spawnSync('umount', [folder]).status === 0;
}
