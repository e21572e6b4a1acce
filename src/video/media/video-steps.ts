/**
 * The kinds of files in which videos are written, and the steps by which each can be made smaller. Apart from what writes them, so
 * that a command can say beforehand what it will not write.
 */
import { L2cafError } from '../../base/errors.ts';
import type { Rational } from '../../base/types.ts';

/** MP4 holds H.264 and AAC, WebM VP9 and Opus; a GIF holds pictures of few colours and no sound. */
export const VIDEO_FORMATS = ['mp4', 'webm', 'gif'] as const;
/** See {@link VIDEO_FORMATS}. */
export type VideoFormat = (typeof VIDEO_FORMATS)[number];

/** The format that the name of a file asks for; undefined for any other ending. */
export function videoFormatAt(path: string): VideoFormat | undefined {
  return VIDEO_FORMATS.find((format) => path.toLowerCase().endsWith(`.${format}`));
}

/**
 * The format that the name of a video asks for.
 *
 * @throws L2cafError `usage` for any other ending
 */
export function videoFormatOf(path: string): VideoFormat {
  const format = videoFormatAt(path);
  if (format !== undefined) return format;
  throw new L2cafError('usage', `a video is an .mp4, a .webm or a .gif file, not ${path}`);
}

/** One way to write a video. */
export interface VideoStep {
  /** Width and height as a share of the whole picture's. */
  readonly scale: number;
  /** Most pictures per second; absent: as many as there are. */
  readonly mostPerSec?: number;
  /** Of a GIF the number of colours, else the encoder's rate factor (x264's, VP9's): a larger one makes a smaller file. */
  readonly quality: number;
}

/**
 * Per format, from the best on: worse pictures, smaller ones (which are better again), fewer of them. The first is taken where
 * no size is asked for.
 */
export const VIDEO_STEPS: Readonly<Record<VideoFormat, readonly VideoStep[]>> = {
  mp4: [
    ...[18, 21, 24, 27].map((quality) => ({ scale: 1, quality })),
    ...[26, 29].map((quality) => ({ scale: 0.75, quality })),
    ...[28, 31].map((quality) => ({ scale: 0.6, quality })),
    ...[29, 32].map((quality) => ({ scale: 0.45, quality })),
    { scale: 0.35, quality: 31, mostPerSec: 15 },
    { scale: 0.25, quality: 33, mostPerSec: 10 },
  ],
  webm: [
    ...[31, 36, 41, 46].map((quality) => ({ scale: 1, quality })),
    ...[43, 48].map((quality) => ({ scale: 0.75, quality })),
    ...[46, 50].map((quality) => ({ scale: 0.6, quality })),
    ...[48, 53].map((quality) => ({ scale: 0.45, quality })),
    { scale: 0.35, quality: 51, mostPerSec: 15 },
    { scale: 0.25, quality: 54, mostPerSec: 10 },
  ],
  gif: [
    ...[256, 128].map((quality) => ({ scale: 1, mostPerSec: 15, quality })),
    { scale: 1, mostPerSec: 10, quality: 128 },
    ...[10, 8].map((mostPerSec) => ({ scale: 0.8, mostPerSec, quality: 128 })),
    ...[10, 8].map((mostPerSec) => ({ scale: 0.65, mostPerSec, quality: 128 })),
    ...[10, 8, 5].map((mostPerSec) => ({ scale: 0.5, mostPerSec, quality: 64 })),
    ...[8, 5].map((mostPerSec) => ({ scale: 0.4, mostPerSec, quality: 64 })),
    ...[8, 5].map((mostPerSec) => ({ scale: 0.3, mostPerSec, quality: 32 })),
    ...[5, 3].map((mostPerSec) => ({ scale: 0.2, mostPerSec, quality: 32 })),
  ],
};

/**
 * The rate of a step: every picture, every second, every third …, so that motion stays even; of uneven ones, the step's own.
 *
 * @param rate pictures per second; undefined where they are not evenly spaced
 * @returns undefined where all are kept as they are
 */
export function rateOfStep({ mostPerSec }: VideoStep, rate: Rational | undefined): Rational | undefined {
  if (mostPerSec === undefined) return undefined;
  if (rate === undefined) return { numerator: mostPerSec, denominator: 1 };
  const every = Math.ceil(rate.numerator / rate.denominator / mostPerSec - 0.01); // 29.97 per second are twice 15
  return every <= 1 ? undefined : { numerator: rate.numerator, denominator: rate.denominator * every };
}
