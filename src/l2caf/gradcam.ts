/**
 * The gradient-based baselines that L2-CAF is compared with (METHOD §5): Grad-CAM for a class (Selvaraju et al. 2017;
 * paper, Eq. 4 and 5), its extension to embeddings (Eq. 6), and Grad-CAM-abs (Eq. 7); per frame of a recurrent tail too.
 */
import * as tf from '../base/tensorflow.ts';
import type { AttentionMap } from './heatmap.ts';
import { classWeights, outputWeights } from './objective.ts';
import type { FeatureTail } from './tail.ts';

/** What the gradient is taken of: one class score, one number to the side on which it is, or the sum of the embedding's components. */
export type GradCamTarget =
  | { readonly kind: 'class'; readonly index: number }
  | { readonly kind: 'output'; readonly index: number }
  | { readonly kind: 'embedding' };

/** `relu` keeps what argues for the target; `abs` also what argues against it. */
export type GradCamVariant = 'relu' | 'abs';

/**
 * Grad-CAM of each slot: `ReLU(Σ_k α_k A^k)` or `|Σ_k α_k A^k|` with `α_k = mean_ij ∂y/∂A^k_ij`, `[h, w]` each, not
 * scaled. While one slot's feature map is differentiated, the other frames are constants.
 *
 * @throws L2cafError `usage` when there is no such class.
 */
export function gradCam(
  tail: FeatureTail,
  target: GradCamTarget,
  variant: GradCamVariant = 'relu',
  slots: readonly number[] = Array.from({ length: tail.slots }, (_, slot) => slot),
): AttentionMap[] {
  const maps = tf.tidy(() => {
    const features = tf.stack(slots.map((slot) => tail.features(slot))) as tf.Tensor4D; // [n, h, w, c]
    const upstream = tf.tile(tf.tensor2d(targetWeights(target, tail), [1, tail.outputSize]), [slots.length, 1]);
    const gradient = tf.grad((x: tf.Tensor) => tail.outputsOf(x as tf.Tensor4D, slots))(features, upstream);
    const alpha = tf.mean(gradient, [1, 2], true); // [n, 1, 1, c]
    const map = tf.sum(tf.mul(alpha, features), 3); // [n, h, w]
    return (variant === 'abs' ? tf.abs(map) : tf.relu(map)).dataSync<'float32'>();
  });
  const cells = tail.grid.height * tail.grid.width;
  return slots.map((_, i) => ({ ...tail.grid, values: maps.slice(i * cells, (i + 1) * cells) }));
}

/** `ReLU(Σ_k α_k A^k)` or its absolute value, from a map `[h, w, c]` and the weights of its channels: `[h, w]`. */
export function gradCamMap(features: Float32Array, alpha: Float64Array, variant: GradCamVariant): Float32Array {
  const channels = alpha.length;
  return Float32Array.from({ length: features.length / channels }, (_, cell) => {
    let sum = 0;
    for (let k = 0; k < channels; k++) sum += alpha[k]! * features[cell * channels + k]!;
    return variant === 'abs' ? Math.abs(sum) : Math.max(0, sum);
  });
}

/**
 * Weights of the outputs whose sum is differentiated, `[d]`.
 *
 * @throws L2cafError `usage` when there is no such class
 */
export function targetWeights(
  target: GradCamTarget,
  { outputSize, reference }: Pick<FeatureTail, 'outputSize' | 'reference'>,
): Float32Array {
  if (target.kind === 'embedding') return new Float32Array(outputSize).fill(1);
  if (target.kind === 'output') return outputWeights(target.index, reference).map((weight) => -weight);
  return classWeights(target.index, outputSize).map((weight) => (weight < 0 ? 1 : 0));
}
