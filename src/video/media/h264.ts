/**
 * Which ffmpeg encodes H.264 here, and how. Nearly all have x264; those that some systems and companies build have other
 * encoders, or none. Found by encoding a few frames: an encoder that is listed need not work.
 */
import { Readable, Writable } from 'node:stream';
import { L2cafError, messageOf } from '../../base/errors.ts';
import type { PictureSize } from '../../base/types.ts';
import { type Environment, type Ffmpeg, findAllFfmpegs, findFfmpeg } from './binaries.ts';
import { runFfmpeg } from './ffmpeg.ts';

/** How good a video is: to look at closely, or small, for a page that jumps about in it. */
export type VideoQuality = 'fine' | 'small';

/** An encoder that works. */
export interface H264Encoder {
  readonly binary: Ffmpeg;
  /** ffmpeg's name of it. */
  readonly name: string;
  /** What a person should know about it; absent for the usual one. */
  readonly note?: string;
  /** ffmpeg's options for pictures of this size. */
  options(quality: VideoQuality, size: PictureSize): string[];
}

/** Half a second between key frames at 30 frames per second, without B frames, so that a page can jump about. */
const JUMPING: readonly string[] = ['-bf', '0', '-g', '15'];

/** By preference; only the first states a quality that does not depend on the size. */
const ENCODERS: Readonly<Record<string, (quality: VideoQuality, size: PictureSize) => string[]>> = {
  libx264: (quality) => ['-preset', 'veryfast', '-crf', { fine: '18', small: '26' }[quality]],
  libopenh264: atBitRate,
  h264_videotoolbox: atBitRate,
  h264_mf: atBitRate,
  h264_nvenc: atBitRate,
  h264_qsv: atBitRate,
};

/** Bits per second by the number of pixels: x264 spends about as many on footage of drives. */
function atBitRate(quality: VideoQuality, { width, height }: PictureSize): string[] {
  const bitsPerPixelAndSec = { fine: 5, small: 1.5 }[quality];
  return ['-b:v', String(Math.max(200_000, Math.round(width * height * bitsPerPixelAndSec)))];
}

/** ffmpeg's names of the encoders, by preference. */
export const H264_ENCODERS: readonly string[] = Object.keys(ENCODERS);

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
  const first = await findFfmpeg(env);
  const [usual] = H264_ENCODERS;
  // Nearly always that is it; the others are not even looked for.
  if ((await tryEncoder(first, usual!)) === undefined) return encoderOf(first, usual!, first);
  const binaries = await findAllFfmpegs(env);
  const failures: string[] = [];
  const isUsual = (name: string): boolean => name === usual;
  for (const names of [H264_ENCODERS.filter(isUsual), H264_ENCODERS.filter((name) => !isUsual(name))]) {
    for (const binary of binaries) {
      for (const name of names) {
        const why = await tryEncoder(binary, name);
        if (why === undefined) return encoderOf(binary, name, binaries[0]!);
        failures.push(`${binary.path}, ${name}: ${why}`);
      }
    }
  }
  throw new L2cafError('ffmpeg-missing', `no ffmpeg here can encode H.264 (tried ${binaries.map(nameOf).join(', ')})`, {
    hint: 'install an ffmpeg with libx264, or set FFMPEG_PATH to one; l2caf doctor shows what is missing',
    cause: new Error(failures.join('\n')),
  });
}

function encoderOf(binary: Ffmpeg, name: string, first: Ffmpeg): H264Encoder {
  const isFirst = binary === first;
  const note =
    isFirst && name === 'libx264'
      ? undefined
      : `${nameOf(first)} cannot encode with libx264: videos are encoded with ${name}${isFirst ? '' : ` of ${nameOf(binary)}`}`;
  return {
    binary,
    name,
    ...(note !== undefined && { note }),
    options: (quality, size) => [
      ...['-c:v', name, ...ENCODERS[name]!(quality, size), ...(quality === 'small' ? JUMPING : [])],
      ...['-movflags', '+faststart'],
    ],
  };
}

function nameOf({ path, version }: Ffmpeg): string {
  return `${path} (${version})`;
}

/** Why an encoder does not work; undefined if it does. */
export async function tryEncoder(binary: Ffmpeg, name: string): Promise<string | undefined> {
  const [side, frames] = [256, 3]; // less than some encoders in hardware accept is too little
  try {
    await runFfmpeg({
      binary,
      inputs: [
        {
          source: Readable.from([new Uint8Array(side * side * 1.5 * frames).fill(128)]),
          options: ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${side}x${side}`, '-r', '25'],
        },
      ],
      options: ['-c:v', name, '-f', 'null'],
      output: new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() }),
    });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
