/**
 * Any smooth loss on the unit sphere from its gradient alone, for objectives that are no sum of squares: the class-specific
 * loss (paper, Eq. 2) on a nonlinear tail. The first step goes to the minimiser of the linearised loss, `−∇/‖∇‖`; further
 * ones minimise a quadratic model exactly on the sphere, whose curvature is learnt from how the gradient changes (a
 * symmetric rank-one update, used while it predicts the loss better than the gradient alone). Damping shortens steps
 * towards the current filter until the true loss falls.
 */
import { addRows, dot, norm, unit } from '../base/matrix.ts';
import { SecantCurvature } from './curvature.ts';
import { type SphereProblem, type SphereResult, sphereProblem } from './sphere.ts';

/** A loss of filters, `[h·w]`, and its gradient there. */
export type LossWithGradient = (filter: Float64Array) => Evaluated | Promise<Evaluated>;

interface Evaluated {
  readonly loss: number;
  readonly gradient: Float64Array;
}

/** A step is small that lowers the loss by a smaller share than this of the gradient's length; so many in a row are the last. */
const TOLERANCE = 1e-6;
const SMALL_STEPS = 3;
const MAX_ITERATIONS = 200;
/** First damping, and the largest that is tried, in units of the gradient's length. */
const FIRST_DAMPING = 1e-2;
const LARGEST_DAMPING = 1e4;

/** Minimises a loss over filters of unit length, from `start` (any length but zero). */
export async function quasiNewton(
  evaluate: LossWithGradient,
  start: Float64Array,
  maxIterations = MAX_ITERATIONS,
): Promise<SphereResult> {
  let curvature = new SecantCurvature(start.length);
  const at = async (filter: Float64Array) => ({ filter, ...(await evaluate(filter)) });
  let point = await at(unit(start));
  let damping = FIRST_DAMPING;
  const path = [point];
  let small = 0;
  for (let iteration = 1; ; iteration++) {
    const { filter, gradient } = point;
    const size = norm(gradient);
    const model = stepModel(filter, gradient, curvature);
    let next = point;
    for (; damping <= LARGEST_DAMPING && size > 0; damping *= 10) {
      next = await at(model(damping * size));
      if (next.loss < point.loss) break;
    }
    const decrease = Math.max(0, point.loss - next.loss);
    if (decrease > 0) {
      const move = next.filter.map((value, i) => value - filter[i]!);
      const byGradient = -dot(gradient, 0, move, 0, move.length);
      const term = curvature.along(move) / 2;
      const ratio = decrease / (byGradient - (curvature.isTrusted ? term : 0));
      damping = ratio > 0.75 ? damping / 10 : ratio < 0.25 ? damping * 4 : damping;
      curvature.judge(byGradient, term, decrease);
      curvature.leave(filter, gradient);
      curvature.learn(next.filter, next.gradient);
      point = next;
      path.push(point);
    }
    small = decrease <= TOLERANCE * size ? small + 1 : 0;
    // Where nothing of what was learnt leads down any more, the gradient alone may.
    const isMisled = decrease === 0 && curvature.isTrusted;
    if (isMisled) [curvature, damping] = [new SecantCurvature(filter.length), FIRST_DAMPING];
    const converged = !isMisled && (decrease === 0 || small >= SMALL_STEPS);
    if (converged || iteration === maxIterations) {
      return { filter: point.filter, loss: point.loss, iterations: iteration, converged, path };
    }
  }
}

/** The minimiser on the sphere of `gᵀs + ½ sᵀCs + ½ μ ‖s‖²`, `s = f' − f`, for any damping μ. */
function stepModel(
  filter: Float64Array,
  gradient: Float64Array,
  curvature: SecantCurvature,
): (damping: number) => Float64Array {
  const cells = filter.length;
  const right = gradient.map((value) => -value);
  let sphere: SphereProblem | undefined;
  if (curvature.isTrusted) {
    const matrix = new Float64Array(cells * cells);
    curvature.addTo(matrix);
    addRows(filter, matrix, right, cells);
    sphere = sphereProblem(matrix, cells);
  }
  return (damping) => {
    const pulled = right.map((value, i) => value + damping * filter[i]!);
    return sphere === undefined ? unit(pulled) : sphere.minimize(pulled);
  };
}
