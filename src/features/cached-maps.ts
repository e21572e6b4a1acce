/** Feature maps of events without a trunk: for whoever explains events whose features are in the cache. */

import * as tf from '../base/tensorflow.ts';
import { featureMapShape, type Head } from '../models/head.ts';
import { runHead } from '../models/head-network.ts';
import type { FeatureMaps } from '../models/video-model.ts';
import type { FeatureCache } from './cache.ts';
import type { PlannedEvent } from './dataset.ts';
import { featureTensor, loadFeatures } from './embed.ts';

/** The shallow CNN's maps of events, from the cached features of their frames. Dispose of it. */
export class CachedMaps {
  readonly #spec: Head['spec'];
  readonly #cache: FeatureCache;
  readonly #weights: Readonly<Record<string, tf.Tensor>>;

  constructor({ spec, weights }: Head, cache: FeatureCache) {
    this.#spec = spec;
    this.#cache = cache;
    this.#weights = Object.fromEntries(
      [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
    );
  }

  /** The maps of an event's first view. */
  async of({ views }: PlannedEvent): Promise<FeatureMaps> {
    const view = views[0]!;
    const features = await loadFeatures([view], this.#cache);
    const steps = view.frames.length;
    const { height, width, channels } = featureMapShape(this.#spec);
    const data = tf.tidy(() =>
      runHead(this.#spec, this.#weights, featureTensor(features, this.#spec), steps).maps.dataSync<'float32'>(),
    );
    return { data, shape: [steps, height, width, channels] };
  }

  /** Frees its tensors. */
  dispose(): void {
    tf.dispose(this.#weights);
  }
}
