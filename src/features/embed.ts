/** Embeddings of events from cached features: what validation and evaluation compare. */

import { createPause } from '../base/concurrent.ts';
import * as tf from '../base/tensorflow.ts';
import type { ProgressListener } from '../base/types.ts';
import { computed, type EngineName } from '../models/backend.ts';
import { averaged } from '../models/familiarity.ts';
import { fromFloat16 } from '../models/float16.ts';
import type { Head, HeadSpec } from '../models/head.ts';
import { runHead } from '../models/head-network.ts';
import type { FeatureReader, FrameVariant } from './cache.ts';
import type { PlannedView } from './dataset.ts';

/** Events that go through the head together; bounds memory. */
const EVENTS_PER_BATCH = 16;

/** Reads the features of views of t frames each: `[n·t, h, w, c]`, row by row. */
export async function loadFeatures(views: readonly PlannedView[], cache: FeatureReader): Promise<Float32Array> {
  return loadFrames(
    views.flatMap((view) => view.frames),
    cache,
  );
}

/** Reads the features of frames: `[n, h, w, c]`, row by row. */
export async function loadFrames(frames: readonly FrameVariant[], cache: FeatureReader): Promise<Float32Array> {
  const { length } = cache;
  const data = new Float32Array(frames.length * length);
  const readOne = async (i: number): Promise<void> => {
    fromFloat16(await cache.read(frames[i]!), data.subarray(i * length, (i + 1) * length));
  };
  await Promise.all(frames.map((_, i) => readOne(i)));
  return data;
}

/** Features as the head reads them. The caller disposes of the tensor. */
export function featureTensor(
  data: Float32Array,
  { trunkGrid, trunkChannels }: Pick<HeadSpec, 'trunkGrid' | 'trunkChannels'>,
): tf.Tensor4D {
  return tf.tensor4d(data, [
    data.length / (trunkGrid.height * trunkGrid.width * trunkChannels),
    trunkGrid.height,
    trunkGrid.width,
    trunkChannels,
  ]);
}

/** What {@link embedViews} needs beside the views. */
export interface EmbedOptions {
  readonly cache: FeatureReader;
  /** Where the head runs; default: on the current backend. */
  readonly backend?: EngineName | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The raw embedding of each view. */
export async function embedViews(
  { spec, weights }: Pick<Head, 'spec' | 'weights'>,
  views: readonly PlannedView[],
  { cache, backend, onProgress, signal }: EmbedOptions,
): Promise<Float32Array[]> {
  const tensors = Object.fromEntries(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const embeddings: Float32Array[] = [];
  const pause = createPause(signal);
  try {
    for (let first = 0; first < views.length; first += EVENTS_PER_BATCH) {
      await pause();
      onProgress?.({ stage: 'embedding', done: first, total: views.length, unit: 'events' });
      const part = views.slice(first, first + EVENTS_PER_BATCH);
      const data = await loadFeatures(part, cache);
      const frames = part[0]!.frames.length;
      const values = await computed(
        backend,
        () => runHead(spec, tensors, featureTensor(data, spec), frames).embeddings,
      );
      for (let i = 0; i < part.length; i++) {
        embeddings.push(values.slice(i * spec.embeddingSize, (i + 1) * spec.embeddingSize));
      }
    }
  } finally {
    tf.dispose(tensors);
  }
  onProgress?.({ stage: 'embedding', done: views.length, total: views.length, unit: 'events' });
  return embeddings;
}

/** The trunk's features averaged over cells and frames, `[c]` per view: what any head has to beat. */
export async function pooledFeatures(
  views: readonly PlannedView[],
  channels: number,
  { cache, onProgress, signal }: EmbedOptions,
): Promise<Float32Array[]> {
  const pooled: Float32Array[] = [];
  const pause = createPause(signal);
  for (const view of views) {
    await pause();
    onProgress?.({ stage: 'pooling features', done: pooled.length, total: views.length, unit: 'events' });
    const data = await loadFeatures([view], cache);
    pooled.push(averaged(data, channels));
  }
  return pooled;
}
