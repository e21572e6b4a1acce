/** Holes in pictures, filled from around them. */
import type { GridShape } from './types.ts';

/** Neighbours of a pixel, and how much they count: those beside it twice as much as those across. */
const NEIGHBOURS: readonly (readonly [row: number, column: number, weight: number])[] = [
  ...(
    [
      [-1, 0],
      [1, 0],
      [0, -1],
      [0, 1],
    ] as const
  ).map(([row, column]) => [row, column, 1 / 6] as const),
  ...(
    [
      [-1, -1],
      [-1, 1],
      [1, -1],
      [1, 1],
    ] as const
  ).map(([row, column]) => [row, column, 1 / 12] as const),
];
/** The means are found once no pixel changes by more than this, grey values, or after so many rounds. */
const [CHANGE, ROUNDS] = [0.05, 200];
/** Over-relaxation of the rounds: a pixel goes this much of its way. */
const RELAXATION = 1.7;
/** Pictures are halved until a side is this short: on small ones the means spread quickly, and larger ones begin with them. */
const SMALLEST = 8;
/** What a picture is filled with of which nothing is left. */
const GREY = 127.5;

/**
 * Every pixel that is marked becomes the weighted mean of the eight around it, marked ones among them: surroundings are continued
 * smoothly across a hole.
 *
 * @param values of a picture `[h, w, 3]`
 * @param holes `[h, w]`, 1 where the picture is to be filled
 * @returns the picture, in the memory of `values`
 */
export function fillHoles(values: Float32Array, holes: Uint8Array, size: GridShape): Float32Array {
  const { height, width } = size;
  if (Math.min(height, width) > SMALLEST) {
    const half = halved(values, holes, size);
    const coarse = fillHoles(half.values, half.holes, half.size);
    for (let pixel = 0; pixel < holes.length; pixel++) {
      if (holes[pixel] === 0) continue;
      const [row, column] = [Math.floor(pixel / width) >> 1, (pixel % width) >> 1];
      const from = 3 * (row * half.size.width + column);
      for (let c = 0; c < 3; c++) values[3 * pixel + c] = coarse[from + c]!;
    }
  } else {
    for (let at = 0; at < values.length; at++) if (holes[Math.floor(at / 3)] !== 0) values[at] = GREY;
  }
  for (let round = 0; round < ROUNDS && relax(values, holes, size) > CHANGE; round++);
  return values;
}

/** One round over the holes; the largest change. */
function relax(values: Float32Array, holes: Uint8Array, { height, width }: GridShape): number {
  let largest = 0;
  for (let pixel = 0; pixel < holes.length; pixel++) {
    if (holes[pixel] === 0) continue;
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    let [r, g, b, total] = [0, 0, 0, 0];
    for (const [down, right, weight] of NEIGHBOURS) {
      const [y, x] = [row + down, column + right];
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      const at = 3 * (y * width + x);
      r += weight * values[at]!;
      g += weight * values[at + 1]!;
      b += weight * values[at + 2]!;
      total += weight;
    }
    const at = 3 * pixel;
    for (const [c, sum] of [r, g, b].entries()) {
      const change = RELAXATION * (sum / total - values[at + c]!);
      values[at + c]! += change;
      largest = Math.max(largest, Math.abs(change));
    }
  }
  return largest;
}

/** Half the rows and columns: the mean of the known pixels of each square of four; a hole where none of them is known. */
function halved(
  values: Float32Array,
  holes: Uint8Array,
  { height, width }: GridShape,
): { values: Float32Array; holes: Uint8Array; size: GridShape } {
  const size = { height: Math.ceil(height / 2), width: Math.ceil(width / 2) };
  const sums = new Float32Array(3 * size.height * size.width);
  const known = new Uint8Array(size.height * size.width);
  for (let pixel = 0; pixel < holes.length; pixel++) {
    if (holes[pixel] !== 0) continue;
    const [row, column] = [Math.floor(pixel / width) >> 1, (pixel % width) >> 1];
    const to = row * size.width + column;
    known[to]!++;
    for (let c = 0; c < 3; c++) sums[3 * to + c]! += values[3 * pixel + c]!;
  }
  for (let at = 0; at < sums.length; at++) sums[at]! /= Math.max(1, known[Math.floor(at / 3)]!);
  return { values: sums, holes: known.map((count) => Number(count === 0)), size };
}
