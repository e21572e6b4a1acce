/** Opens the network file on which a head is to be trained. */
import { L2cafError } from '../base/errors.ts';
import type { PictureSize } from '../base/types.ts';
import { cardWith } from '../models/card.ts';
import { importedPath, isImported } from '../models/imported.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';

/** What names it, as commander hands it over. */
export interface TrunkFlags extends NetworkFlags {
  readonly trunk: string;
  readonly size?: PictureSize;
}

/**
 * The trunk, where it is a network file. The caller disposes of it.
 *
 * @throws L2cafError `usage` for what is said of a file where there is none; else as `OnnxTrunk.open`
 */
export async function openTrunk(flags: TrunkFlags, signal: AbortSignal): Promise<OnnxTrunk | undefined> {
  const { trunk: file, size } = flags;
  const said = await cardOf(flags);
  if (!(await isImported(file))) {
    if (said === undefined) return undefined;
    throw new L2cafError('usage', `${file} knows itself how it wants its frames`, {
      hint: '--norm, --layer and the like are for --trunk FILE.onnx',
    });
  }
  const card = cardWith(said ?? {}, size ? { input: { size: [size.height, size.width] } } : {});
  const { OnnxTrunk: Trunk } = await import('../models/onnx/trunk.ts');
  return Trunk.open(await importedPath(file), { card, signal });
}
