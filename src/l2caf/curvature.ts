/**
 * The part of a least-squares Hessian that Gauss–Newton leaves out, `C ≈ Σ_k r_k ∇²r_k`, learnt from how the gradient
 * changes from step to step: a symmetric rank-one secant update with NL2SOL's sizing (Dennis, Gay & Welsch 1981), and
 * NL2SOL's rule for when to trust it.
 */
import { addRows, dot, norm } from '../base/matrix.ts';

/** A learnt curvature, `[n, n]`, zero at first. */
export class SecantCurvature {
  readonly #matrix: Float64Array;
  readonly #size: number;
  #previous: { readonly filter: Float64Array; readonly pull: Float64Array } | undefined;
  #trusted = false;

  constructor(size: number) {
    this.#size = size;
    this.#matrix = new Float64Array(size * size);
  }

  /** Whether the last step was predicted better with this curvature than without. */
  get isTrusted(): boolean {
    return this.#trusted;
  }

  /** Remembers the point that is left: its filter, and the *new* residuals pulled back by its Jacobian, `Jᵀr₊`. */
  leave(filter: Float64Array, pull: Float64Array): void {
    this.#previous = { filter, pull };
  }

  /** At the new filter with gradient `J₊ᵀr₊`: corrects C so that `C s` is the change that J's change alone made. */
  learn(filter: Float64Array, gradient: Float64Array): void {
    if (this.#previous === undefined) return;
    const { filter: from, pull } = this.#previous;
    const move = filter.map((value, i) => value - from[i]!);
    const change = gradient.map((value, i) => value - pull[i]!);
    const known = this.#times(move);
    const bend = dot(known, 0, move, 0, this.#size);
    const shrink = bend === 0 ? 1 : Math.min(1, Math.abs(dot(change, 0, move, 0, this.#size) / bend)); // as residuals did
    const missing = change.map((value, i) => value - shrink * known[i]!);
    const along = dot(missing, 0, move, 0, this.#size);
    const isUsable = Math.abs(along) > 1e-8 * norm(missing) * norm(move);
    for (let i = 0; i < this.#size; i++) {
      const factor = isUsable ? missing[i]! / along : 0;
      for (let j = 0; j < this.#size; j++) {
        const at = i * this.#size + j;
        this.#matrix[at] = shrink * this.#matrix[at]! + factor * missing[j]!;
      }
    }
  }

  /** Compares two predictions of the decrease of a step, without and with `sᵀCs`, to what came. */
  judge(predictedByTangent: number, curvatureTerm: number, actual: number): void {
    this.#trusted = Math.abs(predictedByTangent - curvatureTerm - actual) < Math.abs(predictedByTangent - actual);
  }

  /** `sᵀCs` */
  along(move: Float64Array): number {
    return dot(this.#times(move), 0, move, 0, this.#size);
  }

  /** Adds C to a matrix `[n, n]`. */
  addTo(matrix: Float64Array): void {
    for (let i = 0; i < matrix.length; i++) matrix[i]! += this.#matrix[i]!;
  }

  #times(x: Float64Array): Float64Array {
    const product = new Float64Array(this.#size);
    addRows(x, this.#matrix, product, this.#size);
    return product;
  }
}
