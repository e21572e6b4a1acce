import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import type { Progress } from '../../src/base/types.ts';
import { CONSTRAINTS } from '../../src/l2caf/choices.ts';
import { PRESETS } from '../../src/l2caf/presets.ts';
import { type SolveOptions, solveFilters } from '../../src/l2caf/solve.ts';
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

const distance = (a: Float64Array, b: Float64Array): number => Math.hypot(...a.map((value, i) => value - b[i]!));
const along = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const share = (a: Float64Array): number => a.filter((value) => value < 0).length / a.length;

describe('the choice of solver', () => {
  it.each([
    { tail: () => linear, options: {}, solver: 'closed-form', reason: 'the tail is linear' },
    {
      ...{ tail: () => linear, options: { constraint: 'l1' }, solver: 'gd' },
      reason: 'no closed form: the constraint is l1, not l2; no Gauss–Newton: the constraint is l1, not l2',
    },
    {
      ...{ tail: () => linear, options: { solver: 'gauss-newton' }, solver: 'gauss-newton' },
      reason: 'gauss-newton was asked for',
    },
    {
      ...{ tail: () => recurrent, options: {}, solver: 'gauss-newton' },
      reason: 'no closed form: the tail is not linear',
    },
    {
      ...{ tail: () => recurrent, options: { objective: { kind: 'class', index: 1 } }, solver: 'quasi-newton' },
      reason: 'no closed form: the tail is not linear; no Gauss–Newton: the class objective is not a sum of squares',
    },
    {
      ...{ tail: () => recurrent, options: { objective: { kind: 'class', index: 1 }, constraint: 'l1' }, solver: 'gd' },
      reason: 'no closed form: the tail is not linear; no Gauss–Newton: the constraint is l1, not l2',
    },
    { tail: () => recurrent, options: { solver: 'gd' }, solver: 'gd', reason: 'gd was asked for' },
    {
      ...{ tail: () => withOutputs(64), options: {}, solver: 'gauss-newton' },
      reason: 'no closed form: the tail is not linear',
    },
    {
      ...{ tail: () => withOutputs(65), options: {}, solver: 'quasi-newton' },
      reason: 'no closed form: the tail is not linear; no Gauss–Newton: it differentiates each of 65 outputs',
    },
    {
      ...{ tail: () => withOutputs(65), options: { solver: 'gauss-newton' }, solver: 'gauss-newton' },
      reason: 'gauss-newton was asked for',
    },
    {
      ...{ tail: () => linear, options: { objective: { kind: 'output', index: 0 } }, solver: 'closed-form' },
      reason: 'the tail is linear',
    },
    {
      ...{ tail: () => linear, solver: 'gauss-newton' },
      options: { objective: { kind: 'similarity', other: Float32Array.of(1, 2, 3, 4, 5) } },
      reason: 'no closed form: the similarity objective is not quadratic',
    },
  ] as const)('$options → $solver', async ({ tail, options, solver, reason }) => {
    const solution = await solveFilters(tail(), { ...(options as SolveOptions), descent: { maxIterations: 5 } });
    expect(solution.reason).toBe(reason);
    const { objective = { kind: 'oblivious' }, constraint = 'l2' } = options as SolveOptions;
    expect(solution.options).toEqual({ solver, preset: 'paper', objective: objective.kind, constraint });
  });

  it.each([
    [4, 'quasi-newton'], // of six cells, so measured takes as many rows
    [3, 'quasi-newton'],
  ] as const)('of a tail whose gradients are dear, with %d outputs and a class: %s', async (outputs, solver) => {
    const tail = { ...withOutputs(outputs), isMeasured: true } as const;
    const solution = await solveFilters(tail, { objective: { kind: 'class', index: 0 } });
    expect(solution.options.solver).toBe(solver);
    tail.dispose();
  });

  it.each([
    [3, false], // two rows for each of six cells, or three for each of three outputs
    [4, true],
    [100, true],
  ] as const)('measures the Jacobian of %d outputs whose gradients are dear: %s', async (outputs, measured) => {
    const tail = withOutputs(outputs);
    const rows: number[] = [];
    const { filters, options } = await solveFilters({
      ...tail,
      isMeasured: true,
      evaluate: (values, slots) => {
        rows.push(slots.length);
        return tail.evaluate(values, slots);
      },
    });
    expect(options.solver).toBe('gauss-newton');
    expect(rows.includes(12)).toBe(measured);
    const [told] = (await solveFilters(tail, { solver: 'gauss-newton' })).filters;
    expect(filters[0]!.loss / told!.loss).toBeCloseTo(1, 2);
    tail.dispose();
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
    [{ solver: 'closed-form' }, 'the closed-form solver cannot be used: the tail is not linear'],
    [
      { solver: 'gauss-newton', constraint: 'softmax' },
      'the gauss-newton solver cannot be used: the constraint is softmax, not l2',
    ],
    [
      { solver: 'gauss-newton', objective: { kind: 'class', index: 0 } },
      'the gauss-newton solver cannot be used: the class objective is not a sum of squares',
    ],
    [
      { solver: 'quasi-newton', constraint: 'l1' },
      'the quasi-newton solver cannot be used: the constraint is l1, not l2',
    ],
    [{ objective: { kind: 'class', index: 99 } }, 'there is no class 99: the network has the classes 0 to 15'],
    [
      { objective: { kind: 'similarity', other: new Float32Array(3) } },
      'the other embedding has 3 components, this one 16',
    ],
    [{ slots: [3] }, 'there is no slot 3: this input has 3'],
    [{ slots: [0, -1] }, 'there is no slot -1: this input has 3'],
    [{ slots: [0.5] }, 'there is no slot 0.5: this input has 3'],
    [{ starts: 0 }, 'starts must be 1 or more, not 0'],
    [{ starts: 1.5 }, 'starts must be 1 or more, not 1.5'],
    [{ initial: [new Float32Array(2)] }, 'initial needs 12 parameters for each of 3 slots'],
    [{ initial: [new Float32Array(12)] }, 'initial needs 12 parameters for each of 3 slots'],
    [{ initial: [new Float32Array(12)], slots: [0], constraint: 'gaussian' }, /^initial needs 2 parameters/],
  ] as const)('refuses %o', async (options, message) => {
    await expect(solveFilters(recurrent, options as SolveOptions)).rejects.toThrow(message);
  });

  it('says what to do about a solver that cannot be used', async () => {
    await expect(solveFilters(recurrent, { solver: 'closed-form' })).rejects.toMatchObject({
      ...{ code: 'usage', hint: 'leave the solver to auto' },
    });
  });

  it('does not know other objectives', async () => {
    await expect(solveFilters(recurrent, { objective: { kind: 'best' } as never })).rejects.toThrow('best');
  });

  it.each(['closed-form', 'gauss-newton'] as const)(
    'refuses a network whose answers are no numbers: %s',
    async (solver) => {
      const tail = toyLinearTail();
      const broken: Tail = {
        ...tail,
        linear: (slot) => ({ ...tail.linear!(slot), bias: new Float64Array(5).fill(Number.NaN) }),
        smooth: () => ({ output: () => new Float64Array(5).fill(Number.NaN), jacobian: () => new Float64Array(60) }),
      };
      await expect(solveFilters(broken, { solver })).rejects.toMatchObject({
        ...{ code: 'diverged', hint: 'check the input and the weights of the model' },
        message: 'the filter is not a number: the network gave infinite or undefined outputs',
      });
      tail.dispose();
    },
  );
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
    expect(filter).not.toHaveProperty('starts');
    expect((await solveFilters(linear, { ...options, trace: false })).filters[0]).not.toHaveProperty('trace');
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

describe('a tail that is linear without knowing', () => {
  it('is solved in closed form, and by descent through its own tensors', async () => {
    const { linear: _, ...unknowing } = linear;
    const tail: Tail = {
      ...unknowing,
      evaluate: (filters, slots) => linear.evaluate(filters, slots),
      isMeasured: true,
    };
    const [exact] = (await solveFilters(tail)).filters;
    const [told] = (await solveFilters(linear)).filters;
    expect([...exact!.values]).toEqual([...told!.values].map((value) => expect.closeTo(value, 4)));
    const l1 = { constraint: 'l1', descent: { maxIterations: 30 } } as const;
    const [descent] = (await solveFilters(tail, l1)).filters;
    expect(descent!.loss).toBeCloseTo((await solveFilters(linear, l1)).filters[0]!.loss, 6);
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

  it('starts where it is told to, then elsewhere: positive, around the best, of both signs', async () => {
    const starts: Float64Array[] = [];
    const watched: Tail = {
      ...{ slots: 1, grid: { height: 20, width: 20 }, outputSize: 1, reference: Float32Array.of(1) },
      evaluate: () => Promise.reject(new Error('not asked for')),
      smooth: () => ({
        output: (filter) => {
          starts.push(filter.slice());
          return Float64Array.of(2);
        },
        jacobian: () => new Float64Array(400),
      }),
      dispose: () => {},
    };
    const options = { starts: 4, maxIterations: 1, solver: 'gauss-newton' } as const;
    // Nothing has an effect, so that every run looks at its start and at steps from it that lead nowhere.
    const run = solveFilters({ ...watched, evaluate: async (_, slots) => new Float32Array(slots.length) }, options);
    expect((await run).filters[0]).toMatchObject({ status: 'no-effect', iterations: 1 });
    const unique = starts.filter((one, i) => i === 0 || distance(one, starts[i - 1]!) > 1e-6);
    expect(unique).toHaveLength(4);
    const [first, positive, around, signed] = unique as [Float64Array, Float64Array, Float64Array, Float64Array];
    expect([...first]).toEqual(new Array(400).fill(expect.closeTo(1 / 20, 9)));
    expect(Math.min(...positive)).toBeGreaterThan(0);
    expect(share(signed)).toBeCloseTo(0.5, 1);
    expect(along(around, first)).toBeCloseTo(Math.SQRT1_2, 1); // as far from the best as that is from zero
    expect(Math.abs(along(signed, first))).toBeLessThan(0.2);
    starts.length = 0;
    const initial = [Float32Array.from({ length: 400 }, (_, i) => i % 7)];
    await solveFilters({ ...watched, evaluate: async (_, of) => new Float32Array(of.length) }, { ...options, initial });
    expect(along(starts[0]!, Float64Array.from(initial[0]!)) / Math.hypot(...initial[0]!)).toBeCloseTo(1, 6);
  });

  it.each([
    ['by descent', { solver: 'gd', descent: { maxIterations: 60 } }],
    ['on the sphere', {}],
  ] as const)('keeps the best of several starts: %s', async (_, options) => {
    const { filters } = await solveFilters(recurrent, { ...options, starts: 3, slots: [1], trace: true });
    expect(filters).toHaveLength(1);
    const { starts, loss, lossHistory, trace, values } = filters[0]!;
    expect(starts).toHaveLength(3);
    expect(Math.min(...starts!.map((start) => start.loss))).toBe(loss);
    expect(lossHistory.at(-1)).toBe(loss);
    expect(trace).toHaveLength(lossHistory.length);
    expect(trace!.at(-1)).toEqual(values);
    expect((await solveFilters(recurrent, { ...options, slots: [1] })).filters[0]).not.toHaveProperty('trace');
  });

  it('ends where it is told to, and says so', async () => {
    for (const objective of [{ kind: 'oblivious' }, { kind: 'class', index: 1 }] as const) {
      const [filter] = (await solveFilters(recurrent, { objective, slots: [2], maxIterations: 2 })).filters;
      expect(filter).toMatchObject({ iterations: 2, status: 'max-iterations' });
    }
  });

  it.each([
    ['auto', 'oblivious'],
    ['auto', 'class'],
    ['gd', 'oblivious'],
  ] as const)('leaks no tensor (%s, %s)', async (solver, kind) => {
    const objective = kind === 'class' ? ({ kind, index: 1 } as const) : ({ kind } as const);
    const bent = withOutputs(70); // by gradients through tensors
    await solveFilters(recurrent, { solver, objective, descent: { maxIterations: 20 } });
    const before = tf.memory().numTensors;
    await solveFilters(recurrent, { solver, objective, descent: { maxIterations: 20 } });
    await solveFilters(linear, { solver, objective });
    await solveFilters(bent, { solver, objective, maxIterations: 3, descent: { maxIterations: 20 } });
    expect(tf.memory().numTensors).toBe(before);
    bent.dispose();
  });

  it.each(['auto', 'gd'] as const)('stops when told to (%s), and leaks nothing then', async (solver) => {
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    const run = solveFilters(recurrent, { solver, signal: controller.signal, onProgress: () => controller.abort() });
    await expect(run).rejects.toMatchObject({ code: 'aborted' });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reports progress up to the end', async () => {
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => seen.push(progress);
    await solveFilters(recurrent, { onProgress });
    expect(seen).toEqual([1, 2, 3].map((done) => ({ stage: 'filters', done, total: 3, unit: 'filters' })));
    seen.length = 0;
    await solveFilters(recurrent, { onProgress, solver: 'gd', starts: 2, descent: { maxIterations: 50 } });
    expect(seen[0]).toEqual({ stage: 'filters', done: 0, total: 6, unit: 'filters' });
    expect(seen.at(-1)).toEqual({ stage: 'filters', done: 6, total: 6, unit: 'filters' });
  });
});
