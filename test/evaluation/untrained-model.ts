/** A model directory with an untrained head on the real trunk: complete, and knows nothing. */

import type { PictureSize } from '../../src/base/types.ts';
import { DEFAULT_HEAD } from '../../src/models/choices.ts';
import { trunkSide } from '../../src/models/event-network.ts';
import { untrainedHead } from '../../src/models/head.ts';
import { saveModel } from '../../src/models/model-directory.ts';
import { RESNET50_IMAGENET } from '../../src/models/pretrained.ts';

/** Writes the model; frames of `size`, three per event, no classifier. */
export async function saveUntrainedModel(folder: string, size: PictureSize): Promise<void> {
  const side = trunkSide(RESNET50_IMAGENET, 'conv4', size);
  const head = untrainedHead({ ...side, ...DEFAULT_HEAD, pool: { height: 2, width: 2 } }, 1);
  const training = { seed: 1, options: {}, domains: [] };
  await saveModel(folder, head, { id: 'untrained', l2cafVersion: '0.0.0', frames: 3, training, figures: {} });
}
