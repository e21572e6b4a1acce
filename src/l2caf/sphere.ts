/**
 * The one hard step of the exact solvers: a least-squares problem whose unknown must have length 1. Its answer is known
 * in closed form up to one number λ, the root of the *secular equation* (METHOD §4; Moré & Sorensen, "Computing a trust
 * region step", 1983). The matrix is made tridiagonal once; each trial of λ then costs a few additions per unknown, and
 * several right-hand sides (trial dampings of Gauss–Newton) share the work.
 */
import { dot, norm } from '../base/matrix.ts';
import { MatrixKernels } from '../base/matrix-kernels.ts';

/** Minimises `fᵀ G f − 2 qᵀ f` over `‖f‖ = 1` for right-hand sides q, given one symmetric matrix G. */
export interface SphereProblem {
  /** The global minimiser for `q`, `[n]`; a new array. Of two equally good ones (the hard case) always the same one. */
  minimize(q: Float64Array): Float64Array;
}

/** Where a run of an iterative solver on the unit sphere ended. */
export interface SphereResult {
  /** Unit length, signed. */
  readonly filter: Float64Array;
  readonly loss: number;
  /** Jacobians or gradients at accepted steps. */
  readonly iterations: number;
  /** False when it ran out of iterations first. */
  readonly converged: boolean;
  /** Filter and loss at the start and after every step. */
  readonly path: readonly { readonly filter: Float64Array; readonly loss: number }[];
}

/**
 * Prepares the minimisation over the unit sphere for a symmetric positive semidefinite matrix, `[n, n]` row by row,
 * which is overwritten. The minimiser solves `(G + λI) f = q` with `λ ≥ −λ_min(G)` and `‖f‖ = 1`; where no such λ
 * exists because q has no part in the lowest eigenspace (the hard case), a multiple of a lowest eigenvector completes
 * the solution for `λ = −λ_min`.
 */
export function sphereProblem(matrix: Float64Array, n: number): SphereProblem {
  const { diagonal, offDiagonal, reflect, reflectBack } = tridiagonalize(matrix, n);
  const scale = spectralBound(diagonal, offDiagonal) || 1;
  const lowest = lowestEigenvalue(diagonal, offDiagonal, scale);
  let lowestVector: Float64Array | undefined;
  return {
    minimize(q) {
      const g = Float64Array.from(q);
      reflect(g);
      const solution = secularSolution(diagonal, offDiagonal, g, lowest, scale, () => {
        lowestVector ??= lowestEigenvector(diagonal, offDiagonal, lowest, scale);
        return lowestVector;
      });
      reflectBack(solution);
      return rescale(solution, 1 / norm(solution));
    },
  };
}

/** Distance above `−λ_min`, relative to the size of the matrix, below which the problem counts as the hard case. */
const HARD_CASE = 1e-12;

/** Solves the secular equation `‖(T + λI)⁻¹ g‖ = 1` by Newton's method on `1/‖y‖ − 1`, kept inside a bracket. */
function secularSolution(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  g: Float64Array,
  lowest: number,
  scale: number,
  lowestVector: () => Float64Array,
): Float64Array {
  const y = new Float64Array(g.length);
  const z = new Float64Array(g.length);
  let low = -lowest + HARD_CASE * scale;
  let high = -lowest + norm(g) + HARD_CASE * scale; // ‖y‖ ≤ ‖g‖ / (λ + λ_min)
  solveShifted(diagonal, offDiagonal, low, g, y);
  if (norm(y) <= 1) return completeWith(lowestVector(), diagonal, offDiagonal, low, g);
  let shift = low;
  for (let iteration = 0; iteration < 100; iteration++) {
    solveShifted(diagonal, offDiagonal, shift, g, y);
    const length = norm(y);
    if (Math.abs(length - 1) < 1e-13 || high - low <= Number.EPSILON * scale) break;
    if (length > 1) low = shift;
    else high = shift;
    solveShifted(diagonal, offDiagonal, shift, y, z);
    const newton = shift + ((length - 1) * length * length) / dot(y, 0, z, 0, y.length);
    shift = newton > low && newton < high ? newton : (low + high) / 2;
  }
  return y;
}

