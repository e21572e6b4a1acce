/**
 * Frames → trunk features in half precision, in this process or in several worker threads. The wasm backend uses one
 * thread, so two workers with an instance each are twice as fast as one; onnxruntime and the native backend spread a frame
 * over all cores by themselves and need none.
 */

import { startThread, type Thread } from '../base/threads.ts';
import type { EngineName } from '../models/backend.ts';
import type { Stage } from '../models/choices.ts';
import { toFloat16 } from '../models/float16.ts';
import { loadFrameTrunk } from '../models/frame-trunk.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { findPretrained } from '../models/pretrained.ts';
import { type EventView, transformPixels } from './views.ts';

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
  readonly variants: readonly Omit<EventView, 'shift'>[];
}

/** Computes features; several jobs may be under way at once. */
export interface Extractor {
  /** One array of half-precision features, `[h·w·c]`, per variant. */
  extract(job: ExtractionJob): Promise<Uint16Array[]>;
  /** Frees the trunk and ends the threads; no job may be under way. */
  dispose(): Promise<void>;
}

/** An extractor in this process, on onnxruntime or the current backend. Throws as `loadFrameTrunk`. */
export async function createExtractor({ trunk: id, stage }: TrunkChoice, engine?: EngineName): Promise<Extractor> {
  const pretrained = findPretrained(id);
  const trunk = await loadFrameTrunk(pretrained, stage, { engine });
  const featuresOf = async (
    { rgb, width, height }: ExtractionJob,
    variant: Omit<EventView, 'shift'>,
  ): Promise<Uint16Array> => {
    const frame = { rgb: transformPixels(rgb, width, variant), shape: [1, height, width, 3] as const };
    return toFloat16(await trunk.features(frame));
  };
  return {
    extract: (job) => Promise.all(job.variants.map((variant) => featuresOf(job, variant))),
    dispose: async () => trunk.dispose(),
  };
}

/** An extractor of a user's trunk, which onnxruntime spreads over all cores. It is not disposed of with it. */
export function importedExtractor(trunk: OnnxTrunk): Extractor {
  return {
    extract: async ({ rgb, width, variants }) => {
      const features: Uint16Array[] = [];
      for (const variant of variants) {
        features.push(toFloat16(await trunk.features(transformPixels(rgb, width, variant))));
      }
      return features;
    },
    dispose: async () => {},
  };
}

/** An extractor of `workers` threads, each with a wasm instance and a trunk of its own. Throws as `loadTrunk`. */
export async function createExtractorPool(choice: TrunkChoice, workers: number): Promise<Extractor> {
  type Lane = Thread<ExtractionJob, Uint16Array[]>;
  const start = (): Promise<Lane> => startThread('./worker', import.meta.url, choice);
  const lanes = await Promise.all(Array.from({ length: workers }, start));
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
      await Promise.all(lanes.map((lane) => lane.end()));
    },
  };
}
