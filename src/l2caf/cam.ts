/**
 * Class activation maps (Zhou et al. 2016, https://arxiv.org/abs/1512.04150, Eq. 1 and 2): `M = Σ_k w_k A^k`, with `w_k` the
 * weights of a class in the one dense layer behind global average pooling. Of such a tail the closed form says as much as
 * the layer: the contribution of a cell to a score is `M` there, divided by the number of cells.
 */
import { L2cafError } from '../base/errors.ts';
import { createRandom } from '../base/random.ts';
import { type GradCamTarget, targetWeights } from './gradcam.ts';
import type { AttentionMap } from './heatmap.ts';
import { measuredProjections } from './measured.ts';
import type { LinearProjection, MapTail } from './tail.ts';

/**
 * The map of each slot, `[h, w]`, signed and not scaled: its mean over the cells is the score of the class without the bias.
 * What Grad-CAM shows of such a tail is the positive part of it, up to scale.
 *
 * @throws L2cafError `usage` when the tail is not global average pooling and one dense layer, for an embedding, or when
 *   there is no such class
 */
export async function classActivation(
  tail: MapTail,
  target: GradCamTarget,
  slots: readonly number[] = Array.from({ length: tail.slots }, (_, slot) => slot),
): Promise<AttentionMap[]> {
  if (target.kind === 'embedding') {
    throw new L2cafError('usage', 'cam explains a class, not all outputs at once', {
      hint: 'name a class as the target, or use gradcam or l2caf',
    });
  }
  const weights = targetWeights(target, tail);
  const projections = await projectionsOf(tail, slots);
  const cells = tail.grid.height * tail.grid.width;
  return slots.map((slot) => {
    const { matrix } = projections.get(slot)!; // [outputs, cells]
    const values = new Float32Array(cells);
    for (const [k, weight] of weights.entries()) {
      if (weight === 0) continue;
      for (let cell = 0; cell < cells; cell++) values[cell]! += weight * cells * matrix[k * cells + cell]!;
    }
    return { ...tail.grid, values };
  });
}

/** A map whose lowest cell is 0: the published code scales maps from their lowest value to their highest, and cuts nothing off. */
export function lifted({ height, width, values }: AttentionMap): AttentionMap {
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  return { height, width, values: values.map((value) => value - lowest) };
}

/** What each cell of the slots contributes. Throws as {@link classActivation}. */
async function projectionsOf(
  tail: MapTail,
  slots: readonly number[],
): Promise<ReadonlyMap<number, Pick<LinearProjection, 'matrix'>>> {
  for (const slot of slots) {
    if (await isSameAfter(movedOn, tail, slot)) continue;
    throw new L2cafError('usage', `cam needs ${NEEDED}, and where a feature lies matters to this one`, { hint: HINT });
  }
  const projections = tail.linear
    ? new Map(slots.map((slot) => [slot, tail.linear!(slot)]))
    : await measuredProjections(tail, slots);
  if (projections !== undefined) return projections;
  throw new L2cafError('usage', `cam needs ${NEEDED}, and this one is not linear behind the layer`, { hint: HINT });
}

const NEEDED = 'a network that ends in global average pooling and one dense layer';
const HINT = 'use gradcam or l2caf, or choose its last feature map (--layer)';

/** By how much the outputs may differ that should be the same, of the largest change against an empty map: single precision. */
const TOLERANCE = 1e-4;

/** All cells of a map, `[h, w, c]` row by row, moved on by one: behind global pooling the outputs stay, and hardly elsewhere. */
function movedOn(map: Float32Array, channels: number): Float32Array {
  return map.map((_, i) => map[(i + map.length - channels) % map.length]!);
}

/** Whether the outputs for a map of noise of both signs, `[h, w, c]`, stay when it is changed: a ReLU would let a positive one through. */
export async function isSameAfter(
  change: (map: Float32Array, channels: number) => Float32Array,
  tail: MapTail,
  slot: number,
): Promise<boolean> {
  const own = tail.mapOf(slot);
  const channels = own.length / (tail.grid.height * tail.grid.width);
  const random = createRandom(0, CAM_STREAM);
  const scale = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / own.length) || 1;
  const maps = new Float32Array(3 * own.length); // a map of noise, the same changed, and an empty one
  const noise = maps.subarray(0, own.length);
  for (let i = 0; i < own.length; i++) noise[i] = scale * random.normal();
  maps.set(change(noise, channels), own.length);
  const outputs = await tail.evaluateMaps(maps, [slot, slot, slot]);
  const d = tail.outputSize;
  let [range, miss] = [0, 0];
  for (let k = 0; k < d; k++) {
    range = Math.max(range, Math.abs(outputs[k]! - outputs[2 * d + k]!));
    miss = Math.max(miss, Math.abs(outputs[k]! - outputs[d + k]!));
  }
  return miss <= TOLERANCE * range;
}

/** Keeps this noise apart from other draws of the same seed. */
const CAM_STREAM = 309;
