/** Failures that are no event's own: they end a batch, or a worker's part in it, instead of failing event after event. */
import { L2cafError, systemCodeOf } from '../base/errors.ts';

/** What every event needs cannot be had here: the model, its backend, the target, room on the disk. */
export class SetupError extends L2cafError {}

/**
 * Waits for something that every event needs.
 *
 * @throws SetupError in place of any other L2cafError
 */
export async function duringSetup<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof L2cafError)) throw error; // such as too little memory: it may go well the next time
    throw setupErrorOf(error);
  }
}

/** What the operating system answers where nothing can be written any more, by whatever event. */
const SHARED: ReadonlySet<string> = new Set([
  ...['ENOSPC', 'EDQUOT', 'EROFS'], // full, or write-protected
  ...['EIO', 'ENODEV', 'ENXIO', 'ESTALE'], // broken, or gone
  ...['EMFILE', 'ENFILE'], // no file can be opened
]);

/** Throws a SetupError for the failure of one event that all others will share. */
export function throwIfShared(error: unknown): void {
  if (error instanceof SetupError) throw error;
  if (!(error instanceof L2cafError) || error.code !== 'output-unwritable') return;
  if (SHARED.has(systemCodeOf(error) ?? '')) throw setupErrorOf(error);
}

/** The same failure, as one that is no event's own. */
export function setupErrorOf(error: L2cafError): SetupError {
  const { code, message, hint } = error;
  return new SetupError(code, message, { ...(hint !== undefined && { hint }), cause: error });
}
