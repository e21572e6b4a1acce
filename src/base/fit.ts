/**
 * How pictures of any shape become pictures of a network's size, and where in the picture the network's input lies: what was
 * found at a place of the input is shown at that place of the picture.
 */
import { L2cafError } from './errors.ts';
import type { PictureRegion, PictureSize } from './types.ts';

/**
 * `stretch`: the whole picture, out of shape; `cover`: scaled until it covers the input, its middle is cut out; `contain`:
 * scaled until all of it fits, with bars at two sides.
 */
export const RESIZES = ['stretch', 'cover', 'contain'] as const;
/** See {@link RESIZES}. */
export type Resize = (typeof RESIZES)[number];

/** A size that pictures are brought to, and how those of another shape are. */
export interface FittedSize extends PictureSize {
  /** Default `stretch`. */
  readonly resize?: Resize;
  /** Colour of the bars of `contain`, bytes, red first; default black. */
  readonly padding?: readonly [number, number, number];
  /** The part of a picture that is brought to the size, pixels of the picture as shown; default all of it. */
  readonly part?: PictureRegion;
  /** Parts of a picture that are filled from around them, pixels of the picture as shown. */
  readonly hidden?: readonly PictureRegion[];
}

/** What bars are filled with unless another colour is asked for. */
export const BLACK: readonly [number, number, number] = [0, 0, 0];

/** A picture that was scaled, and where the input lies over it. */
export interface Placement {
  /** The size that the picture is scaled to, pixels. */
  readonly scaled: PictureSize;
  /** From the scaled picture's left edge to the input's, pixels; negative where there is a bar. */
  readonly left: number;
  /** From its top edge to the input's. */
  readonly top: number;
}

/** Edges of a network's input, as shares of the picture's width and height; beyond 0 and 1 where it is larger. */
export interface View {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Brings a picture to a size. */
export function placementOf(picture: PictureSize, { resize = 'stretch', width, height }: FittedSize): Placement {
  if (resize === 'stretch') return { scaled: { width, height }, left: 0, top: 0 };
  const scales = [width / picture.width, height / picture.height];
  const scale = resize === 'cover' ? Math.max(...scales) : Math.min(...scales);
  const side = (length: number, own: number): number =>
    length * scale === own ? own : Math.max(1, Math.round(length * scale));
  const scaled = { width: side(picture.width, width), height: side(picture.height, height) };
  return { scaled, left: Math.floor((scaled.width - width) / 2), top: Math.floor((scaled.height - height) / 2) };
}

/** Where in a picture the input lies that it was brought to; undefined where that is all of the picture and no more. */
export function viewOf(picture: PictureSize, { part, ...input }: FittedSize): View | undefined {
  if (part) {
    const { left, top, right, bottom } = viewOf(part, input) ?? WHOLE_VIEW;
    return {
      left: (part.x + left * part.width) / picture.width,
      top: (part.y + top * part.height) / picture.height,
      right: (part.x + right * part.width) / picture.width,
      bottom: (part.y + bottom * part.height) / picture.height,
    };
  }
  const { scaled, left, top } = placementOf(picture, input);
  if (scaled.width === input.width && scaled.height === input.height) return undefined;
  return {
    left: left / scaled.width,
    top: top / scaled.height,
    right: (left + input.width) / scaled.width,
    bottom: (top + input.height) / scaled.height,
  };
}

/** All of the picture, and no more. */
export const WHOLE_VIEW: View = { left: 0, top: 0, right: 1, bottom: 1 };

/** A network's size with the part of a clip that it is shown, and what of that is hidden. */
export function sizeFor<Size extends FittedSize>(size: Size, { crop, hidden }: ShownParts): Size {
  return { ...size, ...(crop && { part: crop }), ...(hidden && { hidden }) };
}

/** What of a clip's picture a network is shown, see `VideoClip`. */
export interface ShownParts {
  readonly crop?: PictureRegion | undefined;
  readonly hidden?: readonly PictureRegion[] | undefined;
}

/**
 * The region, which is one of the picture.
 *
 * @throws L2cafError `usage` where it is empty, or not within the picture
 */
export function regionWithin(region: PictureRegion, picture: PictureSize): PictureRegion {
  const { x, y, width, height } = region;
  const isWithin = x >= 0 && y >= 0 && x + width <= picture.width && y + height <= picture.height;
  if (isWithin && width > 0 && height > 0) return region;
  const size = `${picture.width}x${picture.height}`;
  throw new L2cafError('usage', `the region ${x},${y},${width},${height} is not within the picture of ${size}`, {
    hint: 'give x,y,width,height in pixels of the clip as shown',
  });
}
