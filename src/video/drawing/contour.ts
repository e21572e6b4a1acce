/**
 * Turns a heatmap into contours: the closed lines along which it crosses a level (paper, Fig. 9). In unit coordinates,
 * so that the same lines fit the video, a thumbnail and a vector graphic.
 */
import { contours } from 'd3-contour';
import type { GridShape, Heatmap } from '../../base/types.ts';

/** A point in [0, 1]² of the picture: x to the right, y down. */
export type Point = readonly [x: number, y: number];

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
    return { level, rings: rings.map((ring) => smoothRing(ring as unknown as Ring, heatmap)) };
  });
}

/** Distance of the points of a smoothed ring, cells of the heatmap; at most. */
const STEP = 0.5;
/** Passes of the filter (1 2 1)/4: together a Gaussian of a good cell. */
const MAX_PASSES = 16;
/** Points of a ring per pass: less rounding for small rings, which it would shrink. */
const POINTS_PER_PASS = 9;

/** Rounds the corners of a closed line and brings it into [0, 1]²; points on the picture's border stay where they are. */
function smoothRing(ring: Ring, { width, height }: GridShape): Point[] {
  const { xs, ys } = resample(ring);
  const isFree = Uint8Array.from(xs, (x, i) => (x > 0 && ys[i]! > 0 && x < width && ys[i]! < height ? 1 : 0));
  const passes = Math.min(MAX_PASSES, Math.floor(xs.length / POINTS_PER_PASS));
  for (let pass = 0; pass < passes; pass++) {
    smooth(xs, isFree);
    smooth(ys, isFree);
  }
  return Array.from({ length: xs.length + 1 }, (_, i) => [xs[i % xs.length]! / width, ys[i % xs.length]! / height]);
}

/** One pass around a closed line, in place. */
function smooth(values: Float64Array, isFree: Uint8Array): void {
  const last = values.length - 1;
  const first = values[0]!;
  let before = values[last]!;
  for (let i = 0; i <= last; i++) {
    const value = values[i]!;
    const after = i === last ? first : values[i + 1]!;
    if (isFree[i]) values[i] = (before + after + 2 * value) / 4;
    before = value;
  }
}

/** The corners of a ring and points between them, at most {@link STEP} apart; the last does not repeat the first. */
function resample(ring: Ring): { xs: Float64Array; ys: Float64Array } {
  const xs: number[] = [];
  const ys: number[] = [];
  for (let i = 1; i < ring.length; i++) {
    const [[fromX, fromY], [x, y]] = [ring[i - 1]!, ring[i]!];
    const parts = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / STEP));
    for (let k = 0; k < parts; k++) {
      const share = k / parts;
      xs.push(fromX + (x - fromX) * share);
      ys.push(fromY + (y - fromY) * share);
    }
  }
  return { xs: Float64Array.from(xs), ys: Float64Array.from(ys) };
}
