/** The events of a batch: those of a list, with what is known about the content of their videos. */

import type { ClipReading } from '../base/types.ts';
import { type EventList, type EventListOptions, readEventList, type SpanEvent } from '../events/list.ts';
import type { VideoFacts, Videos } from './videos.ts';

/** A span of a video that is to be analyzed. */
export interface BatchEvent extends SpanEvent<VideoFacts> {
  /** What documents call the video, where that is not `facts.clip.path`. */
  readonly sourcePath?: string;
}

/**
 * Reads a list of events; videos that are known are not probed again.
 *
 * @param options `pictures`: when those of a folder are shown
 * @throws L2cafError as `readEventList`
 */
export function readBatchEvents(
  path: string,
  videos: Videos,
  { pictures = {}, ...options }: EventListOptions & { readonly pictures?: ClipReading } = {},
): Promise<EventList<VideoFacts>> {
  return readEventList(path, (video) => videos.facts(video, pictures, options.signal), options);
}
