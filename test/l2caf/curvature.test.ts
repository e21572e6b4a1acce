import { describe, expect, it } from 'vitest';
import { SecantCurvature } from '../../src/l2caf/curvature.ts';

const vector = (...values: number[]): Float64Array => Float64Array.from(values);

/** C after it was told of one step from the origin, along which the Jacobian's change alone bent the gradient. */
function learnt(move: Float64Array, change: Float64Array, from = new SecantCurvature(2)): SecantCurvature {
  from.leave(vector(0, 0), vector(1, -1));
  from.learn(move, vector(1 + change[0]!, -1 + change[1]!));
  return from;
}

function matrixOf(curvature: SecantCurvature): number[] {
  const matrix = new Float64Array(4);
  curvature.addTo(matrix);
  return [...matrix];
}

describe('the curvature that Gauss–Newton leaves out', () => {
  it('is zero, and not trusted, before anything is learnt', () => {
    const curvature = new SecantCurvature(2);
    curvature.learn(vector(1, 2), vector(3, 4)); // no point was left
    expect(matrixOf(curvature)).toEqual([0, 0, 0, 0]);
    expect(curvature.isTrusted).toBe(false);
  });

  it('is the matrix of rank one that takes the step to the change of the gradient', () => {
    // y yᵀ / (yᵀs) with y = (2, 4), s = (1, 0.5): yᵀs = 4
    const curvature = learnt(vector(1, 0.5), vector(2, 4));
    expect(matrixOf(curvature)).toEqual([1, 2, 2, 4]);
    expect(curvature.along(vector(1, 0.5))).toBe(4);
    expect(curvature.along(vector(1, 0))).toBe(1);
  });

  it('shrinks as the residuals did before it is corrected, and never grows so', () => {
    // sᵀCs = 9 for s = (1, 1), sᵀy = 4.5: half of C remains, and what it lacks is (4, 0.5) − (1.5, 3)
    const shrunk = learnt(vector(1, 1), vector(4, 0.5), learnt(vector(1, 0.5), vector(2, 4)));
    expect(shrunk.along(vector(1, 1))).toBeCloseTo(4.5, 12); // missing is at right angles to the step: not corrected
    expect(matrixOf(shrunk)).toEqual([0.5, 1, 1, 2]);
    // sᵀy = 18 of 9: C stays whole, and y − Cs = (6, 3) is added along itself, over its product with the step, 9
    const kept = learnt(vector(1, 1), vector(9, 9), learnt(vector(1, 0.5), vector(2, 4)));
    expect(matrixOf(kept)).toEqual([1 + 36 / 9, 2 + 18 / 9, 2 + 18 / 9, 4 + 9 / 9]);
  });

  it('is not corrected where the change is at right angles to the step, as near as rounding tells', () => {
    for (const length of [1e3, 1e-3]) {
      const of = (cosine: number) => matrixOf(learnt(vector(length, 0), vector(cosine, 1)));
      expect(of(1e-9)).toEqual([0, 0, 0, 0]);
      expect(of(1e-7)[3]! * 1e-7 * length).toBeCloseTo(1, 6);
    }
  });

  it('is trusted while it predicts a decrease better than the tangent alone', () => {
    const curvature = new SecantCurvature(2);
    curvature.judge(5, 2, 3.5); // 3 beside 5, for 3.5
    expect(curvature.isTrusted).toBe(true);
    curvature.judge(5, 2, 4.5);
    expect(curvature.isTrusted).toBe(false);
    curvature.judge(5, 2, 4); // as good is not better
    expect(curvature.isTrusted).toBe(false);
  });
});
