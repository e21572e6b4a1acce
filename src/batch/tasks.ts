/** What the batch asks its workers to do: plain values that cross the border between processes. */

import type { SlideOptions } from '../analysis/windows.ts';
import type { FrameBatch, TimeSpan } from '../base/types.ts';
import type { ListedEvent } from '../events/labels.ts';
import type { CachePlace, FrameVariant } from '../features/cache.ts';
import type { FilesBeside } from './beside.ts';
import type { Output } from './choices.ts';
import type { EventFigures } from './event-figures.ts';
import type { AnalysisSettings, DrawSettings, ModelChoice } from './outputs.ts';
import type { VideoFacts } from './videos.ts';

/** The network of a task, which its worker opens once. */
export interface TaskModel {
  readonly choice: ModelChoice;
  /** Threads of onnxruntime. */
  readonly threads: number;
}

/** Frames, of one event or several, through the trunk into the cache. */
export interface FeaturesTask {
  readonly model: TaskModel;
  readonly cache: CachePlace;
  /** At the network's input size, `[n, h, w, 3]`. */
  readonly pictures: Pick<FrameBatch, 'rgb' | 'shape'>;
  /** Their names in the cache, n. */
  readonly frames: readonly FrameVariant[];
}

/** One event from its features, its pictures, or its analysis, to its files. */
export interface EventTask extends FilesBeside {
  readonly model: TaskModel;
  /** Where its features are; absent where the network's features are not kept. */
  readonly cache: CachePlace | undefined;
  readonly facts: VideoFacts;
  /** What documents call the video. */
  readonly sourcePath: string;
  readonly span: TimeSpan;
  /** Labelled events that overlap the span. */
  readonly listed: readonly ListedEvent[];
  readonly frames: readonly FrameVariant[];
  /** What is wrong with them, in words. */
  readonly notes: readonly string[];
  /** Times of those that are damaged, or stand in for lost ones, seconds from the start of the clip. */
  readonly damagedSec: readonly number[];
  /** All of the frames, at the network's input size, `[t, h, w, 3]`; needed for thumbnail, strip, and an analysis without a cache. */
  readonly pictures: FrameBatch | undefined;
  /** The frames as the network reads them, where those are others: a part of them, or with bars. */
  readonly input: FrameBatch | undefined;
  readonly analysis: AnalysisSettings;
  /** For an event that is seen in windows: how they slide. Its worker decodes what it needs itself. */
  readonly slide?: SlideOptions;
  readonly draw: DrawSettings;
  readonly folder: string;
  /** What to make; without `json`, the analysis is read from the folder. */
  readonly outputs: readonly Output[];
}

/** What came of an event. */
export interface EventAnswer {
  /** With `json`. */
  readonly figures?: EventFigures;
  /** Size of each file that was made. */
  readonly bytes: Readonly<Partial<Record<Output, number>>>;
  readonly timingsSec: Readonly<Record<string, number>>;
}

/** An event that was made, and how often it was tried. */
export interface MadeEvent extends EventAnswer {
  readonly attempts: number;
}

/** An event that has failed for good, and how often it was tried. */
export interface FailedEvent {
  readonly error: Error;
  readonly attempts: number;
}

/** How an event ended. */
export type EventOutcome = MadeEvent | FailedEvent;

/** What workers can do. */
export interface WorkerMethods {
  /** Returns the seconds that it took. */
  features(task: FeaturesTask): Promise<number>;
  /** Makes the wanted files of one event. */
  event(task: EventTask): Promise<EventAnswer>;
}