/** The hard case: the part of the solution outside the lowest eigenvector, and as much of that as length 1 leaves. */
function completeWith(
  vector: Float64Array,
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  shift: number,
  g: Float64Array,
): Float64Array {
  const along = dot(vector, 0, g, 0, g.length);
  const rest = g.map((value, i) => value - along * vector[i]!);
  const y = new Float64Array(g.length);
  solveShifted(diagonal, offDiagonal, shift, rest, y);
  const drift = dot(vector, 0, y, 0, y.length);
  for (let i = 0; i < y.length; i++) y[i]! -= drift * vector[i]!;
  const missing = Math.sqrt(Math.max(0, 1 - dot(y, 0, y, 0, y.length)));
  const sign = along < 0 ? -1 : 1;
  return y.map((value, i) => value + sign * missing * vector[i]!);
}

/** `(T + shift·I) x = right`, T tridiagonal and the sum positive definite, by elimination without pivoting. */
function solveShifted(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  shift: number,
  right: Float64Array,
  x: Float64Array,
): void {
  const n = diagonal.length;
  const factor = new Float64Array(n);
  let pivot = diagonal[0]! + shift;
  x[0] = right[0]! / pivot;
  for (let i = 1; i < n; i++) {
    factor[i] = offDiagonal[i - 1]! / pivot;
    pivot = diagonal[i]! + shift - offDiagonal[i - 1]! * factor[i]!;
    if (Math.abs(pivot) < Number.MIN_VALUE * 1e16) pivot = Number.MIN_VALUE * 1e16;
    x[i] = (right[i]! - offDiagonal[i - 1]! * x[i - 1]!) / pivot;
  }
  for (let i = n - 2; i >= 0; i--) x[i]! -= factor[i + 1]! * x[i + 1]!;
}

/** Largest row sum of absolute values: no eigenvalue is larger. */
function spectralBound(diagonal: Float64Array, offDiagonal: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < diagonal.length; i++) {
    bound = Math.max(bound, Math.abs(diagonal[i]!) + Math.abs(offDiagonal[i - 1] ?? 0) + Math.abs(offDiagonal[i] ?? 0));
  }
  return bound;
}

/** Smallest eigenvalue by bisection on the number of negative pivots (Sturm's theorem). */
function lowestEigenvalue(diagonal: Float64Array, offDiagonal: Float64Array, bound: number): number {
  let low = -bound;
  let high = bound;
  while (high - low > 2 * Number.EPSILON * bound) {
    const middle = (low + high) / 2;
    if (hasEigenvalueBelow(diagonal, offDiagonal, middle)) high = middle;
    else low = middle;
  }
  return low;
}

function hasEigenvalueBelow(diagonal: Float64Array, offDiagonal: Float64Array, value: number): boolean {
  let pivot = diagonal[0]! - value;
  for (let i = 1; pivot > 0 && i < diagonal.length; i++)
    pivot = diagonal[i]! - value - offDiagonal[i - 1]! ** 2 / pivot;
  return pivot <= 0;
}

/** A unit eigenvector of the smallest eigenvalue, by inverse iteration. */
function lowestEigenvector(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  lowest: number,
  scale: number,
): Float64Array {
  const shift = -lowest + HARD_CASE * scale;
  let vector: Float64Array = Float64Array.from(diagonal, (_, i) => 1 + 0.1 * Math.sin(i)); // not orthogonal to it but by accident
  for (let iteration = 0; iteration < 4; iteration++) {
    const next = new Float64Array(vector.length);
    solveShifted(diagonal, offDiagonal, shift, vector, next);
    vector = rescale(next, 1 / norm(next));
  }
  return vector;
}

