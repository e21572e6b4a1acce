import { describe, expect, it } from 'vitest';
import { multiplyByOwnTranspose, multiplyTransposed } from '../../src/base/matrix.ts';
import { createRandom } from '../../src/base/random.ts';

describe('a matrix times its own transpose', () => {
  it.each([
    [1, 5],
    [11, 3],
    [12, 8],
    [29, 7],
    [84, 64],
  ])('is, for %i rows of %i, bit for bit the full product', (rows, depth) => {
    const random = createRandom(rows, 0);
    const a = Float64Array.from({ length: rows * depth }, () => random.uniform() - 0.5);
    const [half, full] = [new Float64Array(rows * rows), new Float64Array(rows * rows)];
    multiplyByOwnTranspose(a, half, rows, depth);
    multiplyTransposed(a, a, full, rows, rows, depth);
    expect(half).toEqual(full);
    expect(full[rows * rows - 1]).toBeCloseTo(
      a.subarray(-depth).reduce((sum, x) => sum + x * x, 0),
      12,
    );
  });
});
