/** Events → embeddings of one model, by way of the cache of trunk features that training fills and uses too. */

import type { ProgressListener } from '../base/types.ts';
import type { LabelledEvent } from '../events/labelled.ts';
import type { FeatureCache } from '../features/cache.ts';
import { type PlannedEvent, planEvents } from '../features/dataset.ts';
import { embedViews } from '../features/embed.ts';
import { openFeatureCache, prepareFeatures } from '../features/features.ts';
import { type BackendChoice, useBackend } from '../models/backend.ts';
import type { Head } from '../models/head.ts';
import { loadModel } from '../models/model-directory.ts';
import { findModel } from '../models/packaged.ts';
import { type EmbeddingModel, embeddingModelOf } from './embedding-model.ts';

/** A model that embeds events. The trunk is loaded only for frames that the cache does not hold. */
export interface Embedder {
  readonly model: EmbeddingModel;
  readonly head: Head;
  readonly cache: FeatureCache;
  /** Chooses the frames of events; hashes their videos. */
  plan(events: readonly LabelledEvent[]): Promise<PlannedEvent[]>;
  /** Makes sure that the features of events are in the cache, and the backend is set. Throws as `prepareFeatures`. */
  prepare(planned: readonly PlannedEvent[], onProgress?: ProgressListener): Promise<void>;
  /** {@link prepare}, then the raw embeddings. */
  embed(planned: readonly PlannedEvent[], onProgress?: ProgressListener): Promise<Float32Array[]>;
}

/** How a model is opened. */
export interface EmbedderOptions {
  readonly backend: BackendChoice;
  /** Frames per event; by default as many as in its training. */
  readonly frames?: number | undefined;
  /** Told what was wrong with videos and with the cache, one line each. */
  readonly onNote?: ((note: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a model by its name or folder, without its trunk.
 *
 * @throws L2cafError as `findModel` and `loadModel`
 */
export async function openEmbedder(
  name: string,
  { backend, signal, onNote, ...wanted }: EmbedderOptions,
): Promise<Embedder> {
  const { head, manifest } = await loadModel(await findModel(name));
  const frames = wanted.frames ?? manifest.preprocessing.frames;
  const cache = openFeatureCache(head.spec);
  const prepare: Embedder['prepare'] = async (planned, onProgress) => {
    const { name: used } = await useBackend(backend);
    await prepareFeatures(planned, head.spec, cache, { backend: used, signal, onWarning: onNote, onProgress });
  };
  return {
    model: embeddingModelOf(head, frames),
    head,
    cache,
    plan: (events) => planEvents([{ name: 'events', events }], { frames, views: 1, seed: 0, signal }),
    prepare,
    embed: async (planned, onProgress) => {
      await prepare(planned, onProgress);
      const views = planned.map((event) => event.views[0]!);
      return embedViews(head, views, { cache, signal, onProgress });
    },
  };
}
