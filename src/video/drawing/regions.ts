/**
 * Parts of the picture: those that are to be ignored (the bonnet, the sky, a burnt-in clock), and how the attention is
 * shared out between left and right, near and far.
 */
import type { Canvas, Image } from '@napi-rs/canvas';
import { L2cafError } from '../../base/errors.ts';
import { regionWithin } from '../../base/fit.ts';
import type { GridShape, Heatmap, IgnoredPart, PictureRegion, PictureSize, RegionMask } from '../../base/types.ts';
import { createCanvas } from './canvas.ts';

/** How much of a heatmap lies where; the first three shares add up to 1, and so do the last two. */
export interface AttentionShares {
  /** Left, middle and right third of the picture. */
  readonly left: number;
  readonly centre: number;
  readonly right: number;
  /** Lower and upper half: a camera that looks ahead sees what is near below and what is far above. */
  readonly near: number;
  readonly far: number;
}

/**
 * The heatmap points whose centres lie within any of these parts of a picture.
 *
 * @throws L2cafError `usage` for a rectangle that is empty or not within the picture
 */
export function maskOfParts(parts: readonly IgnoredPart[], picture: PictureSize, grid: GridShape): RegionMask {
  const holds = parts.map((part) => ('values' in part ? holdsOfMask(part) : holdsOfRectangle(part, picture)));
  const values = new Uint8Array(grid.height * grid.width);
  for (let i = 0; i < values.length; i++) {
    const x = ((i % grid.width) + 0.5) / grid.width;
    const y = (Math.floor(i / grid.width) + 0.5) / grid.height;
    if (holds.some((isHeld) => isHeld(x, y))) values[i] = 1;
  }
  return { height: grid.height, width: grid.width, values };
}

/** Whether a part of a picture holds a point, in [0, 1)² of the picture. */
type Holds = (x: number, y: number) => boolean;

function holdsOfMask({ width, height, values }: RegionMask): Holds {
  return (x, y) => values[Math.floor(y * height) * width + Math.floor(x * width)] === 1;
}

function holdsOfRectangle(region: PictureRegion, picture: PictureSize): Holds {
  const { x: left, y: top, width, height } = regionWithin(region, picture);
  return (x, y) => {
    const [across, down] = [x * picture.width - left, y * picture.height - top];
    return across >= 0 && across < width && down >= 0 && down < height;
  };
}

/** The heatmap points at which a picture, stretched over the heatmap, is bright (at least half) and opaque. */
export function maskOfPicture(picture: Image | Canvas, grid: GridShape): RegionMask {
  const context = createCanvas(grid.width, grid.height).getContext('2d');
  context.fillStyle = '#000';
  context.fillRect(0, 0, grid.width, grid.height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, grid.width, grid.height);
  const { data } = context.getImageData(0, 0, grid.width, grid.height);
  const isBright = (_: unknown, i: number): number =>
    data[i * 4]! + data[i * 4 + 1]! + data[i * 4 + 2]! >= 1.5 * 255 ? 1 : 0;
  return { height: grid.height, width: grid.width, values: Uint8Array.from({ length: data.length / 4 }, isBright) };
}

/**
 * The share of a heatmap, as shown, that lies in the region, in [0, 1]; 0 where the heatmap is 0 everywhere.
 *
 * @throws L2cafError `shape-mismatch`
 */
export function shareInRegions({ height, width, values }: Heatmap, region: RegionMask): number {
  if (region.height !== height || region.width !== width) {
    const sizes = `${region.width}x${region.height} for a heatmap of ${width}x${height}`;
    throw new L2cafError('shape-mismatch', `the region mask is ${sizes}`);
  }
  return shareWhere(values, (i) => region.values[i] === 1);
}

/** How a heatmap, as shown, is shared out; all shares are 0 where the heatmap is 0 everywhere. */
export function attentionShares({ height, width, values }: Heatmap): AttentionShares {
  const thirdOf = (i: number): number => Math.floor((((i % width) + 0.5) / width) * 3);
  const isNear = (i: number): boolean => Math.floor(i / width) + 0.5 >= height / 2;
  return {
    left: shareWhere(values, (i) => thirdOf(i) === 0),
    centre: shareWhere(values, (i) => thirdOf(i) === 1),
    right: shareWhere(values, (i) => thirdOf(i) === 2),
    near: shareWhere(values, isNear),
    far: shareWhere(values, (i) => !isNear(i)),
  };
}

function shareWhere(values: Float32Array, isCounted: (i: number) => boolean): number {
  let counted = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    if (isCounted(i)) counted += values[i]!;
  }
  return sum > 0 ? counted / sum : 0;
}
