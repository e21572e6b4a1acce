/**
 * Clusters of embeddings, seeded, for NMI (METHOD §6): Lloyd's iterations from k-means++ starts (Arthur and
 * Vassilvitskii, 2007), the best of several.
 */
import { createPause } from '../base/concurrent.ts';
import { createRandom, type Random } from '../base/random.ts';
import { squaredDistance, type Vector } from './vector.ts';

/** Settings of {@link kMeans}. */
export interface KMeansOptions {
  readonly clusters: number;
  readonly seed: number;
  /** Independent starts, of which the tightest result counts. */
  readonly starts?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The cluster of each vector, 0 to `clusters − 1`; Euclidean distance. With fewer vectors than clusters, each vector is
 * a cluster. Throws L2cafError `aborted`.
 */
export async function kMeans(
  vectors: readonly Vector[],
  { clusters, seed, starts = 10, signal }: KMeansOptions,
): Promise<number[]> {
  const k = Math.min(clusters, vectors.length);
  const pause = createPause(signal);
  const results: Clustering[] = [];
  for (let start = 0; start < starts; start++) {
    results.push(await lloyd(vectors, k, createRandom(seed, start), pause));
  }
  return results.reduce((best, result) => (result.spread < best.spread ? result : best)).assignment;
}

const MAX_ITERATIONS = 100;

interface Clustering {
  readonly assignment: number[];
  /** Sum of squared distances to the centres. */
  readonly spread: number;
}

async function lloyd(
  vectors: readonly Vector[],
  k: number,
  random: Random,
  pause: () => Promise<void>,
): Promise<Clustering> {
  let centres = plusPlusStart(vectors, k, random);
  let assignment: number[] = [];
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    await pause();
    const next = vectors.map((vector) => nearestCentre(vector, centres).index);
    if (next.every((cluster, i) => cluster === assignment[i])) break;
    assignment = next;
    centres = centres.map((old, cluster) => meanOf(vectors.filter((_, i) => next[i] === cluster)) ?? old);
  }
  const spread = vectors.reduce((sum, vector) => sum + nearestCentre(vector, centres).squared, 0);
  return { assignment, spread };
}

/** Each further centre is drawn with a probability in proportion to its squared distance from those chosen. */
function plusPlusStart(vectors: readonly Vector[], k: number, random: Random): Vector[] {
  const centres = [vectors[Math.floor(random.uniform() * vectors.length)]!];
  while (centres.length < k) {
    const weights = vectors.map((vector) => nearestCentre(vector, centres).squared);
    let rest = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    const drawn = weights.findIndex((weight) => {
      rest -= weight;
      return rest < 0;
    });
    centres.push(vectors[drawn === -1 ? centres.length : drawn]!);
  }
  return centres;
}

function nearestCentre(vector: Vector, centres: readonly Vector[]): { index: number; squared: number } {
  let best = { index: 0, squared: Number.POSITIVE_INFINITY };
  for (const [index, centre] of centres.entries()) {
    const squared = squaredDistance(vector, centre);
    if (squared < best.squared) best = { index, squared };
  }
  return best;
}

function meanOf(vectors: readonly Vector[]): Vector | undefined {
  const [first] = vectors;
  if (first === undefined) return undefined;
  return Float64Array.from(first, (_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length);
}
