/** Filters of tails that only evaluate: the same as those of tails that tell their derivatives. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLinear, measuredProjections, measuredResponses } from '../../src/l2caf/measured.ts';
import { type SolveOptions, solveFilters } from '../../src/l2caf/solve.ts';
import type { Tail } from '../../src/l2caf/tail.ts';
import type { RecurrentTail } from '../../src/models/event-tail.ts';
import type { RecurrentHead } from '../../src/models/recurrent-tail.ts';
import { toyLinearTail, toyRecurrent } from './toys.ts';

let recurrent: RecurrentTail;
let head: RecurrentHead;
beforeAll(() => {
  ({ head, tail: recurrent } = toyRecurrent());
});
afterAll(() => {
  recurrent.dispose();
  head.dispose();
});

/** What is left of a tail when it only evaluates; counts rows. */
function onlyEvaluating(tail: Tail): Tail & { rows: number } {
  const { slots, grid, outputSize, reference } = tail;
  return {
    ...{ slots, grid, outputSize, reference, rows: 0 },
    evaluate(filters, of) {
      this.rows += of.length;
      return tail.evaluate(filters, of);
    },
    dispose: () => tail.dispose(),
  };
}

const cosine = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0) / (Math.hypot(...a) * Math.hypot(...b));

describe('a tail that only evaluates', () => {
  it.each([
    ['the whole output', {}],
    ['a class', { objective: { kind: 'class', index: 1 } }],
    [
      'a similarity',
      { objective: { kind: 'similarity', other: Float32Array.from({ length: 16 }, (_, k) => Math.sin(3 * k + 1)) } },
    ],
  ] as const)('gives the filters of its derivatives: %s', async (_, options: SolveOptions) => {
    const told = await solveFilters(recurrent, options);
    const measured = await solveFilters(onlyEvaluating(recurrent), options);
    expect(measured.options.solver).toBe(told.options.solver);
    for (const [slot, { values, loss, status }] of measured.filters.entries()) {
      expect(status).toBe('converged');
      expect(Math.hypot(...values)).toBeCloseTo(1, 5);
      expect(cosine(values, told.filters[slot]!.values)).toBeGreaterThan(0.999);
      expect(loss - told.filters[slot]!.loss).toBeLessThan(1e-4 * Math.abs(told.filters[slot]!.loss) + 1e-6);
    }
  });

  it.each([
    ['the whole output', {}],
    ['a class', { objective: { kind: 'class', index: 2 } }],
  ] as const)('is found to be linear, and solved in closed form: %s', async (_, options: SolveOptions) => {
    const linear = toyLinearTail();
    const told = await solveFilters(linear, options);
    const tail = onlyEvaluating(linear);
    const measured = await solveFilters(tail, options);
    expect(measured.options.solver).toBe('closed-form');
    expect(cosine(measured.filters[0]!.values, told.filters[0]!.values)).toBeGreaterThan(0.99999);
    const cells = linear.grid.height * linear.grid.width;
    expect(tail.rows).toBe(4 + cells + 1);
    linear.dispose();
  });

  it('is not taken for linear where only positive filters see it so: a ReLU after the filter', async () => {
    const contributions = [0.9, -0.4, 0.3, -0.8, 0.5, 0.2]; // of six cells to one output
    const outputOf = (filter: Float32Array): number =>
      filter.reduce((sum, value, cell) => sum + Math.max(0, value * contributions[cell]!), 0);
    const tail: Tail = {
      ...{ slots: 1, grid: { height: 2, width: 3 }, outputSize: 1 },
      reference: Float32Array.of(outputOf(new Float32Array(6).fill(1))),
      evaluate: async (filters, of) => Float32Array.from(of, (_, row) => outputOf(filters.slice(6 * row, 6 * row + 6))),
      dispose: () => {},
    };
    const { options } = await solveFilters(tail);
    expect(options.solver).toBe('gauss-newton');
  });

  it.each([0, 1e3])('is not taken for linear beside an offset of %d that hides its bend', async (offset) => {
    const outputOf = (filter: Float32Array): number => offset + Math.tanh(filter[0]! + filter[1]!);
    const tail: Tail = {
      ...{ slots: 1, grid: { height: 1, width: 2 }, outputSize: 1, reference: Float32Array.of(offset + Math.tanh(2)) },
      evaluate: async (filters, of) => Float32Array.from(of, (_, row) => outputOf(filters.slice(2 * row, 2 * row + 2))),
      dispose: () => {},
    };
    expect(await isLinear(tail, 0)).toBe(false);
    expect(await isLinear({ ...tail, evaluate: async (_, of) => new Float32Array(of.length).fill(offset) }, 0)).toBe(
      true,
    );
    expect(await measuredProjections(tail, [0])).toBeUndefined();
  });

  it('has its closed form from one row per cell, beside the output of nothing', async () => {
    const tail: Tail = {
      ...{ slots: 2, grid: { height: 1, width: 2 }, outputSize: 3, reference: new Float32Array(3) },
      evaluate: async (filters, of) =>
        Float32Array.from(
          of.flatMap((slot, row) => {
            const [a, b] = [filters[2 * row]!, filters[2 * row + 1]!];
            return [5 + a, 6 + (slot + 1) * b, 7 + 2 * a - b];
          }),
        ),
      dispose: () => {},
    };
    const forms = (await measuredProjections(tail, [1, 0]))!;
    for (const slot of [0, 1])
      expect(forms.get(slot)).toEqual({
        matrix: Float64Array.of(1, 0, 0, slot + 1, 2, -1),
        bias: Float64Array.of(5, 6, 7),
      });
  });

  it('has its slopes by central differences, ever finer', async () => {
    const steps: number[] = [];
    const tail: Tail = {
      ...{ slots: 1, grid: { height: 1, width: 2 }, outputSize: 2, reference: new Float32Array(2) },
      evaluate: async (filters, of) => {
        if (of.length > 1) steps.push((filters[0]! - filters[2]!) / 2);
        return Float32Array.from(of.flatMap((_, row) => [filters[2 * row]! ** 2, 3 * filters[2 * row + 1]!]));
      },
      dispose: () => {},
    };
    for (const response of measuredResponses(tail, 0)) {
      expect(await response.output(Float64Array.of(0.5, 2))).toEqual(Float64Array.of(0.25, 6));
      const jacobian = await response.jacobian(Float64Array.of(0.5, 2));
      for (const [i, value] of [1, 0, 0, 3].entries()) expect(jacobian[i]).toBeCloseTo(value, 2);
    }
    expect(steps).toEqual([1e-2, 1e-3, 1e-4].map((step) => expect.closeTo(step, 6)));
  });

  it('has no gradients for what only descent can do', async () => {
    for (const options of [{ constraint: 'l1' }, { solver: 'gd' }] as const) {
      await expect(solveFilters(onlyEvaluating(recurrent), options)).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(/the network tells no gradients/),
      });
    }
  });
});

