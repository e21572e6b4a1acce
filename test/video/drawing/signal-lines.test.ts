import { describe, expect, it } from 'vitest';
import { valueAt } from '../../../src/video/drawing/signal-lines.ts';

describe('valueAt', () => {
  const timesSec = [1, 2, 3, 4];
  const values = [0, 10, null, 5];

  it('is linear between two moments, and exact at one', () => {
    expect([1, 1.25, 2, 4].map((timeSec) => valueAt(values, timesSec, timeSec))).toEqual([0, 2.5, 10, 5]);
  });

  it('knows nothing outside the record and beside unknown values', () => {
    expect([0.5, 2.5, 3, 3.5, 4.5].map((timeSec) => valueAt(values, timesSec, timeSec))).toEqual(Array(5).fill(null));
  });
});
