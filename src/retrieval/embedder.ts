/**
 * Events → embeddings of one model. One of this project goes by way of the cache of trunk features that training fills and
 * uses too; one of the user's sees every event's frames.
 */
import { featuresOf, framesFor, type OpenModel, openModel } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import type { ProgressListener } from '../base/types.ts';
import type { LabelledEvent } from '../events/labelled.ts';
import { CachedMaps } from '../features/cached-maps.ts';
import { type PlannedEvent, planEvents } from '../features/dataset.ts';
import { embedViews } from '../features/embed.ts';
import { openFeatureCache, prepareFeatures } from '../features/features.ts';
import { framesOfEvent } from '../features/frames.ts';
import type { Tail } from '../l2caf/tail.ts';
import { type EngineName, useEngine } from '../models/backend.ts';
import type { Card } from '../models/card.ts';
import type { EngineChoice } from '../models/choices.ts';
import { createRecurrentHead } from '../models/head-tails.ts';
import { isImported } from '../models/imported.ts';
import { loadModel } from '../models/model-directory.ts';
import { findModel } from '../models/packaged.ts';
import type { FeatureMaps, ImportedDescription } from '../models/video-model.ts';
import { type EmbeddingModel, embeddingModelOf, embeddingModelOfImported } from './embedding-model.ts';

/** A model that embeds events. Close it when done. */
export interface Embedder {
  readonly model: EmbeddingModel;
  /** Chooses the frames of events; hashes their videos. */
  plan(events: readonly LabelledEvent[]): Promise<PlannedEvent[]>;
  /** The raw embeddings. Throws as `prepareFeatures` or `framesAt`. */
  embed(planned: readonly PlannedEvent[], onProgress?: ProgressListener): Promise<Float32Array[]>;
  /** For whoever explains them, whose tails they are: the caller disposes of those, before closing this. */
  events(planned: readonly PlannedEvent[], onProgress?: ProgressListener): Promise<EventFeatures[]>;
  /** Frees what it holds. */
  close(): void;
}

/** An event on its way to its embedding. */
export interface EventFeatures {
  readonly maps: FeatureMaps;
  /** The network after the maps, up to the embedding. */
  readonly tail: Tail;
}

/** How a model is opened. */
export interface EmbedderOptions {
  readonly backend: EngineChoice;
  /** What is known of a file of a network beside its own card. */
  readonly card?: Card | undefined;
  /** Frames per event; by default as many as in its training, or as it takes. */
  readonly frames?: number | undefined;
  /** Told what was guessed of a network, and what was wrong with videos and with the cache, one line each. */
  readonly onNote?: ((note: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a model: one of this project, by its name or folder, without its trunk, which is loaded only for frames that the
 * cache does not hold; or a network of the user's.
 *
 * @throws L2cafError as `findModel` and `loadModel`, or `openModel`
 */
export async function openEmbedder(name: string, options: EmbedderOptions): Promise<Embedder> {
  return options.card !== undefined || (await isImported(name))
    ? openImportedEmbedder(name, options)
    : openOwn(name, options);
}

async function openOwn(name: string, { backend, signal, onNote, ...wanted }: EmbedderOptions): Promise<Embedder> {
  const { head, manifest } = await loadModel(await findModel(name));
  const frames = wanted.frames ?? manifest.preprocessing.frames;
  const cache = openFeatureCache(head.spec);
  const prepare = async (planned: readonly PlannedEvent[], onProgress?: ProgressListener): Promise<EngineName> => {
    const { name: used, warning } = await useEngine(backend, { onProgress, signal });
    if (warning !== undefined) onNote?.(warning);
    await prepareFeatures(planned, head.spec, cache, { backend: used, signal, onWarning: onNote, onProgress });
    return used;
  };
  let recurrent: ReturnType<typeof createRecurrentHead> | undefined;
  return {
    model: embeddingModelOf(head, frames),
    plan: planned(frames, signal),
    embed: async (events, onProgress) => {
      const used = await prepare(events, onProgress);
      const views = events.map((event) => event.views[0]!);
      return embedViews(head, views, { cache, backend: used, signal, onProgress });
    },
    events: async (events, onProgress) => {
      await prepare(events, onProgress);
      recurrent ??= createRecurrentHead(head);
      const shallow = new CachedMaps(head, cache);
      try {
        const made: EventFeatures[] = [];
        for (const event of events) {
          const maps = await shallow.of(event);
          made.push({ maps, tail: recurrent.tail(maps, 'embedding') });
        }
        return made;
      } finally {
        shallow.dispose();
      }
    },
    close: () => recurrent?.dispose(),
  };
}

function planned(frames: number, signal: AbortSignal | undefined): Embedder['plan'] {
  return (events) => planEvents([{ name: 'events', events }], { frames, views: 1, seed: 0, signal });
}

async function openImportedEmbedder(
  name: string,
  { backend, card, frames: wanted, signal, onNote }: EmbedderOptions,
): Promise<Embedder> {
  const open = (count: number | undefined): Promise<OpenModel> => {
    return openModel({
      ...{ backend, model: name },
      ...(card && { card }),
      ...(count && { frames: count }),
      ...(signal && { signal }),
    });
  };
  // One that takes another number is another model than the one that is wanted, which its own number tells.
  const model = await open(wanted).catch((error: unknown) => {
    if (wanted === undefined || !(error instanceof L2cafError) || error.code !== 'usage') throw error;
    return open(undefined);
  });
  const { network, warnings } = model;
  for (const warning of warnings) onNote?.(warning);
  const frames = framesFor(network.input, network.input.frames ?? wanted);
  const see = async (event: PlannedEvent): Promise<EventFeatures> => {
    throwIfAborted(signal);
    const maps = await featuresOf(model, await framesOfEvent(event, network.input.size, { signal, onNote }));
    return { maps, tail: network.tail(maps) };
  };
  /** What `use` makes of each event. */
  const each = async <T>(
    events: readonly PlannedEvent[],
    onProgress: ProgressListener | undefined,
    use: (event: EventFeatures) => T,
  ): Promise<T[]> => {
    const made: T[] = [];
    for (const [i, event] of events.entries()) {
      onProgress?.({ stage: 'embedding', done: i * frames, total: events.length * frames, unit: 'frames' });
      made.push(use(await see(event)));
    }
    return made;
  };
  return {
    model: embeddingModelOfImported(network.describe() as ImportedDescription, frames),
    plan: planned(frames, signal),
    embed: (events, onProgress) =>
      each(events, onProgress, ({ tail }) => {
        const embedding = Float32Array.from(tail.reference);
        tail.dispose();
        return embedding;
      }),
    events: (events, onProgress) => each(events, onProgress, (event) => event),
    close: () => network.dispose(),
  };
}
