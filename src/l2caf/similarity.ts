/**
 * How alike two maps are: in the order of their cells (Spearman) and to the eye (SSIM). The measures of the sanity checks
 * of Adebayo et al. 2018, https://arxiv.org/abs/1810.03292, Sec. 3, which the paper repeats in Fig. 10.
 */
import { L2cafError } from '../base/errors.ts';
import type { GridShape, Heatmap } from '../base/types.ts';
import { correlation } from './starts.ts';

/** Spearman's rank correlation of two maps of equal size, ties at their mean rank; 0 when one of them is constant. */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return correlation(ranks(a), ranks(b));
}

/** Side of SSIM's window, points. */
const WINDOW = 7;
/** SSIM's constants for values in [0, 1]. */
const [C1, C2] = [0.01 ** 2, 0.03 ** 2];

/**
 * Mean structural similarity of two heatmaps of one size, over all 7×7 windows with equal weights (Wang et al. 2004,
 * Eq. 13); 1 when they are equal.
 *
 * @throws L2cafError `shape-mismatch` when the sizes differ or a side is shorter than 7.
 */
export function structuralSimilarity(a: Heatmap, b: Heatmap): number {
  const { height, width } = a;
  if (height !== b.height || width !== b.width || Math.min(height, width) < WINDOW) {
    throw new L2cafError(
      'shape-mismatch',
      `SSIM needs two heatmaps of one size, at least ${WINDOW}x${WINDOW}, not ${sizeOf(a)} and ${sizeOf(b)}`,
    );
  }
  let sum = 0;
  let windows = 0;
  for (let top = 0; top + WINDOW <= height; top++) {
    for (let left = 0; left + WINDOW <= width; left++) {
      sum += windowSimilarity(a, b, top, left);
      windows++;
    }
  }
  return sum / windows;
}

function windowSimilarity(a: Heatmap, b: Heatmap, top: number, left: number): number {
  const count = WINDOW * WINDOW;
  let [sumA, sumB, squareA, squareB, product] = [0, 0, 0, 0, 0];
  for (let row = top; row < top + WINDOW; row++) {
    for (let i = row * a.width + left; i < row * a.width + left + WINDOW; i++) {
      const [x, y] = [a.values[i]!, b.values[i]!];
      sumA += x;
      sumB += y;
      squareA += x * x;
      squareB += y * y;
      product += x * y;
    }
  }
  const [meanA, meanB] = [sumA / count, sumB / count];
  const unbiased = (sumOfProducts: number, mean: number): number => (sumOfProducts - count * mean) / (count - 1);
  const varianceA = unbiased(squareA, meanA * meanA);
  const varianceB = unbiased(squareB, meanB * meanB);
  const covariance = unbiased(product, meanA * meanB);
  const luminance = (2 * meanA * meanB + C1) / (meanA * meanA + meanB * meanB + C1);
  return (luminance * (2 * covariance + C2)) / (varianceA + varianceB + C2);
}

/** The rank of each value, from 0. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const ranked = new Float64Array(values.length);
  for (let first = 0; first < order.length; ) {
    let next = first + 1;
    while (next < order.length && values[order[next]!] === values[order[first]!]) next++;
    for (const i of order.slice(first, next)) ranked[i] = (first + next - 1) / 2;
    first = next;
  }
  return ranked;
}

function sizeOf({ height, width }: GridShape): string {
  return `${width}x${height}`;
}
