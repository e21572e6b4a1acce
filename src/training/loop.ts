/**
 * The training loop, whatever is trained: batches, one loss, AdamW. Weights are plain arrays between steps; tensors live within a
 * step. Every random draw depends on the seed and the step alone, so a run that was interrupted and resumed ends at the same
 * weights.
 */

import { createPause } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import { type EngineName, onBackend } from '../models/backend.ts';
import type { WeightTensors } from '../models/head-network.ts';
import { dataOf, type StepRecord, type TrainingState, writeCheckpoint } from './checkpoint.ts';
import { adamWStep, clipGradients, learningRateAt, type OptimiserOptions } from './optimiser.ts';

/** Settings of the loop. */
export interface LoopOptions extends OptimiserOptions {
  /** Gradients are scaled down to this norm. */
  readonly maxGradientNorm: number;
  /** Steps from one checkpoint, with validation, to the next. */
  readonly checkpointEvery: number;
}

/** How a run is kept, watched and stopped. */
export interface LoopWork {
  /** Where steps are computed; default: on the current backend. */
  readonly backend?: EngineName | undefined;
  /** File of the checkpoint, and what identifies the run in it. */
  readonly checkpoint: { readonly path: string; readonly fingerprint: string };
  /** Measures the weights on what is kept for validation, at every checkpoint. */
  readonly validate?: ((state: TrainingState) => Promise<Readonly<Record<string, number>>>) | undefined;
  /** Told about every step, after its checkpoint if there is one. */
  readonly onStep?: ((record: StepRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a step is computed from, and how; `B` is a batch in plain values. */
export interface Objective<B> {
  /** Reads the batch of a step, counted from 0. */
  draw(step: number): Promise<B>;
  /** The parts of its loss, which are added up. Differentiable by the weights; called inside `tf.tidy`. */
  loss(batch: B, weights: WeightTensors, step: number): Readonly<Record<string, tf.Scalar>>;
}

/**
 * Continues `state` to the last step, changing it in place; keeps a checkpoint every few steps and when interrupted.
 *
 * @throws L2cafError `diverged` with the step at which the loss or a gradient was not a finite number; `aborted`; as `draw`
 */
export async function runLoop<B>(
  objective: Objective<B>,
  options: LoopOptions,
  work: LoopWork,
  state: TrainingState,
): Promise<void> {
  const { checkpoint } = work;
  const draw = (step: number): Promise<B> => {
    const batch = objective.draw(step);
    batch.catch(() => {}); // seen when it is awaited
    return batch;
  };
  let next = draw(state.step);
  const pause = createPause(work.signal);
  while (state.step < options.steps) {
    await pause().catch(async (error: unknown) => {
      await writeCheckpoint(checkpoint.path, state, checkpoint.fingerprint);
      throw error;
    });
    const batch = await next;
    if (state.step + 1 < options.steps) next = draw(state.step + 1); // read while the backend computes
    const record = await trainStep(objective, options, work, state, batch);
    state.history.push(record);
    state.step = record.step;
    if (state.step % options.checkpointEvery === 0 || state.step === options.steps) {
      if (work.validate) state.validation.push({ step: state.step, figures: await work.validate(state) });
      await writeCheckpoint(checkpoint.path, state, checkpoint.fingerprint);
    }
    work.onStep?.(record);
  }
}

async function trainStep<B>(
  objective: Objective<B>,
  options: LoopOptions,
  { backend }: LoopWork,
  state: TrainingState,
  batch: B,
): Promise<StepRecord> {
  const { step } = state;
  const { parts, gradients } = await lossAndGradients(objective, backend, state, batch);
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

async function lossAndGradients<B>(
  objective: Objective<B>,
  backend: EngineName | undefined,
  { weights, step }: TrainingState,
  batch: B,
): Promise<{ parts: Record<string, number>; gradients: Map<string, Float32Array> }> {
  const names = [...weights.keys()];
  const variables = onBackend(backend, () =>
    names.map((name) => tf.tensor(weights.get(name)!.data, [...weights.get(name)!.shape])),
  );
  let kept: Readonly<Record<string, tf.Scalar>> = {};
  const total = (...tensors: tf.Tensor[]): tf.Scalar => {
    const byName = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
    kept = objective.loss(batch, byName, step);
    for (const part of Object.values(kept)) tf.keep(part);
    return tf.addN(Object.values(kept)) as tf.Scalar;
  };
  try {
    const { value, grads } = onBackend(backend, () => tf.valueAndGrads(total)(variables));
    value.dispose();
    const values = await Promise.all(grads.map((gradient) => gradient.data<'float32'>()));
    tf.dispose(grads);
    const gradients = new Map(names.map((name, i) => [name, values[i]!.slice()]));
    const parts: Record<string, number> = {};
    for (const [name, part] of Object.entries(kept)) parts[name] = (await part.data())[0]!;
    return { parts, gradients };
  } finally {
    tf.dispose([variables, kept] as unknown as tf.TensorContainer);
  }
}
