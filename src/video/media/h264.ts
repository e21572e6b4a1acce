/**
 * Which ffmpeg encodes H.264 here, and how. Nearly all have x264; those that some systems and companies build have other
 * encoders, or none.
 */
import type { PictureSize } from '../../base/types.ts';
import type { Environment } from './binaries.ts';
import { type Encoder, findEncoder } from './encoders.ts';

/**
 * How good a video is: to look at closely; small, for a page that jumps about in it; or x264's constant rate factor, 0 to 51,
 * of which a larger one makes a smaller file.
 */
export type VideoQuality = 'fine' | 'small' | number;

/** An encoder that works. */
export interface H264Encoder extends Encoder {
  /** ffmpeg's options for pictures of this size. */
  options(quality: VideoQuality, size: PictureSize): string[];
}

/** The constant rate factor of fine videos. */
export const FINE_RATE_FACTOR = 18;
const SMALL_RATE_FACTOR = 26;

/** Half a second between key frames at 30 frames per second, without B frames, so that a page can jump about. */
const JUMPING: readonly string[] = ['-bf', '0', '-g', '15'];

/** By preference; only the first states a quality that does not depend on the size. */
const ENCODERS: Readonly<Record<string, (quality: VideoQuality, size: PictureSize) => string[]>> = {
  libx264: (quality) => {
    return ['-preset', typeof quality === 'number' ? 'fast' : 'veryfast', '-crf', String(rateFactorOf(quality))];
  },
  libopenh264: atBitRate,
  h264_videotoolbox: atBitRate,
  h264_mf: atBitRate,
  h264_nvenc: atBitRate,
  h264_qsv: atBitRate,
};

function rateFactorOf(quality: VideoQuality): number {
  if (typeof quality === 'number') return quality;
  return quality === 'fine' ? FINE_RATE_FACTOR : SMALL_RATE_FACTOR;
}

function atBitRate(quality: VideoQuality, size: PictureSize): string[] {
  const least = typeof quality === 'number' ? 0 : LEAST_BIT_RATE;
  return ['-b:v', String(Math.max(least, bitRateOf(rateFactorOf(quality), size)))];
}

const LEAST_BIT_RATE = 200_000;

/** Bits per second by the number of pixels: x264 spends about as many on footage of drives, half with each 4.6 of its factor. */
export function bitRateOf(rateFactor: number, { width, height }: PictureSize): number {
  return Math.round(width * height * 5 * 2 ** ((FINE_RATE_FACTOR - rateFactor) / 4.6));
}

/** ffmpeg's names of the encoders, by preference. */
export const H264_ENCODERS = Object.keys(ENCODERS) as [string, ...string[]];

const found = new Map<string, Promise<H264Encoder>>();

/**
 * The encoder that videos are written with: x264 of the ffmpeg in use, else of another ffmpeg on this machine, else
 * another encoder of one of them. Remembered per environment.
 *
 * @throws L2cafError `ffmpeg-missing` when none of them works
 */
export function findH264Encoder(env: Environment = process.env): Promise<H264Encoder> {
  const key = `${env['FFMPEG_PATH']} ${env['PATH']}`;
  const search = found.get(key) ?? search264(env);
  found.set(key, search);
  search.catch(() => found.delete(key));
  return search;
}

async function search264(env: Environment): Promise<H264Encoder> {
  const encoder = await findEncoder(
    {
      title: 'H.264',
      names: H264_ENCODERS,
      hint: 'install an ffmpeg with libx264, or set FFMPEG_PATH to one; l2caf doctor shows what is missing',
    },
    env,
  );
  return {
    ...encoder,
    options: (quality, size) => [
      ...['-c:v', encoder.name, ...ENCODERS[encoder.name]!(quality, size), ...(quality === 'small' ? JUMPING : [])],
      ...['-movflags', '+faststart'],
    ],
  };
}
