/**
 * What a filter is asked to do (METHOD §2). Each objective exists as a loss of one output with its gradient, in double
 * precision; as a differentiable loss over a batch of outputs in tensors, for gradient descent; and, where it is one, as a
 * sum of squares, for Gauss–Newton.
 */

import { assertNever, L2cafError } from '../base/errors.ts';
import { addRows, dot, type ExclusiveClasses, unit } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { Tail } from './tail.ts';

/**
 * - `oblivious` (paper, Eq. 1): keep the whole output: `‖NT(x) − FT(x, f)‖²`.
 * - `class` (paper, Eq. 2): raise one output, lower the others: `−FT_c + Σ_{i≠c} FT_i`. For logits. The others are those that exclude
 *   it: all, unless some are named.
 * - `output`: drive one number, such as a steering angle, away from zero, to the side on which it is: `−sign(NT_k) FT_k`. (To
 *   keep a single number has no unique answer.)
 * - `similarity`: keep the cosine similarity to another clip's embedding: `(s(NT, y) − s(FT, y))²`.
 * - `custom`: whatever else maps the output to a number that is to become small.
 */
export type Objective =
  | { readonly kind: 'oblivious' }
  | { readonly kind: 'class'; readonly index: number; readonly excluded?: ExclusiveClasses | undefined }
  | { readonly kind: 'output'; readonly index: number }
  | { readonly kind: 'similarity'; readonly other: Float32Array }
  | { readonly kind: 'custom'; readonly loss: OutputLoss };

/** A loss of an output `[d]`, which it must not keep or change, and its gradient `[d]` there. */
export type OutputLoss = (output: Float64Array) => { readonly loss: number; readonly gradient: Float64Array };

/** How the squares of Eq. 1 are reduced to one number: the paper sums them, both released codes take their mean. */
export type Reduction = 'sum' | 'mean';

/** An objective that is a scaled sum of squares: `L = scale · ‖r(FT(f))‖²`. */
export interface LeastSquares {
  readonly scale: number;
  /** `r`, from the tail's output; a new array. */
  residuals(output: Float64Array): Float64Array;
  /** `∂r/∂f`, `[residuals, cells]`, from the tail's output and Jacobian `[d, cells]`; may be that Jacobian itself. */
  jacobian(output: Float64Array, tailJacobian: Float64Array, cells: number): Float64Array;
}

/** An objective for one input. */
export interface BoundObjective {
  readonly lossOf: OutputLoss;
  /** Outputs `[n, d]` → losses `[n]`; differentiable. The caller disposes of the result. */
  losses(outputs: tf.Tensor2D): tf.Tensor1D;
  /** Of the outputs, `[d]`, where the loss is their weighted sum. */
  readonly weights?: Float32Array;
  /** Absent when the objective is not a sum of squares. */
  readonly leastSquares?: LeastSquares;
}

/**
 * Binds an objective to the unfiltered output of a tail.
 *
 * @throws L2cafError `usage` when the class does not exist, `shape-mismatch` when the other embedding has another length.
 */
export function bindObjective(
  objective: Objective,
  { reference, outputSize }: Pick<Tail, 'reference' | 'outputSize'>,
  reduction: Reduction,
): BoundObjective {
  switch (objective.kind) {
    case 'oblivious':
      return oblivious(reference, reduction === 'mean' ? 1 / outputSize : 1);
    case 'class':
    case 'output': {
      const weights =
        objective.kind === 'class'
          ? classWeights(objective.index, outputSize, objective.excluded)
          : outputWeights(objective.index, reference);
      const gradient = Float64Array.from(weights);
      return {
        weights,
        lossOf: (output) => ({ loss: dot(gradient, 0, output, 0, outputSize), gradient }),
        losses: (outputs) =>
          tf.tidy(() => tf.reshape(tf.matMul(outputs, tf.tensor2d(weights, [outputSize, 1])), [-1]) as tf.Tensor1D),
      };
    }
    case 'similarity':
      return similarity(reference, objective.other);
    case 'custom':
      return { lossOf: objective.loss, losses: (outputs) => lossesByRow(outputs, objective.loss) };
    default:
      return assertNever(objective);
  }
}

/**
 * The class-specific loss as weights of the outputs (paper, Eq. 2): −1 for the class, +1 for all others that exclude it, 0 for classes
 * that do not, `[d]`.
 *
 * @throws L2cafError `usage` when there is no such class.
 */
