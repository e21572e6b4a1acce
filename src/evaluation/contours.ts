/**
 * The borders of the connected regions of a binary image, outer ones and those around holes: what the box protocols of
 * localization cut heatmaps with. Border following after Suzuki and Abe, "Topological structural analysis of digitized
 * binary images by border following" (1985), Appendix I, without the hierarchy: pixels that touch at a corner belong
 * together, holes are separated by them.
 */
import type { PictureSize } from '../base/types.ts';

/** A binary image: 1 where something is, 0 elsewhere; row by row. */
export interface BinaryImage extends PictureSize {
  readonly pixels: Uint8Array;
}

/** A border, as the pixels of the region that lie on it. */
export interface Contour {
  /** First and last column and row of its pixels, both included. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** Area of the polygon through the centres of its pixels, square pixels: 0 for a line. */
  readonly area: number;
}

/** All borders of an image, in the order in which a scan row by row meets them. The image ends in zeros on all sides. */
export function findContours({ width, height, pixels }: BinaryImage): Contour[] {
  const stride = width + 2;
  const image = new Int8Array(stride * (height + 2)); // 1: region, 2: followed, -2: followed, with a 0 to its right
  for (let y = 0; y < height; y++) image.set(pixels.subarray(y * width, (y + 1) * width), (y + 1) * stride + 1);
  const contours: Contour[] = [];
  for (let at = stride + 1; at < image.length - stride - 1; at++) {
    const value = image[at]!;
    if (value === 1 && image[at - 1] === 0) contours.push(follow(image, stride, at, WEST));
    else if (value > 0 && image[at + 1] === 0) contours.push(follow(image, stride, at, EAST));
  }
  return contours;
}

/** Directions, clockwise. */
const [WEST, EAST, DIRECTIONS] = [0, 4, 8];

/** Follows the border from pixel `start`, whose neighbour in direction `outside` is not in the region, and marks it. */
function follow(image: Int8Array, stride: number, start: number, outside: number): Contour {
  const neighbours = [-1, -stride - 1, -stride, -stride + 1, 1, stride + 1, stride, stride - 1];
  const point = (at: number): [x: number, y: number] => [(at % stride) - 1, Math.floor(at / stride) - 1];
  let [left, top] = point(start);
  let [right, bottom] = [left, top];
  let first = outside;
  do first = (first + 1) % DIRECTIONS;
  while (image[start + neighbours[first]!] === 0 && first !== outside);
  if (first === outside) {
    image[start] = -2;
    return { left, top, right, bottom, area: 0 };
  }
  let doubleArea = 0;
  let at = start;
  for (let back = first; ; ) {
    let direction = back;
    let isRightOutside = false;
    for (;;) {
      direction = (direction + DIRECTIONS - 1) % DIRECTIONS;
      if (image[at + neighbours[direction]!] !== 0) break;
      if (direction === EAST) isRightOutside = true;
    }
    if (isRightOutside) image[at] = -2;
    else if (image[at] === 1) image[at] = 2;
    const next = at + neighbours[direction]!;
    const [x, y] = point(at);
    const [nextX, nextY] = point(next);
    doubleArea += x * nextY - nextX * y;
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    if (next === start && at === start + neighbours[first]!) break;
    back = (direction + DIRECTIONS / 2) % DIRECTIONS;
    at = next;
  }
  return { left, top, right, bottom, area: Math.abs(doubleArea) / 2 };
}
