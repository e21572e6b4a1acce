/**
 * The training loop (paper, Sec. 4.3; METHOD §7): batches of cached features, one loss, AdamW. Weights are plain arrays
 * between steps; tensors live within a step. Every random draw depends on the seed and the step alone, so a run that was
 * interrupted and resumed ends at the same weights.
 */

import { createPause } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import { createRandom } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import type { FeatureReader } from '../features/cache.ts';
import { featureTensor, loadFeatures } from '../features/embed.ts';
import { type EngineName, onBackend } from '../models/backend.ts';
import type { HeadSpec } from '../models/head.ts';
import type { Dropout } from '../models/head-network.ts';
import { dataOf, type StepRecord, type TrainingState, writeCheckpoint } from './checkpoint.ts';
import type { DenseLabels } from './dense-labels.ts';
import { batchLoss, type LossParts, type ObjectiveOptions } from './objective.ts';
import { adamWStep, clipGradients, learningRateAt, type OptimiserOptions } from './optimiser.ts';
import type { BatchSampler, Sample } from './sampler.ts';

/** Settings of the loop. */
export interface TrainerOptions extends ObjectiveOptions, OptimiserOptions {
  readonly seed: number;
  /** Frames per event. */
  readonly frames: number;
  /** Share of the LSTM's input and of its last state that is dropped. */
  readonly dropout: number;
  /** Gradients are scaled down to this norm. */
  readonly maxGradientNorm: number;
  /** Steps from one checkpoint, with validation, to the next. */
  readonly checkpointEvery: number;
}

/** What a run works with. */
export interface TrainingRun {
  readonly spec: HeadSpec;
  readonly options: TrainerOptions;
  /** Where steps are computed; default: on the current backend. */
  readonly backend?: EngineName | undefined;
  readonly sampler: BatchSampler;
  readonly cache: FeatureReader;
  readonly dense?: DenseLabels | undefined;
  /** File of the checkpoint, and what identifies the run in it. */
  readonly checkpoint: { readonly path: string; readonly fingerprint: string };
  /** Measures the weights on the validation events, at every checkpoint. */
  readonly validate?: ((state: TrainingState) => Promise<Readonly<Record<string, number>>>) | undefined;
  /** Told about every step, after its checkpoint if there is one. */
  readonly onStep?: ((record: StepRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Continues `state` to the last step, changing it in place; keeps a checkpoint every few steps and when interrupted.
 *
 * @throws L2cafError `diverged` with the step at which the loss or a gradient was not a finite number; `aborted`.
 */
export async function train(run: TrainingRun, state: TrainingState): Promise<void> {
  const { options, sampler, cache, checkpoint } = run;
  const draw = (step: number): { samples: Sample[]; features: Promise<Float32Array> } => {
    const samples = sampler.batch(step);
    const features = loadFeatures(
      samples.map(({ view }) => view),
      cache,
    );
    features.catch(() => {}); // seen when it is awaited
    return { samples, features };
  };
  let next = draw(state.step);
  const pause = createPause(run.signal);
  while (state.step < options.steps) {
    await pause().catch(async (error: unknown) => {
      await writeCheckpoint(checkpoint.path, state, checkpoint.fingerprint);
      throw error;
    });
    const { samples } = next;
    const features = await next.features;
    if (state.step + 1 < options.steps) next = draw(state.step + 1); // read while the backend computes
    const record = await trainStep(run, state, samples, features);
    state.history.push(record);
    state.step = record.step;
    if (state.step % options.checkpointEvery === 0 || state.step === options.steps) {
      if (run.validate) state.validation.push({ step: state.step, figures: await run.validate(state) });
      await writeCheckpoint(checkpoint.path, state, checkpoint.fingerprint);
    }
    run.onStep?.(record);
  }
}

async function trainStep(
  run: TrainingRun,
  state: TrainingState,
  samples: readonly Sample[],
  data: Float32Array,
): Promise<StepRecord> {
  const { options } = run;
  const { step } = state;
  const { parts, gradients } = await lossAndGradients(run, state, samples, data);
  const loss = Object.values(parts).reduce((sum, part) => sum + part, 0);
  const gradientNorm = clipGradients(gradients, options.maxGradientNorm);
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
    const what = Number.isFinite(loss) ? 'the gradient' : 'the loss';
    throw new L2cafError('diverged', `${what} is not a finite number at step ${step + 1}`, {
      hint: 'train again with a smaller --learning-rate; the last checkpoint is kept',
    });
  }
  adamWStep(dataOf(state.weights), gradients, state.optimiser, step, options);
  return { step: step + 1, loss, parts, learningRate: learningRateAt(step, options), gradientNorm };
}

async function lossAndGradients(
  { spec, options, backend, dense }: TrainingRun,
  { weights, step }: TrainingState,
  samples: readonly Sample[],
  data: Float32Array,
): Promise<{ parts: Record<string, number>; gradients: Map<string, Float32Array> }> {
  const names = [...weights.keys()];
  const { variables, features, denseBatch } = onBackend(backend, () => ({
    variables: names.map((name) => tf.tensor(weights.get(name)!.data, [...weights.get(name)!.shape])),
    features: featureTensor(data, spec),
    denseBatch: dense?.batch(samples.flatMap(({ view }) => view.frames)),
  }));
  const dropout: Dropout = {
    rate: options.dropout,
    seed: Math.floor(createRandom(options.seed, DROPOUT_STREAM, step).uniform() * 2 ** 31),
  };
  let kept: LossParts | undefined;
  const total = (...tensors: tf.Tensor[]): tf.Scalar => {
    const byName = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
    const batch = { features, frames: options.frames, samples, dense: denseBatch };
    kept = batchLoss(spec, byName, batch, options, dropout);
    for (const part of Object.values(kept)) tf.keep(part);
    return tf.addN(Object.values(kept)) as tf.Scalar;
  };
  try {
    const { value, grads } = onBackend(backend, () => tf.valueAndGrads(total)(variables));
    value.dispose();
    const values = await Promise.all(grads.map((gradient) => gradient.data<'float32'>()));
    tf.dispose(grads);
    const gradients = new Map(names.map((name, i) => [name, Float32Array.from(values[i]!)]));
    const parts: Record<string, number> = {};
    for (const [name, part] of Object.entries(kept!)) parts[name] = (await part.data())[0]!;
    return { parts, gradients };
  } finally {
    tf.dispose([variables, features, denseBatch ?? [], kept ?? []] as unknown as tf.TensorContainer);
  }
}

/** Keeps the draws of dropout apart from others of the same seed. */
const DROPOUT_STREAM = 104;