describe('a target of the user', () => {
  // The squared distance of two outputs from wanted values: the same in plain numbers and through tensors.
  const wanted = [0.5, -0.25];
  const objective = {
    kind: 'custom',
    loss: (output: Float64Array) => ({
      loss: wanted.reduce((sum, value, k) => sum + (output[k]! - value) ** 2, 0),
      gradient: output.map((value, k) => (k < wanted.length ? 2 * (value - wanted[k]!) : 0)),
    }),
  } as const;

  it('is solved on a response, on evaluations alone, and by descent', async () => {
    const own = await solveFilters(recurrent, { objective });
    expect(own.options.solver).toBe('quasi-newton');
    const measured = await solveFilters(onlyEvaluating(recurrent), { objective });
    const descent = await solveFilters(recurrent, {
      objective,
      solver: 'gd',
      descent: { optimizer: 'adam', learningRate: 0.05, endLearningRate: 1e-4, tolerance: 0, maxIterations: 600 },
    });
    for (const [slot, { loss, lossHistory }] of own.filters.entries()) {
      expect(loss).toBeLessThan(lossHistory[0]!);
      expect(measured.filters[slot]!.loss).toBeCloseTo(loss, 4);
      expect(loss).toBeLessThan(descent.filters[slot]!.loss + 1e-4);
    }
  });

  it('has no closed form on a linear tail, whose own is that of other objectives', async () => {
    const tail = toyLinearTail();
    const { filters, options } = await solveFilters(tail, { objective });
    expect(options.solver).toBe('quasi-newton');
    const output = Float64Array.from(await tail.evaluate(filters[0]!.values, [0]));
    expect(objective.loss(output).loss).toBeCloseTo(filters[0]!.loss, 5);
    expect(filters[0]!.loss).toBeLessThan(filters[0]!.lossHistory[0]!);
    await expect(solveFilters(tail, { objective, solver: 'closed-form' })).rejects.toMatchObject({
      message: expect.stringContaining('the custom objective is not quadratic'),
    });
  });
});

describe('a frame of which no filter changes the output', () => {
  /** Two frames: the first weighs their cells by what follows, the second is always below another one. */
  const withLargest = (end: (value: number) => number): Tail => ({
    slots: 2,
    grid: { height: 2, width: 3 },
    outputSize: 2,
    reference: Float32Array.of(end(4.2), end(2.1)),
    evaluate: async (filters, slots) =>
      Float32Array.from(
        slots.flatMap((slot, row) => {
          const cells = filters.subarray(6 * row, 6 * row + 6);
          const sum = cells.reduce((total, value, cell) => total + 0.2 * (cell + 1) * value, 0);
          return slot === 0 ? [end(sum), end(sum / 2)] : [Math.max(end(4.2), sum - 40), Math.max(end(2.1), sum - 40)];
        }),
      ),
    dispose: () => {},
  });

  it.each([
    ['a tail that is linear else', (value: number) => value, 'exact'],
    ['a tail that is not', (value: number) => Math.tanh(value), 'converged'],
  ] as const)('has equal cells, and is said to have none: %s', async (_, end, other) => {
    for (const objective of [{ kind: 'oblivious' }, { kind: 'class', index: 1 }] as const) {
      const { filters } = await solveFilters(withLargest(end), { objective });
      expect(filters.map(({ status }) => status)).toEqual([other, 'no-effect']);
      expect([...filters[1]!.values]).toEqual(new Array(6).fill(expect.closeTo(1 / Math.sqrt(6), 6)));
    }
  });
});
