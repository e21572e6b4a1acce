/**
 * How good a space of embeddings is for finding similar events (METHOD §6, "Retrieval"): Recall@K, MAP@R and R-precision
 * as in Musgrave et al., "A Metric Learning Reality Check", https://arxiv.org/abs/2003.08505; NMI of clusters; and
 * nearest-neighbour classification. Plain arrays, exact search: thousands of events, not millions.
 */
import { createPause } from '../base/concurrent.ts';
import { norm } from '../base/matrix.ts';
import type { ProgressListener } from '../base/types.ts';
import { squaredDistance, type Vector } from './vector.ts';

/** The K of Recall@K that are reported. */
export const RECALL_RANKS = [1, 2, 4, 8] as const;

/** The figures of one query, or their means over queries. All are in [0, 1]. */
export interface QueryFigures {
  /** Share of queries with a hit among the nearest K; in the order of {@link RECALL_RANKS}. */
  readonly recallAt: readonly number[];
  /** Mean over queries of `1/R Σ_{i≤R} P(i)·hit(i)`, R the number of references with the query's label. */
  readonly mapAtR: number;
  /** Share of hits among the nearest R. */
  readonly rPrecision: number;
}

/** Retrieval figures, means over the queries that have something to find. */
export interface RetrievalFigures extends QueryFigures {
  /** Of each query for which at least one reference with its label was allowed. */
  readonly perQuery: readonly QueryFigures[];
}

/** A search of many can be watched and stopped. */
export interface SearchWork {
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Searches each embedding among all others, nearest first; equal distances keep the order of the list.
 *
 * @param embeddings n vectors of one length; {@link unitVectors} of them give the order of their cosines.
 * @param isAllowed Whether reference `b` may answer query `a`; never asked for `a` itself.
 * @throws L2cafError `aborted`
 */
export async function retrievalFigures(
  embeddings: readonly Vector[],
  labels: readonly string[],
  isAllowed: (query: number, reference: number) => boolean = () => true,
  { onProgress, signal }: SearchWork = {},
): Promise<RetrievalFigures> {
  const pause = createPause(signal);
  const perQuery: QueryFigures[] = [];
  for (const [a, query] of embeddings.entries()) {
    await pause();
    onProgress?.({ stage: 'searching', done: a, total: embeddings.length, unit: 'events' });
    const references = embeddings.flatMap((_, b) => (b !== a && isAllowed(a, b) ? [b] : []));
    const total = references.filter((b) => labels[b] === labels[a]).length;
    if (total === 0) continue;
    const hits = nearest(query, embeddings, references).map((b) => labels[b] === labels[a]);
    perQuery.push(figuresOf(hits, total));
  }
  onProgress?.({ stage: 'searching', done: embeddings.length, total: embeddings.length, unit: 'events' });
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / perQuery.length;
  return {
    perQuery,
    recallAt: RECALL_RANKS.map((_, i) => mean(perQuery.map(({ recallAt }) => recallAt[i]!))),
    mapAtR: mean(perQuery.map(({ mapAtR }) => mapAtR)),
    rPrecision: mean(perQuery.map(({ rPrecision }) => rPrecision)),
  };
}

/**
 * Normalised mutual information of two labellings of the same things, in [0, 1]: `2·I(a; b) / (H(a) + H(b))`, 1 when
 * both have one class only.
 */
export function normalizedMutualInformation(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const joint = a.map((value, i) => JSON.stringify([value, b[i]]));
  const [entropyA, entropyB] = [entropy(a), entropy(b)];
  if (entropyA + entropyB === 0) return 1;
  return (2 * (entropyA + entropyB - entropy(joint))) / (entropyA + entropyB);
}

/** Labelled embeddings. */
export interface LabelledEmbeddings {
  readonly embeddings: readonly Vector[];
  readonly labels: readonly string[];
}

/**
 * The label of each query by a vote of its `k` nearest references (Euclidean); of labels with equally many votes, the
 * one with the nearest reference. Throws L2cafError `aborted`.
 */
export async function nearestNeighbourLabels(
  queries: readonly Vector[],
  references: LabelledEmbeddings,
  { k = 5, signal }: { readonly k?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<string[]> {
  const pause = createPause(signal);
  const all = [...references.embeddings.keys()];
  const found: string[] = [];
  for (const query of queries) {
    await pause();
    const votes = new Map<string, number>();
    for (const b of nearest(query, references.embeddings, all).slice(0, k)) {
      const label = references.labels[b]!;
      votes.set(label, (votes.get(label) ?? 0) + 1);
    }
    // Labels are in the order of their nearest reference; the sort is stable.
    found.push([...votes].sort(([, m], [, n]) => n - m)[0]![0]);
  }
  return found;
}

/** How often each true label was taken for each label: `counts[i][j]`, rows truth, columns predictions. */
export interface ConfusionTable {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
  /** Mean over true labels of the share that was recognised, in [0, 1]. */
  readonly balancedAccuracy: number;
}

/** Counts what was taken for what; labels are sorted, those that never occur are left out. */
export function confusionTable(truth: readonly string[], predicted: readonly string[]): ConfusionTable {
  const labels = [...new Set([...truth, ...predicted])].sort();
  const counts = labels.map((row) =>
    labels.map((column) => truth.filter((label, i) => label === row && predicted[i] === column).length),
  );
  const shares = counts.flatMap((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return total === 0 ? [] : [row[i]! / total];
  });
  return { labels, counts, balancedAccuracy: shares.reduce((sum, share) => sum + share, 0) / shares.length };
}

/** The vectors scaled to length 1; a zero vector stays zero. Retrieval compares embeddings on the unit sphere. */
export function unitVectors(vectors: readonly Vector[]): Float64Array[] {
  return vectors.map((vector) => {
    const result = Float64Array.from(vector);
    const length = norm(result) || 1;
    return result.map((value) => value / length);
  });
}

function figuresOf(hits: readonly boolean[], total: number): QueryFigures {
  let found = 0;
  let precisions = 0;
  for (const [rank, isHit] of hits.slice(0, total).entries()) {
    if (!isHit) continue;
    found += 1;
    precisions += found / (rank + 1);
  }
  return {
    recallAt: RECALL_RANKS.map((k) => Number(hits.slice(0, k).includes(true))),
    mapAtR: precisions / total,
    rPrecision: found / total,
  };
}

/** The references, nearest first. */
function nearest(query: Vector, embeddings: readonly Vector[], references: readonly number[]): number[] {
  const distance = new Map(references.map((b) => [b, squaredDistance(query, embeddings[b]!)]));
  return [...references].sort((a, b) => distance.get(a)! - distance.get(b)!);
}

/** Entropy of the distribution of values, nats. */
function entropy(values: readonly (string | number)[]): number {
  const counts = new Map<string | number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].reduce((sum, n) => sum - (n / values.length) * Math.log(n / values.length), 0);
}
