/** Boxes of a file that are of one still picture. */
import type { PictureSize } from '../base/types.ts';
import type { ObjectList, Rectangle } from './boxes.ts';
import {
  keyOf,
  type NamedObject,
  namedObjects,
  refuseOtherPictures,
  scaledTo,
  withinPicture,
  withScores,
} from './fitted.ts';
import { refusedObjects } from './refused.ts';

/** An object of a picture, and where it is: within the picture, pixels. */
export interface ObjectOnPicture extends NamedObject {
  readonly boxes: readonly Rectangle[];
}

/** A still picture that boxes may be of. */
export interface StillPicture extends PictureSize {
  readonly path: string;
  /** Whether no other picture is looked at, so that boxes of a file that names none are of this one. */
  readonly isOnly: boolean;
}

/**
 * The objects of a picture: boxes that the file says are of a picture of this name, or all where it speaks of a single picture and names
 * none.
 *
 * @param leastScore boxes with a lower score are left out
 * @returns none where the file has no boxes of it
 * @throws L2cafError `input-unreadable` when the file does not say which picture its boxes are of, or for boxes of other pictures
 */
export function objectsOnPicture(list: ObjectList, picture: StillPicture, leastScore?: number): ObjectOnPicture[] {
  const { path } = list;
  const scored = withScores(list, leastScore);
  const areNamed = expectPictures(list, picture.isOnly);
  const own = areNamed ? scored.filter((box) => isOf(box.picture, picture.path)) : scored;
  if (own.length === 0) return [];
  const sized = scaledTo(list, own, picture);
  refuseOtherPictures(path, sized, picture);
  const shown = sized.flatMap((box) => {
    const within = withinPicture(box, picture);
    return within ? [{ ...box, ...within }] : [];
  });
  const { objects, placeOf } = namedObjects(shown);
  return objects.map((object, place) => ({
    ...object,
    boxes: shown
      .filter((box) => placeOf.get(keyOf(box)) === place)
      .map(({ x, y, width, height }) => ({ x, y, width, height })),
  }));
}

/**
 * Whether the boxes of a list name their pictures; they need not where all are of one, and no other is looked at.
 *
 * @throws L2cafError `input-unreadable` when it is not known which pictures they are of
 */
export function expectPictures({ path, boxes }: ObjectList, isOnly: boolean): boolean {
  if (boxes.some((box) => box.picture !== undefined)) return true;
  if (isOnly && new Set(boxes.map(({ at }) => at)).size === 1) return false;
  throw refusedObjects(
    path,
    'does not say which pictures its boxes are of',
    'give CSV with the column file, or COCO annotations with their images',
  );
}

/** Whether a file that boxes name is a picture: the same name, in the same folders as far as both state them. */
function isOf(named: string | undefined, path: string): boolean {
  const [a, b] = [named ?? '', path].map((text) =>
    text
      .split(/[\\/]+/)
      .filter((part) => part !== '.')
      .reverse(),
  );
  return a!.every((part, i) => part === b![i]);
}
