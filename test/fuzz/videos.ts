/**
 * Mutated videos. The reader is the sampler; its oracle is a decode from the start by the same ffmpeg: a frame that is handed
 * on without a word must be the picture that is decoded for its time.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Random } from '../../src/base/random.ts';
import { findFfmpeg } from '../../src/video/media/binaries.ts';
import { probeClip, readDetails } from '../../src/video/media/probe.ts';
import { framesAt } from '../../src/video/media/sample.ts';
import { makeClip } from '../support/clips.ts';
import { CONTAINERS, mutateVideo } from './containers.ts';
import type { FuzzKind } from './kind.ts';
import { oneOf } from './mutate.ts';

const SIZE = { width: 160, height: 96 };
/** By how much a picture may differ on average, of 255: two runs of one decoder give the same, but for their threads. */
const TOLERANCE = 3;

/** Videos of every container. */
export async function videoKind(folder: string): Promise<FuzzKind> {
  const videos = new Map<string, Buffer>();
  for (const container of CONTAINERS) {
    videos.set(container, await readFile(await makeClip(join(folder, `clip.${container}`), { frames: 75 })));
  }
  return {
    name: 'videos',
    weight: 8,
    try: async (random: Random, at: string) => {
      const container = oneOf(random, CONTAINERS);
      const path = join(at, `clip.${container}`);
      await writeFile(path, mutateVideo(videos.get(container)!, container, random));
      const clip = await probeClip(path);
      const wanted = [0.1, 0.5, 0.9].map((share) => share * clip.durationSec);
      const { rgb, timestampsSec, troubles } = await framesAt(clip, wanted, { size: SIZE });
      if (troubles.notes.length > 0 || (clip.notes ?? []).length > 0) return; // it is said
      const { originSec } = await readDetails(clip);
      const decoded = await decodeFromStart(path);
      for (const [i, timeSec] of timestampsSec.entries()) {
        const own = rgb.subarray(i * BYTES, (i + 1) * BYTES);
        const others = decoded.filter((frame) => Math.abs(frame.timeSec - originSec - timeSec) < 0.002);
        const differences = others.map(({ rgb: other }) => meanDifference(own, other));
        if (others.length > 0 && Math.min(...differences) > TOLERANCE) {
          throw new Error(`a wrong picture at ${timeSec} s: ${Math.min(...differences).toFixed(1)} of 255 off`);
        }
      }
    },
  };
}

const BYTES = SIZE.width * SIZE.height * 3;

interface Decoded {
  readonly timeSec: number;
  readonly rgb: Buffer;
}

async function decodeFromStart(path: string): Promise<Decoded[]> {
  const { path: ffmpeg } = await findFfmpeg();
  const filters = `settb=1/1000000,scale=${SIZE.width}:${SIZE.height},format=rgb24,showinfo`;
  const options = [
    '-hide_banner',
    '-nostdin',
    '-copyts',
    '-i',
    path,
    '-an',
    '-vf',
    filters,
    '-vsync',
    '0',
    '-f',
    'rawvideo',
    '-',
  ];
  const { stdout, stderr } = await promisify(execFile)(ffmpeg, options, {
    encoding: 'buffer',
    maxBuffer: 1 << 28,
    timeout: 30_000,
  }).catch((error: { stdout: Buffer; stderr: Buffer }) => error);
  const times = [...stderr.toString().matchAll(/showinfo.* pts_time:\s*(-?[\d.]+)/g)].map(([, time]) => Number(time));
  return times
    .map((timeSec, i) => ({ timeSec, rgb: stdout.subarray(i * BYTES, (i + 1) * BYTES) }))
    .filter((frame) => frame.rgb.length === BYTES);
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}
