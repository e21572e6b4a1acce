/**
 * Pixels removed from a picture so that little tells where they were: each becomes the weighted mean of its neighbours, removed
 * ones among them, and a little noise is added (noisy linear imputation; Rong et al. 2022, https://arxiv.org/abs/2202.00449).
 */

import type { Random } from '../base/random.ts';
import type { GridShape } from '../base/types.ts';

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
/** Standard deviation of the noise, grey values: .01 of the range, as in the authors' code. */
const NOISE = 2.55;
/** The means are found once no pixel changes by more than this, grey values, or after so many rounds. */
const [CHANGE, ROUNDS] = [0.05, 200];
/** Over-relaxation of the rounds: a pixel goes this much of its way. */
const RELAXATION = 1.7;
/** Pictures are halved until a side is this short: on small ones the means spread quickly, and larger ones begin with them. */
const SMALLEST = 8;

/**
 * The picture `[h, w, 3]` without the pixels that are marked, `[h·w]`. Where all are, they become grey.
 *
 * @param random of the noise
 */
export function imputed(rgb: Uint8Array, removed: Uint8Array, size: GridShape, random: Random): Uint8Array {
  const means = meansOf(Float32Array.from(rgb), removed, size);
  const picture = rgb.slice();
  for (let pixel = 0; pixel < removed.length; pixel++) {
    if (removed[pixel] === 0) continue;
    for (let c = 0; c < 3; c++) {
      const at = 3 * pixel + c;
      picture[at] = Math.max(0, Math.min(255, Math.round(means[at]! + NOISE * random.normal())));
    }
  }
  return picture;
}

/** Solves for the removed pixels' means, in place: first on the halved picture, then, from there, on this one. */
function meansOf(values: Float32Array, removed: Uint8Array, size: GridShape): Float32Array {
  const { height, width } = size;
  if (Math.min(height, width) > SMALLEST) {
    const half = halved(values, removed, size);
    const coarse = meansOf(half.values, half.removed, half.size);
    for (let pixel = 0; pixel < removed.length; pixel++) {
      if (removed[pixel] === 0) continue;
      const [row, column] = [Math.floor(pixel / width) >> 1, (pixel % width) >> 1];
      const from = 3 * (row * half.size.width + column);
      for (let c = 0; c < 3; c++) values[3 * pixel + c] = coarse[from + c]!;
    }
  } else {
    for (let at = 0; at < values.length; at++) if (removed[Math.floor(at / 3)] !== 0) values[at] = GREY;
  }
  for (let round = 0; round < ROUNDS && relax(values, removed, size) > CHANGE; round++);
  return values;
}

const GREY = 127.5;

/** One round over the removed pixels; the largest change. */
function relax(values: Float32Array, removed: Uint8Array, { height, width }: GridShape): number {
  let largest = 0;
  for (let pixel = 0; pixel < removed.length; pixel++) {
    if (removed[pixel] === 0) continue;
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

/** Half the rows and columns: the mean of the known pixels of each square of four; removed where none of them is known. */
function halved(
  values: Float32Array,
  removed: Uint8Array,
  { height, width }: GridShape,
): { values: Float32Array; removed: Uint8Array; size: GridShape } {
  const size = { height: Math.ceil(height / 2), width: Math.ceil(width / 2) };
  const sums = new Float32Array(3 * size.height * size.width);
  const known = new Uint8Array(size.height * size.width);
  for (let pixel = 0; pixel < removed.length; pixel++) {
    if (removed[pixel] !== 0) continue;
    const [row, column] = [Math.floor(pixel / width) >> 1, (pixel % width) >> 1];
    const to = row * size.width + column;
    known[to]!++;
    for (let c = 0; c < 3; c++) sums[3 * to + c]! += values[3 * pixel + c]!;
  }
  for (let at = 0; at < sums.length; at++) sums[at]! /= Math.max(1, known[Math.floor(at / 3)]!);
  return { values: sums, removed: known.map((count) => Number(count === 0)), size };
}
