/**
 * The exact filter of a linear tail (METHOD §4): global average pooling or flattening followed by one dense layer, as in
 * most classification networks. Both of the paper's objectives then have a global minimum that can be written down.
 */
import { addRows, multiplyTransposed, norm, transposeInto } from '../base/matrix.ts';
import type { Reduction } from './objective.ts';
import { sphereProblem } from './sphere.ts';
import type { LinearProjection } from './tail.ts';

/** A filter of unit length, `[h·w]`, signed, and the objective there. */
export interface ExactFilter {
  readonly filter: Float64Array;
  readonly loss: number;
  /** Whether any filter changes the output; else all are as good, and this one has equal cells. */
  readonly hasEffect: boolean;
}

/** A projection that is smaller than this, of the output without the slot, is rounding. */
const NO_EFFECT = 1e-6;

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
  const hasEffect = matters(projection);
  const filter = hasEffect ? sphereProblem(gram, cells).minimize(right) : equalCells(cells);
  const output = new Float64Array(outputs);
  addRows(filter, columns, output, outputs);
  const squares = output.reduce((sum, value, k) => sum + (value - target[k]!) ** 2, 0);
  return { filter, loss: reduction === 'mean' ? squares / outputs : squares, hasEffect };
}

function matters({ matrix, bias }: LinearProjection): boolean {
  return norm(matrix) > NO_EFFECT * norm(bias);
}

/** The filter of unit length whose cells are all equal. */
export function equalCells(cells: number): Float64Array {
  return new Float64Array(cells).fill(1 / Math.sqrt(cells));
}

/**
 * Class-specific (paper, Eq. 2), and whatever else weighs the outputs: the loss `wᵀ(P f + b)` is linear in f, so the best
 * unit filter points against `Pᵀw`.
 */
export function exactWeighted(projection: LinearProjection, weights: Float32Array): ExactFilter {
  const { matrix, bias } = projection;
  const slope = new Float64Array(matrix.length / bias.length);
  addRows(Float64Array.from(weights), matrix, slope, slope.length);
  const length = norm(slope);
  const filter = length === 0 ? equalCells(slope.length) : slope.map((value) => -value / length);
  const loss = weights.reduce((sum, weight, k) => sum + weight * bias[k]!, 0) - length;
  return { filter, loss, hasEffect: matters(projection) };
}