/** `Qᵀ A Q = T` by Householder reflections, kept in the rows of `a`; `reflect` applies Qᵀ, `reflectBack` Q, in place. */
function tridiagonalize(
  a: Float64Array,
  n: number,
): {
  diagonal: Float64Array;
  offDiagonal: Float64Array;
  reflect: (x: Float64Array) => void;
  reflectBack: (x: Float64Array) => void;
} {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  if (!reduceByKernels(a, n, diagonal, offDiagonal)) reducePlainly(a, n, diagonal, offDiagonal);
  const apply = (x: Float64Array, k: number): void => {
    const v = k * n + k + 1;
    const factor = 2 * dot(a, v, x, k + 1, n - k - 1);
    for (let i = 0; i < n - k - 1; i++) x[k + 1 + i]! -= factor * a[v + i]!;
  };
  const reflect = (x: Float64Array): void => {
    for (let k = 0; k < n - 1; k++) apply(x, k);
  };
  const reflectBack = (x: Float64Array): void => {
    for (let k = n - 2; k >= 0; k--) apply(x, k);
  };
  return { diagonal, offDiagonal, reflect, reflectBack };
}

/** Smaller matrices are not worth the way into the memory of the kernels. */
const FEWEST_ROWS = 12;

/** Leaves in `a` the reflections and beside it the result; false where there are no kernels. */
function reduceByKernels(a: Float64Array, n: number, diagonal: Float64Array, offDiagonal: Float64Array): boolean {
  const kernels = n < FEWEST_ROWS ? undefined : MatrixKernels.get();
  const places = kernels?.place([n * n, n, n, n]);
  if (kernels === undefined || places === undefined) return false;
  const [matrix, on, off, work] = places as [Float64Array, Float64Array, Float64Array, Float64Array];
  matrix.set(a);
  kernels.run.tridiagonalize(matrix.byteOffset, n, on.byteOffset, off.byteOffset, work.byteOffset);
  a.set(matrix);
  diagonal.set(on);
  offDiagonal.set(off.subarray(0, n - 1));
  return true;
}

/** The same without WebAssembly: the reference, and what takes its place. */
function reducePlainly(a: Float64Array, n: number, diagonal: Float64Array, offDiagonal: Float64Array): void {
  const p = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k]!;
    offDiagonal[k] = makeReflector(a, k, n);
    reflectTrailing(a, k, n, p);
  }
  diagonal[n - 1] = a[n * n - 1]!;
}

/** Overwrites row k right of the diagonal with the unit vector v of `I − 2vvᵀ`; returns the off-diagonal it leaves. */
function makeReflector(a: Float64Array, k: number, n: number): number {
  const start = k * n + k + 1;
  const length = n - k - 1;
  const size = Math.sqrt(dot(a, start, a, start, length));
  if (size === 0) return 0;
  const offDiagonal = a[start]! > 0 ? -size : size;
  a[start]! -= offDiagonal;
  const scale = 1 / Math.sqrt(dot(a, start, a, start, length));
  for (let i = 0; i < length; i++) a[start + i]! *= scale;
  return offDiagonal;
}

/** Applies reflector k from both sides to the trailing block: `B ← B − 2 v wᵀ − 2 w vᵀ`, `w = Bv − (vᵀBv) v`. */
function reflectTrailing(a: Float64Array, k: number, n: number, w: Float64Array): void {
  const v = k * n + k + 1;
  const length = n - k - 1;
  for (let i = 0; i < length; i++) w[i] = dot(a, (k + 1 + i) * n + k + 1, a, v, length);
  const quadratic = dot(w, 0, a, v, length);
  for (let i = 0; i < length; i++) w[i]! -= quadratic * a[v + i]!;
  for (let i = 0; i < length; i++) {
    const row = (k + 1 + i) * n + k + 1;
    const vi = 2 * a[v + i]!;
    const wi = 2 * w[i]!;
    for (let j = 0; j < length; j++) a[row + j]! -= vi * w[j]! + wi * a[v + j]!;
  }
}

function rescale(x: Float64Array, factor: number): Float64Array {
  for (let i = 0; i < x.length; i++) x[i]! *= factor;
  return x;
}
