/** How simple a map is: whether few cells hold most of it, and how many levels its heatmap has. */
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';

/**
 * The Gini index of a map's cells (Chalasani et al. 2020, https://arxiv.org/abs/1810.06583, Sec. 5; Hurley and Rickard 2009, Eq. 2.15):
 * `1 − 2 Σ_k (v_k / ‖v‖₁) (N − k + ½) / N` of the sizes in ascending order, `k` from 1. 0 when all are alike, `1 − 1/N` when all
 * lies in one cell; 0 for an empty map. It says nothing of whether the map is right.
 */
export function sparseness({ values }: AttentionMap): number {
  const sizes = Float64Array.from(values, Math.abs).sort();
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total === 0) return 0;
  const weighted = sizes.reduce((sum, size, i) => sum + size * (sizes.length - i - 0.5), 0);
  return 1 - (2 * weighted) / (total * sizes.length);
}

/** Bins of the histogram. */
const BINS = 100;
/** Points per cell of the heatmap whose levels are counted. */
const POINTS_PER_CELL = 8;

/**
 * The entropy, nats, of the histogram of a map's heatmap, as it is shown, in 100 bins between its least and its highest value: 0 for a
 * constant one, `ln 100` at most. The complexity of Hedström et al. 2023, https://arxiv.org/abs/2401.06465, Sec. 4.2.
 */
export function histogramEntropy(map: AttentionMap): number {
  const { values } = toHeatmap(map, { height: POINTS_PER_CELL * map.height, width: POINTS_PER_CELL * map.width });
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (!(high > low)) return 0;
  const counts = new Float64Array(BINS);
  for (const value of values) counts[Math.min(BINS - 1, Math.floor((BINS * (value - low)) / (high - low)))]!++;
  return counts.reduce(
    (sum, count) => (count > 0 ? sum - (count / values.length) * Math.log(count / values.length) : sum),
    0,
  );
}
