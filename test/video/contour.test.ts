import { describe, expect, test } from 'vitest';
import type { Heatmap } from '../../src/types.ts';
import { COLORMAP_NAMES, colorOf } from '../../src/video/colormap.ts';
import { contourLines } from '../../src/video/contour.ts';

function heatmap(rows: readonly (readonly number[])[]): Heatmap {
  return { height: rows.length, width: rows[0]!.length, values: Float32Array.from(rows.flat()), min: 0, max: 1 };
}

describe('contourLines', () => {
  test('a single cell is ringed halfway to its neighbours, around its own centre', () => {
    const [half] = contourLines(
      heatmap([
        [0, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
      ]),
      [0.5],
    );
    expect(half!.rings).toHaveLength(1);
    const xs = half!.rings[0]!.map(([x]) => x * 4);
    const ys = half!.rings[0]!.map(([, y]) => y * 3);
    // Cell (1, 2) is centred on x = 2.5, y = 1.5 cells.
    expect([Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]).toEqual(
      [2, 3, 1, 2].map((value) => expect.closeTo(value)),
    );
    expect(half!.rings[0]!.at(-1)).toEqual(half!.rings[0]![0]);
  });

  test('lines close along the border of the picture', () => {
    const [ring] = contourLines(heatmap([[1, 0]]), [0.5])[0]!.rings;
    const xs = ring!.map(([x]) => x);
    expect(Math.min(...xs)).toBe(0);
    expect(Math.max(...xs)).toBeCloseTo(0.5);
  });

  test('a hole has a ring of its own; no value above a level means no ring', () => {
    const donut = heatmap([
      [1, 1, 1],
      [1, 0, 1],
      [1, 1, 1],
    ]);
    expect(contourLines(donut, [0.5, 1.5]).map(({ level, rings }) => [level, rings.length])).toEqual([
      [0.5, 2],
      [1.5, 0],
    ]);
  });
});

describe('colorOf', () => {
  test.each(COLORMAP_NAMES)('%s hits its stops, blends between them and clamps', (name) => {
    const [first, second] = [colorOf(name, 0), colorOf(name, 1 / 15)];
    const between = colorOf(name, 0.5 / 15);
    between.forEach((value, i) => {
      expect(Math.abs(value - (first[i]! + second[i]!) / 2)).toBeLessThanOrEqual(1);
    });
    expect(colorOf(name, -1)).toEqual(first);
    expect(colorOf(name, 2)).toEqual(colorOf(name, 1));
  });

  test('viridis runs from purple to yellow', () => {
    expect([colorOf('viridis', 0), colorOf('viridis', 1)]).toEqual([
      [0x44, 0x01, 0x54],
      [0xfd, 0xe7, 0x25],
    ]);
  });
});
