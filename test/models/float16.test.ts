/** Half precision: every value survives, everything between is rounded to the nearest, ties to even. */
import { describe, expect, it } from 'vitest';
import { fromFloat16, toFloat16 } from '../../src/models/float16.ts';

describe('float16', () => {
  it('keeps every half-precision number', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const values = fromFloat16(bits);
    const back = toFloat16(values);
    for (let i = 0; i < bits.length; i++) {
      if (!Number.isNaN(values[i])) expect(back[i]).toBe(bits[i]);
    }
    expect(fromFloat16(toFloat16(Float32Array.of(Number.NaN)))[0]).toBeNaN();
  });
  it.each([
    [1 + 2 ** -11, 1], // tie, down to even
    [1 + 3 * 2 ** -11, 1 + 2 ** -9], // tie, up to even
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [2047.6, 2048], // carries into the exponent
    [65519, 65504],
    [65520, Number.POSITIVE_INFINITY],
    [2 ** -25, 0], // tie with the smallest number
    [1.5 * 2 ** -25, 2 ** -24],
    [-(2 ** -30), -0],
  ])('rounds %d to %d', (value, expected) => {
    expect(fromFloat16(toFloat16(Float32Array.of(value)))[0]).toBe(expected);
  });
});
