/**
 * The network of a batch as far as the batch itself needs it: its description, and how workers open it. One of this project
 * is described without a backend or a trunk; one of the user's is opened once, so that what is not known of it is looked
 * for once, and workers are given a card with nothing left to guess.
 */
import { resolve } from 'node:path';
import { classIndex, numberIndex, type OpenModel, openModel, readHead } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import type { ProgressListener } from '../base/types.ts';
import { engineFor } from '../models/backend.ts';
import { isImported } from '../models/imported.ts';
import { scoresOf } from '../models/video-model.ts';
import { type BatchModel, type BatchSettings, contractOf, type ModelChoice } from './outputs.ts';

/** Looking for the layer of a large network takes a while, as does fetching an engine. */
export interface DescribeOptions {
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
  /** Told why a slower engine is used than there could be. */
  readonly onWarning?: (text: string) => void;
}

/**
 * Reads a model's description and head, or opens a network of the user's. Fetches onnxruntime where it is wanted and not there.
 *
 * @throws L2cafError as `readHead`, `engineFor` and `openModel`
 */
export async function describeModel(choice: ModelChoice, work: DescribeOptions = {}): Promise<BatchModel> {
  if (choice.card === undefined && !(await isImported(choice.model))) {
    const { head, pretrained } = await readHead(choice);
    return { choice, backend: await engineFor(choice.backend, work), head, pretrained };
  }
  const { found, size: _, ...chosen } = choice;
  const { network, backend, warnings, card } = await openModel({
    ...choice,
    ...work,
    ...(found && { isSteady: true }),
  });
  try {
    const { sha256, input, outputs } = network;
    const known = found?.warnings ?? warnings;
    return {
      choice: { ...chosen, model: resolve(choice.model!), card: card!, found: { sha256, warnings: known } },
      backend: backend.name,
      imported: { input, outputs, description: network.describe(), warnings: known },
    };
  } finally {
    network.dispose();
  }
}

/**
 * Opens a batch's network in one of its workers.
 *
 * @param threads of onnxruntime
 * @throws L2cafError `input-changed` when it is not what the batch has found; else as `openModel`
 */
export async function openDescribed({ found, ...choice }: ModelChoice, threads?: number): Promise<OpenModel> {
  const model = await openModel({ ...choice, ...(threads && { threads }), ...(found && { isSteady: true }) });
  if (found === undefined) return model;
  if (model.network.sha256 === found.sha256) return { ...model, warnings: found.warnings };
  model.network.dispose();
  throw new L2cafError('input-changed', `${choice.model} or its card has changed since the batch has read it`, {
    hint: 'run the batch again: what was made with the earlier one is made anew',
  });
}

/**
 * Finds out before any work starts what would fail for every event.
 *
 * @throws L2cafError `usage`
 */
export function checkSettings({ model, analysis }: BatchSettings): void {
  const { target, method = 'l2caf' } = analysis;
  const { outputs } = contractOf(model);
  if (target.kind === 'class') classIndex(scoresOf(outputs)?.labels, target.label);
  if (target.kind === 'output') numberIndex({ outputs }, target.label);
  if (target.kind === 'similar' && method !== 'l2caf') {
    throw new L2cafError('usage', 'Grad-CAM has no form for the similarity objective', {
      hint: 'use the method l2caf',
    });
  }
}
