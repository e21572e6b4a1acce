/**
 * Tries what l2caf needs of an ffmpeg with a small video made for it: to encode, to decode the same pictures after a seek
 * as from the start, in MP4 and in a transport stream.
 */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { withScratchFolder } from '../../base/scratch-folder.ts';
import type { Ffmpeg } from './binaries.ts';
import { frameSink, scaleToRgb } from './decode.ts';
import { tryEncoder } from './encoders.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { type FrameList, listFrames, placeUntil } from './frame-list.ts';
import { findH264Encoder, H264_ENCODERS } from './h264.ts';
import { probeClip } from './probe.ts';
import { framesOf, inputFrom, KEEP_TIMESTAMPS, type SeekMode, ShownTimes } from './seek.ts';

/** What an ffmpeg can do, and what it cannot. */
export interface FfmpegAbilities {
  /** Names of H.264 encoders that work, the best first. */
  readonly encoders: readonly string[];
  /** What does not work, in words. */
  readonly failures: readonly string[];
}

/** Tries an ffmpeg. Takes about a second. */
export async function testFfmpeg(binary: Ffmpeg): Promise<FfmpegAbilities> {
  const encoders: string[] = [];
  for (const name of H264_ENCODERS) {
    if ((await tryEncoder(binary, name)) !== undefined) continue;
    encoders.push(name);
    break;
  }
  const failures = encoders.length === 0 ? ['it cannot encode H.264'] : [];
  await withScratchFolder('l2caf-test-', async (folder) => {
    for (const ending of ['mp4', 'ts']) {
      const why = await tryDecoding(binary, join(folder, `test.${ending}`)).catch(messageOf);
      if (why !== undefined) failures.push(`${ending.toUpperCase()}: ${why}`);
    }
  });
  return { encoders, failures };
}

const SIZE = { width: 128, height: 96 };
const FRAMES = 75;
const WANTED_SEC = 2.2;

/** Why decoding does not work; undefined if it does. */
async function tryDecoding(binary: Ffmpeg, path: string): Promise<string | undefined> {
  await makeTestVideo(path);
  const clip = await probeClip(path);
  const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec });
  const timeSec = list.timesSec[placeUntil(list, WANTED_SEC)]!;
  const fromStart = await decodeWith(binary, path, list, timeSec, 'from-start');
  const near = await decodeWith(binary, path, list, timeSec, 'near');
  return Buffer.compare(fromStart, near) === 0 ? undefined : 'after a seek it shows other pictures';
}

async function decodeWith(
  binary: Ffmpeg,
  path: string,
  list: FrameList,
  timeSec: number,
  mode: SeekMode,
): Promise<Uint8Array> {
  const wanted = { details: list.details, keySec: list.keysSec[placeUntil(list, timeSec)]!, timesSec: [timeSec] };
  const shown = new ShownTimes([wanted]);
  const { sink, frames } = frameSink(SIZE.width * SIZE.height * 3);
  await runFfmpeg({
    binary,
    inputs: [inputFrom({ path }, wanted, mode)],
    filtergraph: `${framesOf(0, wanted)},${scaleToRgb(SIZE, SIZE)}[out]`,
    options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-fps_mode', 'passthrough', '-f', 'rawvideo'],
    output: sink,
    onLine: shown.read,
  });
  if (!shown.isAllComplete || !shown.isAllProven(mode)) {
    throw new L2cafError(
      'ffmpeg-failed',
      mode === 'near' ? 'it does not find its way in a file' : 'it shows no picture',
    );
  }
  return frames[0]!;
}

/** Three seconds of a bar that moves over grey, with a key frame each second. */
async function makeTestVideo(path: string): Promise<void> {
  const encoder = await findH264Encoder();
  const frame = (n: number): Uint8Array => {
    const luma = new Uint8Array(SIZE.width * SIZE.height).fill(90);
    for (let row = 0; row < SIZE.height; row++) luma.fill(220, row * SIZE.width + n, row * SIZE.width + n + 20);
    return Buffer.concat([luma, new Uint8Array(luma.length / 2).fill(128)]);
  };
  await runFfmpeg({
    binary: encoder.binary,
    inputs: [
      {
        source: Readable.from(Array.from({ length: FRAMES }, (_, n) => frame(n))),
        options: ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${SIZE.width}x${SIZE.height}`, '-r', '25'],
      },
    ],
    options: [...encoder.options('fine', SIZE), '-g', '25'],
    output: path,
  });
}
