import { describe, expect, it, vi } from 'vitest';
import { MatrixKernels } from '../../src/base/matrix-kernels.ts';
import { createRandom } from '../../src/base/random.ts';
import { sphereProblem } from '../../src/l2caf/sphere.ts';

const value = (matrix: Float64Array, q: Float64Array, f: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < f.length; i++) {
    sum -= 2 * q[i]! * f[i]!;
    for (let j = 0; j < f.length; j++) sum += f[i]! * matrix[i * f.length + j]! * f[j]!;
  }
  return sum;
};
const length = (f: Float64Array): number => Math.sqrt(f.reduce((sum, x) => sum + x * x, 0));

/** `AᵀA` of a random `[rank, n]` matrix. */
function gram(n: number, rank: number, seed: number): Float64Array {
  const random = createRandom(seed);
  const a = Float64Array.from({ length: rank * n }, random.normal);
  return Float64Array.from({ length: n * n }, (_, k) => {
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += a[r * n + Math.floor(k / n)]! * a[r * n + (k % n)]!;
    return sum;
  });
}

function randomVector(n: number, scale: number, seed: number): Float64Array {
  const random = createRandom(seed, 1);
  return Float64Array.from({ length: n }, () => scale * random.normal());
}

describe('sphereProblem', () => {
  it.each([
    { n: 1, rank: 1, scale: 1 },
    { n: 2, rank: 2, scale: 1 },
    { n: 7, rank: 9, scale: 0.01 },
    { n: 7, rank: 9, scale: 100 },
    { n: 30, rank: 40, scale: 1 },
    { n: 30, rank: 5, scale: 1e-3 },
  ])(
    'finds a unit vector with a positive semidefinite Lagrangian (n $n, rank $rank, scale $scale)',
    ({ n, rank, scale }) => {
      const matrix = gram(n, rank, n);
      const q = randomVector(n, scale, 3);
      const f = sphereProblem(Float64Array.from(matrix), n).minimize(q);
      expect(length(f)).toBeCloseTo(1, 10);
      const best = value(matrix, q, f);
      const random = createRandom(8);
      for (let trial = 0; trial < 500; trial++) {
        const wide = trial % 2 === 0 ? 1 : 1e-3; // anywhere, and close by
        const other = f.map((x) => (wide === 1 ? 0 : x) + wide * random.normal());
        const unit = other.map((x) => x / length(other));
        expect(value(matrix, q, unit)).toBeGreaterThan(best - 1e-9 * (1 + Math.abs(best)));
      }
    },
  );

  it.each([13, 84, 85])('finds the same with and without WebAssembly (n %i)', (n) => {
    const matrix = gram(n, n + 3, n);
    const q = randomVector(n, 1, 3);
    const fast = sphereProblem(Float64Array.from(matrix), n).minimize(q);
    const get = vi.spyOn(MatrixKernels, 'get').mockReturnValue(undefined);
    const plain = sphereProblem(matrix, n).minimize(q);
    expect(get).toHaveBeenCalledOnce();
    get.mockRestore();
    for (const [i, value] of fast.entries()) expect(value).toBeCloseTo(plain[i]!, 11);
  });

  it.each([1e-3, 1, 1e3])('finds to twelve digits the vector that a multiplier of %f was made from', (multiplier) => {
    const n = 12;
    const matrix = gram(n, 20, 4);
    const direction = randomVector(n, 1, 6);
    const truth = direction.map((x) => x / length(direction));
    const q = truth.map((x, i) => {
      let sum = multiplier * x; // (G + λI) f = q, λ > −λ_min: f is the minimiser
      for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * truth[j]!;
      return sum;
    });
    const f = sphereProblem(Float64Array.from(matrix), n).minimize(q);
    expect([...f]).toEqual([...truth].map((x) => expect.closeTo(x, 12)));
  });

  it('handles the hard case: q has no part in the lowest eigenspace', () => {
    // eigenvalues 1, 2, 3; q along the second with a solution inside the sphere at λ = −1: y = 0.5 / (2 − 1)
    const matrix = Float64Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3);
    const f = sphereProblem(Float64Array.from(matrix), 3).minimize(Float64Array.of(0, 0.5, 0));
    expect(f[1]).toBeCloseTo(0.5, 8);
    expect(Math.abs(f[0]!)).toBeCloseTo(Math.sqrt(0.75), 8);
    expect(f[2]).toBeCloseTo(0, 8);
  });

  it('answers q = 0 with a lowest eigenvector, and an all-zero matrix with the direction of q', () => {
    const lowest = sphereProblem(Float64Array.of(2, 1, 1, 2), 2).minimize(new Float64Array(2));
    expect(lowest[0]! + lowest[1]!).toBeCloseTo(0, 8);
    const along = sphereProblem(new Float64Array(4), 2).minimize(Float64Array.of(3, 4));
    expect([...along]).toEqual([expect.closeTo(0.6, 10), expect.closeTo(0.8, 10)]);
  });

  it('solves indefinite matrices too', () => {
    const f = sphereProblem(Float64Array.of(-2, 0, 0, 1), 2).minimize(Float64Array.of(0.1, 0));
    expect(f[0]).toBeCloseTo(1, 8);
  });
});
