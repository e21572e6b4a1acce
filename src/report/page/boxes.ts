/** Boxes of objects over a picture, each with its name and the share of the attention that lies on it. */
import type { DrawnObject } from '../../analysis/object-words.ts';
import type { PictureSize } from '../../base/types.ts';
import { type Area, unitOf } from '../../video/drawing/overlay.ts';

/**
 * Draws boxes over a picture that lies at the context's origin.
 *
 * @param size the picture as it is drawn, pixels
 * @param picture the picture that the boxes are of
 */
export function drawBoxes(
  context: CanvasRenderingContext2D,
  size: PictureSize,
  picture: PictureSize,
  boxes: readonly DrawnObject[],
): void {
  const unit = unitOf(size);
  const [across, down] = [size.width / picture.width, size.height / picture.height];
  const textPx = Math.max(LEAST_TEXT_PX, TEXT_PX * unit);
  context.save();
  const drawn = boxes.map(({ x, y, width, height, ...object }) => ({
    ...object,
    ...{ left: x * across, top: y * down, right: (x + width) * across, bottom: (y + height) * down },
  }));
  for (const { left, top, right, bottom, color, share } of drawn) {
    context.setLineDash(share === undefined ? [6 * unit, 5 * unit] : []);
    for (const [ink, line] of [
      ['#000a', 5 * unit],
      [color, 2.5 * unit],
    ] as const) {
      context.strokeStyle = ink;
      context.lineWidth = Math.max(1, line);
      context.strokeRect(left, top, right - left, bottom - top);
    }
  }
  context.font = `bold ${textPx}px system-ui, sans-serif`;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  const labels: Area[] = [];
  for (const [i, { name, color, share, ...box }] of drawn.entries()) {
    if (drawn.findIndex((other) => other.name === name) !== i) continue; // once for all boxes of an object
    const text = share === undefined ? name : `${name} · ${Math.round(100 * share)} %`;
    const label = freePlace(
      box,
      { width: context.measureText(text).width + 0.7 * textPx, height: 1.35 * textPx },
      size,
      labels,
    );
    labels.push(label);
    context.fillStyle = color;
    context.fillRect(label.left, label.top, label.right - label.left, label.bottom - label.top);
    context.fillStyle = '#000';
    context.fillText(text, label.left + 0.35 * textPx, (label.top + label.bottom) / 2);
  }
  context.restore();
}

/** Where a label covers no other one: above its box, below it, or further up or down; above it where there is no such place. */
function freePlace(box: Area, { width, height }: PictureSize, size: PictureSize, taken: readonly Area[]): Area {
  const left = Math.min(box.left, Math.max(0, size.width - width));
  const tops = [box.top - height, box.bottom];
  for (let step = 1; step <= MOST_STEPS; step++) tops.push(box.top - (step + 1) * height, box.bottom + step * height);
  const places = tops
    .filter((top) => top >= 0 && top + height <= size.height)
    .map((top) => ({ left, top, right: left + width, bottom: top + height }));
  const isFree = (place: Area): boolean =>
    taken.every(
      (o) => o.left >= place.right || o.right <= place.left || o.top >= place.bottom || o.bottom <= place.top,
    );
  const inside = { left, top: Math.max(0, box.top), right: left + width, bottom: Math.max(0, box.top) + height };
  return places.find(isFree) ?? places[0] ?? inside;
}

/** Heights that a label is moved by, at most. */
const MOST_STEPS = 4;
/** Of a picture whose longer side has 1280 pixels, and at least. */
const TEXT_PX = 18;
const LEAST_TEXT_PX = 10;
