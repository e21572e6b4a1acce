/** The comparisons that golden cases are made of. */

import type { AttentionFilter } from '../../src/base/types.ts';
import { correlation } from '../../src/l2caf/starts.ts';
import type { Check, GoldenData } from './case.ts';

/** Tolerances for results that were published by iterating: they stop where their rounding lets them. */
const PUBLISHED = { loss: 1e-3, correlation: 0.999 };
/** Tolerances for the best of many optimiser runs, which may themselves have been stopped a little early. */
const BEST = { relative: 1e-3, absolute: 1e-8, correlation: 0.995 };

/** Passes when `error` is at most `tolerance`; not a number fails. */
export function check(name: string, error: number, tolerance: number): Check {
  return { name, error, tolerance, pass: error <= tolerance };
}

/** Loss and map of a published descent. */
export function checkPublished(name: string, ours: AttentionFilter, loss: number, filter: Float32Array): Check[] {
  return [
    check(`${name} loss (relative)`, Math.abs(ours.loss / loss - 1), PUBLISHED.loss),
    check(`${name} filter (1 − correlation)`, 1 - correlation(ours.values, filter), 1 - PUBLISHED.correlation),
  ];
}

/** At most the best known loss, and the same map, unless ours is a clearly better minimum than the one that was known. */
export function checkBest(name: string, ours: AttentionFilter, loss: number, filter: Float32Array): Check[] {
  const allowed = BEST.relative * loss + BEST.absolute;
  const lossCheck = check(`${name} loss above the best`, ours.loss - loss, allowed);
  if (ours.loss < loss - 10 * allowed) return [lossCheck];
  return [
    lossCheck,
    check(`${name} filter (1 − correlation)`, 1 - correlation(ours.values, filter), 1 - BEST.correlation),
  ];
}

/** Largest absolute difference. */
export function checkClose(name: string, ours: ArrayLike<number>, theirs: Float32Array, tolerance: number): Check {
  const error = theirs.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (ours[i] ?? Number.NaN))), 0);
  return check(name, ours.length === theirs.length ? error : Number.NaN, tolerance);
}

/** The numbers of a tensor that a case cannot do without. */
export function tensorOf({ tensors }: GoldenData, name: string): Float32Array {
  return arrayOf({ tensors }, name).data;
}

/** Shape of a tensor that a case cannot do without. */
export function shapeOf({ tensors }: GoldenData, name: string): readonly number[] {
  return arrayOf({ tensors }, name).shape;
}

function arrayOf({ tensors }: Pick<GoldenData, 'tensors'>, name: string) {
  const array = tensors.get(name);
  if (array === undefined) throw new Error(`the golden file has no tensor ${name}`);
  return array;
}
