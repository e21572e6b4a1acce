/** Boxes of objects over a picture, each with its name and the share of the attention that lies on it. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { PictureSize } from '../../base/types.ts';
import { type Area, unitOf } from './overlay.ts';

/** A box to be drawn: a rectangle, pixels of the picture that the boxes are of. */
export interface DrawnBox extends PictureSize {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  /** As CSS. */
  readonly color: string;
  /** Share of the frame's attention on all boxes of the object; absent where the box is between two frames that were analyzed. */
  readonly share?: number;
}

/** Boxes over a picture. */
export interface DrawnBoxes {
  /** The picture that they are of. */
  readonly picture: PictureSize;
  readonly boxes: readonly DrawnBox[];
}

/**
 * Draws boxes over a picture that lies at the context's origin.
 *
 * @param size the picture as it is drawn, pixels
 * @param fontOf a font of a size, pixels, as CSS
 * @returns areas outside of which nothing was drawn
 */
export function drawBoxes(
  context: SKRSContext2D,
  size: PictureSize,
  { picture, boxes }: DrawnBoxes,
  fontOf: (sizePx: number) => string,
): Area[] {
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
  context.font = fontOf(textPx);
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
  return [...drawn.flatMap((box) => sidesOf(box, Math.max(1, 5 * unit))), ...labels];
}

/** The four lines around a box. */
function sidesOf({ left, top, right, bottom }: Area, linePx: number): Area[] {
  const around = (area: Area): Area => ({
    ...{ left: area.left - linePx, top: area.top - linePx },
    ...{ right: area.right + linePx, bottom: area.bottom + linePx },
  });
  return [
    around({ left, top, right, bottom: top }),
    around({ left, top: bottom, right, bottom }),
    around({ left, top, right: left, bottom }),
    around({ left: right, top, right, bottom }),
  ];
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
