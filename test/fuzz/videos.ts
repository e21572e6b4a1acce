/**
 * Mutated videos. The reader is the sampler; its oracle is a decode from the start by the same ffmpeg: a frame that is handed
 * on without a word must be the picture that is decoded for its time, and no later one may be on screen at the moment.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg } from '../../src/video/media/binaries.ts';
import { demuxerOf } from '../../src/video/media/container.ts';
import { probeClip, readDetails, type StreamDetails } from '../../src/video/media/probe.ts';
import { framesAt } from '../../src/video/media/sample.ts';
import { type ClipOptions, makeClip } from '../support/clips.ts';
import { mutateVideo } from './containers.ts';
import type { FuzzKind } from './kind.ts';
import { oneOf } from './mutate.ts';

const SIZE = { width: 160, height: 96 };
/** By how much a picture may differ on average, of 255: two runs of one decoder give the same, but for their threads. */
const TOLERANCE = 3;
/** Times that differ by less are one, seconds. */
const SAME_SEC = 0.002;

/** Videos of every container that can be mutated, with frames that are decoded in every kind of order. */
const SOURCES: Readonly<Record<string, ClipOptions>> = {
  'clip.mp4': {},
  'clip.mkv': {},
  'clip.ts': {},
  'in order.mp4': { output: ['-bf', '0'] },
  'fragments.mp4': { output: ['-movflags', 'frag_keyframe+empty_moov'] },
  'sound.mp4': { sound: 'sin(2000*t)' },
  'hevc.mkv': { output: ['-c:v', 'libx265', '-x265-params', 'bframes=3:keyint=25:log-level=0'] },
  'open groups.ts': { output: ['-x264-params', 'open-gop=1:keyint=20:bframes=3'] },
  'uneven.mkv': { timesMs: 'N*40+7*mod(N\\,3)' },
};

/** Writes the videos into a folder. */
export async function prepareVideos(folder: string): Promise<void> {
  for (const [name, options] of Object.entries(SOURCES)) await makeClip(join(folder, name), { frames: 75, ...options });
}

/** Mutations of the videos of a folder. */
export async function videoKind(folder: string): Promise<FuzzKind> {
  const names = Object.keys(SOURCES);
  const videos = new Map<string, Buffer>();
  for (const name of names) videos.set(name, await readFile(join(folder, name)));
  return {
    name: 'videos',
    weight: 8,
    try: async (random, at) => {
      const name = oneOf(random, names);
      const path = join(at, name);
      await writeFile(path, mutateVideo(videos.get(name)!, extname(name).slice(1), random));
      const clip = await probeClip(path);
      const shares = random.uniform() < 0.7 ? [0.1, 0.5, 0.9] : [random.uniform()];
      const moments = shares.map((share) => share * clip.durationSec);
      const { rgb, timestampsSec, troubles } = await framesAt(clip, moments, { size: SIZE });
      if (troubles.notes.length > 0) return; // it is said
      const decoded = await decodeFromStart(path, await readDetails(clip));
      for (const [i, moment] of moments.entries()) {
        checkFrame(moment, timestampsSec[i]!, rgb.subarray(i * BYTES, (i + 1) * BYTES), decoded);
      }
    },
  };
}

const BYTES = SIZE.width * SIZE.height * 3;

/** @throws Error when it is not the frame on screen */
function checkFrame(momentSec: number, timeSec: number, picture: Uint8Array, decoded: readonly Decoded[]): void {
  const there = decoded.filter((frame) => Math.abs(frame.timeSec - timeSec) < SAME_SEC);
  if (there.length === 0) throw new Error(`a picture at ${timeSec} s, where ffmpeg shows none`);
  const off = Math.min(...there.map(({ rgb }) => meanDifference(picture, rgb)));
  if (off > TOLERANCE) throw new Error(`a wrong picture at ${timeSec} s: ${off.toFixed(1)} of 255 off`);
  const later = decoded.find((frame) => frame.timeSec > timeSec + SAME_SEC && frame.timeSec < momentSec - SAME_SEC);
  if (later)
    throw new Error(`the picture of ${timeSec} s for ${momentSec} s, but from ${later.timeSec} s there is another`);
}

interface Decoded {
  /** Seconds from the start of the clip. */
  readonly timeSec: number;
  readonly rgb: Buffer;
}

/** Every frame of a track. Where frames are counted, the nth is shown so many frames after the start. */
async function decodeFromStart(path: string, details: StreamDetails): Promise<Decoded[]> {
  const { originSec, track, clock, rate, toneMapping } = details;
  const { path: ffmpeg } = await findFfmpeg();
  const scaled = `scale=${SIZE.width}:${SIZE.height}:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24`;
  const filters = ['settb=1/1000000', 'showinfo', ...(toneMapping ? [toneMapping] : []), scaled].join();
  const options = [
    ...[
      '-hide_banner',
      '-nostdin',
      '-copyts',
      '-reinit_filter',
      '0',
      '-f',
      await demuxerOf(path),
      '-i',
      `file:${path}`,
    ],
    ...['-map', `0:${track}`, '-vf', filters, '-vsync', '0', '-f', 'rawvideo', '-'],
  ];
  const { stdout, stderr } = await promisify(execFile)(ffmpeg, options, {
    ...{ encoding: 'buffer', maxBuffer: 1 << 28, timeout: 30_000 },
  }).catch((error: { stdout: Buffer; stderr: Buffer }) => error);
  // Not pts_time, which has six digits only.
  const times = [...stderr.toString().matchAll(/showinfo.* pts:\s*(-?\d+)/g)].map(([, time]) => Number(time) / 1e6);
  return times
    .map((timeSec, n) => ({
      timeSec: clock === 'counted' ? (n * rate.denominator) / rate.numerator : timeSec - originSec,
      rgb: stdout.subarray(n * BYTES, (n + 1) * BYTES),
    }))
    .filter(({ rgb }) => rgb.length === BYTES);
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}
