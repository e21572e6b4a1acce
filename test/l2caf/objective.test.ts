/** Losses by hand; their gradients, forms in tensors and sums of squares against each other. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { bindObjective, classWeights, cosine, type Objective, outputWeights } from '../../src/l2caf/objective.ts';
import { useBackend } from '../../src/models/backend.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

const REFERENCE = Float32Array.of(1, -2, 0.5);
const TAIL = { reference: REFERENCE, outputSize: 3 };
const OUTPUT = Float64Array.of(3, 0, 4);
/** `‖x‖⁴`, which is neither linear nor a square of residuals. */
const custom: Objective = {
  kind: 'custom',
  loss: (output) => {
    const square = output.reduce((sum, value) => sum + value ** 2, 0);
    return { loss: square ** 2, gradient: output.map((value) => 4 * square * value) };
  },
};
const similarity: Objective = { kind: 'similarity', other: Float32Array.of(0, 0, 2) };

const CASES: readonly (readonly [string, Objective, 'sum' | 'mean', number])[] = [
  ['the whole output, summed', { kind: 'oblivious' }, 'sum', 4 + 4 + 12.25],
  ['the whole output, mean', { kind: 'oblivious' }, 'mean', 20.25 / 3],
  ['a class', { kind: 'class', index: 2 }, 'sum', 3 + 0 - 4],
  ['a class, whatever the reduction', { kind: 'class', index: 0 }, 'mean', -3 + 0 + 4],
  [
    'a class that one other excludes',
    { kind: 'class', index: 2, excluded: { classes: [1, 2], temperature: 1 } },
    'sum',
    -4,
  ],
  ['a number above zero', { kind: 'output', index: 2 }, 'sum', -4],
  ['a number below zero', { kind: 'output', index: 1 }, 'sum', 0],
  ['the similarity to another', similarity, 'sum', (4 / 5 - 0.5 / Math.sqrt(5.25)) ** 2],
  ['a loss of the user', custom, 'sum', 625],
];

describe.each(CASES)('%s', (_, objective, reduction, expected) => {
  it('has its loss, and the slope of that', () => {
    const { lossOf } = bindObjective(objective, TAIL, reduction);
    const { loss, gradient } = lossOf(OUTPUT);
    expect(loss).toBeCloseTo(expected, 6);
    for (const k of OUTPUT.keys()) {
      const at = (step: number): number => lossOf(OUTPUT.map((value, i) => (i === k ? value + step : value))).loss;
      expect(gradient[k]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 4);
    }
  });

  it('is the same in tensors, row by row', () => {
    const { lossOf, losses } = bindObjective(objective, TAIL, reduction);
    const rows = [
      [3, 0, 4],
      [-1, 2, 0.5],
    ];
    const values = tf.tidy(() => losses(tf.tensor2d(rows)).arraySync());
    expect(values).toEqual(rows.map((row) => expect.closeTo(lossOf(Float64Array.from(row)).loss, 4)));
    const slopes = tf.tidy(() =>
      tf
        .grad((x: tf.Tensor) => losses(x as tf.Tensor2D))(tf.tensor2d(rows), tf.tensor1d([1, 2]))
        .arraySync(),
    ) as number[][];
    for (const [i, row] of rows.entries())
      expect(slopes[i]).toEqual(
        [...lossOf(Float64Array.from(row)).gradient].map((value) => expect.closeTo((i + 1) * value, 3)),
      );
  });

  it('is a sum of squares where it says so', () => {
    const { lossOf, leastSquares, weights } = bindObjective(objective, TAIL, reduction);
    expect(leastSquares !== undefined).toBe(['oblivious', 'similarity'].includes(objective.kind));
    expect(weights !== undefined).toBe(['class', 'output'].includes(objective.kind));
    if (leastSquares === undefined) return;
    const { residuals, jacobian, scale } = leastSquares;
    expect(scale * residuals(OUTPUT).reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(expected, 6);
    // A tail of two cells: of two outputs the first adds to the first, of the third both.
    const slopes = jacobian(OUTPUT, Float64Array.of(1, 0, 2, 0, 1, 1), 2);
    const byCell = (cell: number, step: number) =>
      OUTPUT.map((value, k) => value + step * [1, 0, 2, 0, 1, 1][2 * k + cell]!);
    for (const [r, row] of [...residuals(OUTPUT).keys()].entries()) {
      for (const cell of [0, 1]) {
        const at = (step: number): number => residuals(byCell(cell, step))[row]!;
        expect(slopes[2 * r + cell]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 5);
      }
    }
    expect(lossOf(Float64Array.from(REFERENCE)).loss).toBeCloseTo(0, 12); // nothing is lost of what is kept
  });
});

describe('weights of the outputs', () => {
  it('are by hand', () => {
    expect(classWeights(1, 3)).toEqual(Float32Array.of(1, -1, 1));
    expect(classWeights(1, 4, { classes: [1, 3] })).toEqual(Float32Array.of(0, -1, 0, 1));
    expect(outputWeights(0, REFERENCE)).toEqual(Float32Array.of(-1, 0, 0));
    expect(outputWeights(1, REFERENCE)).toEqual(Float32Array.of(0, 1, 0));
    expect(outputWeights(0, Float32Array.of(0))).toEqual(Float32Array.of(-1)); // from zero, upwards
  });

  it.each([-1, 3, 0.5, Number.NaN])('refuse class %d', (index) => {
    const refused = { code: 'usage', message: `there is no class ${index}: the network has the classes 0 to 2` };
    expect(() => classWeights(index, 3)).toThrow(expect.objectContaining(refused));
    expect(() => outputWeights(index, REFERENCE)).toThrow(expect.objectContaining(refused));
  });
});

describe('a similarity', () => {
  it('is none to an answer of zeros, which has no slope either', () => {
    const zeros = new Float64Array(3);
    expect(cosine(zeros, Float64Array.of(1, 0, 0))).toBe(0);
    const { lossOf } = bindObjective(similarity, TAIL, 'sum');
    expect(lossOf(zeros).loss).toBeCloseTo(0.25 / 5.25, 9);
    expect([...lossOf(zeros).gradient].map(Math.abs)).toEqual([0, 0, 0]);
  });

  it('needs an embedding of the same length', () => {
    const other: Objective = { kind: 'similarity', other: Float32Array.of(1, 2) };
    expect(() => bindObjective(other, TAIL, 'sum')).toThrow(
      expect.objectContaining({
        ...{ code: 'shape-mismatch', message: 'the other embedding has 2 components, this one 3' },
        hint: 'embed both clips with the same model',
      }),
    );
  });
});
