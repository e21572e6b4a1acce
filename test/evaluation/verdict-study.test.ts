/** The parts of the verdict study whose results are known by hand. */
import { describe, expect, it } from 'vitest';
import { blurred, withCells } from '../../src/evaluation/blur.ts';
import { areaUnderRoc } from '../../src/evaluation/verdict-study.ts';

describe('blurred', () => {
  it('keeps an even colour, and spreads a point over what a cell covers and no further than twice that', () => {
    const size = { height: 8, width: 12 };
    const even = new Uint8Array(8 * 12 * 3).fill(77);
    expect(blurred(even, size, { height: 4, width: 6 })).toEqual(even);
    const point = new Uint8Array(8 * 12 * 3);
    point[(4 * 12 + 6) * 3 + 1] = 255;
    const spread = blurred(point, size, { height: 4, width: 6 });
    const green = (x: number, y: number): number => spread[(y * 12 + x) * 3 + 1]!;
    expect(green(6, 4)).toBe(Math.round(255 / 9)); // two passes of three: 3/9 along each axis
    expect(green(8, 4)).toBe(Math.round(255 / 27));
    expect(green(9, 4)).toBe(0);
    expect(spread.filter((value, i) => i % 3 !== 1 && value > 0)).toHaveLength(0);
  });

  it('takes the place of the cells that are named, and of no others', () => {
    const [size, grid] = [
      { height: 4, width: 6 },
      { height: 2, width: 3 },
    ];
    const mixed = withCells(new Uint8Array(72), new Uint8Array(72).fill(1), size, grid, [1, 5]);
    const rows = Array.from({ length: 4 }, (_, y) => Array.from({ length: 6 }, (__, x) => mixed[(y * 6 + x) * 3 + 2]));
    const [upper, lower] = [
      [0, 0, 1, 1, 0, 0],
      [0, 0, 0, 0, 1, 1],
    ];
    expect(rows).toEqual([upper, upper, lower, lower]);
  });
});

it('areaUnderRoc is the share of pairs in the right order', () => {
  const scored = [
    { score: 3, isConfirmed: true },
    { score: 1, isConfirmed: true },
    { score: 2, isConfirmed: false },
    { score: 1, isConfirmed: false },
  ];
  expect(areaUnderRoc(scored)).toBe((1 + 1 + 0 + 0.5) / 4);
});
