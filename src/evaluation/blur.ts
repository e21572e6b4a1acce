/** Cells of a frame blurred until nothing can be recognised: what deletion on pixels puts in their place. */
import type { GridShape } from '../base/types.ts';

/**
 * A picture whose every pixel is the mean of the square around it, twice over; the square has the side of a cell, so that what a
 * cell shows is gone and its colour stays. `[h, w, 3]`.
 */
export function blurred(rgb: Uint8Array, { height, width }: GridShape, grid: GridShape): Uint8Array {
  const radius = Math.ceil(Math.max(height / grid.height, width / grid.width) / 2);
  let values: Float64Array = Float64Array.from(rgb);
  for (let pass = 0; pass < 2; pass++) {
    values = averagedAlong(values, { lines: height, length: width, step: 3, next: 3 * width }, radius);
    values = averagedAlong(values, { lines: width, length: height, step: 3 * width, next: 3 }, radius);
  }
  return Uint8Array.from(values, Math.round);
}

/** Lines of a picture in memory. */
interface Lines {
  readonly lines: number;
  readonly length: number;
  /** From one pixel of a line to the next, and from one line to the next. */
  readonly step: number;
  readonly next: number;
}

/** The mean of up to `2·radius + 1` pixels of its line for each; fewer at the ends. */
function averagedAlong(values: Float64Array, { lines, length, step, next }: Lines, radius: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let line = 0; line < lines; line++) {
    for (let channel = 0; channel < 3; channel++) {
      const start = line * next + channel;
      let [sum, count] = [0, 0];
      for (let i = -radius; i < length; i++) {
        const [enters, leaves] = [i + radius, i - radius - 1];
        if (enters < length) [sum, count] = [sum + values[start + enters * step]!, count + 1];
        if (leaves >= 0) [sum, count] = [sum - values[start + leaves * step]!, count - 1];
        if (i >= 0) out[start + i * step] = sum / count;
      }
    }
  }
  return out;
}

/** The picture with some cells of the grid taken from another. */
export function withCells(
  rgb: Uint8Array,
  other: Uint8Array,
  { height, width }: GridShape,
  grid: GridShape,
  cells: readonly number[],
): Uint8Array {
  const out = rgb.slice();
  for (const cell of cells) {
    const [row, column] = [Math.floor(cell / grid.width), cell % grid.width];
    const [top, bottom] = [row, row + 1].map((edge) => Math.round((edge * height) / grid.height)) as [number, number];
    const [left, right] = [column, column + 1].map((edge) => Math.round((edge * width) / grid.width)) as [
      number,
      number,
    ];
    for (let y = top; y < bottom; y++) {
      const [from, to] = [(y * width + left) * 3, (y * width + right) * 3];
      out.set(other.subarray(from, to), from);
    }
  }
  return out;
}
