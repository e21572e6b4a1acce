/** `l2caf models export`: the networks of this project as ONNX files with a card. */
import { join } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import { checkOutputs } from '../base/output.ts';
import type { PictureSize, ProgressListener } from '../base/types.ts';
import { withInputSize } from '../models/event-network.ts';
import {
  EXPORTED_FILES,
  type ExportedNetwork,
  exportEventNetwork,
  exportResNet,
  exportSqueezeNet,
  writeExported,
} from '../models/export.ts';
import { isImported } from '../models/imported.ts';
import { loadModel, MODEL_FILES } from '../models/model-directory.ts';
import { findModel } from '../models/packaged.ts';
import { findPretrained, PRETRAINED_TRUNKS } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { holdsSqueezeNet } from '../models/squeezenet.ts';
import { inOwnFolder } from './default-folder.ts';
import { createTerminal } from './terminal.ts';

/** Writes a network as an ONNX file with its card. */
export async function exportNetwork(model: string, flags: ExportFlags, signal: AbortSignal): Promise<void> {
  const terminal = createTerminal(flags);
  const { network, files } = await inOwnFolder(flags.output, async (folder) => {
    await checkFolder(folder);
    const made = await exported(model, flags, { signal, onProgress: terminal.onProgress });
    return { network: made, files: await writeExported(folder, made) };
  });
  const { layer, output, scores } = network.card;
  for (const file of files) terminal.result(file);
  const beside = scores ? `, class scores: ${scores.tensor}` : '';
  terminal.info(`filters act on ${layer!.tensor} (${layer!.layout}); explained is ${output!.tensor}${beside}`);
}

/** What commander hands over. */
export interface ExportFlags {
  readonly output: string;
  readonly size?: PictureSize;
  readonly frames?: number;
  readonly quiet?: boolean;
}

/** @throws L2cafError `usage` for the folder of a trained model, which would be taken for the exported one from then on */
async function checkFolder(folder: string): Promise<void> {
  if (await exists(join(folder, MODEL_FILES[0]!))) {
    throw new L2cafError('usage', `${folder} holds a trained model`, {
      hint: 'give the exported one a folder of its own',
    });
  }
  await checkOutputs(EXPORTED_FILES.map((name) => join(folder, name)));
}

async function exported(
  model: string,
  { size, frames }: ExportFlags,
  work: { readonly signal: AbortSignal; readonly onProgress: ProgressListener },
): Promise<ExportedNetwork> {
  if (await isImported(model)) {
    throw new L2cafError('usage', `${model} is no network of l2caf's own`, { hint: 'it is a file already: copy it' });
  }
  const isTrunk = PRETRAINED_TRUNKS.some(({ id }) => id === model);
  if (isTrunk || (await holdsSqueezeNet(model))) {
    if ((size ?? frames) !== undefined) {
      throw new L2cafError('usage', `${model} takes single pictures of one size`, {
        hint: 'leave --size, --frames out',
      });
    }
    if (!isTrunk) return exportSqueezeNet(model);
    await pullTrunk(findPretrained(model), work);
    return exportResNet(findPretrained(model));
  }
  const { head, manifest } = await loadModel(await findModel(model));
  const pretrained = findPretrained(head.spec.trunk);
  await pullTrunk(pretrained, work);
  const sized = size === undefined ? head : withInputSize(head, pretrained, size);
  return exportEventNetwork(sized, pretrained, frames ?? manifest.preprocessing.frames);
}
