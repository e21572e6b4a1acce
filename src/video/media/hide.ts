/** Parts of frames that a network is not to see: burnt-in text, a logo, a bonnet. */
import { fillHoles } from '../../base/fill.ts';
import { type FittedSize, viewOf } from '../../base/fit.ts';
import type { PictureSize } from '../../base/types.ts';

/**
 * Fills what `size.hidden` names from around it, in place.
 *
 * @param picture as which frames are shown, in whose pixels the parts are given
 * @param size of the frames
 * @param rgb one frame, `[h, w, 3]`
 */
export function hideParts(picture: PictureSize, size: FittedSize, rgb: Uint8Array): void {
  const holes = holesIn(picture, size);
  if (holes === undefined) return;
  const filled = fillHoles(Float32Array.from(rgb), holes, size);
  for (let at = 0; at < rgb.length; at++) if (holes[Math.floor(at / 3)] === 1) rgb[at] = Math.round(filled[at]!);
}

/** The pixels of a network's input that hidden parts touch; undefined where there are none. */
function holesIn(picture: PictureSize, { hidden, ...size }: FittedSize): Uint8Array | undefined {
  if (hidden === undefined || hidden.length === 0) return undefined;
  const { left, top, right, bottom } = viewOf(picture, size) ?? { left: 0, top: 0, right: 1, bottom: 1 };
  const holes = new Uint8Array(size.width * size.height);
  for (const { x, y, width, height } of hidden) {
    const column = (at: number): number => ((at / picture.width - left) / (right - left)) * size.width;
    const row = (at: number): number => ((at / picture.height - top) / (bottom - top)) * size.height;
    const [first, last] = [Math.max(0, Math.floor(column(x))), Math.min(size.width, Math.ceil(column(x + width)))];
    const [from, until] = [Math.max(0, Math.floor(row(y))), Math.min(size.height, Math.ceil(row(y + height)))];
    for (let line = from; line < until && first < last; line++) {
      holes.fill(1, line * size.width + first, line * size.width + last);
    }
  }
  return holes.includes(1) ? holes : undefined;
}
