/** What the training of event heads (paper, Sec. 4.3; METHOD §7) gives to the loop: batches of cached features and their loss. */

import { createRandom } from '../base/random.ts';
import type { FeatureReader } from '../features/cache.ts';
import { featureTensor, loadFeatures } from '../features/embed.ts';
import type { HeadSpec } from '../models/head.ts';
import type { Dropout } from '../models/head-network.ts';
import type { TrainingState } from './checkpoint.ts';
import type { DenseLabels } from './dense-labels.ts';
import { type LoopOptions, type LoopWork, runLoop } from './loop.ts';
import { batchLoss, type ObjectiveOptions } from './objective.ts';
import type { BatchSampler, PairSampler } from './sampler.ts';

/** Settings of a training. */
export interface TrainerOptions extends ObjectiveOptions, LoopOptions {
  readonly seed: number;
  /** Frames per event. */
  readonly frames: number;
  /** Share of the LSTM's input and of its last state that is dropped. */
  readonly dropout: number;
}

/** What a run works with. */
export interface TrainingRun extends LoopWork {
  readonly spec: HeadSpec;
  readonly options: TrainerOptions;
  readonly sampler: BatchSampler;
  readonly cache: FeatureReader;
  readonly dense?: DenseLabels | undefined;
  /** Draws events without labels. */
  readonly pairs?: PairSampler | undefined;
}

/** Continues `state` to the last step, changing it in place. Throws as `runLoop`. */
export async function train(run: TrainingRun, state: TrainingState): Promise<void> {
  const { spec, options, sampler, cache, dense: denseLabels, pairs } = run;
  const draw = async (step: number) => {
    const samples = sampler.batch(step);
    const data = await loadFeatures(
      samples.map(({ view }) => view),
      cache,
    );
    const unlabelled = pairs && (await loadFeatures(pairs.batch(step).flat(), cache));
    return { samples, data, unlabelled };
  };
  await runLoop(
    {
      draw,
      loss: ({ samples, data, unlabelled }, weights, step) => {
        const features = featureTensor(data, spec);
        const dense = denseLabels?.batch(samples.flatMap(({ view }) => view.frames));
        const dropout = dropoutAt(step, options);
        const batch = { features, frames: options.frames, samples, dense };
        const views = unlabelled && featureTensor(unlabelled, spec);
        return batchLoss(spec, weights, { ...batch, pairs: views }, options, dropout);
      },
    },
    options,
    run,
    state,
  );
}

/** What is dropped at a step. */
export function dropoutAt(step: number, { dropout, seed }: Pick<TrainerOptions, 'dropout' | 'seed'>): Dropout {
  return { rate: dropout, seed: Math.floor(createRandom(seed, DROPOUT_STREAM, step).uniform() * 2 ** 31) };
}

/** Keeps the draws of dropout apart from others of the same seed. */
const DROPOUT_STREAM = 104;
