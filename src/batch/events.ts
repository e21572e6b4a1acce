/** The events of a batch: those of a list, with what is known about the content of their videos. */
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
 * @throws L2cafError as `readEventList`
 */
export function readBatchEvents(
  path: string,
  videos: Videos,
  options: EventListOptions = {},
): Promise<EventList<VideoFacts>> {
  return readEventList(path, (video) => videos.facts(video, options.signal), options);
}
