/** How far numbers are apart. */
import { expect } from 'vitest';

/** The largest difference, of the largest value. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a).toHaveLength(b.length);
  const all = Array.from(b, (value, i) => [Math.abs(value - a[i]!), Math.abs(value)] as const);
  return Math.max(...all.map(([apart]) => apart)) / Math.max(...all.map(([, size]) => size));
}

/** Cosine of the angle between two vectors. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const sum = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
    Array.from(x).reduce((all, value, i) => all + value * y[i]!, 0);
  return sum(a, b) / Math.sqrt(sum(a, a) * sum(b, b));
}
