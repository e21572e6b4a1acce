import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrameBatch, VideoClip } from '../../../src/base/types.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt, resolveSpan, sampleFrames, samplingTimes } from '../../../src/video/media/sample.ts';
import { type ClipOptions, makeClip, makeRotated, makeTruncated, readNumber } from '../../support/clips.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf sample % é-'));
});
afterAll(() => rm(folder, { recursive: true }));

function numbersIn({ rgb, shape: [count, height, width] }: FrameBatch): number[] {
  const bytes = height * width * 3;
  return Array.from({ length: count }, (_, k) => readNumber(rgb.subarray(k * bytes), width, height));
}

const everyFrameMs = (gapMs: number) => (n: number) => n * gapMs;

describe('the frame on screen is the one decoded', { tags: ['every-ffmpeg'] }, () => {
  interface Case extends ClipOptions {
    readonly name: string;
    readonly timeMs: (n: number) => number;
  }
  const cases: Case[] = [
    { name: 'cfr25.mp4', timeMs: everyFrameMs(40) },
    { name: '--odd name: %d %03d "quoted" é.mp4', timeMs: everyFrameMs(40) },
    { name: 'ntsc.mp4', rate: '30000/1001', timeMs: everyFrameMs(1001 / 30) },
    { name: 'ntsc.mkv', rate: '30000/1001', timeMs: (n) => Math.round((n * 1001) / 30) },
    {
      name: 'variable.mp4',
      timesMs: 'N*30+mod(N\\,4)*7+gte(N\\,20)*1500',
      timeMs: (n) => n * 30 + (n % 4) * 7 + (n >= 20 ? 1500 : 0),
    },
    { name: 'late start.ts', timeMs: everyFrameMs(40) },
    { name: 'late start.mkv', output: ['-output_ts_offset', '7.3'], timeMs: everyFrameMs(40) },
    // AVI counts from the first decoded frame, which a decoder that reorders returns two frames late.
    { name: 'no packet times.avi', timeMs: (n) => (n + 2) * 40 },
  ];

  test.each(cases)('$name', async ({ name, timeMs, ...options }) => {
    const clip = await probeClip(await makeClip(join(folder, name), options));
    const { timesSec } = await listFrames(clip, { startSec: 0, endSec: clip.durationSec + 1 });
    expect(timesSec.length).toBe(50);
    timesSec.forEach((time, n) => {
      expect(time).toBeCloseTo(timeMs(n) / 1000, 3);
    });
    const wanted = [0, 1, 7, 11, 12, 13, 19, 20, 35, 49];
    // Just after a frame appears, and just before the next one does.
    const early = await framesAt(
      clip,
      wanted.map((n) => timesSec[n]! + 0.001),
      { size: { width: 80, height: 48 } },
    );
    const late = await framesAt(
      clip,
      wanted.map((n) => (timesSec[n + 1] ?? timesSec[n]! + 0.02) - 0.001),
    );
    expect(numbersIn(early)).toEqual(wanted);
    expect(numbersIn(late)).toEqual(wanted);
    expect(late.timestampsSec).toEqual(wanted.map((n) => timesSec[n]));
  });

  test('samples the middles of equal parts of the span', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'middles.mp4')));
    const batch = await sampleFrames(clip, { span: { startSec: 0.4, endSec: 1.6 }, count: 3 });
    expect(samplingTimes({ startSec: 0.4, endSec: 1.6 }, 3)).toEqual([0.6, 1, 1.4].map((time) => expect.closeTo(time)));
    expect(numbersIn(batch)).toEqual([15, 25, 35]);
    expect(batch.shape).toEqual([3, 96, 160, 3]);
  });

  test('a frame shown long before the span is found', async () => {
    const path = await makeClip(join(folder, 'gap.mp4'), { frames: 10, timesMs: 'N*40+gte(N\\,5)*9000' });
    const batch = await framesAt(await probeClip(path), [8.5]);
    expect(numbersIn(batch)).toEqual([4]);
  });

  test('rotation is applied', async () => {
    const draw = (_: number, width: number, height: number): Uint8Array =>
      Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 235 : 20));
    const path = await makeClip(join(folder, 'flat.mp4'), { frames: 5, draw });
    const clip = await probeClip(await makeRotated(path, join(folder, 'turned.mp4')));
    expect(clip).toMatchObject({ width: 96, height: 160, rotationDeg: 90 });
    const { rgb } = await framesAt(clip, [0]);
    const at = (x: number, y: number): number => rgb[(y * 96 + x) * 3]!;
    // Turned clockwise, the bright left half comes to lie on top.
    expect([at(10, 10), at(90, 10), at(10, 150), at(90, 150)].map((value) => value > 128)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('the same frames whatever the batch', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'batch.mp4')));
    const times = Array.from({ length: 11 }, (_, k) => k * 0.17);
    const together = await framesAt(clip, times, { size: { width: 32, height: 32 } });
    const last = await framesAt(clip, times.slice(-1), { size: { width: 32, height: 32 } });
    expect(together.rgb.subarray(-last.rgb.length)).toEqual(last.rgb);
  });
});

