/** Boxes as files state them, fitted to the picture that they are of: scores, sizes, borders, names. */
import { groupBy } from '../base/group-by.ts';
import type { PictureSize } from '../base/types.ts';
import type { ObjectBox, ObjectList, Rectangle } from './boxes.ts';
import { refusedObjects } from './refused.ts';

/** An object, over time. */
export interface NamedObject {
  /** Such as `car 3`; `car` for all boxes without an id that have this label. */
  readonly name: string;
  readonly id?: string;
  readonly label?: string;
}

/**
 * The boxes of a list with at least this score; those without a score, too.
 *
 * @throws L2cafError `input-unreadable` when there are none
 */
export function withScores({ path, boxes }: ObjectList, least: number | undefined): readonly ObjectBox[] {
  if (least === undefined) return boxes;
  const kept = boxes.filter(({ score = Number.POSITIVE_INFINITY }) => score >= least);
  if (kept.length > 0) return kept;
  throw refusedObjects(path, `has no box with a score of ${least} or more`, 'choose a lower --objects-score');
}

/**
 * Boxes of pictures of other sizes, in pixels of the picture as shown.
 *
 * @throws L2cafError `input-unreadable` for shares of the picture, and for pictures of another shape
 */
export function scaledTo(
  { path, picture }: ObjectList,
  boxes: readonly ObjectBox[],
  shown: PictureSize,
): readonly ObjectBox[] {
  if (boxes.every(({ x, y, width, height }) => x + width <= 1.5 && y + height <= 1.5)) {
    throw refusedObjects(path, 'has boxes of about a pixel: are they shares of the picture?', 'give them in pixels');
  }
  return boxes.map((box) => {
    const of = box.of ?? picture;
    if (of === undefined || (of.width === shown.width && of.height === shown.height)) return box;
    const [across, down] = [shown.width / of.width, shown.height / of.height];
    if (Math.abs(across / down - 1) > SAME_SHAPE) {
      const sizes = `${of.width}x${of.height}, and what is shown has ${shown.width}x${shown.height}`;
      throw refusedObjects(path, `is of pictures of ${sizes}`, 'give the boxes as shown (rotated, square pixels)');
    }
    const resized = <Box extends Rectangle>(own: Box): Box => ({
      ...own,
      ...{ x: own.x * across, y: own.y * down, width: own.width * across, height: own.height * down },
    });
    return { ...resized(box), ...(box.movesTo && { movesTo: resized(box.movesTo) }) };
  });
}

/** Sizes that are rounded differ in shape by less. */
const SAME_SHAPE = 0.02;

/**
 * Where most boxes lie beside the picture, they are of another one.
 *
 * @throws L2cafError `input-unreadable`
 */
export function refuseOtherPictures(path: string, boxes: readonly Rectangle[], picture: PictureSize): void {
  const beside = boxes.filter(({ x, y, width, height }) => {
    const [middleX, middleY] = [x + width / 2, y + height / 2];
    return middleX < 0 || middleY < 0 || middleX > picture.width || middleY > picture.height;
  });
  if (2 * beside.length <= boxes.length) return;
  const reach = (side: (box: Rectangle) => number): number =>
    Math.round(boxes.reduce((most, box) => Math.max(most, side(box)), 0));
  const size = `${reach(({ x, width }) => x + width)},${reach(({ y, height }) => y + height)}`;
  throw refusedObjects(
    path,
    `has boxes outside of the picture (${beside.length} of ${boxes.length}, up to ${size}; it has ${picture.width}x${picture.height})`,
    'give pixels as shown (rotated, square pixels)',
  );
}

/** The part of a box that lies within the picture; undefined for none. */
export function withinPicture({ x, y, width, height }: Rectangle, picture: PictureSize): Rectangle | undefined {
  const [left, top] = [Math.max(0, x), Math.max(0, y)];
  const [right, bottom] = [Math.min(picture.width, x + width), Math.min(picture.height, y + height)];
  return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : undefined;
}

/** What boxes of one object have in common: the id, or else the label. */
export function keyOf({ id, label }: Pick<ObjectBox, 'id' | 'label'>): string {
  return id === undefined ? `label ${label ?? ''}` : `id ${id}`;
}

/** The objects of boxes, by the order in which they come; of several labels of an id, the one that it has most often. */
export function namedObjects(boxes: readonly ObjectBox[]): { objects: NamedObject[]; placeOf: Map<string, number> } {
  const placeOf = new Map<string, number>();
  const ofKey = groupBy(boxes, keyOf);
  const objects = [...ofKey].map(([key, own], place): NamedObject => {
    placeOf.set(key, place);
    const { id } = own[0]!;
    const labels = [...groupBy(own, ({ label }) => label)].sort((a, b) => b[1].length - a[1].length);
    const label = labels.find(([one]) => one !== undefined)?.[0];
    return { name: nameOf(id, label), ...(id !== undefined && { id }), ...(label !== undefined && { label }) };
  });
  return { objects, placeOf };
}

function nameOf(id: string | undefined, label: string | undefined): string {
  if (id === undefined) return label ?? 'objects';
  if (label === undefined) return `object ${id}`;
  return id.toLowerCase().startsWith(label.toLowerCase()) ? id : `${label} ${id}`;
}
