/** The events of a batch: those of a list, with what is known about the content of their videos. */

import type { ClipReading } from '../base/types.ts';
import { type EventList, type EventListOptions, readEventList, type SpanEvent } from '../events/list.ts';
import { folderOfList } from '../events/read.ts';
import type { PictureWish } from '../video/media/crop.ts';
import { type BesideWishes, type FilesBeside, withFilesBeside } from './beside.ts';
import type { VideoFacts, Videos } from './videos.ts';

/** A span of a video that is to be analyzed. */
export interface BatchEvent extends SpanEvent<VideoFacts>, FilesBeside {
  /** What documents call the video, where that is not `facts.clip.path`. */
  readonly sourcePath?: string;
}

/** What {@link readBatchEvents} may be told beside what every list may. */
export interface BatchEventOptions extends EventListOptions {
  /** When pictures of a folder are shown. */
  readonly pictures?: ClipReading;
  /** What networks are shown of the videos, by default all. */
  readonly shown?: PictureWish;
  /** Where files beside the videos are, by default none. */
  readonly beside?: BesideWishes;
}

/** What a list of a batch holds. */
export interface BatchEvents extends Omit<EventList<VideoFacts>, 'events'> {
  readonly events: readonly BatchEvent[];
}

/**
 * Reads a list of events; videos that are known are not probed again.
 *
 * @throws L2cafError as `readEventList` and `withFilesBeside`
 */
export async function readBatchEvents(
  path: string,
  videos: Videos,
  { pictures = {}, shown = {}, beside = {}, ...options }: BatchEventOptions = {},
): Promise<BatchEvents> {
  const factsOf = async (video: string): Promise<VideoFacts> =>
    videos.shown(await videos.facts(video, pictures, options.signal), shown, options.signal);
  const { problems, notes, ...list } = await readEventList(path, factsOf, options);
  const found = await withFilesBeside(list.events, beside, await folderOfList(path));
  return {
    events: found.events,
    problems: [...problems, ...found.problems],
    notes: [...notes, ...found.notes],
  };
}
