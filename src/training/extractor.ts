/**
 * Frames → trunk features in half precision, in this process or in several worker threads. The wasm backend uses one
 * thread, so two workers with an instance each are twice as fast as one; the native backend spreads a frame over all
 * cores by itself and needs none.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { L2cafError } from '../errors.ts';
import { toFloat16 } from '../models/float16.ts';
import { findPretrained, loadTrunk, preprocess } from '../models/pretrained.ts';
import type { Stage } from '../models/resnet.ts';
import { transformPixels, type View } from './views.ts';

/** Which trunk, and where it is trimmed. */
export interface TrunkChoice {
  readonly trunk: string;
  readonly stage: Stage;
}

/** A frame, and the ways in which it is shown to the trunk. */
export interface ExtractionJob {
  readonly rgb: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly variants: readonly Omit<View, 'shift'>[];
}

/** Computes features; several jobs may be under way at once. */
export interface Extractor {
  /** One array of half-precision features, `[h·w·c]`, per variant. */
  extract(job: ExtractionJob): Promise<Uint16Array[]>;
  /** Frees the trunk and ends the threads; no job may be under way. */
  dispose(): Promise<void>;
}

/** An extractor in this process, on its current backend. Throws as `loadTrunk`. */
export async function createExtractor({ trunk: id, stage }: TrunkChoice): Promise<Extractor> {
  const pretrained = findPretrained(id);
  const trunk = await loadTrunk(pretrained, stage);
  const featuresOf = ({ rgb, width, height }: ExtractionJob, variant: Omit<View, 'shift'>): Uint16Array => {
    const frame = { rgb: transformPixels(rgb, width, variant), shape: [1, height, width, 3] as const };
    const features = tf.tidy(() => trunk.features(preprocess(pretrained, frame)).dataSync<'float32'>());
    return toFloat16(features);
  };
  return {
    extract: async (job) => job.variants.map((variant) => featuresOf(job, variant)),
    dispose: async () => trunk.dispose(),
  };
}

/** An extractor of `workers` threads, each with a wasm instance and a trunk of its own. Throws as `loadTrunk`. */
export async function createExtractorPool(choice: TrunkChoice, workers: number): Promise<Extractor> {
  const lanes = await Promise.all(Array.from({ length: workers }, () => startLane(choice)));
  const idle = [...lanes];
  const waiting: ((lane: Lane) => void)[] = [];
  const release = (lane: Lane): void => {
    const next = waiting.shift();
    if (next) next(lane);
    else idle.push(lane);
  };
  return {
    extract: async (job) => {
      const lane = idle.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)));
      try {
        return await lane.run(job);
      } finally {
        release(lane);
      }
    },
    dispose: async () => {
      await Promise.all(lanes.map(({ worker }) => worker.terminate()));
    },
  };
}

/** What a worker answers: first that it is ready, then one answer per job. */
export type WorkerAnswer = { readonly features: Uint16Array[] } | { readonly error: string };

interface Lane {
  readonly worker: Worker;
  run(job: ExtractionJob): Promise<Uint16Array[]>;
}

async function startLane(choice: TrunkChoice): Promise<Lane> {
  const worker = new Worker(workerUrl(), { workerData: choice });
  await answerOf(worker);
  return {
    worker,
    run: (job) => {
      worker.postMessage(job);
      return answerOf(worker);
    },
  };
}

/** The compiled worker; from the sources, a loader that compiles it on the way (tsx, as in the tests). */
function workerUrl(): URL {
  const url = new URL(`./feature-worker${extname(import.meta.url)}`, import.meta.url);
  if (extname(url.href) === '.js') return url;
  const [tsx, worker] = [import.meta.resolve('tsx/esm/api'), url.href].map((target) => JSON.stringify(target));
  return new URL(`data:text/javascript,import { register } from ${tsx}; register(); await import(${worker});`);
}

/** The worker's next answer; a job never overlaps another on the same worker. */
function answerOf(worker: Worker): Promise<Uint16Array[]> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      then();
    };
    const onMessage = (answer: WorkerAnswer): void =>
      settle(() => {
        if ('features' in answer) resolve(answer.features);
        else reject(new L2cafError('weights-invalid', answer.error));
      });
    const onError = (cause: unknown): void => settle(() => reject(cause));
    const onExit = (): void => settle(() => reject(new L2cafError('aborted', 'a feature worker ended early')));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
