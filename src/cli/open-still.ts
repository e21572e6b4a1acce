/** Opens the network of still pictures that a command names: one of this project, a trained head, or a file of the user's. */
import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import type { PictureSize } from '../base/types.ts';
import type { ClassifierBackend } from '../models/choices.ts';
import { isImported } from '../models/imported.ts';
import { isStillHead } from '../models/still-directory.ts';
import { openStillHead } from '../models/still-head-network.ts';
import { openImportedStill, openStillModel } from '../stills/analyze.ts';
import type { OpenStill } from '../stills/still-network.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';

/** What names it, as commander hands it over. */
export interface StillFlags extends NetworkFlags {
  readonly model: string;
  readonly backend: ClassifierBackend;
  readonly size?: PictureSize;
}

/**
 * Opens it. The caller disposes of it.
 *
 * @throws L2cafError `usage` for options of files where it is none; as `openStillModel`, `openStillHead` and `openImportedStill`
 */
export async function openStill(flags: StillFlags, work: WorkOptions): Promise<OpenStill> {
  const { layer, model, backend, size, ...others } = flags;
  if (await isImported(model)) {
    const card = await cardOf(flags);
    return openImportedStill(model, { backend, ...work, ...(card && { card }), ...(size && { size }) });
  }
  if ((await cardOf(others)) !== undefined) {
    throw new L2cafError('usage', `${model} knows itself how it wants its pictures`, {
      hint: '--norm, --labels and the like are for the files of other networks',
    });
  }
  if (await isStillHead(model)) return openStillHead(model, { backend, ...work });
  return openStillModel({ model, backend, ...(layer && { layer }), ...work });
}
