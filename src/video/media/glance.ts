/** A few frames of a clip, from which is told what belongs to the file rather than to the scene: bars, burnt-in text. */
import { L2cafError } from '../../base/errors.ts';
import type { FrameBatch, PictureSize, VideoClip } from '../../base/types.ts';
import { framesAt, samplingTimes } from './sample.ts';

/** Frames of a clip, spread over it. */
export interface Glance {
  /** Brightness `[h, w]` of each. */
  readonly frames: readonly Uint8Array[];
  readonly size: PictureSize;
}

/** Frames that are looked at. */
const SAMPLES = 16;
/** Longer side at which they are looked at, pixels. */
const SIDE_PX = 640;

/**
 * Frames of a clip; undefined where none can be decoded, of which whoever needs them speaks.
 *
 * @throws L2cafError `input-changed`, `aborted`
 */
export async function glanceAt(clip: VideoClip, signal?: AbortSignal): Promise<Glance | undefined> {
  const size = shrunk(clip);
  const times = samplingTimes({ startSec: 0, endSec: clip.durationSec }, SAMPLES);
  const frames = await framesAt(clip, times, { size, signal }).catch((error: unknown) => {
    if (error instanceof L2cafError && error.code === 'input-unreadable') return undefined;
    throw error;
  });
  return frames && { frames: greyFrames(frames), size };
}

function shrunk({ width, height }: PictureSize): PictureSize {
  const scale = Math.min(1, SIDE_PX / Math.max(width, height));
  const even = (length: number): number => Math.max(2, 2 * Math.round((length * scale) / 2));
  return { width: even(width), height: even(height) };
}

/** Brightness of each pixel, a frame after the other. */
function greyFrames({ rgb, shape: [count, height, width] }: FrameBatch): Uint8Array[] {
  const pixels = height * width;
  return Array.from({ length: count }, (_, k) => {
    const grey = new Uint8Array(pixels);
    for (let i = 0, at = 3 * k * pixels; i < pixels; i++, at += 3) {
      grey[i] = Math.round(0.299 * rgb[at]! + 0.587 * rgb[at + 1]! + 0.114 * rgb[at + 2]!);
    }
    return grey;
  });
}
