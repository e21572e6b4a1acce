/**
 * Turns a heatmap into contours: the closed lines along which it crosses a level (paper, Fig. 9). In unit coordinates,
 * so that the same lines fit the video, a thumbnail and a vector graphic.
 */
import { contours } from 'd3-contour';
import type { GridShape, Heatmap } from '../types.ts';

type Point = readonly [x: number, y: number];

/** A closed line as `[x, y]` points in [0, 1]² of the picture, x to the right, y down; the last repeats the first. */
export type Ring = readonly Point[];

/** The contours of one level: rings around higher values, and rings around holes in them. */
export interface ContourLines {
  readonly level: number;
  readonly rings: readonly Ring[];
}

/**
 * The contours of a heatmap at each level. Cell (i, j) of an h×w heatmap covers the area [j/w, (j+1)/w]×[i/h, (i+1)/h];
 * its value sits at the centre and values between centres are interpolated. At the picture's border lines are closed
 * along it. Corners that interpolation leaves are rounded, which moves a line by less than 0.8 of a cell of the heatmap
 * as given: a tenth of a cell of the filter, when it was resized to 8 points per cell.
 */
export function contourLines(heatmap: Heatmap, levels: readonly number[]): ContourLines[] {
  const { width, height } = heatmap;
  const values = Array.from(heatmap.values);
  const generator = contours().size([width, height]);
  return levels.map((level) => {
    const rings = generator.contour(values, level).coordinates.flat();
    const smooth = rings.map((ring) => smoothRing(ring as unknown as Ring, heatmap));
    return { level, rings: smooth.map((ring) => ring.map(([x, y]) => [x / width, y / height] as const)) };
  });
}

/** Distance of the points of a smoothed ring, cells of the heatmap; at most. */
const STEP = 0.5;
/** Passes of the filter (1 2 1)/4: together a Gaussian of a good cell. */
const MAX_PASSES = 16;
/** Points of a ring per pass: less rounding for small rings, which it would shrink. */
const POINTS_PER_PASS = 9;

/** Rounds the corners of a closed line; points on the picture's border stay where they are. */
function smoothRing(ring: Ring, { width, height }: GridShape): Point[] {
  const points = resample(ring);
  const count = points.length;
  const isFree = points.map(([x, y]) => x > 0 && y > 0 && x < width && y < height);
  const passes = Math.min(MAX_PASSES, Math.floor(count / POINTS_PER_PASS));
  const [xs, ys] = [0, 1].map((axis) => {
    let current = Float64Array.from(points, (point) => point[axis]!);
    let before = current.slice();
    for (let pass = 0; pass < passes; pass++) {
      [current, before] = [before, current];
      for (let i = 0; i < count; i++) {
        const neighbours = before[i === 0 ? count - 1 : i - 1]! + before[i + 1 === count ? 0 : i + 1]!;
        current[i] = isFree[i] ? (neighbours + 2 * before[i]!) / 4 : before[i]!;
      }
    }
    return current;
  }) as [Float64Array, Float64Array];
  return Array.from({ length: count + 1 }, (_, i) => [xs[i % count]!, ys[i % count]!]);
}

/** The corners of a ring and points between them, at most {@link STEP} apart; the last does not repeat the first. */
function resample(ring: Ring): Point[] {
  return ring.slice(1).flatMap(([x, y], i) => {
    const [fromX, fromY] = ring[i]!;
    const parts = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / STEP));
    return Array.from({ length: parts }, (_, k): Point => {
      const share = k / parts;
      return [fromX + (x - fromX) * share, fromY + (y - fromY) * share];
    });
  });
}
