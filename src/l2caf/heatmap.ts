/**
 * Filters made ready to show: one part of the signed filter, resized to the picture and scaled to [0, 1] (METHOD §1, §4).
 */
import { assertNever } from '../base/errors.ts';
import { type View, WHOLE_VIEW } from '../base/fit.ts';
import type { GridShape, Heatmap } from '../base/types.ts';

/** Values on a grid, row by row: a filter, or a gradient-based map. */
export interface AttentionMap extends GridShape {
  readonly values: Float32Array;
}

/**
 * What of a signed filter is shown: its size (as published), the cells that argue for the output, or those that argue
 * against it.
 */
export type FilterPart = 'abs' | 'positive' | 'negative';

/** How a heatmap is made. */
export interface HeatmapOptions extends GridShape {
  /** Default `abs`. */
  readonly part?: FilterPart;
  /** Where in the picture the filter lies; default: all over it, and not beyond. */
  readonly view?: View | undefined;
}

/** The cell of the greatest magnitude; of several, the first, row by row. */
export function peakCell({ values, width }: { readonly values: ArrayLike<number>; readonly width: number }): {
  readonly row: number;
  readonly column: number;
} {
  let peak = 0;
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i]!) > Math.abs(values[peak]!)) peak = i;
  return { row: Math.floor(peak / width), column: peak % width };
}

/**
 * Takes a part of the filter, resizes it to `height`×`width`, and scales it so that its minimum becomes 0 and its
 * maximum 1. A constant map, in which nothing stands out, becomes all zeros, as does what the network did not see.
 */
export function toHeatmap(map: AttentionMap, { height, width, part = 'abs', view }: HeatmapOptions): Heatmap {
  const resized = resize({ ...map, values: map.values.map((value) => partOf(value, part)) }, { height, width }, view);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of resized) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const range = max - min;
  const values = resized.map((value) => (value > min ? (value - min) / range : 0));
  return { height, width, values, min, max };
}

/** Points per cell to which filters are resized before contours are drawn: enough for smooth lines, cheap enough for video. */
const POINTS_PER_CELL = 8;

/** {@link toHeatmap} at the resolution at which contours are drawn. */
export function heatmapToDraw(map: AttentionMap, part: FilterPart = 'abs', view: View = WHOLE_VIEW): Heatmap {
  const points = (cells: number, from: number, to: number): number =>
    Math.max(POINTS_PER_CELL, Math.round((POINTS_PER_CELL * cells) / (to - from)));
  const height = points(map.height, view.top, view.bottom);
  return toHeatmap(map, { height, width: points(map.width, view.left, view.right), part, view });
}

/**
 * Bilinear interpolation between cell centres, as `skimage.transform.resize` with order 1 when enlarging: half-pixel
 * centres, and outside the outermost centres the grid continues as its mirror image about them.
 *
 * @param view where in the result the grid lies; NaN outside of it
 */
export function resize(
  { height, width, values }: AttentionMap,
  size: GridShape,
  view: View = WHOLE_VIEW,
): Float32Array {
  const rows = samples(height, size.height, view.top, view.bottom);
  const columns = samples(width, size.width, view.left, view.right);
  const wide = new Float64Array(height * size.width); // every cell row is stretched once, not for every row of the result
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size.width; x++) {
      const { low, high, share } = columns[x]!;
      wide[y * size.width + x] = mix(values[y * width + low]!, values[y * width + high]!, share);
    }
  }
  const out = new Float32Array(size.height * size.width);
  for (let y = 0; y < size.height; y++) {
    const { low, high, share } = rows[y]!;
    for (let x = 0; x < size.width; x++) {
      out[y * size.width + x] = mix(wide[low * size.width + x]!, wide[high * size.width + x]!, share);
    }
  }
  return out;
}

/** Between which two cells each output position lies, and how far towards the second; NaN where the grid does not reach. */
function samples(
  from: number,
  to: number,
  start: number,
  end: number,
): { readonly low: number; readonly high: number; readonly share: number }[] {
  const mirrored = (index: number): number => (from === 1 ? 0 : Math.min(Math.abs(index), 2 * (from - 1) - index));
  return Array.from({ length: to }, (_, i) => {
    const position = ((i + 0.5 - start * to) * from) / (to * (end - start)) - 0.5;
    if (position < -0.5 || position > from - 0.5) return { low: 0, high: 0, share: Number.NaN };
    const low = Math.floor(position);
    return { low: mirrored(low), high: mirrored(low + 1), share: position - low };
  });
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

function partOf(value: number, part: FilterPart): number {
  switch (part) {
    case 'abs':
      return Math.abs(value);
    case 'positive':
      return Math.max(value, 0);
    case 'negative':
      return Math.max(-value, 0);
    default:
      return assertNever(part);
  }
}
