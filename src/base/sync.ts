/** Brings what was written to the disk itself, so that it outlives a power cut. */
import { open } from 'node:fs/promises';
import { systemCodeOf } from './errors.ts';

/**
 * Brings the entries of a folder to the disk: which files there are, under which names. (Windows does so by itself.)
 *
 * @throws NodeJS.ErrnoException when the disk cannot be written
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform !== 'win32') await sync(folder, 'r');
}

/** Brings the content of a file to the disk. Throws as {@link syncFolder}. */
export async function syncFile(path: string): Promise<void> {
  await sync(path, 'r+');
}

/** File systems that cannot bring one file to the disk (some on networks) say so by these. */
const NO_SYNC: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EACCES', 'EPERM']);

/**
 * Brings a file or folder to the disk, with the permissions that it is to have. Throws as {@link syncFolder}.
 *
 * @param flags `r` of a folder
 */
export async function sync(path: string, flags: 'r' | 'r+', mode?: number): Promise<void> {
  const file = await open(path, flags).catch((error: unknown) => {
    // A folder that may be written, but not read.
    if (flags === 'r+' || !NO_SYNC.has(systemCodeOf(error) ?? '')) throw error;
  });
  try {
    if (mode !== undefined) await file?.chmod(mode);
    await file?.sync();
  } catch (error) {
    if (!NO_SYNC.has(systemCodeOf(error) ?? '')) throw error;
  } finally {
    await file?.close();
  }
}
