/**
 * Does a map show what the network has learnt? If the map stays the same while the network unlearns part after part, from
 * the output down, it shows the picture, not the network (cascading re-initialisation; Adebayo et al. 2018,
 * https://arxiv.org/abs/1810.03292, Sec. 3; paper, Fig. 10). Knows maps, not networks: any network that can be re-initialised
 * in parts can be checked.
 */
import { throwIfAborted } from '../base/errors.ts';
import type { GridShape, ProgressListener } from '../base/types.ts';
import { type AttentionMap, toHeatmap } from './heatmap.ts';
import { rankCorrelation, structuralSimilarity } from './similarity.ts';

/** Above this mean rank correlation with the trained network's map, a map hardly depends on what was learnt. */
export const MAX_SANE_CORRELATION = 0.5;

/** How alike the map of a partly re-initialised network is to that of the trained one, as shown: without signs. */
export interface MapSimilarity {
  /** Spearman, over the cells. */
  readonly rankCorrelation: number;
  /** Of the heatmaps. */
  readonly ssim: number;
}

/** One step of the cascade. */
export interface SanityStep {
  /** The part that was re-initialised in this step; those of the steps before it stay so. */
  readonly part: string;
  /** One per map. */
  readonly maps: readonly AttentionMap[];
  /** Of each to the trained network's. */
  readonly similarities: readonly MapSimilarity[];
}

/** What the cascade showed. */
export interface SanityReport {
  readonly steps: readonly SanityStep[];
  /** Over the steps; one per map. */
  readonly meanRankCorrelations: readonly number[];
  /** `passed` when no map's mean rank correlation exceeds {@link MAX_SANE_CORRELATION}. */
  readonly verdict: 'passed' | 'failed';
}

/** A network that can unlearn. */
export interface SanityOptions {
  /** Maps of the trained network. */
  readonly trained: readonly AttentionMap[];
  /** Names of the network's parts, from the output to the input. */
  readonly parts: readonly string[];
  /** The same maps of the network with its first `count` parts re-initialised. */
  mapsWithout(count: number): Promise<readonly AttentionMap[]>;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * Re-initialises a network part by part, from the output down, and compares its maps with those of the trained one.
 *
 * @throws L2cafError `aborted`, and what `mapsWithout` throws
 */
export async function checkSanity(options: SanityOptions): Promise<SanityReport> {
  const { trained, parts, signal } = options;
  const steps: SanityStep[] = [];
  for (const [done, part] of parts.entries()) {
    throwIfAborted(signal);
    options.onProgress?.({ stage: 'sanity check', done, total: parts.length, unit: 'parts' });
    const maps = await options.mapsWithout(done + 1);
    steps.push({ part, maps, similarities: maps.map((map, i) => compare(map, trained[i]!)) });
  }
  options.onProgress?.({ stage: 'sanity check', done: parts.length, total: parts.length, unit: 'parts' });
  const meanRankCorrelations = trained.map(
    (_, i) => steps.reduce((sum, { similarities }) => sum + similarities[i]!.rankCorrelation, 0) / steps.length,
  );
  const isSane = meanRankCorrelations.every((value) => value <= MAX_SANE_CORRELATION);
  return { steps, meanRankCorrelations, verdict: isSane ? 'passed' : 'failed' };
}

/** Points per cell at which heatmaps are compared. */
const POINTS_PER_CELL = 8;

function compare(map: AttentionMap, trained: AttentionMap): MapSimilarity {
  const size: GridShape = { height: POINTS_PER_CELL * trained.height, width: POINTS_PER_CELL * trained.width };
  return {
    rankCorrelation: rankCorrelation(map.values.map(Math.abs), trained.values.map(Math.abs)),
    ssim: structuralSimilarity(toHeatmap(map, size), toHeatmap(trained, size)),
  };
}
