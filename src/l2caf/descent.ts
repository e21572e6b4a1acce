/**
 * Gradient descent as the paper and its authors' codes do it (Sec. 3; METHOD §4), over many filters at once: each row of
 * a batch is a problem of its own, with its own stop rule, and leaves the batch when it holds, so the result is that of
 * solving one after another. Parameters and optimiser state are plain numbers; only loss and gradient need tensors.
 */

import { createPause } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import * as tf from '../base/tensorflow.ts';
import type { DescentOptions } from './presets.ts';

/** Rows to be minimised independently. */
export interface DescentProblem {
  /** Starting parameters of each row, all of the same length p. */
  readonly starts: readonly Float32Array[];
  /** Parameters `[m, p]` of the rows whose indices are given → their losses `[m]`; differentiable. */
  losses(parameters: tf.Tensor2D, rows: readonly number[]): tf.Tensor1D;
}

/** Where one row ended. */
export interface DescentResult {
  readonly parameters: Float32Array;
  readonly loss: number;
  /** The iteration at which the stop rule held, or the limit. */
  readonly iterations: number;
  /** False when it ran out of iterations first. */
  readonly converged: boolean;
  /** Parameters and loss at every look, from the start on, and at the end. */
  readonly path: readonly { readonly parameters: Float32Array; readonly loss: number }[];
}

/** Watching and stopping a descent. */
export interface DescentControl {
  readonly signal?: AbortSignal;
  /** Called at every look with the number of rows that have finished. */
  readonly onFinished?: (rows: number) => void;
}

/**
 * Minimises every row.
 *
 * @throws L2cafError `diverged` when a loss or gradient is not a number, `aborted` when the signal fires.
 */
export async function descend(
  problem: DescentProblem,
  options: DescentOptions,
  control: DescentControl = {},
): Promise<DescentResult[]> {
  const rows = problem.starts.map((start) => new Row(start, options));
  const pause = createPause(control.signal);
  let active = [...rows.keys()];
  for (let iteration = 0; active.length > 0; iteration++) {
    await pause();
    const { losses, gradients } = await lossesAndGradients(problem, rows, active);
    if (![...losses, ...gradients].every(Number.isFinite)) {
      throw new L2cafError('diverged', `gradient descent diverged at iteration ${iteration}`, {
        hint: 'lower the learning rate, or use the exact solver',
      });
    }
    const width = gradients.length / active.length;
    for (const [i, row] of active.entries()) {
      rows[row]!.advance(losses[i]!, gradients.subarray(i * width, (i + 1) * width), iteration);
    }
    active = active.filter((row) => rows[row]!.result === undefined);
    if (iteration % options.checkEvery === 0) control.onFinished?.(rows.length - active.length);
  }
  return rows.map(({ result }) => result!);
}

/** Losses `[m]` and gradients `[m·p]` of the rows that are still active. */
async function lossesAndGradients(
  problem: DescentProblem,
  rows: readonly Row[],
  active: readonly number[],
): Promise<{ readonly losses: Float32Array; readonly gradients: Float32Array }> {
  const tensors = tf.tidy(() => {
    const parameters = tf.stack(active.map((row) => tf.tensor1d(rows[row]!.parameters)));
    const ones = tf.ones([active.length]) as tf.Tensor1D;
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => problem.losses(x as tf.Tensor2D, active))(
      parameters,
      ones,
    );
    return [value, grad] as const;
  });
  try {
    const [losses, gradients] = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
    return { losses: losses!, gradients: gradients! };
  } finally {
    tf.dispose([...tensors]);
  }
}

/** One problem of the batch: its parameters, the state of its optimiser, and its stop rule. */
class Row {
  readonly parameters: Float32Array;
  result: DescentResult | undefined;
  readonly #options: DescentOptions;
  readonly #path: { readonly parameters: Float32Array; readonly loss: number }[] = [];
  readonly #mean: Float64Array;
  readonly #square: Float64Array;
  /** The iteration at which the stop rule held. */
  #convergedAt: number | undefined;

  constructor(start: Float32Array, options: DescentOptions) {
    this.parameters = Float32Array.from(start);
    this.#options = options;
    this.#mean = new Float64Array(start.length);
    this.#square = new Float64Array(start.length);
  }

  /**
   * One iteration, from the loss and gradient at the current parameters. As in the published codes, the step of the
   * iteration at which the stop rule holds is still taken; the result is what it leads to.
   */
  advance(loss: number, gradient: Float32Array, iteration: number): void {
    const { checkEvery, tolerance, maxIterations } = this.#options;
    const isLast = this.#convergedAt !== undefined || iteration === maxIterations;
    const previous = this.#path.at(-1)?.loss ?? Number.POSITIVE_INFINITY;
    if (isLast || iteration % checkEvery === 0) this.#path.push({ parameters: this.parameters.slice(), loss });
    if (isLast) {
      const converged = this.#convergedAt !== undefined;
      const iterations = this.#convergedAt ?? iteration;
      this.result = { parameters: this.parameters, loss, iterations, converged, path: this.#path };
      return;
    }
    if (iteration % checkEvery === 0 && Math.abs(loss - previous) < tolerance) this.#convergedAt = iteration;
    this.#step(gradient, iteration);
  }

  #step(gradient: Float32Array, iteration: number): void {
    const { learningRate, endLearningRate, maxIterations, optimizer } = this.#options;
    const rate = endLearningRate + (learningRate - endLearningRate) * (1 - iteration / maxIterations);
    for (let i = 0; i < gradient.length; i++) {
      const slope = gradient[i]!;
      this.parameters[i]! -= rate * (optimizer === 'adam' ? this.#adam(slope, i, iteration + 1) : slope);
    }
  }

  /** Adam (Kingma & Ba 2015) with β = 0.9, 0.999 and ε = 1e-8: the step of parameter i at unit rate. */
  #adam(slope: number, i: number, step: number): number {
    this.#mean[i] = 0.9 * this.#mean[i]! + 0.1 * slope;
    this.#square[i] = 0.999 * this.#square[i]! + 0.001 * slope * slope;
    const mean = this.#mean[i]! / (1 - 0.9 ** step);
    const square = this.#square[i]! / (1 - 0.999 ** step);
    return mean / (Math.sqrt(square) + 1e-8);
  }
}