export function classWeights(
  index: number,
  outputSize: number,
  excluded?: Pick<ExclusiveClasses, 'classes'>,
): Float32Array {
  if (!Number.isInteger(index) || index < 0 || index >= outputSize) {
    throw new L2cafError('usage', `there is no class ${index}: the network has the classes 0 to ${outputSize - 1}`);
  }
  const weights = new Float32Array(outputSize).fill(excluded === undefined ? 1 : 0);
  for (const other of excluded?.classes ?? []) weights[other] = 1;
  weights[index] = -1;
  return weights;
}

/**
 * The loss of one number as weights of the outputs, `[d]`: −1 for a number that is positive, +1 for one that is negative.
 *
 * @throws L2cafError `usage` when there is no such number
 */
export function outputWeights(index: number, reference: Float32Array): Float32Array {
  const side = (reference[index] ?? 0) < 0 ? 1 : -1;
  return classWeights(index, reference.length).map((weight) => (weight < 0 ? side : 0));
}

/** A loss that is known in plain numbers, row by row, as one that tensors can be differentiated through. */
function lossesByRow(outputs: tf.Tensor2D, lossOf: OutputLoss): tf.Tensor1D {
  const byRow = tf.customGrad((x) => {
    const [rows, size] = (x as tf.Tensor2D).shape;
    const values = Float64Array.from((x as tf.Tensor).dataSync());
    const each = Array.from({ length: rows }, (_, row) => lossOf(values.slice(row * size, (row + 1) * size)));
    const gradient = Float32Array.from(each.flatMap((one) => [...one.gradient]));
    return {
      value: tf.tensor1d(each.map(({ loss }) => loss)),
      gradFunc: (dy) => tf.mul(tf.reshape(dy as tf.Tensor, [rows, 1]), tf.tensor2d(gradient, [rows, size])),
    };
  });
  return byRow(outputs) as tf.Tensor1D;
}

function oblivious(reference: Float32Array, scale: number): BoundObjective {
  return {
    lossOf: (output) => {
      const residuals = output.map((value, i) => value - reference[i]!);
      const loss = scale * dot(residuals, 0, residuals, 0, residuals.length);
      return { loss, gradient: residuals.map((residual) => 2 * scale * residual) };
    },
    losses: (outputs) =>
      tf.tidy(() => {
        const target = tf.tensor2d(reference, [1, reference.length]);
        return tf.mul(tf.sum(tf.square(tf.sub(outputs, target)), 1), scale) as tf.Tensor1D;
      }),
    leastSquares: {
      scale,
      residuals: (output) => output.map((value, i) => value - reference[i]!),
      jacobian: (_output, tailJacobian) => tailJacobian,
    },
  };
}

function similarity(reference: Float32Array, other: Float32Array): BoundObjective {
  if (other.length !== reference.length) {
    throw new L2cafError(
      'shape-mismatch',
      `the other embedding has ${other.length} components, this one ${reference.length}`,
      { hint: 'embed both clips with the same model' },
    );
  }
  const direction = unit(Float64Array.from(other));
  const target = cosine(Float64Array.from(reference), direction);
  const slope = (output: Float64Array): Float64Array => {
    const length = Math.sqrt(dot(output, 0, output, 0, output.length));
    if (length === 0) return output;
    const now = cosine(output, direction);
    return output.map((value, k) => (direction[k]! - (now * value) / length) / length);
  };
  return {
    lossOf: (output) => {
      const residual = cosine(output, direction) - target;
      return { loss: residual ** 2, gradient: slope(output).map((value) => 2 * residual * value) };
    },
    losses: (outputs) =>
      tf.tidy(() => {
        const along = tf.matMul(outputs, tf.tensor2d(Float32Array.from(direction), [direction.length, 1]));
        const length = tf.sqrt(tf.sum(tf.square(outputs), 1, true));
        return tf.reshape(tf.square(tf.sub(tf.div(along, length), target)), [-1]) as tf.Tensor1D;
      }),
    leastSquares: {
      scale: 1,
      residuals: (output) => Float64Array.of(cosine(output, direction) - target),
      jacobian: (output, tailJacobian, cells) => {
        const row = new Float64Array(cells);
        addRows(slope(output), tailJacobian, row, cells);
        return row;
      },
    },
  };
}

/** Cosine of the angle to a unit vector; 0 for a vector of zeros, which points nowhere. */
export function cosine(x: Float64Array, direction: Float64Array): number {
  const length = Math.sqrt(dot(x, 0, x, 0, x.length));
  return length === 0 ? 0 : dot(x, 0, direction, 0, x.length) / length;
}
