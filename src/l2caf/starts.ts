/**
 * Choosing among several starting points. A nonlinear tail may have several minima: how far the starts agree, in loss
 * and in map, tells how much the result can be trusted.
 */
import type { StartOutcome } from '../base/types.ts';

/** What a solver found from one start. */
interface Run {
  readonly values: Float32Array;
  readonly loss: number;
}

/** The run with the lowest loss (the first of equals), and how each run compares with it. */
export function compareStarts<R extends Run>(runs: readonly R[]): { best: R; outcomes: StartOutcome[] } {
  const best = runs.reduce((lowest, run) => (run.loss < lowest.loss ? run : lowest));
  const outcomes = runs.map(({ loss, values }) => ({ loss, correlation: correlation(values, best.values) }));
  return { best, outcomes };
}

/** Pearson correlation of two maps of equal size; 0 when one of them is constant. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  let meanA = 0;
  let meanB = 0;
  for (let i = 0; i < n; i++) {
    meanA += a[i]! / n;
    meanB += b[i]! / n;
  }
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < n; i++) {
    const x = a[i]! - meanA;
    const y = b[i]! - meanB;
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return squareA > 0 && squareB > 0 ? product / Math.sqrt(squareA * squareB) : 0;
}
