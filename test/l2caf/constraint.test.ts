import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { CONSTRAINTS } from '../../src/l2caf/choices.ts';
import { constrain, initialParameters, parameterCount } from '../../src/l2caf/constraint.ts';
import { useBackend } from '../../src/models/backend.ts';
import { normals } from './toys.ts';

const grid = { height: 2, width: 3 };

beforeAll(async () => {
  await useBackend('wasm');
});

function constrained(constraint: (typeof CONSTRAINTS)[number], rows: number[][]): number[][] {
  return tf.tidy(
    () => tf.reshape(constrain(constraint, tf.tensor2d(rows), grid), [rows.length, 6]).arraySync() as number[][],
  );
}

describe('constrain', () => {
  it('divides by the Euclidean norm and keeps signs', () => {
    expect(constrained('l2', [[3, 0, 0, -4, 0, 0]])[0]).toEqual(
      [0.6, 0, 0, -0.8, 0, 0].map((x) => expect.closeTo(x, 6)),
    );
  });

  it('divides by the sum of absolute values and keeps signs', () => {
    expect(constrained('l1', [[3, 0, 0, -1, 0, 0]])[0]).toEqual(
      [0.75, 0, 0, -0.25, 0, 0].map((x) => expect.closeTo(x, 6)),
    );
  });

  it('takes the softmax over all cells', () => {
    const [filter] = constrained('softmax', [[Math.log(2), 0, 0, 0, 0, 0]]);
    expect(filter).toEqual([2, 1, 1, 1, 1, 1].map((x) => expect.closeTo(x / 7, 6)));
  });

  it('puts a bump of one cell width at a centre given as row and column', () => {
    const [filter] = constrained('gaussian', [[1, 2]]);
    const at = (row: number, column: number): number => filter![row * 3 + column]!;
    expect(filter!.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 6);
    expect(at(0, 2) / at(1, 2)).toBeCloseTo(Math.exp(-0.5), 5);
    expect(at(1, 0) / at(1, 2)).toBeCloseTo(Math.exp(-2), 5);
  });

  it.each(CONSTRAINTS)('%s: the gradient is that of finite differences, and rows are independent', (constraint) => {
    const p = parameterCount(constraint, grid);
    const rows = [[...normals(p, 1, 1)], [...normals(p, 1, 2)]];
    const weights = tf.tensor3d(normals(12, 1, 3), [2, 2, 3]);
    const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(constrain(constraint, x as tf.Tensor2D, grid), weights));
    const gradient = tf.tidy(() => tf.grad(loss)(tf.tensor2d(rows)).arraySync() as number[][]);
    const numeric = rows.map((row, r) =>
      row.map((_, i) => {
        const at = (h: number): number =>
          tf.tidy(
            () =>
              loss(tf.tensor2d(rows.map((x, k) => x.map((y, j) => (k === r && j === i ? y + h : y))))).dataSync()[0]!,
          );
        return (at(1e-2) - at(-1e-2)) / 2e-2;
      }),
    );
    expect(gradient.flat()).toEqual(numeric.flat().map((x) => expect.closeTo(x, 2)));
    const alone = constrained(constraint, [rows[1]!]);
    expect(constrained(constraint, rows)[1]).toEqual(alone[0]);
    weights.dispose();
  });

  it.each([
    ['l2', 'uniform', new Array(6).fill(0.25)],
    ['l1', 'normal', new Array(6).fill(2)],
    ['softmax', 'ones', new Array(6).fill(1)],
    // Rows 0 to 1, columns 0 to 2: anywhere, a quarter of that about the middle, and there.
    ['gaussian', 'uniform', [0.25, 0.5]],
    ['gaussian', 'normal', [1, 2]],
    ['gaussian', 'ones', [0.5, 1]],
  ] as const)('%s starts %s', (constraint, initial, expected) => {
    const random = { uniform: () => 0.25, normal: () => 2 };
    expect([...initialParameters(constraint, initial, grid, random)]).toEqual(expected);
  });

  it('does not know others', () => {
    expect(() => constrained('l3' as 'l2', [[1, 0, 0, 0, 0, 0]])).toThrow('l3');
  });

  it('starts where it was asked to, from a stream of its own', () => {
    expect([...initialParameters('l2', 'ones', grid, createRandom(1))]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...initialParameters('gaussian', 'ones', grid, createRandom(1))]).toEqual([0.5, 1]);
    const uniform = initialParameters('l2', 'uniform', grid, createRandom(1, 2));
    expect(uniform.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(initialParameters('l2', 'uniform', grid, createRandom(1, 2))).toEqual(uniform);
    expect(initialParameters('l2', 'uniform', grid, createRandom(1, 3))).not.toEqual(uniform);
  });
});
