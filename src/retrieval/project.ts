/** Embeddings → points of a plane, so that a person can see which events lie together. */
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { startThread } from '../base/threads.ts';
import type { ProgressListener } from '../base/types.ts';
import { unitVectors } from './metrics.ts';
import type { UmapData, UmapState } from './umap-thread.ts';
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
/** Epochs between two looks at the signal. */
const EPOCHS_PER_TURN = 10;

async function byUmap(
  rows: number[][],
  { seed, onProgress, signal }: Pick<ProjectionOptions, 'seed' | 'onProgress' | 'signal'>,
): Promise<ProjectedEvents> {
  const data: UmapData = { rows, seed, neighbours: Math.min(NEIGHBOURS, rows.length - 1) };
  const thread = await startThread<number, UmapState>('./umap-thread', import.meta.url, data);
  const stop = (): void => void thread.end();
  signal?.addEventListener('abort', stop);
  try {
    throwIfAborted(signal);
    onProgress?.({ stage: 'finding neighbours', done: 0, total: rows.length, unit: 'events' });
    let state = await thread.run(0);
    onProgress?.({ stage: 'finding neighbours', done: rows.length, total: rows.length, unit: 'events' });
    while (state.epoch < state.epochs) {
      throwIfAborted(signal);
      state = await thread.run(EPOCHS_PER_TURN);
      onProgress?.({ stage: 'projecting', done: state.epoch, total: state.epochs, unit: 'epochs' });
    }
    const points = state.points.map(([x = 0, y = 0]) => [x, y] as const);
    return { points, axes: ['UMAP 1', 'UMAP 2'] };
  } catch (error) {
    throwIfAborted(signal); // rather than that the thread ended
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await thread.end();
  }
}
