import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { CONSTRAINTS } from '../../src/l2caf/choices.ts';
import { PRESETS } from '../../src/l2caf/presets.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import { correlation } from '../../src/l2caf/starts.ts';
import type { FeatureTail, Tail, TensorTail } from '../../src/l2caf/tail.ts';
import { tensorTail } from '../../src/l2caf/tensor-tail.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { RecurrentHead } from '../../src/models/recurrent-tail.ts';
import { toyLinearTail, toyRecurrent } from './toys.ts';

let linear: FeatureTail;
let recurrent: FeatureTail;
let head: RecurrentHead;

beforeAll(async () => {
  await useBackend('wasm');
  linear = toyLinearTail();
  ({ head, tail: recurrent } = toyRecurrent());
});

afterAll(() => {
  linear.dispose();
  recurrent.dispose();
  head.dispose();
});

const thorough = {
  optimizer: 'adam',
  learningRate: 0.05,
  endLearningRate: 1e-4,
  tolerance: 0,
  maxIterations: 600,
} as const;

/** A tail whose output is not a number once the filter's first cell falls below a bound. */
function brokenTail(tail: TensorTail): Tail {
  return tensorTail({
    slots: 1,
    grid: tail.grid,
    outputSize: tail.outputSize,
    reference: tail.reference,
    filtered: (filters, slots) =>
      tf.tidy(() => tf.mul(tail.filtered(filters, slots), tf.sqrt(tf.sub(-1, tf.sum(tf.square(filters)))))),
    dispose: () => undefined,
  });
}

/** A nonlinear tail without a fast Jacobian: squares of as many sums of cells as it has outputs. */
function withOutputs(outputSize: number): Tail {
  const grid = { height: 2, width: 3 };
  const matrix = tf.keep(tf.randomUniform([6, outputSize], 0, 1, 'float32', 0) as tf.Tensor2D);
  const filtered: TensorTail['filtered'] = (filters) =>
    tf.tidy(() => tf.square(tf.matMul(tf.reshape(filters, [-1, 6]) as tf.Tensor2D, matrix)));
  const reference = tf.tidy(() => filtered(tf.ones([1, 2, 3]), [0]).dataSync<'float32'>());
  return tensorTail({ slots: 1, grid, outputSize, reference, filtered, dispose: () => matrix.dispose() });
}

describe('the choice of solver', () => {
  it.each([
    { tail: () => linear, options: {}, solver: 'closed-form' },
    { tail: () => linear, options: { constraint: 'l1' }, solver: 'gd' },
    { tail: () => linear, options: { solver: 'gauss-newton' }, solver: 'gauss-newton' },
    { tail: () => recurrent, options: {}, solver: 'gauss-newton' },
    { tail: () => recurrent, options: { objective: { kind: 'class', index: 1 } }, solver: 'quasi-newton' },
    { tail: () => recurrent, options: { objective: { kind: 'class', index: 1 }, constraint: 'l1' }, solver: 'gd' },
    { tail: () => recurrent, options: { solver: 'gd' }, solver: 'gd' },
    { tail: () => withOutputs(64), options: {}, solver: 'gauss-newton' },
    { tail: () => withOutputs(65), options: {}, solver: 'quasi-newton' },
    { tail: () => withOutputs(65), options: { solver: 'gauss-newton' }, solver: 'gauss-newton' },
  ] as const)('$options → $solver', async ({ tail, options, solver }) => {
    const solution = await solveFilters(tail(), { ...options, descent: { maxIterations: 5 } });
    expect(solution.options.solver).toBe(solver);
    expect(solution.reason).not.toBe('');
  });

  it('finds the same optimum for many outputs as Gauss–Newton', async () => {
    const tail = withOutputs(100);
    const [fast] = (await solveFilters(tail)).filters;
    const [newton] = (await solveFilters(tail, { solver: 'gauss-newton' })).filters;
    expect(fast!.loss / newton!.loss).toBeCloseTo(1, 4);
    expect(correlation(fast!.values, newton!.values)).toBeGreaterThan(0.99);
    tail.dispose();
  });

  it.each([
    [{ solver: 'closed-form' }, /not linear/],
    [{ solver: 'gauss-newton', constraint: 'softmax' }, /softmax/],
    [{ solver: 'quasi-newton', constraint: 'l1' }, /l1/],
    [{ objective: { kind: 'class', index: 99 } }, /no class 99.*0 to 15/],
    [{ objective: { kind: 'similarity', other: new Float32Array(3) } }, /3 components/],
    [{ slots: [3] }, /no slot 3/],
    [{ starts: 0 }, /starts/],
    [{ initial: [new Float32Array(2)] }, /12 parameters/],
  ] as const)('refuses %o', async (options, message) => {
    await expect(solveFilters(recurrent, options)).rejects.toThrow(message);
  });
});

