/** From planned events to features in the cache: chooses cache and extractor; shared by training and evaluation. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, DEFAULT_CACHE_BYTES } from '../base/cache-folder.ts';
import type { ProgressListener } from '../base/types.ts';
import type { EngineName } from '../models/backend.ts';
import type { HeadSpec } from '../models/head.ts';
import type { OnnxTrunk } from '../models/onnx/trunk.ts';
import { findPretrained } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { stageNamed } from '../models/resnet.ts';
import { FeatureCache } from './cache.ts';
import { ensureFeatures, type FeatureSummary, type PlannedEvent } from './dataset.ts';
import { createExtractor, createExtractorPool, type Extractor, importedExtractor } from './extractor.ts';
import { ensurePictureFeatures, type PlannedPicture } from './pictures.ts';

/** How features are computed and kept. */
export interface FeatureOptions {
  /** What runs the trunk: onnxruntime, or the backend that is set in this process. */
  readonly backend: EngineName;
  /** Bound on the cache; {@link DEFAULT_CACHE_BYTES} when absent. */
  readonly cacheBytes?: number | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Told what was wrong with videos and with the cache, one line each. */
  readonly onWarning?: ((note: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The trunk, where it is the user's own; whoever opened it disposes of it. */
  readonly importedTrunk?: OnnxTrunk | undefined;
}

/** What a head expects in front of it. */
export type TrunkSide = Pick<HeadSpec, 'trunk' | 'stage' | 'inputSize' | 'trunkGrid' | 'trunkChannels'>;

/**
 * The cache of features for heads of this kind, in the user's cache folder.
 *
 * @param trunkSha256 of everything that the features of a user's own trunk depend on
 */
export function openFeatureCache(
  { trunk, stage, inputSize, trunkGrid, trunkChannels }: TrunkSide,
  maxBytes: number = DEFAULT_CACHE_BYTES,
  trunkSha256: string = findPretrained(trunk).weightsSha256,
): FeatureCache {
  const source = {
    trunkSha256,
    stage,
    ...inputSize,
    length: trunkGrid.height * trunkGrid.width * trunkChannels,
  };
  return new FeatureCache(join(cacheFolder(), 'features'), source, maxBytes);
}

/**
 * Makes sure that the features of all events are in the cache; fetches the trunk if one is needed for that. Throws as
 * `ensureFeatures` and `pullTrunk`.
 */
export async function prepareFeatures(
  planned: readonly PlannedEvent[],
  side: TrunkSide,
  cache: FeatureCache,
  options: FeatureOptions,
): Promise<FeatureSummary> {
  return told(await ensureFeatures(planned, cache, () => extractorFor(side, options), options), options);
}

/** The same of pictures. Throws as `ensurePictureFeatures` and `pullTrunk`. */
export async function preparePictures(
  planned: readonly PlannedPicture[],
  side: TrunkSide,
  cache: FeatureCache,
  options: FeatureOptions,
): Promise<FeatureSummary> {
  return told(await ensurePictureFeatures(planned, cache, () => extractorFor(side, options), options), options);
}

function told(summary: FeatureSummary, { onWarning }: FeatureOptions): FeatureSummary {
  for (const note of summary.notes) onWarning?.(note);
  return summary;
}

/**
 * What computes features. On wasm, as many threads as there are cores, up to four (each holds a trunk); other backends use all
 * cores by themselves.
 */
async function extractorFor(
  { trunk, stage }: TrunkSide,
  { backend, onProgress, signal, importedTrunk }: FeatureOptions,
): Promise<Extractor> {
  if (importedTrunk) return importedExtractor(importedTrunk);
  await pullTrunk(findPretrained(trunk), { ...(onProgress && { onProgress }), ...(signal && { signal }) });
  const choice = { trunk, stage: stageNamed(stage) };
  const workers = Math.min(MAX_WORKERS, availableParallelism());
  return backend === 'wasm' && workers > 1 ? createExtractorPool(choice, workers) : createExtractor(choice, backend);
}

const MAX_WORKERS = 4;
