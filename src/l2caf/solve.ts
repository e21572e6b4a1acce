/**
 * The one entry to L2-CAF: one attention filter for each slot of a tail (paper, Sec. 3; recurrent networks, Sec. 4.3). It
 * picks the solver that the tail, objective and constraint allow, and says which and why.
 */

import { assertNever, L2cafError, throwIfAborted } from '../base/errors.ts';
import { createRandom, type Random } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import type { AttentionFilter, ProgressListener } from '../base/types.ts';
import { differentiated, differentiatedLoss, lossOfResponse, ROWS_PER_BATCH } from './autodiff.ts';
import type { Constraint, SolverChoice } from './choices.ts';
import { constrain, initialParameters, parameterCount } from './constraint.ts';
import { type DescentResult, descend } from './descent.ts';
import { type ExactFilter, equalCells, exactOblivious, exactWeighted } from './exact.ts';
import { gaussNewton } from './gauss-newton.ts';
import { measuredProjections, measuredResponses } from './measured.ts';
import { type BoundObjective, bindObjective, type Objective } from './objective.ts';
import { type DescentOptions, PRESETS, type PresetName } from './presets.ts';
import { quasiNewton } from './quasi-newton.ts';
import type { SphereResult } from './sphere.ts';
import { compareStarts } from './starts.ts';
import { isTensorTail, type LinearProjection, type SmoothResponse, type Tail, type TensorTail } from './tail.ts';

/** How a filter can be found; `gd` is gradient descent, the published way. */
export type SolverName = 'closed-form' | 'gauss-newton' | 'quasi-newton' | 'gd';

