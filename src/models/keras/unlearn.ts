/** What a Keras network learnt, layer by layer, and its weights without some of it (cascading re-initialisation, METHOD §6). */
import * as tf from '../../base/tensorflow.ts';
import { redrawn, type WeightPart } from '../reinitialise.ts';
import type { Node } from './node.ts';
import type { Graph } from './unfolded.ts';
import type { LoadedWeights } from './weights.ts';

/** Weights that are drawn anew: their keys, from the output to the input. */
export interface Forgotten {
  readonly keys: readonly string[];
  readonly seed: number;
}

/** Weights of which some are replaced by normal numbers of the same mean and spread; those are disposed of. */
export function withoutLearnt({ nodes }: Graph, learnt: LoadedWeights, { keys, seed }: Forgotten): LoadedWeights {
  const weights = new Map(learnt);
  let place = 0;
  for (const key of keys) {
    const { layer } = nodes.find((node) => node.weights === key)!;
    const drawn = layer!.weights.map(({ name }, i) => {
      const known = learnt.get(key)![i]!;
      if (name.startsWith('moving_')) return known; // a variance must stay above 0
      const own = tf.tensor(redrawn(known.dataSync<'float32'>(), seed, place++), known.shape);
      known.dispose();
      return own;
    });
    weights.set(key, drawn);
  }
  return weights;
}

/** Layers with weights, each once. */
export function partsOf(nodes: readonly Node[]): WeightPart[] {
  const seen = new Set<string>();
  return nodes.flatMap(({ name, weights, layer }) => {
    if (seen.has(weights) || (layer?.weights.length ?? 0) === 0) return [];
    seen.add(weights);
    return [{ name, weights: [weights] }];
  });
}