describe('the solvers agree', () => {
  it('on a linear tail: closed form, Gauss–Newton and descent', async () => {
    const [exact] = (await solveFilters(linear)).filters;
    const [newton] = (await solveFilters(linear, { solver: 'gauss-newton', starts: 4 })).filters;
    const [descent] = (await solveFilters(linear, { solver: 'gd', descent: thorough })).filters;
    expect(exact!.status).toBe('exact');
    expect(newton!.loss).toBeCloseTo(exact!.loss, 5);
    expect(descent!.loss).toBeGreaterThan(exact!.loss - 1e-6);
    expect(descent!.loss).toBeCloseTo(exact!.loss, 3);
  });

  it('on a linear tail for a class', async () => {
    const objective = { kind: 'class', index: 2 } as const;
    const [exact] = (await solveFilters(linear, { objective })).filters;
    const [descent] = (await solveFilters(linear, { objective, solver: 'gd', descent: thorough })).filters;
    expect(correlation(exact!.values, descent!.values)).toBeGreaterThan(0.999);
    expect(descent!.loss).toBeCloseTo(exact!.loss, 4);
  });

  it('on a recurrent tail: Gauss–Newton on its own response, by autodiff, and descent', async () => {
    const own = (await solveFilters(recurrent)).filters;
    const { smooth: _, ...generic } = { ...recurrent, filtered: recurrent.filtered.bind(recurrent) };
    const autodiff = (await solveFilters({ ...generic, dispose: () => undefined })).filters;
    const descent = (await solveFilters(recurrent, { solver: 'gd', descent: thorough })).filters;
    for (const [slot, filter] of own.entries()) {
      expect(Math.hypot(...filter.values)).toBeCloseTo(1, 5);
      expect(filter.loss / autodiff[slot]!.loss).toBeCloseTo(1, 3);
      expect(filter.loss).toBeLessThan(descent[slot]!.loss * 1.001);
    }
  });

  it('on a recurrent tail for a class: quasi-Newton on its own response, by autodiff, and descent', async () => {
    const objective = { kind: 'class', index: 2 } as const;
    const own = (await solveFilters(recurrent, { objective })).filters;
    const { smooth: _, ...generic } = { ...recurrent, filtered: recurrent.filtered.bind(recurrent) };
    const autodiff = (await solveFilters({ ...generic, dispose: () => undefined }, { objective })).filters;
    const descent = (await solveFilters(recurrent, { objective, solver: 'gd', descent: thorough })).filters;
    for (const [slot, { values, loss, lossHistory, status }] of own.entries()) {
      expect(status).toBe('converged');
      expect(Math.hypot(...values)).toBeCloseTo(1, 5);
      expect(lossHistory).toEqual([...lossHistory].sort((a, b) => b - a)); // it never rises
      expect(loss).toBeCloseTo(autodiff[slot]!.loss, 4);
      expect(loss).toBeLessThan(descent[slot]!.loss + 1e-4);
      expect(correlation(values, descent[slot]!.values)).toBeGreaterThan(0.99);
    }
  });

  it('on a linear tail for a class: quasi-Newton takes one step', async () => {
    const objective = { kind: 'class', index: 2 } as const;
    const [exact] = (await solveFilters(linear, { objective })).filters;
    const [newton] = (await solveFilters(linear, { objective, solver: 'quasi-newton' })).filters;
    expect(correlation(exact!.values, newton!.values)).toBeGreaterThan(0.9999);
    expect(newton!.loss).toBeCloseTo(exact!.loss, 5);
    expect(newton!.iterations).toBeLessThan(6);
  });

  it('on the similarity of two clips', async () => {
    const objective = { kind: 'similarity', other: recurrent.reference.map((x, i) => x + Math.sin(i)) } as const;
    const newton = (await solveFilters(recurrent, { objective })).filters;
    const descent = (await solveFilters(recurrent, { objective, solver: 'gd', descent: thorough })).filters;
    for (const [slot, { loss, lossHistory }] of newton.entries()) {
      expect(loss).toBeLessThan(lossHistory[0]!);
      expect(loss).toBeLessThan(descent[slot]!.loss * 1.001 + 1e-7);
    }
  });
});

