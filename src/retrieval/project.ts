/** Embeddings → points of a plane, so that a person can see which events lie together. */
import { L2cafError, throwIfAborted } from '../errors.ts';
import { createRandom } from '../random.ts';
import type { ProgressListener } from '../types.ts';
import { unitVectors } from './metrics.ts';
import type { Vector } from './vector.ts';

/** Principal components (linear, distances stay true), or UMAP (McInnes et al. 2018; neighbourhoods stay together). */
export const PROJECTIONS = ['pca', 'umap'] as const;
/** See {@link PROJECTIONS}. */
export type Projection = (typeof PROJECTIONS)[number];

/** A map of embeddings. */
export interface ProjectedEvents {
  /** One per embedding. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** What the axes mean. */
  readonly axes: readonly [x: string, y: string];
}

/** How {@link projectEmbeddings} works. */
export interface ProjectionOptions {
  readonly method: Projection;
  /** Of UMAP; PCA draws nothing at random. */
  readonly seed: number;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * Projects the directions of embeddings, as retrieval compares them, to two dimensions. The same embeddings and seed give
 * the same points.
 *
 * @throws L2cafError `usage` for fewer than three embeddings; `aborted`
 */
export async function projectEmbeddings(
  embeddings: readonly Vector[],
  options: ProjectionOptions,
): Promise<ProjectedEvents> {
  if (embeddings.length < 3) {
    throw new L2cafError('usage', `a map needs at least three events, not ${embeddings.length}`);
  }
  const rows = unitVectors(embeddings).map((vector) => [...vector]);
  return options.method === 'pca' ? byPca(rows) : byUmap(rows, options);
}

async function byPca(rows: number[][]): Promise<ProjectedEvents> {
  const { PCA } = await import('ml-pca');
  const pca = new PCA(rows, { method: 'covarianceMatrix' });
  const flips = [0, 1].map((k) => signOf(pca.getEigenvectors().getColumn(k)));
  const points = pca
    .predict(rows, { nComponents: 2 })
    .to2DArray()
    .map(([x = 0, y = 0]) => [x * flips[0]!, y * flips[1]!] as const);
  const shares = pca.getExplainedVariance().map((share) => (Number.isFinite(share) ? (100 * share).toFixed(0) : '0'));
  const axis = (k: 0 | 1): string => `component ${k + 1} (${shares[k] ?? 0} % of the variance)`;
  return { points, axes: [axis(0), axis(1)] };
}

/** An eigenvector's sign means nothing; that of its largest part becomes positive, so that a map does not turn over. */
function signOf(eigenvector: readonly number[]): number {
  const largest = eigenvector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? -1 : 1;
}

/** Neighbours that UMAP keeps together: the default of its authors. */
const NEIGHBOURS = 15;

async function byUmap(
  rows: number[][],
  { seed, onProgress, signal }: Pick<ProjectionOptions, 'seed' | 'onProgress' | 'signal'>,
): Promise<ProjectedEvents> {
  const { UMAP } = await import('umap-js');
  const random = createRandom(seed);
  const nNeighbors = Math.min(NEIGHBOURS, rows.length - 1);
  const umap = new UMAP({ nNeighbors, random: () => random.uniform() });
  const epochs = umap.initializeFit(rows);
  for (let epoch = 0; epoch < epochs; epoch++) {
    umap.step();
    if (epoch % 10 !== 9) continue;
    throwIfAborted(signal);
    onProgress?.({ stage: 'projecting', done: epoch + 1, total: epochs, unit: 'epochs' });
    await new Promise(setImmediate); // lets Ctrl-C in
  }
  const points = umap.getEmbedding().map(([x = 0, y = 0]) => [x, y] as const);
  return { points, axes: ['UMAP 1', 'UMAP 2'] };
}
