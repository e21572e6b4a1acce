/**
 * Still pictures with everything that training needs of them: which file, what it shows, and its features, computed where the cache
 * has none. A picture is kept as a frame of a video of its own.
 */
import { mapConcurrently } from '../base/concurrent.ts';
import { throwIfAborted } from '../base/errors.ts';
import { sha256OfFile } from '../base/files.ts';
import { groupBy } from '../base/group-by.ts';
import type { ProgressListener } from '../base/types.ts';
import { openPicture, picturePixels } from '../video/media/picture.ts';
import type { FeatureCache, FrameVariant } from './cache.ts';
import { completeCache, type FeatureSummary } from './dataset.ts';
import type { Extractor } from './extractor.ts';

/** A picture whose class is known. */
export interface LabelledPicture {
  readonly path: string;
  readonly label: string;
}

/** A picture as it is shown to the trunk: as it is, then its mirror image where that was asked for. */
export interface PlannedPicture extends LabelledPicture {
  readonly views: readonly FrameVariant[];
}

/** Work that can be watched and stopped. */
export interface PictureWork {
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Pictures that are read at once. */
const FILES_AT_ONCE = 8;

/**
 * Reads which pictures these are.
 *
 * @param mirrored whether their mirror images are wanted, too
 * @throws L2cafError `input-not-found`, `input-unreadable`, `aborted`
 */
export async function planPictures<T extends LabelledPicture>(
  pictures: readonly T[],
  mirrored: boolean,
  { signal, onProgress }: PictureWork = {},
): Promise<(T & PlannedPicture)[]> {
  let done = 0;
  return mapConcurrently([...pictures], FILES_AT_ONCE, async (picture) => {
    throwIfAborted(signal);
    const plain = { videoSha256: await sha256OfFile(picture.path), timestampSec: 0, mirrored: false, gain: 1 };
    onProgress?.({ stage: 'reading pictures', done: ++done, total: pictures.length, unit: 'pictures' });
    return { ...picture, views: mirrored ? [plain, { ...plain, mirrored: true }] : [plain] };
  });
}

interface WantedPicture {
  readonly path: string;
  readonly frame: FrameVariant;
}

/**
 * Computes the features that the cache lacks; can be interrupted and continued.
 *
 * @param createExtractor called only if there is something to compute; the extractor is disposed of
 * @throws L2cafError `input-changed` for a file that is no longer the one that was planned; as `ensureFeatures` and `openPicture`
 */
export async function ensurePictureFeatures(
  planned: readonly PlannedPicture[],
  cache: FeatureCache,
  createExtractor: () => Promise<Extractor>,
  { onProgress, signal }: PictureWork = {},
): Promise<FeatureSummary> {
  const wanted = new Map<string, WantedPicture>();
  for (const { path, views } of planned) for (const frame of views) wanted.set(cache.pathOf(frame), { path, frame });
  return completeCache([...wanted.values()], cache, createExtractor, async (missing, extractor) => {
    const { width, height } = cache.source;
    const byPicture = [...groupBy(missing, ({ frame }) => frame.videoSha256).values()];
    let done = 0;
    const report = (): void =>
      onProgress?.({ stage: 'computing features', done, total: missing.length, unit: 'pictures' });
    report();
    await mapConcurrently(byPicture, PICTURES_AT_ONCE, async (own) => {
      throwIfAborted(signal);
      const [{ path, frame }] = own as [WantedPicture];
      const { rgb } = picturePixels(await openPicture(path, frame.videoSha256), { width, height });
      const variants = own.map((one) => one.frame);
      const features = await extractor.extract({ rgb, width, height, variants });
      for (const [i, variant] of variants.entries()) await cache.write(variant, features[i]!);
      done += variants.length;
      report();
    });
    return [];
  });
}

/** Pictures under way: as many as there may be threads. */
const PICTURES_AT_ONCE = 4;
