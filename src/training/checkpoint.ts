/**
 * Checkpoints: everything a training run needs to continue as if it had not been interrupted. One safetensors file,
 * replaced as a whole, so there is always a good one; it knows which run it belongs to and refuses another.
 */
import * as z from '#zod';
import { L2cafError, messageOf } from '../base/errors.ts';
import { expectRegularFile, jsonIn } from '../base/input-files.ts';
import { type NamedArray, readSafetensors, writeSafetensors } from '../models/safetensors.ts';
import { initialState, type OptimiserState } from './optimiser.ts';

/** One line of the training's history. */
export interface StepRecord {
  /** Counted from 1. */
  readonly step: number;
  /** Sum of the parts. */
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Norm of the gradient before clipping. */
  readonly gradientNorm: number;
}

/** Figures on the validation events after a step. */
export interface ValidationRecord {
  readonly step: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** The state of a training run between two steps. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  readonly weights: ReadonlyMap<string, NamedArray>;
  readonly optimiser: OptimiserState;
  readonly history: StepRecord[];
  readonly validation: ValidationRecord[];
}

const stepSchema = z.object({
  step: z.int().positive(),
  loss: z.number(),
  parts: z.record(z.string(), z.number()),
  learningRate: z.number(),
  gradientNorm: z.number(),
});
const progressSchema = z.object({
  step: z.int().nonnegative(),
  history: z.array(stepSchema),
  // Of classes without an event, figures are no numbers.
  validation: z.array(
    z.object({
      step: z.int(),
      figures: z.record(
        z.string(),
        z
          .number()
          .nullable()
          .transform((n) => n ?? Number.NaN),
      ),
    }),
  ),
});

/** The state before the first step. */
export function freshState(weights: ReadonlyMap<string, NamedArray>): TrainingState {
  return { step: 0, weights, optimiser: initialState(dataOf(weights)), history: [], validation: [] };
}

/** The numbers of arrays, by name; not copied. */
export function dataOf(arrays: ReadonlyMap<string, NamedArray>): Map<string, Float32Array> {
  return new Map([...arrays].map(([name, { data }]) => [name, data]));
}

/** Writes the state, whole or not at all. `fingerprint` identifies the run: its options and events. */
export async function writeCheckpoint(path: string, state: TrainingState, fingerprint: string): Promise<void> {
  const tensors = new Map<string, NamedArray>();
  for (const [name, { shape, data }] of state.weights) {
    tensors.set(`weights/${name}`, { shape, data });
    tensors.set(`first/${name}`, { shape, data: state.optimiser.first.get(name)! });
    tensors.set(`second/${name}`, { shape, data: state.optimiser.second.get(name)! });
  }
  const { step, history, validation } = state;
  await writeSafetensors(path, tensors, { fingerprint, progress: JSON.stringify({ step, history, validation }) });
}

/**
 * Reads the state of an interrupted run.
 *
 * @throws L2cafError `input-not-found` when there is no checkpoint, `model-invalid` when it belongs to another run,
 *   `weights-invalid` when it is damaged.
 */
export async function readCheckpoint(path: string, fingerprint: string): Promise<TrainingState> {
  await expectRegularFile(path).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `there is no checkpoint to resume: ${messageOf(cause)}`, {
      hint: 'train without --resume',
      cause,
    });
  });
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata['fingerprint'] !== fingerprint) {
    throw new L2cafError('model-invalid', `${path} belongs to a training with other options or events`, {
      hint: 'repeat the options of that training, or train without --resume',
    });
  }
  const part = (prefix: string): Map<string, NamedArray> =>
    new Map(
      [...tensors].flatMap(([name, array]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), array]] : [])),
    );
  const progress = progressSchema.safeParse(jsonIn(metadata['progress'] ?? ''));
  if (!progress.success) throw new L2cafError('weights-invalid', `${path} is damaged: it does not say how far it got`);
  const optimiser = { first: dataOf(part('first/')), second: dataOf(part('second/')) };
  return { ...progress.data, weights: part('weights/'), optimiser };
}