describe('gradient descent', () => {
  it('gives the same filters one after another as in one batch', async () => {
    const options = { solver: 'gd', descent: { maxIterations: 300 } } as const;
    const together = (await solveFilters(recurrent, options)).filters;
    expect(new Set(together.map(({ iterations }) => iterations)).size).toBeGreaterThan(1); // they stop at different times
    for (const slot of [0, 1, 2]) {
      const [alone] = (await solveFilters(recurrent, { ...options, slots: [slot] })).filters;
      expect(alone).toEqual(together[slot]);
    }
  });

  it.each(CONSTRAINTS)('lowers the loss under the constraint %s', async (constraint) => {
    const [filter] = (await solveFilters(linear, { solver: 'gd', constraint })).filters;
    expect(filter!.loss).toBeLessThan(filter!.lossHistory[0]!);
  });

  it('keeps the filter at every look when asked for a trace', async () => {
    const options = { solver: 'gd', trace: true, descent: { ...thorough, maxIterations: 100 } } as const;
    const [filter] = (await solveFilters(linear, options)).filters;
    expect(filter!.trace).toHaveLength(3); // at 0, 50 and 100
    expect(filter!.lossHistory).toHaveLength(3);
    expect(filter!.trace!.at(-1)).toEqual(filter!.values);
    expect(filter!.status).toBe('max-iterations');
  });

  it('stops when the loss changes by less than the tolerance between two looks', async () => {
    const [filter] = (await solveFilters(linear, { solver: 'gd', descent: { tolerance: 1e9 } })).filters;
    expect(filter).toMatchObject({ iterations: PRESETS.paper.checkEvery, status: 'converged' });
  });

  it('depends on the seed, and on nothing else', async () => {
    const run = async (seed: number) =>
      (await solveFilters(recurrent, { solver: 'gd', seed, descent: { maxIterations: 3 } })).filters;
    expect(await run(1)).toEqual(await run(1));
    expect((await run(2))[0]!.values).not.toEqual((await run(1))[0]!.values);
  });

  it('says at which iteration it diverged, and leaks nothing then', async () => {
    const before = tf.memory().numTensors;
    await expect(solveFilters(brokenTail(linear), { solver: 'gd' })).rejects.toMatchObject({
      code: 'diverged',
      message: expect.stringMatching(/iteration 0/),
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('running', () => {
  it('compares several starts', async () => {
    const { filters } = await solveFilters(recurrent, { starts: 5 });
    for (const { starts, loss } of filters) {
      expect(starts).toHaveLength(5);
      expect(Math.min(...starts!.map((start) => start.loss))).toBe(loss);
      expect(Math.max(...starts!.map((start) => start.correlation))).toBeCloseTo(1, 5);
    }
  });

  it.each(['auto', 'gd'] as const)('leaks no tensor (%s)', async (solver) => {
    await solveFilters(recurrent, { solver, descent: { maxIterations: 20 } });
    const before = tf.memory().numTensors;
    await solveFilters(recurrent, { solver, descent: { maxIterations: 20 } });
    await solveFilters(linear, { solver });
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(['auto', 'gd'] as const)('stops when told to (%s), and leaks nothing then', async (solver) => {
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    const run = solveFilters(recurrent, { solver, signal: controller.signal, onProgress: () => controller.abort() });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reports progress up to the end', async () => {
    const done: number[] = [];
    await solveFilters(recurrent, { onProgress: (progress) => done.push(progress.done) });
    expect(done).toEqual([1, 2, 3]);
  });
});
