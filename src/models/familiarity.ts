/**
 * How far an event is from what a head was trained on. A classifier names a class for whatever it is shown; the trunk's
 * features, averaged over cells and frames, tell streets from rooms, drawings and noise, which the embedding does not: it was
 * trained to keep only what tells one street from another (docs/results.md has both). The distance is Mahalanobis' from the
 * training events, after Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples (NeurIPS 2018), with
 * one mean for all classes.
 */
import type { Distance, FeatureMaps } from './video-model.ts';

/** What is kept of the training events: mean and spread of their averaged features. */
export interface Familiarity {
  /** Mean, `[c]`. */
  readonly mean: Float32Array;
  /** Directions in which they spread most, at right angles and of length 1, `[k, c]`. */
  readonly directions: Float32Array;
  /** Variance along each direction, `[k]`. */
  readonly variances: Float32Array;
  /** Mean variance of all c directions: added to every variance, and taken for that of the directions that are not kept. */
  readonly floor: number;
  /** Distance up to which an event is taken for one of the kind. */
  readonly limit: number;
}

/** Features of cells, `[n, c]` row by row, averaged: `[c]`. */
export function averaged(features: Float32Array, channels: number): Float32Array {
  const sums = new Float64Array(channels);
  for (let first = 0; first < features.length; first += channels) {
    for (let c = 0; c < channels; c++) sums[c]! += features[first + c]!;
  }
  return Float32Array.from(sums, (sum) => (sum * channels) / features.length);
}

/** The distance of an event whose averaged features are `[c]`. */
export function distanceOf(
  { mean, directions, variances, floor }: Omit<Familiarity, 'limit'>,
  event: Float32Array,
): number {
  const offset = event.map((value, i) => value - mean[i]!);
  let rest = offset.reduce((sum, value) => sum + value * value, 0);
  let squared = 0;
  for (const [k, variance] of variances.entries()) {
    let along = 0;
    for (let i = 0; i < offset.length; i++) along += offset[i]! * directions[k * offset.length + i]!;
    squared += along ** 2 / (variance + floor);
    rest -= along ** 2;
  }
  return Math.sqrt(squared + Math.max(0, rest) / floor);
}

/** The distance of an event by its maps; undefined where the head does not know what it was trained on. */
export function headDistance(
  { facts }: { readonly facts?: { readonly familiarity?: Familiarity } },
  { averages }: FeatureMaps,
): Distance | undefined {
  if (facts?.familiarity === undefined || averages === undefined) return undefined;
  const { limit, mean } = facts.familiarity;
  return { distance: distanceOf(facts.familiarity, averaged(averages, mean.length)), limit };
}
