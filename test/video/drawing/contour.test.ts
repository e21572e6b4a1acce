import { contours } from 'd3-contour';
import { describe, expect, test } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import { contourLines } from '../../../src/video/drawing/contour.ts';

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

describe('smoothing', () => {
  const POINTS_PER_CELL = 8;

  /** Three uneven hills and noise, bilinear between the cells of a filter. */
  function filterLike(seed: number): Heatmap {
    const cells = Array.from({ length: 7 * 12 }, (_, i) => Math.abs(Math.sin(seed + 12.9898 * i * i)) ** 3);
    const at = (y: number, x: number): number =>
      cells[Math.min(6, Math.max(0, y)) * 12 + Math.min(11, Math.max(0, x))]!;
    const rows = Array.from({ length: 7 * POINTS_PER_CELL }, (_, i) => {
      const y = (i + 0.5) / POINTS_PER_CELL - 0.5;
      const [row, down] = [Math.floor(y), y - Math.floor(y)];
      return Array.from({ length: 12 * POINTS_PER_CELL }, (_, j) => {
        const x = (j + 0.5) / POINTS_PER_CELL - 0.5;
        const [column, right] = [Math.floor(x), x - Math.floor(x)];
        const above = at(row, column) * (1 - right) + at(row, column + 1) * right;
        return above * (1 - down) + (at(row + 1, column) * (1 - right) + at(row + 1, column + 1) * right) * down;
      });
    });
    return heatmap(rows);
  }

  test.each([1, 2, 3])('moves no line by more than a tenth of a cell and rounds corners (%d)', (seed) => {
    const map = filterLike(seed);
    const levels = [0.25, 0.5, 0.75, 0.9];
    const raw = contours().size([map.width, map.height]);
    for (const { level, rings } of contourLines(map, levels)) {
      const sharp = raw.contour([...map.values], level).coordinates.flat();
      expect(rings).toHaveLength(sharp.length);
      for (const [k, ring] of rings.entries()) {
        const corners = sharp[k]! as [number, number][];
        for (const [x, y] of ring) {
          expect(distanceFrom(corners, x * map.width, y * map.height)).toBeLessThan(0.1 * POINTS_PER_CELL);
        }
      }
    }
  });

  /** The line at half the height of a pyramid with its edges along the axes: a square that stands on a corner. */
  function diamond(size: number): readonly (readonly [number, number])[] {
    const middle = (size - 1) / 2;
    const row = (y: number) =>
      Array.from({ length: size }, (_, x) => 1 - (Math.abs(x - middle) + Math.abs(y - middle)) / middle);
    return contourLines(heatmap(Array.from({ length: size }, (_, y) => row(y))), [0.5])[0]!.rings[0]!;
  }

  test.each([
    [9, 50],
    [21, 28],
    [41, 20],
  ])(
    'rounds the corners of a line across %i cells to turns of less than %i degrees, and keeps its area',
    (size, turnDeg) => {
      const ring = diamond(size);
      expect(greatestTurnDeg(ring)).toBeLessThan(turnDeg);
      const sideCells = ((size - 1) / 4) * Math.SQRT2;
      expect((areaOf(ring) * size ** 2) / sideCells ** 2).toBeGreaterThan(0.98);
    },
  );

  /** Between one step of a closed line and the next. */
  function greatestTurnDeg(ring: readonly (readonly [number, number])[]): number {
    const steps = ring.slice(1).map(([x, y], i) => [x - ring[i]![0], y - ring[i]![1]] as const);
    return Math.max(
      ...steps.map(([x, y], i) => {
        const [beforeX, beforeY] = steps.at(i - 1)!;
        return (Math.abs(Math.atan2(beforeX * y - beforeY * x, beforeX * x + beforeY * y)) * 180) / Math.PI;
      }),
    );
  }

  /** Of a closed line, by the shoelace formula. */
  function areaOf(ring: readonly (readonly [number, number])[]): number {
    const parts = ring.slice(1).map(([x, y], i) => ring[i]![0] * y - x * ring[i]![1]);
    return Math.abs(parts.reduce((sum, part) => sum + part, 0)) / 2;
  }

  function distanceFrom(line: readonly [number, number][], x: number, y: number): number {
    return Math.min(
      ...line.slice(1).map(([toX, toY], i) => {
        const [fromX, fromY] = line[i]!;
        const [alongX, alongY] = [toX - fromX, toY - fromY];
        const share = ((x - fromX) * alongX + (y - fromY) * alongY) / (alongX * alongX + alongY * alongY || 1);
        const nearest = Math.min(1, Math.max(0, share));
        return Math.hypot(x - fromX - nearest * alongX, y - fromY - nearest * alongY);
      }),
    );
  }
});
