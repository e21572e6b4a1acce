/** What a video states of itself, in l2caf's terms: its shape, its colours, its rate and when it ends. */
import type { PictureSize, Rational, VideoClip } from '../../base/types.ts';
import type { ColourTags } from './colour-tags.ts';
import { type Metadata, type StreamMetadata, unreadable } from './metadata.ts';
import { roundToMicroseconds, seconds } from './packets.ts';
import { median } from './picture-times.ts';

/** How long a frame is shown at a rate, seconds. */
export function secondsPer({ numerator, denominator }: Rational): number {
  return denominator / numerator;
}

/** The colours that a track states, as far as it does. */
export function coloursOf(video: StreamMetadata): ColourTags {
  const named = (name: string | undefined): string | undefined => (name === 'unknown' ? undefined : name);
  const colour = {
    matrix: named(video.color_space),
    primaries: named(video.color_primaries),
    transfer: named(video.color_transfer),
    range: video.pix_fmt?.startsWith('yuvj') ? 'pc' : named(video.color_range),
  };
  return Object.fromEntries(Object.entries(colour).filter(([, value]) => value !== undefined));
}

/** When the video ends as the file states it, seconds from the container's first timestamp. */
export function statedEnd(video: StreamMetadata, format: Metadata['format']): number | undefined {
  const length = seconds(video.duration);
  if (length === undefined) return containerEnd(format);
  const start = seconds(video.start_time) ?? 0;
  return roundToMicroseconds(start - (seconds(format.start_time) ?? start) + length);
}

/** When the file ends as it states it, sound included, seconds from its first timestamp. */
export function containerEnd({
  format_name: name,
  start_time: start,
  duration,
}: Metadata['format']): number | undefined {
  const length = seconds(duration);
  // Matroska states when it ends, others how long it is.
  return length === undefined || !name?.startsWith('matroska') ? length : length - (seconds(start) ?? 0);
}

/**
 * The stated rate, or that of the first frames where a file states none.
 *
 * @param times when the first frames are shown, seconds
 * @throws L2cafError `input-unreadable` when nothing tells
 */
export function rateOf(path: string, video: StreamMetadata, times: readonly (number | undefined)[]): Rational {
  const stated = positiveRational(video.avg_frame_rate) ?? positiveRational(video.r_frame_rate);
  if (stated) return stated;
  const sorted = times.filter((time) => time !== undefined).sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((time, i) => time - sorted[i]!);
  const usual = median(gaps.filter((gap) => gap > 0));
  if (usual === undefined) throw unreadable(path, 'its video stream states no frame rate', 'convert it to MP4 first');
  return { numerator: 1_000_000, denominator: Math.round(usual * 1e6) };
}

/** The size at which a player shows the picture: pixels that are not square are stretched, never shrunk. */
export function squarePixels(width: number, height: number, aspectRatio: string | undefined): PictureSize {
  const { numerator, denominator } = positiveRational(aspectRatio?.replace(':', '/')) ?? {
    numerator: 1,
    denominator: 1,
  };
  const ratio = numerator / denominator;
  return ratio >= 1 ? { width: Math.round(width * ratio), height } : { width, height: Math.round(height / ratio) };
}

/** The display matrix states a counter-clockwise angle, the older `rotate` tag a clockwise one. */
export function clockwiseRotation(video: StreamMetadata): VideoClip['rotationDeg'] {
  const matrix = video.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  const clockwise = matrix === undefined ? Number(video.tags?.rotate ?? 0) : -matrix;
  const quarterTurns = ((Math.round(clockwise / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[quarterTurns] ?? 0;
}

function positiveRational(text: string | undefined): Rational | undefined {
  const [numerator = 0, denominator = 0] = (text ?? '').split('/').map(Number);
  return numerator > 0 && denominator > 0 ? { numerator, denominator } : undefined;
}

/**
 * Whether a clock says what a clock can say.
 *
 * @param endSec from `startSec` on
 * @throws L2cafError `input-unreadable` for times that only damage explains
 */
export function checkReach(path: string, startSec: number, endSec: number): void {
  if (Math.abs(startSec) + Math.abs(endSec) <= LONGEST_SEC) return;
  throw unreadable(path, `its clock runs to ${(startSec + endSec).toPrecision(3)} s: it is damaged`);
}

/** Beyond what any clock says, one that counts from 1970 included; ffmpeg can count to some 9e12. */
const LONGEST_SEC = 1e11;
