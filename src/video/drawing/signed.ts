/**
 * Draws the two sides of a signed filter over a picture: cells that argue for the output and cells that argue against
 * it, which the size of the filter alone cannot tell apart (METHOD §1). Two colours that stay apart for colour-blind eyes,
 * and dashed lines for the opposing side, so that the picture survives grey print.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { Heatmap, PictureSize } from '../../base/types.ts';
import { canvasLibrary, createCanvas } from './canvas.ts';
import { cssColor, type Rgb } from './colormap.ts';
import { contourLines } from './contour.ts';
import { type DrawnPicture, unitOf } from './overlay.ts';
import type { OverlayStyle } from './style.ts';

/** The colours of the two sides: blue and orange, which all common kinds of colour vision tell apart. */
export const SIGNED_COLORS: { readonly supporting: Rgb; readonly opposing: Rgb } = {
  supporting: [56, 140, 255],
  opposing: [255, 150, 0],
};

/**
 * Draws both sides on one scale, that of the stronger one: a faint side is drawn faint, or not at all where it stays
 * below the levels. The picture of the given size lies at the context's origin.
 *
 * @param supporting heatmap of the positive part of the filter
 * @param opposing heatmap of its negative part, as a positive number
 * @param style its colour map is not used
 */
export function drawSigned(
  context: SKRSContext2D,
  size: DrawnPicture,
  supporting: Heatmap,
  opposing: Heatmap,
  style: OverlayStyle,
): void {
  const strongest = Math.max(supporting.max, opposing.max);
  if (strongest <= 0) return; // the filter is zero everywhere
  const sides = [
    { strengths: relativeTo(strongest, opposing), color: SIGNED_COLORS.opposing, isDashed: true },
    { strengths: relativeTo(strongest, supporting), color: SIGNED_COLORS.supporting, isDashed: false },
  ];
  context.save();
  context.globalAlpha = supporting.opacity ?? 1;
  for (const { strengths, color } of sides) {
    if (style.kind !== 'contour') fill(context, size, strengths, color, style.opacity);
  }
  for (const { strengths, color, isDashed } of sides) {
    if (style.kind !== 'heatmap') outline(context, size, strengths, color, isDashed, style);
  }
  context.restore();
}

/** A heatmap whose 1 is `strongest` and whose 0 is 0. */
function relativeTo(strongest: number, { height, width, values, min, max }: Heatmap): Heatmap {
  return {
    height,
    width,
    values: values.map((value) => (min + value * (max - min)) / strongest),
    min: 0,
    max: strongest,
  };
}

/** One colour, the more opaque the stronger. */
function fill(context: SKRSContext2D, size: PictureSize, strengths: Heatmap, color: Rgb, opacity: number): void {
  const { height, width, values } = strengths;
  const small = createCanvas(width, height);
  const pixels = small.getContext('2d').createImageData(width, height);
  values.forEach((value, i) => {
    pixels.data.set([...color, Math.round(255 * opacity * value)], 4 * i);
  });
  small.getContext('2d').putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, size.width, size.height);
}

/** Contours on a dark halo, the line growing with its level. */
function outline(
  context: SKRSContext2D,
  size: DrawnPicture,
  strengths: Heatmap,
  color: Rgb,
  isDashed: boolean,
  { levels, lineWidthPx }: OverlayStyle,
): void {
  context.save();
  context.lineJoin = 'round';
  for (const { level, rings } of contourLines(strengths, levels)) {
    const corners = rings.map((ring) => ring.map(([x, y]) => `${x * size.width} ${y * size.height}`).join('L'));
    if (corners.length === 0) continue;
    const path = new (canvasLibrary().Path2D)(corners.map((ring) => `M${ring}Z`).join(''));
    const width = Math.max(2, lineWidthPx * unitOf(size) * (0.6 + 0.6 * level));
    context.setLineDash(isDashed ? [4 * width, 2.5 * width] : []);
    context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
    context.lineWidth = 2 * width;
    context.stroke(path);
    context.strokeStyle = cssColor(color);
    context.lineWidth = width;
    context.stroke(path);
  }
  context.restore();
}
