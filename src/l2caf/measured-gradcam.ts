/**
 * Grad-CAM (METHOD §5) of a network that tells no gradients: the weight of a channel is the derivative of the target along
 * that channel over the slot's cells, which two evaluations tell: a little more of the channel everywhere, and a little less. Behind
 * global average pooling the weighted sum of a cell's channels is the derivative of the target by a filter at that cell, of which there are
 * far fewer than channels.
 */
import { isSameAfter } from './cam.ts';
import type { GradCamTarget, GradCamVariant } from './gradcam.ts';
import { gradCamMap, targetWeights } from './gradcam.ts';
import type { AttentionMap } from './heatmap.ts';
import { measuredResponses } from './measured.ts';
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
  const cells = tail.grid.height * tail.grid.width;
  const maps: AttentionMap[] = [];
  for (const slot of slots) {
    const features = tail.mapOf(slot);
    const areCellsFewer = cells < features.length / cells;
    const values =
      areCellsFewer && (await isSameAfter(levelled, tail, slot))
        ? gradCamMap(await cellSlopes(tail, slot, weights), Float64Array.of(1), variant)
        : gradCamMap(features, await channelWeights(tail, slot, features, weights), variant);
    maps.push({ ...tail.grid, values });
  }
  return maps;
}

/** A map, `[h, w, c]`, whose channels are their means everywhere: behind global average pooling the outputs stay. */
function levelled(map: Float32Array, channels: number): Float32Array {
  const means = new Float64Array(channels);
  for (const [i, value] of map.entries()) means[i % channels]! += (value * channels) / map.length;
  return map.map((_, i) => means[i % channels]!);
}

/**
 * `∂y/∂f_ij` at a filter of ones, `[h·w]`. Where `y = g(mean_ij f_ij A_ij)`, that is `∇g · A_ij / (h·w)`, and so is `Σ_k α_k A^k_ij`.
 */
async function cellSlopes(tail: MapTail, slot: number, weights: Float32Array): Promise<Float32Array> {
  const cells = tail.grid.height * tail.grid.width;
  const jacobian = await measuredResponses(tail, slot)[0]!.jacobian(new Float64Array(cells).fill(1));
  return Float32Array.from({ length: cells }, (_, cell) =>
    weights.reduce((sum, weight, k) => sum + weight * jacobian[k * cells + cell]!, 0),
  );
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
