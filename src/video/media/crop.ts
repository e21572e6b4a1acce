/** What of a clip's picture a network is shown. */
import { L2cafError } from '../../base/errors.ts';
import { regionWithin } from '../../base/fit.ts';
import type { IgnoredPart, PictureRegion, PictureSize, RegionMask, VideoClip } from '../../base/types.ts';
import type { PictureFacts } from './picture-facts.ts';

/** A part; `auto`: what lies within black bars, if there are any; `none`: all of the picture. */
export type CropWish = 'auto' | 'none' | PictureRegion;

/** Parts of a picture that count for nothing. */
export interface HideWish {
  /** Whether burnt-in text and logos are, if there are any. */
  readonly isAuto: boolean;
  readonly parts: readonly IgnoredPart[];
}

/** What is wished for of a clip's picture; default all of it. */
export interface PictureWish {
  readonly crop?: CropWish | undefined;
  readonly hide?: HideWish | undefined;
}

/**
 * A clip of which networks are shown what is wished for.
 *
 * @param look finds what lies within its bars, and what is burnt in; asked once, where one of them is wished for
 * @throws L2cafError `usage` for a part that is not within the picture
 */
export async function shownAs(
  clip: VideoClip,
  { crop: cropWish, hide = { isAuto: false, parts: [] } }: PictureWish,
  look: () => Promise<PictureFacts>,
): Promise<VideoClip> {
  const found = cropWish === 'auto' || hide.isAuto ? await look() : undefined;
  const crop = cropOf(clip, cropWish, found?.bars ?? undefined);
  const hidden = [
    ...(hide.isAuto ? found!.overlays : []),
    ...hide.parts.flatMap((part) => ('values' in part ? rectanglesOf(part, clip) : [regionWithin(part, clip)])),
  ];
  return { ...clip, ...(crop && { crop }), ...(hidden.length > 0 && { hidden }) };
}

/**
 * The part of a clip's picture; undefined for all of it.
 *
 * @param bars what lies within its bars
 * @throws L2cafError `usage` for a part that is not within the picture
 */
function cropOf(clip: VideoClip, wish: CropWish = 'none', bars: PictureRegion | undefined): PictureRegion | undefined {
  if (wish === 'none') return undefined;
  if (wish === 'auto') return bars;
  const { x, y, width, height } = wish;
  if (x + width <= clip.width && y + height <= clip.height && Math.min(width, height) >= SMALLEST_PX) return wish;
  const size = `${clip.width}x${clip.height}`;
  throw new L2cafError('usage', `the part ${x},${y},${width},${height} is no part of the picture of ${size}`, {
    hint: `give x,y,width,height in pixels of ${clip.path} as shown, at least ${SMALLEST_PX} each way`,
  });
}

/** Less is no picture. */
const SMALLEST_PX = 16;

/** A mask as rectangles that do not overlap, pixels of the picture: runs of its rows, those that are alike in rows that follow each other as one. */
export function rectanglesOf({ width, height, values }: RegionMask, picture: PictureSize): PictureRegion[] {
  const across = (column: number): number => Math.round((column * picture.width) / width);
  const down = (row: number): number => Math.round((row * picture.height) / height);
  let open = new Map<string, { readonly from: number; readonly until: number; readonly top: number }>();
  const done: PictureRegion[] = [];
  for (let row = 0; row <= height; row++) {
    const runs = new Map<string, { readonly from: number; readonly until: number; readonly top: number }>();
    for (let from = 0; row < height && from < width; ) {
      if (values[row * width + from] !== 1) {
        from++;
        continue;
      }
      let until = from;
      while (until < width && values[row * width + until] === 1) until++;
      const key = `${from} ${until}`;
      runs.set(key, { from, until, top: open.get(key)?.top ?? row });
      from = until;
    }
    for (const [key, { from, until, top }] of open) {
      if (runs.has(key)) continue;
      const [x, y] = [across(from), down(top)];
      const region = { x, y, width: across(until) - x, height: down(row) - y };
      if (region.width > 0 && region.height > 0) done.push(region);
    }
    open = runs;
  }
  return done;
}
