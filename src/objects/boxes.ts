/** Boxes of objects as files state them, before it is known which frames of a clip they are of. */
import type { PictureSize } from '../base/types.ts';

/** A rectangle, pixels of the picture that the boxes are of; it need not lie within the picture, nor on whole pixels. */
export interface Rectangle extends PictureSize {
  readonly x: number;
  readonly y: number;
}

/** Where an object is at a moment. */
export interface ObjectBox extends Rectangle {
  /** The frame's number as the file counts, or seconds from the start of the clip. */
  readonly at: number;
  /** Which object of its kind it is, the same over time; absent where the file does not say. */
  readonly id?: string;
  /** What it is, such as `car`. */
  readonly label?: string;
  /** How sure a detector was. */
  readonly score?: number;
  /** Where the object moves to in a straight line, and when it is there; from then on another box counts, or none. */
  readonly movesTo?: Rectangle & { readonly at: number };
  /** File name of the picture, where boxes are of pictures. */
  readonly picture?: string;
  /** Size of that picture, where the file states it. */
  readonly of?: PictureSize;
}

/** What a file says. */
export interface ObjectList {
  readonly path: string;
  /** What it was taken for, in words. */
  readonly format: string;
  /** What `at` counts. */
  readonly axis: 'frames' | 'seconds';
  /** The number of the first frame, as such files count. */
  readonly firstFrame: number;
  /** Whether boxes are of pictures that are known by their names alone: `at` says nothing. */
  readonly isByPicture?: boolean;
  /** Size of the pictures that the boxes are of, where the file says so. */
  readonly picture?: PictureSize;
  readonly boxes: readonly ObjectBox[];
  /** What a person should know of how it was read. */
  readonly notes: readonly string[];
}
