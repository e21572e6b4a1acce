/**
 * Turns a heatmap into contours: the closed lines along which it crosses a level (paper, Fig. 9). In unit coordinates,
 * so that the same lines fit the video, a thumbnail and a vector graphic.
 */
import { contours } from 'd3-contour';
import type { Heatmap } from '../types.ts';

/** A closed line as `[x, y]` points in [0, 1]² of the picture, x to the right, y down; the last repeats the first. */
export type Ring = readonly (readonly [number, number])[];

/** The contours of one level: rings around higher values, and rings around holes in them. */
export interface ContourLines {
  readonly level: number;
  readonly rings: readonly Ring[];
}

/**
 * The contours of a heatmap at each level. Cell (i, j) of an h×w heatmap covers the area [j/w, (j+1)/w]×[i/h, (i+1)/h];
 * its value sits at the centre and values between centres are interpolated. At the picture's border lines are closed
 * along it.
 */
export function contourLines(heatmap: Heatmap, levels: readonly number[]): ContourLines[] {
  const { width, height } = heatmap;
  const values = Array.from(heatmap.values);
  const generator = contours().size([width, height]);
  return levels.map((level) => {
    const rings = generator.contour(values, level).coordinates.flat();
    return { level, rings: rings.map((ring) => ring.map(([x = 0, y = 0]) => [x / width, y / height] as const)) };
  });
}
