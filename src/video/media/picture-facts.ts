/** What belongs to a clip's file rather than to the scene: black bars, and what is burnt in. */
import type { PictureRegion, VideoClip } from '../../base/types.ts';
import { barsIn } from './bars.ts';
import { glanceAt } from './glance.ts';
import { overlaysOf } from './overlays.ts';

/** What was found in a video's picture. */
export interface PictureFacts {
  /** What lies within its black bars, null where it has none. */
  readonly bars: PictureRegion | null;
  /** Text and logos that are burnt in. */
  readonly overlays: readonly PictureRegion[];
}

/** Looks for both, in the same frames. Throws as `glanceAt`; `aborted`. */
export async function lookAtPicture(clip: VideoClip, signal?: AbortSignal): Promise<PictureFacts> {
  const glance = await glanceAt(clip, signal);
  return { bars: (await barsIn(glance, clip, signal)) ?? null, overlays: overlaysOf(glance, clip) };
}
