import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FrameBatch, VideoClip } from '../../../src/base/types.ts';
import { FrameTroubles } from '../../../src/video/media/damage.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt } from '../../../src/video/media/sample.ts';
import { encodeSegment } from '../../../src/video/media/segment.ts';
import { streamFrames } from '../../../src/video/media/stream.ts';
import { type ClipOptions, makeClip, makeTruncated, readNumber } from '../../support/clips.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-stream-'));
});
afterAll(() => rm(folder, { recursive: true }));

const size = { width: 160, height: 96 };

/** The stream of the frames with these numbers, in the order in which they are shown. */
async function streamOf(clip: VideoClip, numbers: readonly number[], signal?: AbortSignal) {
  const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec });
  const wanted = numbers.map((n) => list.timesSec[n]!);
  return streamFrames(clip, { list, timesSec: wanted, size, troubles: new FrameTroubles(), signal });
}

async function all(stream: AsyncGenerator<FrameBatch>): Promise<FrameBatch[]> {
  const frames: FrameBatch[] = [];
  for await (const frame of stream) frames.push(frame);
  return frames;
}

describe('streamFrames', () => {
  const cases: (ClipOptions & { name: string })[] = [
    { name: 'plain.mp4' },
    { name: 'stream.ts' },
    { name: 'late.mkv', output: ['-output_ts_offset', '7.3'] },
    { name: 'uneven.mp4', timesMs: 'N*30+mod(N\\,4)*7' },
  ];
  it.each(cases)('gives the frames of $name that were asked for, as framesAt does', async ({ name, ...options }) => {
    const clip = await probeClip(await makeClip(join(folder, name), { frames: 60, ...options }));
    const numbers = [3, 4, 17, 30, 31, 55];
    const frames = await all(await streamOf(clip, numbers));
    expect(frames.map(({ rgb }) => readNumber(rgb, size.width, size.height))).toEqual(numbers);
    const times = frames.flatMap(({ timestampsSec }) => timestampsSec);
    const sampled = await framesAt(clip, times, { size });
    expect(sampled.timestampsSec).toEqual(times);
    expect(Buffer.concat(frames.map(({ rgb }) => rgb)).equals(sampled.rgb)).toBe(true);
  });

  // ffmpeg of 2018 drops sound pictures for some seconds where it begins between key frames.
  it('gives frames that a decoder drops at first, from further back, as a segment does', async () => {
    const groups = ['-x264-params', 'open-gop=1:keyint=30:bframes=3'];
    const clip = await probeClip(await makeClip(join(folder, 'open.ts'), { frames: 225, output: groups }));
    for (const from of [61, 91, 122, 151, 182]) {
      const numbers = Array.from({ length: 35 }, (_, n) => from + n);
      const frames = await all(await streamOf(clip, numbers));
      expect(frames.map(({ rgb }) => readNumber(rgb, size.width, size.height))).toEqual(numbers);
      const span = { startSec: from / 25 - 0.01, endSec: (from + 35) / 25 - 0.01 };
      const { timesSec } = await encodeSegment({ clip, span, size, out: join(folder, 'open.mp4') });
      expect(timesSec).toHaveLength(35);
    }
  });

  it('goes on where one run of ffmpeg ends, and lets ffmpeg wait', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'long.mp4'), { frames: 250 }));
    const numbers = Array.from({ length: 240 }, (_, n) => n + 5);
    const seen: number[] = [];
    for await (const { rgb } of await streamOf(clip, numbers)) {
      seen.push(readNumber(rgb, size.width, size.height));
      if (seen.length % 60 === 0) await new Promise((resume) => setTimeout(resume, 50));
    }
    expect(seen).toEqual(numbers);
  });

  it('ends with its taker', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'left.mp4'), { frames: 100 }));
    for await (const { rgb } of await streamOf(clip, [10, 20, 90])) {
      expect(readNumber(rgb, size.width, size.height)).toBe(10);
      break;
    }
  });

  it('stops when asked to', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'stopped.mp4'), { frames: 100 }));
    const stop = new AbortController();
    const stream = await streamOf(clip, [10, 20, 90], stop.signal);
    await stream.next();
    stop.abort();
    await expect(all(stream)).rejects.toMatchObject({ code: 'aborted' });
  });

  it('says which frame cannot be decoded, and shows the one before again', async () => {
    const whole = await makeClip(join(folder, 'whole.mp4'), { frames: 100, output: ['-movflags', '+faststart'] });
    const clip = await probeClip(whole);
    const list = await listFrames(clip, { startSec: 0, endSec: 4 });
    const path = await makeTruncated(whole, join(folder, 'cut.mp4'), 0.7);
    const cut = { ...clip, path, identity: (await probeClip(path)).identity };
    const timesSec = [list.timesSec[5]!, list.timesSec[99]!];
    const troubles = new FrameTroubles();
    const [first, second] = await all(streamFrames(cut, { list, timesSec, size, troubles }));
    expect(readNumber(first!.rgb, size.width, size.height)).toBe(5);
    expect(second).toEqual(first);
    expect(troubles.notes).toEqual([
      'the video is damaged: the frame at 3.96 s cannot be decoded; taken instead: the frame at 0.20 s',
    ]);
  });
});
