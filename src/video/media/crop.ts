/** Which part of a clip's picture a network is shown. */
import { L2cafError } from '../../base/errors.ts';
import type { PictureRegion, VideoClip } from '../../base/types.ts';

/** A part; `auto`: what lies within black bars, if there are any; `none`: all of the picture. */
export type CropWish = 'auto' | 'none' | PictureRegion;

/**
 * The part of a clip's picture; undefined for all of it.
 *
 * @param bars what lies within its bars, asked for where that is to be found
 * @throws L2cafError `usage` for a part that is not within the picture
 */
export async function cropOf(
  clip: VideoClip,
  wish: CropWish = 'none',
  bars: () => Promise<PictureRegion | undefined>,
): Promise<PictureRegion | undefined> {
  if (wish === 'none') return undefined;
  if (wish === 'auto') return bars();
  const { x, y, width, height } = wish;
  if (x + width <= clip.width && y + height <= clip.height && Math.min(width, height) >= SMALLEST_PX) return wish;
  const size = `${clip.width}x${clip.height}`;
  throw new L2cafError('usage', `the part ${x},${y},${width},${height} is no part of the picture of ${size}`, {
    hint: `give x,y,width,height in pixels of ${clip.path} as shown, at least ${SMALLEST_PX} each way`,
  });
}

/** Less is no picture. */
const SMALLEST_PX = 16;
