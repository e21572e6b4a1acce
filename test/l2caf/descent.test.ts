/** Gradient descent against steps worked out by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { type DescentProblem, descend } from '../../src/l2caf/descent.ts';
import type { DescentOptions } from '../../src/l2caf/presets.ts';
import { useBackend } from '../../src/models/backend.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

const SETTINGS: DescentOptions = {
  ...{ reduction: 'sum', optimizer: 'sgd', initial: 'ones' },
  ...{ learningRate: 1, endLearningRate: 1, maxIterations: 4, checkEvery: 1, tolerance: 0 },
};

/** Half the sum of squares, whose gradient are the parameters themselves. */
const bowl = (...starts: readonly (readonly number[])[]): DescentProblem => ({
  starts: starts.map((start) => Float32Array.from(start)),
  losses: (parameters) => tf.mul(tf.sum(tf.square(parameters), 1), 0.5),
});

/** The sum of the parameters, times a slope. */
const slide = (slope: number, ...starts: readonly (readonly number[])[]): DescentProblem => ({
  starts: starts.map((start) => Float32Array.from(start)),
  losses: (parameters) => tf.mul(tf.sum(parameters, 1), slope),
});

const close = (values: readonly number[], digits = 6) => values.map((value) => expect.closeTo(value, digits));

describe('descend', () => {
  it('lets the rate fall on a line, and ends before a step at the limit', async () => {
    const [run] = await descend(bowl([1, -2]), { ...SETTINGS, learningRate: 0.5, endLearningRate: 0.1, checkEvery: 2 });
    // Rates 0.5, 0.4, 0.3, 0.2: of each number 0.5, 0.3, 0.21, 0.168 remain.
    expect([...run!.parameters]).toEqual(close([0.168, -0.336]));
    expect(run).toMatchObject({ iterations: 4, converged: false, loss: expect.closeTo(2.5 * 0.168 ** 2, 6) });
    expect(run!.path.map(({ loss }) => loss)).toEqual(close([2.5, 2.5 * 0.09, 2.5 * 0.168 ** 2]));
    expect(run!.path.map(({ parameters }) => parameters[0]!)).toEqual(close([1, 0.3, 0.168]));
  });

  it('takes steps of Adam, corrected for the zeros that its means begin with', async () => {
    const adam = { ...SETTINGS, optimizer: 'adam', learningRate: 0.1, endLearningRate: 0.1 } as const;
    const [steady] = await descend(slide(3, [1]), { ...adam, maxIterations: 3 });
    expect([...steady!.parameters]).toEqual(close([0.7])); // as long as the rate, whatever the slope
    // 1, 0.9; then the means are 0.18 / 0.19 and 0.001809 / 0.001999
    const [bent] = await descend(bowl([1]), { ...adam, maxIterations: 2 });
    expect([...bent!.parameters]).toEqual(close([0.9 - (0.1 * (0.18 / 0.19)) / Math.sqrt(1.809 / 1.999)]));
    const [flat] = await descend(slide(1e-8, [1]), { ...adam, maxIterations: 1 });
    expect([...flat!.parameters]).toEqual(close([0.95])); // ε is as large as the slope
  });

  it('takes one more step once the loss changes by less than the tolerance, never by as much', async () => {
    const [run] = await descend(slide(1, [0]), { ...SETTINGS, tolerance: 1.5 });
    expect(run).toMatchObject({ iterations: 1, converged: true, loss: -2 });
    expect([...run!.parameters]).toEqual([-2]);
    expect(run!.path.map(({ loss }) => loss)).toEqual([0, -1, -2]);
    const [equal] = await descend(slide(1, [0]), { ...SETTINGS, tolerance: 1 });
    expect(equal).toMatchObject({ iterations: 4, converged: false, loss: -4 });
    const [rare] = await descend(slide(1, [0]), { ...SETTINGS, tolerance: 5, checkEvery: 3 });
    expect(rare).toMatchObject({ iterations: 3, converged: true, loss: -4 });
    expect(rare!.path.map(({ loss }) => loss)).toEqual([0, -3, -4]);
  });

  it('lets rows that have ended rest while others go on, and counts them at every look', async () => {
    const seen: (readonly number[])[] = [];
    const finished: number[] = [];
    const problem = bowl([1e-3], [4]);
    const runs = await descend(
      {
        ...problem,
        losses: (parameters, rows) => {
          seen.push([...rows]);
          return problem.losses(parameters, rows);
        },
      },
      { ...SETTINGS, learningRate: 0.5, endLearningRate: 0.5, tolerance: 0.1, maxIterations: 6 },
      { onFinished: (rows) => finished.push(rows) },
    );
    // Losses of the second: 8, 2, 0.5, 0.125, then 0.03, which differs by less than a tenth.
    expect(runs.map(({ iterations }) => iterations)).toEqual([1, 4]);
    expect([...new Set(seen.map((rows) => rows.join()))]).toEqual(['0,1', '1']);
    expect(finished).toEqual([0, 0, 1, 1, 1, 2]);
    expect([...runs[1]!.parameters]).toEqual([4 / 2 ** 5]);
  });

  it.each([
    ['loss', (x: tf.Tensor) => tf.add(tf.sum(x, 1), Number.NaN)],
    ['gradient', (x: tf.Tensor) => tf.sum(tf.sqrt(x), 1)], // infinite at 0
  ])('says that it diverged where the %s is not a number', async (_, losses) => {
    const run = descend({ starts: [Float32Array.of(0)], losses: (x) => losses(x) as tf.Tensor1D }, SETTINGS);
    await expect(run).rejects.toMatchObject({
      ...{ code: 'diverged', message: 'gradient descent diverged at iteration 0' },
      hint: 'lower the learning rate, or use the exact solver',
    });
  });
});