/** What to solve, and how. */
export interface SolveOptions {
  /** Default `oblivious`. */
  readonly objective?: Objective;
  /** Default `l2`. */
  readonly constraint?: Constraint;
  /** Default `auto`. */
  readonly solver?: SolverChoice;
  /** Settings of gradient descent, default `paper`; its `reduction` also scales the loss of the other solvers. */
  readonly preset?: PresetName;
  /** Settings that differ from the preset's. */
  readonly descent?: Partial<DescentOptions>;
  /** Of the random starting points; default 0. Each slot and start draws from a stream of its own. */
  readonly seed?: number;
  /** Starting points per slot, of which the best result is kept; default 1. A closed form has no need of more. */
  readonly starts?: number;
  /** Of Gauss–Newton and quasi-Newton, so many iterations at most; default 100. */
  readonly maxIterations?: number;
  /** First starting point of each slot, in place of the solver's own: parameters (cells, row by row) before the constraint. */
  readonly initial?: readonly Float32Array[];
  /** The slots to solve, in this order; default all. */
  readonly slots?: readonly number[];
  /** Keep the filters along the way. */
  readonly trace?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** The filters of a tail's slots, and how they were found. */
export interface FilterSolution {
  /** One per slot that was asked for, in that order. */
  readonly filters: readonly AttentionFilter[];
  /** Why this solver. */
  readonly reason: string;
  /** The choices that were made, by name. */
  readonly options: {
    readonly solver: SolverName;
    readonly preset: PresetName;
    readonly objective: Objective['kind'];
    readonly constraint: Constraint;
  };
}

/**
 * Finds the filters. Slots are independent problems (while one is filtered, the other frames pass untouched), so all are
 * solved together, with the same result as one after another.
 *
 * @throws L2cafError `usage` when the solver does not fit the problem or an option is out of range; `diverged`,
 * `aborted`.
 */
export async function solveFilters(tail: Tail, options: SolveOptions = {}): Promise<FilterSolution> {
  const task = resolveTask(await withMeasuredForm(tail, options.slots), options);
  const { solver, reason } = chooseSolver(task);
  const filters = await solveWith(solver, task);
  const { preset = 'paper' } = options;
  return { filters, reason, options: { solver, preset, objective: task.objective.kind, constraint: task.constraint } };
}

/** A tail that offers nothing but evaluations is tried out: it may be linear. */
async function withMeasuredForm(tail: Tail, slots: SolveOptions['slots']): Promise<Tail> {
  if (tail.linear || tail.smooth || (tail.filtered && !tail.isMeasured)) return tail;
  const projections = await measuredProjections(tail, slots ?? Array.from({ length: tail.slots }, (_, slot) => slot));
  if (projections === undefined) return tail;
  const { slots: count, grid, outputSize, reference } = tail;
  return {
    ...{ slots: count, grid, outputSize, reference },
    evaluate: (filters, of) => tail.evaluate(filters, of),
    ...(tail.filtered && { filtered: (filters, of) => tail.filtered!(filters, of) }),
    linear: (slot) => projections.get(slot)!,
    dispose: () => tail.dispose(),
  };
}

/** Options with nothing left open. */
interface Task {
  readonly tail: Tail;
  readonly objective: Objective;
  readonly bound: BoundObjective;
  readonly constraint: Constraint;
  readonly choice: SolverChoice;
  readonly descent: DescentOptions;
  readonly slots: readonly number[];
  readonly starts: number;
  readonly trace: boolean;
  /** Starting parameters `index` of slot number `at` of `slots`; `best` is the best filter that was found from those before. */
  start(at: number, index: number, first: DescentOptions['initial'], best?: Float32Array): Float32Array;
  readonly options: SolveOptions;
}

function resolveTask(tail: Tail, options: SolveOptions): Task {
  const { objective = { kind: 'oblivious' }, constraint = 'l2', solver = 'auto', starts = 1, seed = 0 } = options;
  const descent = { ...PRESETS[options.preset ?? 'paper'], ...options.descent };
  const slots = options.slots ?? Array.from({ length: tail.slots }, (_, slot) => slot);
  const wrong = slots.find((slot) => !Number.isInteger(slot) || slot < 0 || slot >= tail.slots);
  if (wrong !== undefined) throw new L2cafError('usage', `there is no slot ${wrong}: this input has ${tail.slots}`);
  if (!Number.isInteger(starts) || starts < 1) throw new L2cafError('usage', `starts must be 1 or more, not ${starts}`);
  const length = parameterCount(constraint, tail.grid);
  if (options.initial && !slots.every((_, at) => options.initial?.[at]?.length === length)) {
    throw new L2cafError('shape-mismatch', `initial needs ${length} parameters for each of ${slots.length} slots`);
  }
  return {
    tail,
    objective,
    bound: bindObjective(objective, tail, descent.reduction),
    constraint,
    choice: solver,
    descent,
    slots,
    starts,
    trace: options.trace ?? false,
    start: (at, index, first, best) => {
      const random = createRandom(seed, slots[at]! * 1000 + index);
      const initial = (kind: DescentOptions['initial']) => initialParameters(constraint, kind, tail.grid, random);
      if (index === 0) return options.initial?.[at] ?? initial(first);
      const kind = FURTHER_STARTS[(index - 1) % FURTHER_STARTS.length]!;
      if (kind !== 'around') return initial(kind);
      return best === undefined ? initial('normal') : around(best, random);
    },
    options,
  };
}

/** What starting points after the first are, in turn: positive, around the best filter so far, of both signs. */
const FURTHER_STARTS = ['uniform', 'around', 'normal'] as const;

/** A starting point as far from a filter of unit length as that is from 0. */
function around(filter: Float32Array, random: Random): Float32Array {
  return filter.map((value) => value + random.normal() / Math.sqrt(filter.length));
}

function chooseSolver({ tail, objective, bound, constraint, choice }: Task): { solver: SolverName; reason: string } {
  const noClosedForm =
    tail.linear === undefined
      ? 'the tail is not linear'
      : constraint !== 'l2'
        ? `the constraint is ${constraint}, not l2`
        : objective.kind !== 'oblivious' && bound.weights === undefined
          ? `the ${objective.kind} objective is not quadratic`
          : undefined;
  const noGaussNewton =
    constraint !== 'l2'
      ? `the constraint is ${constraint}, not l2`
      : bound.leastSquares === undefined
        ? `the ${objective.kind} objective is not a sum of squares`
        : undefined;
  const isCostly =
    tail.smooth === undefined && isTensorTail(tail) && !tail.isMeasured && tail.outputSize > ROWS_PER_BATCH;
  const noQuasiNewton = constraint === 'l2' ? undefined : `the constraint is ${constraint}, not l2`;
  const noDescent = tail.filtered === undefined ? 'the network tells no gradients' : undefined;
  const obstacles: Readonly<Partial<Record<SolverChoice, string | undefined>>> = {
    'closed-form': noClosedForm,
    'gauss-newton': noGaussNewton,
    'quasi-newton': noQuasiNewton,
    gd: noDescent,
  };
  const refused = obstacles[choice];
  if (refused !== undefined) {
    throw new L2cafError('usage', `the ${choice} solver cannot be used: ${refused}`, {
      hint: 'leave the solver to auto',
    });
  }
  if (choice !== 'auto') return { solver: choice, reason: `${choice} was asked for` };
  if (noClosedForm === undefined) return { solver: 'closed-form', reason: 'the tail is linear' };
  const whyNoGaussNewton =
    noGaussNewton ?? (isCostly ? `it differentiates each of ${tail.outputSize} outputs` : undefined);
  if (whyNoGaussNewton === undefined) return { solver: 'gauss-newton', reason: `no closed form: ${noClosedForm}` };
  const reason = `no closed form: ${noClosedForm}; no Gauss–Newton: ${whyNoGaussNewton}`;
  if (noQuasiNewton === undefined) return { solver: 'quasi-newton', reason };
  if (noDescent === undefined) return { solver: 'gd', reason };
  throw new L2cafError('usage', `filters under the constraint ${constraint} need gradient descent, but ${noDescent}`, {
    hint: 'use the constraint l2',
  });
}

async function solveWith(solver: SolverName, task: Task): Promise<AttentionFilter[]> {
  switch (solver) {
    case 'closed-form':
      return await eachSlot(task, (slot) => closedForm(task, slot));
    case 'gauss-newton':
    case 'quasi-newton':
      return await eachSlot(task, (slot, at) => onSphere(solver, task, slot, at));
    case 'gd':
      return await byDescent(task);
    default:
      return assertNever(solver);
  }
}

/** Solves slot after slot, with a turn of the event loop between them. */
async function eachSlot(
  { slots, options }: Task,
  solve: (slot: number, at: number) => AttentionFilter | Promise<AttentionFilter>,
): Promise<AttentionFilter[]> {
  const filters: AttentionFilter[] = [];
  for (const [at, slot] of slots.entries()) {
    throwIfAborted(options.signal);
    filters.push(checked(await solve(slot, at)));
    options.onProgress?.({ stage: 'filters', done: at + 1, total: slots.length, unit: 'filters' });
    await tf.nextFrame();
  }
  return filters;
}

function closedForm({ tail, bound: { weights }, descent }: Task, slot: number): AttentionFilter {
  const projection = tail.linear?.(slot) as LinearProjection;
  const { filter, loss, hasEffect }: ExactFilter = weights
    ? exactWeighted(projection, weights)
    : exactOblivious(projection, tail.reference, descent.reduction);
  const values = Float32Array.from(filter);
  return { ...tail.grid, values, loss, iterations: 0, status: hasEffect ? 'exact' : 'no-effect', lossHistory: [loss] };
}

/**
 * The first start is the same for every cell; further ones are random: positive, around the best that was found (a tail with
 * kinks has many minima, and the better ones lie beside each other), of both signs.
 */
async function onSphere(
  solver: 'gauss-newton' | 'quasi-newton',
  { tail, bound, starts, trace, start, options }: Task,
  slot: number,
  at: number,
): Promise<AttentionFilter> {
  const solve =
    solver === 'gauss-newton'
      ? byGaussNewton(tail, slot, bound, options.maxIterations)
      : byQuasiNewton(tail, slot, bound, options.maxIterations);
  const results: (SphereResult & { readonly values: Float32Array })[] = [];
  for (let index = 0; index < starts; index++) {
    throwIfAborted(options.signal);
    const best = results.toSorted((a, b) => a.loss - b.loss)[0]?.values;
    const run = await solve(Float64Array.from(start(at, index, 'ones', best)));
    results.push({ ...run, values: Float32Array.from(run.filter) });
  }
  const { best, outcomes } = compareStarts(results);
  const isStuck = results.every(({ path }) => path.length === 1);
  const ended = best.converged ? 'converged' : 'max-iterations';
  return {
    ...tail.grid,
    values: best.values,
    loss: best.loss,
    iterations: best.iterations,
    status: isStuck && !(await hasEffect(tail, slot)) ? 'no-effect' : ended,
    lossHistory: best.path.map(({ loss }) => loss),
    ...(trace && { trace: best.path.map(({ filter }) => Float32Array.from(filter)) }),
    ...(starts > 1 && { starts: outcomes }),
  };
}

/** Whether a slot changes the output by more than rounding: nothing of it, equal cells, and every other cell at minus one. */
async function hasEffect(tail: Tail, slot: number): Promise<boolean> {
  const cells = tail.grid.height * tail.grid.width;
  const equal = equalCells(cells);
  const turned = equal.map((value, cell) => (cell % 2 === 0 ? value : -value));
  const rows = Float32Array.from([...new Float64Array(cells), ...equal, ...turned]);
  const outputs = await tail.evaluate(rows, [slot, slot, slot]);
  const nothing = outputs.subarray(0, tail.outputSize);
  const largest = nothing.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return outputs.some((value, i) => Math.abs(value - nothing[i % tail.outputSize]!) > 1e-6 * largest);
}

type SphereSolver = (start: Float64Array) => Promise<SphereResult>;

function byGaussNewton(tail: Tail, slot: number, { leastSquares }: BoundObjective, most?: number): SphereSolver {
  const solve = (response: SmoothResponse) => (start: Float64Array) =>
    gaussNewton(response, leastSquares!, start, most);
  const throughTensors = (tensors: TensorTail): SphereSolver => solve(differentiated(tensors, slot));
  return byBestOffer(tail, slot, solve, isCheaperMeasured(tail) ? undefined : throughTensors);
}

function byQuasiNewton(tail: Tail, slot: number, bound: BoundObjective, most?: number): SphereSolver {
  const solve = (response: SmoothResponse) => (start: Float64Array) =>
    quasiNewton(lossOfResponse(response, bound), start, most);
  return byBestOffer(tail, slot, solve, (tensors) => {
    const evaluate = differentiatedLoss(tensors, slot, bound);
    return (start) => quasiNewton(evaluate, start, most);
  });
}

/** A Jacobian takes two rows per cell when it is measured, and a gradient, as much as three rows, per output otherwise. */
function isCheaperMeasured({ isMeasured, grid, outputSize }: Tail): boolean {
  return isMeasured === true && 2 * grid.height * grid.width <= 3 * outputSize;
}

/** Solves on a tail's own response, else through its tensors, else on what is measured of it. */
function byBestOffer(
  tail: Tail,
  slot: number,
  solve: (response: SmoothResponse) => SphereSolver,
  throughTensors: ((tail: TensorTail) => SphereSolver) | undefined,
): SphereSolver {
  if (tail.smooth) return solve(tail.smooth(slot));
  if (throughTensors !== undefined && isTensorTail(tail)) return throughTensors(tail);
  return inTurn(measuredResponses(tail, slot).map(solve));
}

/** Each solver goes on where the one before it ends. */
function inTurn([first, ...others]: readonly SphereSolver[]): SphereSolver {
  return async (start) => {
    let result = await first!(start);
    for (const solver of others) {
      const { iterations, path, ...found } = await solver(result.filter);
      result = { ...found, iterations: result.iterations + iterations, path: [...result.path, ...path.slice(1)] };
    }
    return result;
  };
}

/** All starts of all slots in one batch. */
async function byDescent({
  tail,
  bound,
  constraint,
  descent,
  slots,
  starts,
  trace,
  start,
  options,
}: Task): Promise<AttentionFilter[]> {
  const rows = slots.flatMap((slot, at) => Array.from({ length: starts }, (_, index) => ({ slot, at, index })));
  const problem = {
    starts: rows.map(({ at, index }) => start(at, index, descent.initial)),
    losses: (parameters: tf.Tensor2D, active: readonly number[]) => {
      const filters = constrain(constraint, parameters, tail.grid);
      return bound.losses(
        (tail as TensorTail).filtered(
          filters,
          active.map((row) => rows[row]!.slot),
        ),
      );
    },
  };
  const total = rows.length;
  const results = await descend(problem, descent, {
    ...(options.signal && { signal: options.signal }),
    onFinished: (done) => options.onProgress?.({ stage: 'filters', done, total, unit: 'filters' }),
  });
  const toFilter = (parameters: Float32Array): Float32Array =>
    tf.tidy(() =>
      constrain(constraint, tf.tensor2d(parameters, [1, parameters.length]), tail.grid).dataSync<'float32'>(),
    );
  return slots.map((_, at) => {
    const runs = results.slice(at * starts, (at + 1) * starts);
    const { best, outcomes } = compareStarts(runs.map((run) => ({ ...run, values: toFilter(run.parameters) })));
    return checked({
      ...tail.grid,
      ...describeDescent(best),
      values: best.values,
      ...(trace && { trace: best.path.map(({ parameters }) => toFilter(parameters)) }),
      ...(starts > 1 && { starts: outcomes }),
    });
  });
}

function describeDescent({ loss, iterations, converged, path }: DescentResult) {
  const status = converged ? ('converged' as const) : ('max-iterations' as const);
  return { loss, iterations, status, lossHistory: path.map((look) => look.loss) };
}

/** @throws L2cafError `diverged` when the filter or its loss is not a number. */
function checked(filter: AttentionFilter): AttentionFilter {
  if (Number.isFinite(filter.loss) && filter.values.every(Number.isFinite)) return filter;
  throw new L2cafError('diverged', 'the filter is not a number: the network gave infinite or undefined outputs', {
    hint: 'check the input and the weights of the model',
  });
}
