/** The network of a batch as far as the batch itself needs it: its description, without a backend or a trunk. */

import { classIndex, readHead } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import { backendFor } from '../models/backend.ts';
import { isImported } from '../models/imported.ts';
import type { BatchModel, BatchSettings } from './outputs.ts';

/**
 * Reads a model's description and head.
 *
 * @throws L2cafError `usage` for a network of the user's; else as `readHead`
 */
export async function describeModel(choice: BatchModel['choice']): Promise<BatchModel> {
  if (await isImported(choice.model)) {
    throw new L2cafError('usage', `a batch takes the networks of l2caf, not yet ${choice.model}`, {
      hint: 'analyze its clips one by one: l2caf analyze CLIP --model FILE',
    });
  }
  const { head, pretrained } = await readHead(choice);
  return { choice, backend: await backendFor(choice.backend), head, pretrained };
}

/**
 * Finds out before any work starts what would fail for every event.
 *
 * @throws L2cafError `usage`
 */
export function checkSettings({ model, analysis }: BatchSettings): void {
  const { target, method = 'l2caf' } = analysis;
  if (target.kind === 'class') classIndex(model.head.spec.labels, target.label);
  if (target.kind === 'similar' && method !== 'l2caf') {
    throw new L2cafError('usage', 'Grad-CAM has no form for the similarity objective', {
      hint: 'use the method l2caf',
    });
  }
}
