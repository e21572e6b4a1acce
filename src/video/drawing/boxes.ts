/** Boxes of objects over a picture, each with its name and the share of the attention that lies on it. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { PictureSize } from '../../base/types.ts';
import { type Area, type DrawnPicture, unitOf } from './overlay.ts';

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
 * Draws boxes over a picture that lies at the context's origin. Labels do not cover each other: those of the largest shares have the first
 * choice of a place, and what is left without one has none.
 *
 * @param size the picture as it is drawn, pixels
 * @param fontOf a font of a size, pixels, as CSS
 * @returns areas outside of which nothing was drawn
 */
export function drawBoxes(
  context: SKRSContext2D,
  size: DrawnPicture,
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
  const named = drawn.filter(({ name }, i) => drawn.findIndex((other) => other.name === name) === i); // once for all boxes of an object
  for (const { name, color, share, ...box } of named.sort((a, b) => (b.share ?? 0) - (a.share ?? 0))) {
    const text = share === undefined ? name : `${name} · ${Math.round(100 * share)} %`;
    const label = freePlace(
      box,
      { width: context.measureText(text).width + 0.7 * textPx, height: 1.35 * textPx },
      size,
      labels,
    );
    if (label === undefined) continue;
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

/** Where a label covers no other one: above its box, below it, or further up or down, at its left or right side; undefined for nowhere. */
function freePlace(
  box: Area,
  { width, height }: PictureSize,
  size: PictureSize,
  taken: readonly Area[],
): Area | undefined {
  const within = (left: number): number => Math.max(0, Math.min(left, size.width - width));
  const tops = [box.top - height, box.bottom];
  for (let step = 1; step <= MOST_STEPS; step++) tops.push(box.top - (step + 1) * height, box.bottom + step * height);
  const shown = tops.filter((top) => top >= 0 && top + height <= size.height);
  const places = [...shown, Math.min(Math.max(0, box.top), size.height - height)].flatMap((top) =>
    [within(box.left), within(box.right - width)].map((left) => ({
      ...{ left, top, right: left + width, bottom: top + height },
    })),
  );
  return places.find((place) =>
    taken.every(
      (o) => o.left >= place.right || o.right <= place.left || o.top >= place.bottom || o.bottom <= place.top,
    ),
  );
}

/** Heights that a label is moved by, at most. */
const MOST_STEPS = 4;
/** Of a picture whose longer side has 1280 pixels, and at least. */
const TEXT_PX = 18;
const LEAST_TEXT_PX = 10;
