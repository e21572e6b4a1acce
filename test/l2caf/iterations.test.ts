/**
 * How many iterations the solvers on the sphere need on problems of known shape: what their damping, their learnt curvature and
 * their stop rules are for. The bounds leave a few iterations of room.
 */
import { describe, expect, it } from 'vitest';
import { gaussNewton } from '../../src/l2caf/gauss-newton.ts';
import type { LeastSquares } from '../../src/l2caf/objective.ts';
import { type LossWithGradient, quasiNewton } from '../../src/l2caf/quasi-newton.ts';
import type { SphereResult } from '../../src/l2caf/sphere.ts';
import type { ImmediateResponse } from '../../src/l2caf/tail.ts';
import { normals } from './toys.ts';

const CELLS = 6;
const length = (filter: Float64Array): number => Math.hypot(...filter);

/** `r_k = a_k·f + bend (b_k·f)² − y_k` of so many outputs. */
function bent(outputs: number, bend: number, wanted: number): { response: ImmediateResponse; objective: LeastSquares } {
  const [a, b, y] = [normals(outputs * CELLS, 1, 31), normals(outputs * CELLS, 1, 32), normals(outputs, wanted, 33)];
  const along = (of: Float32Array, k: number, f: Float64Array): number =>
    f.reduce((sum, value, i) => sum + of[k * CELLS + i]! * value, 0);
  const every = <T>(make: (k: number) => T): T[] => Array.from({ length: outputs }, (_, k) => make(k));
  return {
    response: {
      output: (f) => Float64Array.from(every((k) => along(a, k, f) + bend * along(b, k, f) ** 2)),
      jacobian: (f) =>
        Float64Array.from(
          every((k) =>
            Array.from(f, (_, i) => a[k * CELLS + i]! + 2 * bend * along(b, k, f) * b[k * CELLS + i]!),
          ).flat(),
        ),
    },
    objective: {
      scale: 1,
      residuals: (output) => output.map((value, k) => value - y[k]!),
      jacobian: (_output, jacobian) => jacobian,
    },
  };
}

const START = new Float64Array(CELLS).fill(1);

/** A loss on the sphere and its gradient: the sum of the outputs. */
function summed({ response }: { readonly response: ImmediateResponse }): LossWithGradient {
  return (f) => {
    const gradient = new Float64Array(CELLS);
    for (const [i, value] of response.jacobian(f).entries()) gradient[i % CELLS]! += value;
    return { loss: response.output(f).reduce((sum, value) => sum + value, 0), gradient };
  };
}

/** What any run must be: downhill on the sphere, to a filter around which the loss is no lower. */
function expectMinimum({ filter, loss, path, converged }: SphereResult, lossAt: (f: Float64Array) => number): void {
  expect(converged).toBe(true);
  expect(length(filter)).toBeCloseTo(1, 12);
  expect(lossAt(filter)).toBeCloseTo(loss, 12);
  expect(path.at(-1)).toMatchObject({ filter, loss });
  const losses = path.map((point) => point.loss);
  expect(losses).toEqual([...losses].sort((a, b) => b - a));
  for (let stream = 0; stream < 50; stream++) {
    const beside = filter.map((value, i) => value + normals(CELLS, 1e-2, 100 + stream)[i]!);
    expect(lossAt(beside.map((value) => value / length(beside)))).toBeGreaterThan(loss);
  }
}

