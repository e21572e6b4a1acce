/** The frames of planned events, where a network sees them itself and no cache of features stands between. */
import type { FittedSize } from '../base/fit.ts';
import type { FrameBatch } from '../base/types.ts';
import { framesAt } from '../video/media/sample.ts';
import type { PlannedEvent } from './dataset.ts';
import { transformPixels } from './views.ts';

/** How they are decoded. */
export interface FrameOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told what was wrong with the video, one line each. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** The frames of an event's first view, as a network of some size sees them. Throws as `framesAt`. */
export async function framesOfEvent(
  { event: { clip }, views }: PlannedEvent,
  size: FittedSize,
  { signal, onNote }: FrameOptions,
): Promise<FrameBatch> {
  const { view, frames } = views[0]!;
  const times = frames.map(({ timestampSec }) => timestampSec);
  const { rgb, shape, timestampsSec, troubles } = await framesAt(clip, times, { size, signal });
  for (const note of troubles.notes) onNote?.(`${clip.path}: ${note}`);
  return { rgb: transformPixels(rgb, size.width, view), shape, timestampsSec };
}
