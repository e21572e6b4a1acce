/**
 * Gauss–Newton on the unit sphere, for tails that are not linear (METHOD §4): the tail is replaced by its tangent, the
 * problem that remains is solved exactly on the sphere, and the step is kept if the true loss falls. It needs about ten
 * evaluations of the tail where gradient descent needs hundreds, and its stop rule is relative, so the small losses of a
 * recurrent network's early frames are minimised as well as the large ones of the last.
 *
 * Where residuals stay large, the tangent alone converges slowly, because it leaves out the curvature of the tail. That
 * part of the Hessian is learnt from the gradients along the way, and used while it predicts the loss better than the
 * tangent does (NL2SOL: Dennis, Gay & Welsch, "An adaptive nonlinear least-squares algorithm", 1981).
 */
import { addRows, dot, multiplyTransposed, transposeInto, unit } from '../base/matrix.ts';
import { SecantCurvature } from './curvature.ts';
import type { LeastSquares } from './objective.ts';
import { type SphereProblem, type SphereResult, sphereProblem } from './sphere.ts';
import type { SmoothResponse } from './tail.ts';

/** An iteration that lowers the loss by a smaller share than this is the last. */
const TOLERANCE = 1e-6;
const MAX_ITERATIONS = 100;
/** First damping μ, and the largest that is tried, in units of the mean squared length of a Jacobian column. */
const FIRST_DAMPING = 1e-2;
const LARGEST_DAMPING = 1e8;

/** Minimises the objective over filters of unit length, from `start` (any length but zero). */
export async function gaussNewton(
  response: SmoothResponse,
  objective: LeastSquares,
  start: Float64Array,
  maxIterations = MAX_ITERATIONS,
): Promise<SphereResult> {
  const curvature = new SecantCurvature(start.length);
  let point = await evaluate(response, objective, unit(start));
  let damping = FIRST_DAMPING;
  const path = [point];
  for (let iteration = 1; ; iteration++) {
    const tangent = await linearize(response, objective, point);
    curvature.learn(point.filter, tangent.gradient);
    const model = quadraticModel(tangent, curvature, point.filter);
    const step = await acceptedStep(response, objective, point, model, damping);
    const decrease = step === undefined ? 0 : point.loss - step.point.loss;
    if (step !== undefined) {
      curvature.leave(point.filter, transposedProduct(tangent.jacobian, step.point.residuals));
      curvature.judge(step.predictedByTangent, step.curvatureTerm, decrease / objective.scale);
      ({ point, damping } = step);
      path.push(point);
    }
    const converged = decrease <= TOLERANCE * point.loss;
    if (converged || iteration === maxIterations) {
      return { filter: point.filter, loss: point.loss, iterations: iteration, converged, path };
    }
  }
}

/** A filter, what the tail makes of it, and the objective there. */
interface Point {
  readonly filter: Float64Array;
  readonly output: Float64Array;
  readonly residuals: Float64Array;
  readonly loss: number;
}

/** First derivatives at a filter. */
interface Tangent {
  /** `J`, `[residuals, cells]` */
  readonly jacobian: Float64Array;
  /** `Jᵀr` */
  readonly gradient: Float64Array;
}

/** The sum of squares near f as `‖r‖² + 2 gᵀs + sᵀHs`, `s = f' − f`, `H = JᵀJ + C`. */
interface QuadraticModel {
  readonly tangent: Tangent;
  readonly curvature: SecantCurvature;
  /** `H f − g` */
  readonly right: Float64Array;
  readonly sphere: SphereProblem;
  /** Mean diagonal element of `JᵀJ`, the unit of the damping. */
  readonly unit: number;
}

interface Step {
  readonly point: Point;
  /** The damping to go on with. */
  readonly damping: number;
  /** Decrease of the sum of squares as the tangent alone predicted it, and `sᵀCs`. */
  readonly predictedByTangent: number;
  readonly curvatureTerm: number;
}

async function evaluate(response: SmoothResponse, objective: LeastSquares, filter: Float64Array): Promise<Point> {
  const output = Float64Array.from(await response.output(filter));
  const residuals = objective.residuals(output);
  return { filter, output, residuals, loss: objective.scale * dot(residuals, 0, residuals, 0, residuals.length) };
}

async function linearize(response: SmoothResponse, objective: LeastSquares, point: Point): Promise<Tangent> {
  const jacobian = objective.jacobian(point.output, await response.jacobian(point.filter), point.filter.length);
  return { jacobian, gradient: transposedProduct(jacobian, point.residuals) };
}

function quadraticModel(tangent: Tangent, curvature: SecantCurvature, filter: Float64Array): QuadraticModel {
  const cells = filter.length;
  const rows = tangent.jacobian.length / cells;
  const columns = new Float64Array(tangent.jacobian.length); // Jᵀ: [cells, residuals]
  transposeInto(tangent.jacobian, columns, rows, cells);
  const hessian = new Float64Array(cells * cells);
  multiplyTransposed(columns, columns, hessian, cells, cells, rows);
  let trace = 0;
  for (let i = 0; i < cells; i++) trace += hessian[i * cells + i]!;
  if (curvature.isTrusted) curvature.addTo(hessian);
  const right = new Float64Array(cells);
  addRows(filter, hessian, right, cells);
  for (let i = 0; i < cells; i++) right[i]! -= tangent.gradient[i]!;
  return { tangent, curvature, right, sphere: sphereProblem(hessian, cells), unit: trace / cells || 1 };
}

/**
 * The first step of the model, damped by `μ‖f' − f‖²`, at which the true loss falls; the damping that comes with it
 * follows how well the model predicted the loss. Undefined when no damping gives a lower loss.
 */
async function acceptedStep(
  response: SmoothResponse,
  objective: LeastSquares,
  from: Point,
  model: QuadraticModel,
  firstDamping: number,
): Promise<Step | undefined> {
  for (let damping = firstDamping; damping <= LARGEST_DAMPING; damping *= 10) {
    const right = model.right.map((value, i) => value + damping * model.unit * from.filter[i]!);
    const point = await evaluate(response, objective, model.sphere.minimize(right));
    if (!(point.loss < from.loss)) continue;
    const move = point.filter.map((value, i) => value - from.filter[i]!);
    const predictedByTangent = tangentDecrease(model.tangent, move);
    const curvatureTerm = model.curvature.along(move);
    const predicted = predictedByTangent - (model.curvature.isTrusted ? curvatureTerm : 0);
    const ratio = (from.loss - point.loss) / (objective.scale * predicted);
    const nextDamping = ratio > 0.75 ? damping / 10 : ratio < 0.25 ? damping * 4 : damping;
    return { point, damping: nextDamping, predictedByTangent, curvatureTerm };
  }
  return undefined;
}

/** `−2 gᵀs − ‖J s‖²` */
function tangentDecrease({ jacobian, gradient }: Tangent, move: Float64Array): number {
  const cells = move.length;
  let decrease = -2 * dot(gradient, 0, move, 0, cells);
  for (let row = 0; row < jacobian.length; row += cells) decrease -= dot(jacobian, row, move, 0, cells) ** 2;
  return decrease;
}

/** `Mᵀ x`, M `[x.length, columns]`. */
function transposedProduct(matrix: Float64Array, x: Float64Array): Float64Array {
  const product = new Float64Array(matrix.length / x.length);
  addRows(x, matrix, product, product.length);
  return product;
}
