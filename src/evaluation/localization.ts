/**
 * Does a heatmap lie on the object that decides an event? The measures that need no threshold or one only (METHOD §6):
 * pointing game, energy lift, and the box of the largest region. `wsol.ts` has those over all thresholds.
 */
import { L2cafError } from '../base/errors.ts';
import type { Heatmap } from '../base/types.ts';
import { peakCell } from '../l2caf/heatmap.ts';
import type { BinaryImage } from './contours.ts';
import { type Box, boxesOf, boxIou } from './wsol.ts';

/** How far from the object the maximum may lie in the pointing game, pixels. */
export const POINTING_TOLERANCE_PX = 15;

/**
 * The pointing game (Zhang et al. 2016, https://arxiv.org/abs/1608.00507, Sec. 4.2): whether a pixel of the object lies
 * within 15 pixels of the heatmap's maximum (its first one, row by row). A constant heatmap points nowhere and misses.
 *
 * @throws L2cafError `shape-mismatch` when heatmap and object have different sizes.
 */
export function isPointingHit(
  heatmap: Heatmap,
  object: BinaryImage,
  tolerancePx: number = POINTING_TOLERANCE_PX,
): boolean {
  checkSizes(heatmap, object);
  if (heatmap.max <= heatmap.min) return false;
  const { width, height } = heatmap;
  const { row: peakY, column: peakX } = peakCell(heatmap);
  for (let y = Math.max(0, peakY - tolerancePx); y <= Math.min(height - 1, peakY + tolerancePx); y++) {
    for (let x = Math.max(0, peakX - tolerancePx); x <= Math.min(width - 1, peakX + tolerancePx); x++) {
      if (object.pixels[y * width + x] && Math.hypot(x - peakX, y - peakY) <= tolerancePx) return true;
    }
  }
  return false;
}

/**
 * Share of the heatmap's energy (the sum of its values) on the object, over the object's share of the area: 1 is chance.
 * A constant heatmap prefers nothing and has 1.
 *
 * @param object not empty
 * @throws L2cafError `shape-mismatch` when heatmap and object have different sizes.
 */
export function energyLift(heatmap: Heatmap, object: BinaryImage): number {
  checkSizes(heatmap, object);
  let [inside, total, area] = [0, 0, 0];
  for (const [i, value] of heatmap.values.entries()) {
    total += value;
    if (!object.pixels[i]) continue;
    inside += value;
    area++;
  }
  return total > 0 ? inside / total / (area / heatmap.values.length) : 1;
}

/** What {@link isLocalized} compares. */
export interface BoxCase {
  readonly heatmap: Heatmap;
  /** The threshold, in [0, 1): pixels above it are the heatmap's region. */
  readonly level: number;
  /** True boxes, pixels of the heatmap. */
  readonly boxes: readonly Box[];
  /** Whether the class was right (top-1, top-5 or R@1); true when it is given (GT-known). */
  readonly isClassCorrect: boolean;
}

/**
 * Box accuracy (paper, Sec. 4.1 and 4.2): whether the class is right and the box around the largest region above the
 * level overlaps a true one with an IoU of at least 0.5.
 */
export function isLocalized({ heatmap, level, boxes, isClassCorrect }: BoxCase): boolean {
  const largest = largestBox(heatmap, level);
  return isClassCorrect && boxes.some((box) => boxIou(largest, box) >= MIN_IOU);
}

/** The box around the largest region of a heatmap above a level, pixels of the heatmap. */
export function largestBox(heatmap: Heatmap, level: number): Box {
  const pixels = Uint8Array.from(heatmap.values, (value) => Number(value > level));
  return (boxesOf({ ...heatmap, pixels }) as [Box, ...Box[]])[0];
}

const MIN_IOU = 0.5;

function checkSizes(heatmap: Heatmap, object: BinaryImage): void {
  if (heatmap.width === object.width && heatmap.height === object.height) return;
  const sizes = `${heatmap.width}x${heatmap.height} and ${object.width}x${object.height}`;
  throw new L2cafError('shape-mismatch', `a heatmap and its object must have one size, not ${sizes}`);
}
