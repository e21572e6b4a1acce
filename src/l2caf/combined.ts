/** What several filters have in common as one: what keeps their size, and how sure their solver was. */
import type { SolverStatus } from '../base/types.ts';
import type { Constraint } from './choices.ts';

/** Values scaled to what a constraint asks of a filter: unit L2 norm, or a sum of sizes of 1; zeros stay. */
export function obeying(values: Float32Array, constraint: Constraint): Float32Array {
  const size = constraint === 'l2' ? Math.hypot(...values) : values.reduce((sum, value) => sum + Math.abs(value), 0);
  return size > 0 ? values.map((value) => value / size) : values;
}

/** The status that promises least. */
export function worstOf(statuses: readonly SolverStatus[]): SolverStatus {
  const order: readonly SolverStatus[] = ['max-iterations', 'converged', 'exact', 'no-effect'];
  return order.find((status) => statuses.includes(status))!;
}
