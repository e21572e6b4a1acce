/**
 * Grad-CAM (METHOD §5) of a network that tells no gradients: the weight of a channel is the derivative of the target along
 * that channel over the slot's cells, which two evaluations tell: a little more of the channel everywhere, and a little less.
 */
import type { GradCamTarget, GradCamVariant } from './gradcam.ts';
import { gradCamMap, targetWeights } from './gradcam.ts';
import type { AttentionMap } from './heatmap.ts';
import type { MapTail } from './tail.ts';

/** How far a channel is moved, of the root mean square of the slot's map. */
const STEP = 1e-2;
/** Values that go into the network at once, at most; a single row may be more. */
const VALUES_AT_ONCE = 1 << 24;

/**
 * As `gradCam`, by evaluations alone: `[h, w]` for each slot, not scaled.
 *
 * @throws L2cafError `usage` when there is no such class
 */
export async function measuredGradCam(
  tail: MapTail,
  target: GradCamTarget,
  variant: GradCamVariant = 'relu',
  slots: readonly number[] = Array.from({ length: tail.slots }, (_, slot) => slot),
): Promise<AttentionMap[]> {
  const weights = targetWeights(target, tail);
  const maps: AttentionMap[] = [];
  for (const slot of slots) {
    const features = tail.mapOf(slot);
    const alpha = await channelWeights(tail, slot, features, weights);
    maps.push({ ...tail.grid, values: gradCamMap(features, alpha, variant) });
  }
  return maps;
}

/** `α_k = mean_ij ∂y/∂A^k_ij`, `[c]`. */
async function channelWeights(
  tail: MapTail,
  slot: number,
  features: Float32Array,
  weights: Float32Array,
): Promise<Float64Array> {
  const cells = tail.grid.height * tail.grid.width;
  const channels = features.length / cells;
  const size = features.length;
  const rms = Math.sqrt(features.reduce((sum, value) => sum + value ** 2, 0) / size) || 1;
  const step = STEP * rms;
  const alpha = new Float64Array(channels);
  const most = Math.max(1, Math.floor(VALUES_AT_ONCE / size / 2));
  for (let first = 0; first < channels; first += most) {
    const count = Math.min(most, channels - first);
    const rows = new Float32Array(2 * count * size);
    for (let i = 0; i < count; i++) {
      for (const [row, sign] of [
        [2 * i, 1],
        [2 * i + 1, -1],
      ] as const) {
        rows.set(features, row * size);
        for (let cell = 0; cell < cells; cell++) rows[row * size + cell * channels + first + i]! += sign * step;
      }
    }
    const outputs = await tail.evaluateMaps(rows, new Array<number>(2 * count).fill(slot));
    const target = (row: number): number =>
      weights.reduce((sum, weight, k) => sum + weight * outputs[row * tail.outputSize + k]!, 0);
    for (let i = 0; i < count; i++) alpha[first + i] = (target(2 * i) - target(2 * i + 1)) / (2 * step * cells);
  }
  return alpha;
}