describe('time spans', () => {
  const clip = {
    path: 'drive.mp4',
    durationSec: 8.84,
    frameRate: { numerator: 25, denominator: 1 },
  } as VideoClip;

  test.each([
    [{ startSec: 3, endSec: 2 }, /3–2 s is empty/],
    [{ startSec: 2, endSec: 2 }, /is empty/],
    [{ startSec: -1 }, /starts before the clip/],
    [{ startSec: 9 }, /starts after the end/],
    [{ startSec: 9, endSec: 12 }, /starts after the end/],
    [{ startSec: 1, endSec: 12 }, /reaches beyond the end/],
    [{ startSec: Number.NaN }, /not made of two numbers/],
    [{ endSec: Number.POSITIVE_INFINITY }, /not made of two numbers/],
  ])('%o is refused', (wanted, message) => {
    expect(() => resolveSpan(clip, wanted)).toThrow(message);
    expect(() => resolveSpan(clip, wanted)).toThrow(
      expect.objectContaining({ code: 'time-span', message: expect.stringContaining('8.84 s long') }),
    );
  });

  test('an end within one frame of the clip’s is the end of the clip', () => {
    for (const endSec of [8.8, 8.82, 8.86, 8.88]) {
      expect(resolveSpan(clip, { endSec })).toEqual({ startSec: 0, endSec: 8.84 });
    }
    expect(resolveSpan(clip, { endSec: 8.79 })).toEqual({ startSec: 0, endSec: 8.79 });
    expect(() => resolveSpan(clip, { endSec: 8.89 })).toThrow(/beyond the end/);
    expect(resolveSpan(clip)).toEqual({ startSec: 0, endSec: 8.84 });
  });

  test('a span with too few frames is refused', async () => {
    const short = await probeClip(await makeClip(join(folder, 'short.mp4'), { frames: 10 }));
    const sampling = sampleFrames(short, { span: { startSec: 0.1, endSec: 0.2 }, count: 3 });
    await expect(sampling).rejects.toMatchObject({
      code: 'time-span',
      message: expect.stringMatching(/holds 2 frames/),
    });
  });
});

describe('failures', { tags: ['every-ffmpeg'] }, () => {
  test('frames that are cut off are an error, not black pictures', async () => {
    const path = await makeClip(join(folder, 'whole.mp4'), { output: ['-movflags', '+faststart'] });
    const cut = await probeClip(await makeTruncated(path, join(folder, 'cut.mp4'), 0.5));
    await expect(framesAt(cut, [1.9])).rejects.toMatchObject({ code: 'input-unreadable' });
  });

  test('an aborted signal ends the work', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'aborted.mp4')));
    const sampling = framesAt(clip, [0, 1], { signal: AbortSignal.timeout(20) });
    await expect(sampling).rejects.toMatchObject({ code: 'aborted' });
  });
});
