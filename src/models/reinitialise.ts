/**
 * Random weights in place of trained ones, part by part: what is left of a map when the network has unlearnt a part of
 * what it knew (sanity checks; paper, Fig. 10).
 */
import { createRandom } from '../base/random.ts';
import type { FoldedWeights } from './resnet.ts';
import type { NamedArray } from './safetensors.ts';

/** What is done to a network's weights before it is built from them. */
export type WeightsEdit = (weights: FoldedWeights) => FoldedWeights;

/** Layers of a network that are re-initialised together. */
export interface NetworkPart {
  readonly name: string;
  /** Whether a weight, such as `conv5_block1_1_conv/kernel`, belongs to the part. */
  owns(weight: string): boolean;
}

/**
 * Replaces the weights of some parts by normal numbers of the same mean and standard deviation, so that activations keep
 * their scale. What a weight becomes depends on the seed and its place in `weights`, not on which others are replaced.
 */
export function reinitialise(weights: FoldedWeights, parts: readonly NetworkPart[], seed: number): FoldedWeights {
  const edited = [...weights].map(([name, array], place): [string, NamedArray] => {
    const isReplaced = parts.some((part) => part.owns(name));
    return [name, isReplaced ? { shape: array.shape, data: redrawn(array.data, seed, place) } : array];
  });
  return new Map(edited);
}

/** Normal numbers of the same mean and standard deviation, of the stream that seed and place name. */
export function redrawn(data: Float32Array, seed: number, place: number): Float32Array {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  const random = createRandom(seed, place);
  return data.map(() => mean + Math.sqrt(variance) * random.normal());
}

/** Layers of a network of the user's whose weights are drawn anew together. */
export interface WeightPart {
  readonly name: string;
  /** Names of the weights, or of what holds them. */
  readonly weights: readonly string[];
}

/** A deep network has hundreds of layers: so many parts at most, behind the filtered layer and before it. */
const MOST_PARTS = 5;

/** Neighbours together, so that there are few parts. */
export function grouped(parts: readonly WeightPart[]): WeightPart[] {
  const count = Math.min(MOST_PARTS, parts.length);
  return Array.from({ length: count }, (_, k) => {
    const own = parts.slice(Math.floor((k * parts.length) / count), Math.floor(((k + 1) * parts.length) / count));
    const [first, last] = [own[0]!.name, own.at(-1)!.name];
    return { name: own.length === 1 ? first : `${first} … ${last}`, weights: own.flatMap(({ weights }) => weights) };
  });
}
