/** Failures that are no event's own: they end a batch, or a worker's part in it, instead of failing event after event. */
import { L2cafError } from '../errors.ts';

/** What every event needs cannot be had here: the model, its backend, the target. */
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
    const { code, message, hint } = error;
    throw new SetupError(code, message, { ...(hint !== undefined && { hint }), cause: error });
  }
}
