/**
 * Localization by boxes and by pixels as in Choe et al., "Evaluating Weakly Supervised Object Localization Methods Right"
 * (https://arxiv.org/abs/2001.07437): MaxBoxAcc, MaxBoxAccV2 and PxAP (METHOD §6). They measure a map at every threshold
 * rather than at one that suits a method. The details (truncation to bytes, where boxes end) are those of the authors'
 * evaluation code, whose numbers the tests reproduce.
 */

import type { View } from '../base/fit.ts';
import type { PictureSize } from '../base/types.ts';
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';
import { type BinaryImage, findContours } from './contours.ts';
import { resizeCubic } from './cubic.ts';

/** Side of the square to which maps, boxes and masks are scaled, pixels. */
export const WSOL_SIDE = 224;
/** Step between the thresholds that are tried. */
export const THRESHOLD_STEP = 0.01;

/** `[left, top, right, bottom]` in pixels. The protocol's boxes end at x + width, or at the last pixel if that is less. */
export type Box = readonly [left: number, top: number, right: number, bottom: number];

/**
 * The scores of a map: resized to 224×224, then scaled to [0, 1]; a constant map becomes all zeros. (The protocol knows no maps of
 * parts of a picture: those are resized linearly, and score nothing where they do not lie.)
 *
 * @param view where in the picture the map lies
 */
export function mapScores(map: AttentionMap, view?: View): Float32Array {
  if (view) return toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE, view }).values;
  const resized = resizeCubic(map, { height: WSOL_SIDE, width: WSOL_SIDE });
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of resized) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const range = Math.fround(max - min);
  return resized.map((value) => (range > 0 ? Math.fround(value - min) / range : 0));
}

/** The best IoU of a map's boxes with any true box, one number per threshold: 0, 0.01, … 0.99. */
export interface BoxOverlaps {
  /** With the box of the contour that has the largest area (MaxBoxAcc). */
  readonly largest: Float64Array;
  /** With the boxes of all contours, outer and inner (MaxBoxAccV2). */
  readonly all: Float64Array;
}

/**
 * How well the boxes of a map fit at each threshold.
 *
 * @param scores of {@link mapScores}
 * @param truth at least one box, in pixels of 224×224; a pixel's box counts as one pixel wide
 */
export function boxOverlaps(scores: Float32Array, truth: readonly Box[]): BoxOverlaps {
  const bytes = Uint8Array.from(scores, (score) => Math.fround(score * 255));
  const max = bytes.reduce((best, value) => Math.max(best, value), 0);
  const known = new Map<number, { readonly largest: number; readonly all: number }>();
  const overlaps = thresholds().map((threshold) => {
    const level = Math.trunc(threshold * max);
    const overlap = known.get(level) ?? overlapAt(bytes, level, truth);
    known.set(level, overlap);
    return overlap;
  });
  return {
    largest: Float64Array.from(overlaps, ({ largest }) => largest),
    all: Float64Array.from(overlaps, ({ all }) => all),
  };
}

/** Intersection over union of two boxes that include the pixels they end at. */
export function boxIou(a: Box, b: Box): number {
  const side = (low: number, high: number): number => Math.max(0, high - low + 1);
  const area = ([left, top, right, bottom]: Box): number => side(left, right) * side(top, bottom);
  const shared = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return shared / (area(a) + area(b) - shared);
}

/**
 * Share of the maps whose boxes reach an IoU of `minIou`, in [0, 1], at the threshold that is best for all maps together.
 *
 * @param overlaps `largest` (MaxBoxAcc) or `all` (MaxBoxAccV2) of each map
 */
export function maxBoxAccuracy(overlaps: readonly Float64Array[], minIou: number): number {
  const hits = thresholds().map((_, i) => overlaps.filter((overlap) => overlap[i]! >= minIou).length);
  return Math.max(...hits) / overlaps.length;
}

/** Pixels by score: `[0, 0.01)`, … `[0.99, 1)`, 1. Counts of several maps may be added. */
export interface PixelCounts {
  readonly inside: Float64Array;
  readonly outside: Float64Array;
}

/** No pixels yet. */
export function noPixels(): PixelCounts {
  const bins = thresholds().length + 1;
  return { inside: new Float64Array(bins), outside: new Float64Array(bins) };
}

/** Counts the pixels of a map inside and outside of a mask, both 224×224. */
export function countPixels(scores: Float32Array, mask: Uint8Array): PixelCounts {
  const counts = noPixels();
  const edges = [...thresholds(), 1];
  for (const [i, score] of scores.entries()) {
    let bin = Math.min(edges.length - 1, Math.floor(score / THRESHOLD_STEP) + 1);
    while (score < edges[bin]!) bin--;
    counts[mask[i] ? 'inside' : 'outside'][bin]!++;
  }
  return counts;
}

/** The counts of several maps together. */
export function addPixels(counts: readonly PixelCounts[]): PixelCounts {
  const sum = noPixels();
  for (const { inside, outside } of counts) {
    for (let bin = 0; bin < inside.length; bin++) {
      sum.inside[bin]! += inside[bin]!;
      sum.outside[bin]! += outside[bin]!;
    }
  }
  return sum;
}

/** PxAP: area under the precision-recall curve of all pixels of all maps, in [0, 1]; not a number without any inside. */
export function pixelAveragePrecision({ inside, outside }: PixelCounts): number {
  const total = inside.reduce((sum, count) => sum + count, 0);
  let found = 0;
  let wrong = 0;
  let area = 0;
  for (let bin = inside.length - 1; bin >= 0; bin--) {
    found += inside[bin]!;
    wrong += outside[bin]!;
    if (found > 0) area += (found / (found + wrong)) * (inside[bin]! / total);
  }
  return total > 0 ? area : Number.NaN;
}

/** A binary image at 224×224, nearest pixel. */
export function scaleMask({ width, height, pixels }: BinaryImage): Uint8Array {
  const from = (i: number, size: number): number => Math.floor(((i + 0.5) * size) / WSOL_SIDE);
  return Uint8Array.from({ length: WSOL_SIDE ** 2 }, (_, i) => {
    const [x, y] = [from(i % WSOL_SIDE, width), from(Math.floor(i / WSOL_SIDE), height)];
    return pixels[y * width + x]!;
  });
}

/** The boxes of an image's contours, the largest area first; without contours the one pixel at the top left. */
export function boxesOf(image: BinaryImage): Box[] {
  const contours = findContours(image).reverse(); // of equal areas the last one counts
  if (contours.length === 0) return [[0, 0, 0, 0]];
  return contours
    .sort((a, b) => b.area - a.area)
    .map(({ left, top, right, bottom }) => clip([left, top, right + 1, bottom + 1], image));
}

function clip([left, top, right, bottom]: Box, { width, height }: PictureSize): Box {
  return [left, top, Math.min(right, width - 1), Math.min(bottom, height - 1)];
}

function overlapAt(
  bytes: Uint8Array,
  level: number,
  truth: readonly Box[],
): { readonly largest: number; readonly all: number } {
  const pixels = bytes.map((value) => Number(value > level));
  const overlaps = boxesOf({ width: WSOL_SIDE, height: WSOL_SIDE, pixels }).map((box) =>
    Math.max(...truth.map((own) => boxIou(box, own))),
  );
  return { largest: overlaps[0]!, all: Math.max(...overlaps) };
}

function thresholds(): number[] {
  return Array.from({ length: Math.round(1 / THRESHOLD_STEP) }, (_, i) => i * THRESHOLD_STEP);
}
