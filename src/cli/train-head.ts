/** What the commands that train have in common: trunk, engine, what is shown meanwhile, and the result. */
import { join } from 'node:path';
import { checkOutputs } from '../base/output.ts';
import { useEngine } from '../models/backend.ts';
import type { EngineChoice } from '../models/choices.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import type { StepRecord } from '../training/checkpoint.ts';
import type { TrainingWork } from '../training/train-model.ts';
import type { Terminal } from './terminal.ts';

/** Options of every training. */
export interface TrainingFlags {
  readonly steps: number;
  readonly cacheLimit: number;
  readonly backend: EngineChoice;
  readonly resume: boolean;
  readonly json?: boolean;
}

/** A training of a kind: from its plan `P` to its result `R`. */
export interface Training<P, R> {
  readonly output: string;
  /** Names of the files that it writes there. */
  readonly files: readonly string[];
  /** Opens the trunk, where it is a network file. */
  openTrunk(): Promise<OnnxTrunk | undefined>;
  /** What decides the result, on that trunk. */
  plan(trunk: OnnxTrunk | undefined): P;
  /** Trains, and writes the files. */
  train(plan: P, work: Omit<TrainingWork, 'videos'>): Promise<R>;
  /** The figures, as text. */
  table(result: R): string;
}

/** Trains, and prints the figures and the folder. Throws as the training's parts and `useEngine`. */
export async function trainHead<P, R>(
  { output, files, ...training }: Training<P, R>,
  flags: TrainingFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const trunk = await training.openTrunk();
  try {
    for (const note of trunk?.notes ?? []) terminal.info(note);
    const plan = training.plan(trunk);
    await checkOutputs(files.map((name) => join(output, name)));
    const backend = await useEngine(flags.backend, { onProgress: terminal.onProgress, signal });
    if (backend.warning !== undefined) terminal.warn(backend.warning);
    terminal.info(`backend: ${backend.name} (${backend.reason})`);
    const result = await training.train(plan, {
      backend: backend.name,
      cacheBytes: flags.cacheLimit * 1e9,
      outputFolder: output,
      resume: flags.resume,
      signal,
      onProgress: terminal.onProgress,
      onNote: (text) => terminal.info(text),
      onWarning: (text) => terminal.warn(text),
      onStep: (record) => showStep(terminal, record, flags.steps),
    });
    if (flags.json) return terminal.result(JSON.stringify(result, null, 2));
    terminal.result(training.table(result));
    terminal.result(output);
  } finally {
    trunk?.dispose();
  }
}

function showStep(terminal: Terminal, { step, loss }: StepRecord, total: number): void {
  terminal.onProgress({ stage: 'training', done: step, total, unit: 'steps' });
  if (step % LOSS_EVERY === 0) terminal.info(`step ${step}: loss ${loss.toFixed(4)}`);
}

/** Steps from one line with the loss to the next. */
const LOSS_EVERY = 20;
