/** Which part of the cells of a map boxes cover: by area, each point once, however many boxes lie over it. */
import { type View, WHOLE_VIEW } from '../base/fit.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import type { Rectangle } from './boxes.ts';

/**
 * The part of each cell that lies within any of the boxes, 0 to 1, row by row: `[h·w]`.
 *
 * @param boxes pixels of the picture
 * @param view where in the picture the grid lies
 */
export function coverage(
  boxes: readonly Rectangle[],
  picture: PictureSize,
  { height, width }: GridShape,
  { left, top, right, bottom }: View = WHOLE_VIEW,
): Float64Array {
  const covered = new Float64Array(height * width);
  const column = (x: number): number => clamp(((x / picture.width - left) / (right - left)) * width, width);
  const row = (y: number): number => clamp(((y / picture.height - top) / (bottom - top)) * height, height);
  const spans = boxes
    .map(({ x, y, ...size }) => ({
      ...{ from: column(x), to: column(x + size.width), upper: row(y), lower: row(y + size.height) },
    }))
    .filter(({ from, to, upper, lower }) => to > from && lower > upper)
    .sort((a, b) => a.from - b.from);
  const edges = new Set(spans.flatMap(({ upper, lower }) => [upper, lower]));
  const least = Math.floor(Math.min(...edges));
  for (let i = least; i < Math.max(...edges); i++) edges.add(i);
  const strips = [...edges].sort((a, b) => a - b);
  for (const [i, upper] of strips.slice(0, -1).entries()) {
    const lower = strips[i + 1]!;
    const cellRow = Math.floor((upper + lower) / 2);
    let reached = 0; // columns up to here are counted
    for (const span of spans) {
      if (span.upper > upper || span.lower < lower) continue;
      const from = Math.max(span.from, reached);
      for (let cell = Math.floor(from); cell < span.to; cell++) {
        const part = Math.min(span.to, cell + 1) - Math.max(from, cell);
        if (part > 0) covered[cellRow * width + cell]! += part * (lower - upper);
      }
      reached = Math.max(reached, span.to);
    }
  }
  return covered.map((value) => Math.min(1, value)); // sums of parts may miss 1 by rounding
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}