describe('Gauss–Newton', () => {
  it.each([
    ['of a linear response', 8, 0, 1, 3],
    ['whose residuals end small', 5, 0.2, 0.5, 8],
    ['whose residuals stay large', 12, 0.3, 3, 8],
    ['that bends more than it slopes', 12, 2, 3, 9],
  ] as const)('%s', async (_, outputs, bend, wanted, most) => {
    const problem = bent(outputs, bend, wanted);
    const run = await gaussNewton(problem.response, problem.objective, START);
    expectMinimum(run, (f) =>
      problem.objective.residuals(problem.response.output(f) as Float64Array).reduce((sum, r) => sum + r * r, 0),
    );
    expect(run.iterations).toBeLessThanOrEqual(most);
    expect(run.path).toHaveLength(run.iterations + 1);
  });

  it('gives the scaled loss, whatever the length of the start, and says where it ran out of iterations', async () => {
    const { response, objective } = bent(12, 2, 3);
    const whole = await gaussNewton(response, objective, START);
    const scaled = await gaussNewton(
      response,
      { ...objective, scale: 0.01 },
      START.map((value) => 7 * value),
    );
    expect(scaled.loss).toBeCloseTo(whole.loss / 100, 9);
    expect(scaled.iterations).toBe(whole.iterations);
    const short = await gaussNewton(response, objective, START, 2);
    expect(short).toMatchObject({ iterations: 2, converged: false });
    expect(short.path.map(({ loss }) => loss)).toEqual(whole.path.slice(0, 3).map(({ loss }) => loss));
    const [first] = whole.path;
    expect([...first!.filter]).toEqual(new Array(CELLS).fill(expect.closeTo(1 / Math.sqrt(CELLS), 12)));
  });

  it('stays where it is where nothing is lower', async () => {
    const { response, objective } = bent(12, 2, 3);
    const { filter } = await gaussNewton(response, objective, START);
    const again = await gaussNewton(response, objective, filter);
    expect(again.iterations).toBeLessThanOrEqual(2);
    expect(again.converged).toBe(true);
    const flat = { output: () => Float64Array.of(1), jacobian: () => new Float64Array(CELLS) };
    const nowhere = await gaussNewton(flat, objective, START);
    expect(nowhere).toMatchObject({ iterations: 1, converged: true });
    expect(nowhere.path).toHaveLength(1);
  });
});

describe('quasi-Newton', () => {
  it.each([
    ['of a linear loss', 1, 0, 5],
    ['that bends along one direction', 1, 0.5, 9],
    ['that bends along as many directions as there are cells', 6, 0.5, 9],
    ['that bends more than it slopes', 6, 2, 11],
  ] as const)('%s', async (_, outputs, bend, most) => {
    const evaluate = summed(bent(outputs, bend, 1));
    const run = await quasiNewton(evaluate, START);
    expectMinimum(run, (f) => (evaluate(f) as { loss: number }).loss);
    expect(run.iterations).toBeLessThanOrEqual(most);
  });

  it('is the same for a loss of any size, from a start of any length, and says where it ran out of iterations', async () => {
    const evaluate = summed(bent(6, 2, 1));
    const whole = await quasiNewton(evaluate, START);
    const scaled = await quasiNewton(
      async (f) => {
        const { loss, gradient } = await evaluate(f);
        return { loss: 1024 * loss, gradient: gradient.map((value) => 1024 * value) };
      },
      START.map((value) => 7 * value),
    );
    expect(scaled.loss).toBeCloseTo(1024 * whole.loss, 6);
    expect(scaled.iterations).toBe(whole.iterations);
    const short = await quasiNewton(evaluate, START, 2);
    expect(short).toMatchObject({ iterations: 2, converged: false });
    expect(short.path.map(({ loss }) => loss)).toEqual(whole.path.slice(0, 3).map(({ loss }) => loss));
  });

  it('stays where it is where nothing is lower', async () => {
    const flat = await quasiNewton(() => ({ loss: 3, gradient: new Float64Array(CELLS) }), START);
    expect(flat).toMatchObject({ iterations: 1, converged: true, loss: 3 });
    expect(flat.path).toHaveLength(1);
    expect(length(flat.filter)).toBeCloseTo(1, 12);
  });

  it('ends after three steps in a row that hardly lower the loss', async () => {
    // Ever lower, by less and less: the gradient turns with every look, so that there is always somewhere to go.
    let looks = 0;
    const run = await quasiNewton(() => {
      looks++;
      const gradient = new Float64Array(CELLS);
      gradient[looks % CELLS] = 1;
      return { loss: -1e-7 * looks, gradient };
    }, START);
    expect(run).toMatchObject({ iterations: 3, converged: true });
    expect(run.path).toHaveLength(4);
  });
});
