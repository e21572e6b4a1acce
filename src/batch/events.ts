/** The events of a batch: those of a list, with what is known about the content of their videos. */

import type { ClipReading } from '../base/types.ts';
import { type EventList, type EventListOptions, readEventList, type SpanEvent } from '../events/list.ts';
import type { PictureWish } from '../video/media/crop.ts';
import type { VideoFacts, Videos } from './videos.ts';

/** A span of a video that is to be analyzed. */
export interface BatchEvent extends SpanEvent<VideoFacts> {
  /** What documents call the video, where that is not `facts.clip.path`. */
  readonly sourcePath?: string;
}

/**
 * Reads a list of events; videos that are known are not probed again.
 *
 * @param options `pictures`: when those of a folder are shown; `shown`: what networks are shown of the videos, by default all
 * @throws L2cafError as `readEventList`
 */
export function readBatchEvents(
  path: string,
  videos: Videos,
  {
    pictures = {},
    shown = {},
    ...options
  }: EventListOptions & { readonly pictures?: ClipReading; readonly shown?: PictureWish } = {},
): Promise<EventList<VideoFacts>> {
  const factsOf = async (video: string): Promise<VideoFacts> =>
    videos.shown(await videos.facts(video, pictures, options.signal), shown, options.signal);
  return readEventList(path, factsOf, options);
}
