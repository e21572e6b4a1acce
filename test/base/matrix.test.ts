import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { multiplyTransposed, multiplyTransposedPlainly } from '../../src/base/matrix.ts';
import { MatrixKernels } from '../../src/base/matrix-kernels.ts';
import { createRandom } from '../../src/base/random.ts';

const numbers = (length: number, seed: number): Float64Array => {
  const random = createRandom(seed, 0);
  return Float64Array.from({ length }, () => random.uniform() - 0.5);
};

describe('a product in WebAssembly', () => {
  it('is to be had here', () => {
    expect(MatrixKernels.get()).toBeInstanceOf(MatrixKernels);
  });

  it.each([
    [84, 84, 64], // cells, cells, outputs
    [64, 128, 256],
    [61, 83, 17], // of odd numbers: rows, columns and a last number without neighbours
    [62, 85, 31],
    [5, 7, 600],
    [300, 700, 40], // grows the memory
  ])('is the plain one but for the order of the sums: %i × %i, %i products each', (rows, columns, depth) => {
    const [a, b] = [numbers(rows * depth, 1), numbers(columns * depth, 2)];
    const stride = columns + 3;
    const [fast, plain] = [new Float64Array(rows * stride).fill(7), new Float64Array(rows * stride).fill(7)];
    multiplyTransposed(a, b, fast, rows, columns, depth, stride);
    multiplyTransposedPlainly(a, b, plain, rows, columns, depth, stride);
    expect(plain[0]).toBeCloseTo(
      a.subarray(0, depth).reduce((sum, value, p) => sum + value * b[p]!, 0),
      12,
    );
    for (const [i, value] of fast.entries()) expect(Math.abs(value - plain[i]!)).toBeLessThan(5e-15 * depth);
    expect(plain[columns]).toBe(7); // between the rows nothing is written
  });

  it('is symmetric, bit for bit, of a matrix with itself', () => {
    const a = numbers(83 * 61, 3);
    const gram = new Float64Array(83 * 83);
    multiplyTransposed(a, a, gram, 83, 83, 61);
    for (let i = 0; i < 83; i++) for (let j = 0; j < i; j++) expect(gram[i * 83 + j]).toBe(gram[j * 83 + i]);
  });

  it('is made of the source beside it', () => {
    const script = join(import.meta.dirname, '..', '..', 'scripts', 'kernels.mjs');
    execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' });
  });
});
