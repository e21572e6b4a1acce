/** Embeddings of events from cached features: what validation and evaluation compare. */

import { createPause } from '../base/concurrent.ts';
import * as tf from '../base/tensorflow.ts';
import type { Progress, ProgressListener } from '../base/types.ts';
import { computed, type EngineName } from '../models/backend.ts';
import { averaged } from '../models/familiarity.ts';
import { fromFloat16 } from '../models/float16.ts';
import type { Head, HeadSpec } from '../models/head.ts';
import { runHead, type WeightTensors } from '../models/head-network.ts';
import type { FeatureReader, FrameVariant } from './cache.ts';
import type { PlannedView } from './dataset.ts';

/** Events or pictures that go through the head together; bounds memory. */
const THINGS_PER_BATCH = 16;

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
  options: EmbedOptions,
): Promise<Float32Array[]> {
  const run: HeadRun = (tensors, features, frames) => runHead(spec, tensors, features, frames).embeddings;
  const told = { stage: 'embedding', unit: 'events' } as const;
  return outputsOfFrames(
    { spec, weights, run },
    views.map(({ frames }) => frames),
    { ...options, ...told },
  );
}

/** Runs a head on n things of t frames each, `[n·t, h, w, c]` → `[n, outputs]`; called inside `tf.tidy`. */
export type HeadRun = (weights: WeightTensors, features: tf.Tensor4D, frames: number) => tf.Tensor2D;

/** What a head answers to each of several things of as many frames, a few of them at a time. Throws L2cafError `aborted`; as `FeatureReader`. */
export async function outputsOfFrames(
  head: {
    readonly spec: Pick<HeadSpec, 'trunkGrid' | 'trunkChannels'>;
    readonly weights: Head['weights'];
    readonly run: HeadRun;
  },
  things: readonly (readonly FrameVariant[])[],
  { cache, backend, onProgress, signal, stage, unit }: EmbedOptions & Pick<Progress, 'stage' | 'unit'>,
): Promise<Float32Array[]> {
  const { spec, weights, run } = head;
  const tensors = Object.fromEntries(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const outputs: Float32Array[] = [];
  const pause = createPause(signal);
  try {
    for (let first = 0; first < things.length; first += THINGS_PER_BATCH) {
      await pause();
      onProgress?.({ stage, done: first, total: things.length, unit });
      const part = things.slice(first, first + THINGS_PER_BATCH);
      const data = await loadFrames(part.flat(), cache);
      const values = await computed(backend, () => run(tensors, featureTensor(data, spec), part[0]!.length));
      const size = values.length / part.length;
      for (let i = 0; i < part.length; i++) outputs.push(values.slice(i * size, (i + 1) * size));
    }
  } finally {
    tf.dispose(tensors);
  }
  onProgress?.({ stage, done: things.length, total: things.length, unit });
  return outputs;
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
