/** Values that several parts of an analysis document are made of. */
import * as z from '#zod';

/** A count of something that is there. */
export const positiveInt = z.int().positive();
/** Seconds from a start. */
export const seconds = z.number().nonnegative();
/** No network has finer maps of features; a picture of finer ones takes minutes. */
const MAX_GRID = 256;
const gridSide = positiveInt.max(MAX_GRID);
/** Cells of a feature map. */
export const gridSchema = z.object({ height: gridSide, width: gridSide });
/** Pixels. */
export const sizeSchema = z.object({ width: positiveInt, height: positiveInt });
/** A part of a picture, pixels from its left upper corner. */
export const regionSchema = z.object({
  x: z.int().nonnegative(),
  y: z.int().nonnegative(),
  width: positiveInt,
  height: positiveInt,
});

/** In hexadecimal. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
