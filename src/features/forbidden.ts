/** Whether a cache may be read only: one on a disk that is write-protected, or that another user has made. */
import { access, constants, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCodeOf } from '../base/errors.ts';

/** What the operating system answers who may not write, wherever there is room. */
const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Whether something failed because this user may not write there. */
export function isForbidden(error: unknown): boolean {
  return FORBIDDEN.has(systemCodeOf(error) ?? '');
}

/** Why a folder, or one of those in it, or where it is to be made, may not be written to; undefined where it may. */
export async function whyForbidden(folder: string): Promise<unknown> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const within = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const results = await Promise.allSettled(
    [await nearest(folder), ...within].map((path) => access(path, constants.W_OK)),
  );
  return results.flatMap((result) =>
    result.status === 'rejected' && isForbidden(result.reason) ? [result.reason as unknown] : [],
  )[0];
}

/** The folder, or the first above it that is there. */
async function nearest(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    (error: unknown) => systemCodeOf(error) !== 'ENOENT',
  );
  const parent = dirname(folder);
  return isThere || parent === folder ? folder : nearest(parent);
}
