/**
 * The exact filter of a linear tail (METHOD §4): global average pooling or flattening followed by one dense layer, as in
 * most classification networks. Both of the paper's objectives then have a global minimum that can be written down.
 */
import { addRows, multiplyTransposed, transposeInto } from '../base/matrix.ts';
import type { Reduction } from './objective.ts';
import { sphereProblem } from './sphere.ts';
import type { LinearProjection } from './tail.ts';

/** A filter of unit length, `[h·w]`, signed, and the objective there. */
export interface ExactFilter {
  readonly filter: Float64Array;
  readonly loss: number;
}

/**
 * Class-oblivious (paper, Eq. 1): the global minimum of `‖P f + b − NT‖²` over unit filters.
 *
 * @param reference `NT(x)`, `[outputSize]`.
 */
export function exactOblivious(
  projection: LinearProjection,
  reference: Float32Array,
  reduction: Reduction,
): ExactFilter {
  const { matrix, bias } = projection;
  const outputs = bias.length;
  const cells = matrix.length / outputs;
  const columns = new Float64Array(matrix.length); // Pᵀ: [cells, outputs]
  transposeInto(matrix, columns, outputs, cells);
  const gram = new Float64Array(cells * cells);
  multiplyTransposed(columns, columns, gram, cells, cells, outputs);
  const target = bias.map((value, k) => reference[k]! - value);
  const right = new Float64Array(cells);
  addRows(target, matrix, right, cells);
  const filter = sphereProblem(gram, cells).minimize(right);
  const output = new Float64Array(outputs);
  addRows(filter, columns, output, outputs);
  const squares = output.reduce((sum, value, k) => sum + (value - target[k]!) ** 2, 0);
  return { filter, loss: reduction === 'mean' ? squares / outputs : squares };
}

/**
 * Class-specific (paper, Eq. 2), and whatever else weighs the outputs: the loss `wᵀ(P f + b)` is linear in f, so the best
 * unit filter points against `Pᵀw`.
 */
export function exactWeighted({ matrix, bias }: LinearProjection, weights: Float32Array): ExactFilter {
  const slope = new Float64Array(matrix.length / bias.length);
  addRows(Float64Array.from(weights), matrix, slope, slope.length);
  const length = Math.sqrt(slope.reduce((sum, value) => sum + value * value, 0));
  const filter = slope.map((value) => (length === 0 ? 1 / Math.sqrt(slope.length) : -value / length));
  return { filter, loss: weights.reduce((sum, weight, k) => sum + weight * bias[k]!, 0) - length };
}
