/**
 * Videos as WebM and GIF, and below a size: every frame shows its number, so that those that are left out are known.
 *
 * @module-tag every-ffmpeg
 */
import { mkdtempSync } from 'node:fs';
import { chmod, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { createRandom } from '../../../src/base/random.ts';
import { isWholeWebm } from '../../../src/base/webm.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { findFfmpeg } from '../../../src/video/media/binaries.ts';
import { sizeWords } from '../../../src/video/media/convert.ts';
import { type RenderedVideo, renderOverlay } from '../../../src/video/media/encode.ts';
import { findEncoder } from '../../../src/video/media/encoders.ts';
import { writeFilm } from '../../../src/video/media/film.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { rateOfStep, VIDEO_FORMATS, VIDEO_STEPS, videoFormatAt } from '../../../src/video/media/video-steps.ts';
import { type ClipOptions, decodeAll, decodeSound, drawNumber, makeClip, readNumber } from '../../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-convert-'));
afterAll(() => rm(folder, { recursive: true }));

const heatmap = { height: 1, width: 2, values: Float32Array.of(0, 1), min: 0, max: 1 };
const style = { ...defaultStyle, levels: [], showMarks: false, showLegend: false };

let clips = 0;
/** Renders a whole clip that is made so. */
async function render(
  out: string,
  options: ClipOptions,
  more: { readonly maxBytes?: number; readonly audio?: boolean } = {},
): Promise<RenderedVideo & { readonly path: string }> {
  const clip = await probeClip(await makeClip(join(folder, `${clips++}.mp4`), options));
  const path = join(folder, out);
  const span = { startSec: 0, endSec: clip.durationSec };
  const keyframes = [{ timestampSec: 0, heatmap }];
  return { path, ...(await renderOverlay({ clip, span, keyframes, style, out: path, ...more })) };
}

async function numbersIn(path: string, width = 160, height = 96): Promise<number[]> {
  return (await decodeAll(path, 'rgb24', width * height * 3)).map((frame) => readNumber(frame, width, height));
}

const every = (step: number, end: number): number[] =>
  Array.from({ length: Math.ceil(end / step) }, (_, k) => k * step);

describe('WebM', () => {
  test('has every frame at its time, and the sound', async () => {
    const sound = 'between(t\\,1\\,1.2)*sin(2*PI*200*t)';
    const video = await render('plain.webm', { frames: 50, rate: '30000/1001', sound });
    expect(video).toMatchObject({ frames: 50, hasAudio: true, constantRate: true, width: 160, height: 96, notes: [] });
    expect(video.choice).toBeUndefined();
    expect(await numbersIn(video.path)).toEqual(every(1, 50));
    const written = await probeClip(video.path);
    expect(written.frameRate.numerator / written.frameRate.denominator).toBeCloseTo(29.97, 2);
    const heard = await decodeSound(video.path);
    const loud = (from: number, to: number): number => Math.max(...heard.slice(from, to).map(Math.abs));
    expect(loud(1030, 1170)).toBeGreaterThan(0.5);
    expect(Math.max(loud(0, 970), loud(1230, 1600))).toBeLessThan(0.05);
    const silent = await render('silent.webm', { frames: 5, sound }, { audio: false });
    expect(await probeClip(silent.path)).toMatchObject({ hasAudio: false });
  });

  test('keeps uneven times', async () => {
    const video = await render('uneven.webm', { frames: 20, timesMs: 'N*30+mod(N*N\\,7)*9' });
    expect(video).toMatchObject({ frames: 20, constantRate: false });
    expect(await numbersIn(video.path)).toEqual(every(1, 20));
    const { timesSec } = await listFrames(await probeClip(video.path), { startSec: 0, endSec: 9 });
    const wanted = every(1, 20).map((n) => (n * 30 + ((n * n) % 7) * 9) / 1000);
    expect([...timesSec].every((time, n) => Math.abs(time - wanted[n]!) < 0.0015)).toBe(true);
  });

  test('that is cut off is known', async () => {
    const { path } = await render('whole.webm', { frames: 5 });
    expect(await isWholeWebm(path)).toBe(true);
    await truncate(path, (await stat(path)).size - 1);
    expect(await isWholeWebm(path)).toBe(false);
  });
});

test('the size of a file is said, and what makes a large one smaller', () => {
  expect([sizeWords(1.5e6), sizeWords(53.9e6)]).toEqual(['1.5 MB', '53.9 MB (--max-mb makes it smaller)']);
  expect(sizeWords(53.9e6, 60e6)).toBe('53.9 MB of 60 MB');
});

describe('GIF', () => {
  test.each([
    ['30 per second: every second frame', { frames: 31, rate: '30' }, every(2, 30), 15],
    ['25 per second: every second frame', { frames: 24, rate: '25' }, every(2, 24), 12.5],
    ['10 per second: all', { frames: 12, rate: '10' }, every(1, 12), 10],
  ])('%s', async (name, options, numbers, rate) => {
    const video = await render(`${name.slice(0, 2)}.gif`, { ...options, sound: 'sin(t)' });
    expect(video).toMatchObject({
      hasAudio: false,
      choice: expect.stringContaining(`, ${rate} pictures per second, `),
    });
    expect((await numbersIn(video.path)).slice(0, numbers.length)).toEqual(numbers);
    expect((await probeClip(video.path)).durationSec).toBeCloseTo(video.durationSec, 1);
  });

  test('of uneven frames is as long as the clip', async () => {
    const video = await render('uneven.gif', { frames: 30, timesMs: 'N*30+mod(N*N\\,7)*9' });
    const written = await probeClip(video.path);
    expect(Math.abs(written.durationSec - video.durationSec)).toBeLessThan(0.12);
  });
});

/** Numbers above, noise below: it takes room. */
const noisy = (n: number, width: number, height: number): Uint8Array => {
  const pixels = drawNumber(n, width, height);
  const random = createRandom(n);
  return pixels.map((value, i) => (i < pixels.length / 2 ? value : Math.floor(random.uniform() * 256)));
};

describe('below a size', () => {
  const options = { frames: 30, rate: '30', width: 480, height: 288, draw: noisy };

  test.each(VIDEO_FORMATS)('%s: worse, smaller or fewer pictures, which is said', async (format) => {
    const free = (await stat((await render(`free.${format}`, options)).path)).size;
    const maxBytes = Math.round(free * 0.15);
    const { path, choice, width, height, frames } = await render(`small.${format}`, options, { maxBytes });
    const { size } = await stat(path);
    expect(size).toBeLessThanOrEqual(maxBytes);
    expect(size).toBeGreaterThan(maxBytes / 6);
    expect(choice).toContain(`${width}x${height}, `);
    expect(choice).toMatch(/ MB of /);
    expect(await probeClip(path)).toMatchObject({ width, height });
    const numbers = await numbersIn(path, width, height);
    expect(Math.abs(numbers.length - frames)).toBeLessThanOrEqual(1);
    expect(numbers.slice(0, 9)).toEqual(
      every(Math.round(30 / frames), 256)
        .slice(0, 9)
        .slice(0, numbers.length),
    );
  });

  test('keeps what is small enough as it is', async () => {
    const { width, choice } = await render('large.webm', { frames: 5 }, { maxBytes: 1e6 });
    expect([width, choice]).toEqual([160, expect.stringMatching(/rate factor 31, .* MB of 1 MB/)]);
  });

  test.each(VIDEO_FORMATS)('%s: says when it cannot be, and leaves nothing', async (format) => {
    const rendering = render(`none.${format}`, options, { maxBytes: 2000 });
    await expect(rendering).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/none\.\w+ cannot be made as small as 0\.002 MB: \d+x\d+ in the lowest quality/),
      hint: expect.stringContaining('--max-mb'),
    });
    expect((await readdir(folder)).filter((name) => name.includes('none') || name.includes('.part'))).toEqual([]);
  });
});

test('films keep their pictures in every format', async () => {
  const { createCanvas } = await import('@napi-rs/canvas');
  const canvas = createCanvas(121, 61);
  const context = canvas.getContext('2d');
  const draw = (n: number): Uint8Array => {
    context.fillStyle = ['#f00', '#0f0', '#00f'][n]!;
    context.fillRect(0, 0, 121, 61);
    return canvas.toBuffer('image/png');
  };
  for (const format of VIDEO_FORMATS) {
    const out = join(folder, `film.${format}`);
    const { width, height, frames } = await writeFilm({ out, pictures: 3, draw });
    expect([width, height, frames]).toEqual(format === 'gif' ? [121, 61, 11] : [120, 60, 11]);
    const pictures = await decodeAll(out, 'rgb24', width * height * 3);
    const strongest = pictures.map((rgb) => [0, 1, 2].find((channel) => rgb[channel]! > 200));
    expect(strongest).toEqual([0, 1, ...new Array(9).fill(2)]);
  }
});

describe('steps', () => {
  test('the name chooses the format', () => {
    expect(['a.MP4', 'b.webm', 'c.tar.gif', 'd.avi', 'mp4'].map(videoFormatAt)).toEqual([
      ...['mp4', 'webm', 'gif'],
      ...[undefined, undefined],
    ]);
  });

  test.each(VIDEO_FORMATS)('%s: never larger pictures, nor more of them, than in the step before', (format) => {
    const steps = VIDEO_STEPS[format];
    for (const [k, { scale, mostPerSec = 99 }] of steps.slice(1).entries()) {
      expect(scale).toBeLessThanOrEqual(steps[k]!.scale);
      if (scale === steps[k]!.scale) expect(mostPerSec).toBeLessThanOrEqual(steps[k]!.mostPerSec ?? 99);
    }
  });

  test('rates stay even', () => {
    const step = { scale: 1, quality: 1, mostPerSec: 15 };
    expect(rateOfStep(step, { numerator: 30000, denominator: 1001 })).toEqual({ numerator: 30000, denominator: 2002 });
    expect(rateOfStep(step, { numerator: 60, denominator: 1 })).toEqual({ numerator: 60, denominator: 4 });
    expect(rateOfStep(step, { numerator: 15, denominator: 1 })).toBeUndefined();
    expect(rateOfStep(step, undefined)).toEqual({ numerator: 15, denominator: 1 });
    expect(rateOfStep({ scale: 1, quality: 1 }, undefined)).toBeUndefined();
  });
});

describe('an ffmpeg without the encoder', () => {
  test('is said, with what to do', async () => {
    const names = ['libnone', 'libother'] as [string, string];
    await expect(findEncoder({ title: 'WebM', names, hint: 'write an .mp4 file' }, process.env)).rejects.toMatchObject({
      code: 'ffmpeg-missing',
      message: expect.stringContaining('no ffmpeg here can encode WebM (tried '),
      hint: 'write an .mp4 file',
    });
  });

  test('another one takes its place, which is said', async () => {
    const { path } = await findFfmpeg();
    const fake = join(folder, 'without-vp9');
    const refuse = 'echo "Unknown encoder \'libvpx-vp9\'" >&2; exit 1';
    await writeFile(fake, `#!/bin/sh\ncase "$*" in *libvpx-vp9*) ${refuse};; *) exec '${path}' "$@";; esac\n`);
    await chmod(fake, 0o755);
    vi.stubEnv('FFMPEG_PATH', fake);
    const { path: written, notes } = await render('other.webm', { frames: 5 });
    vi.unstubAllEnvs();
    expect(notes).toEqual([
      expect.stringMatching(/without-vp9 .* cannot encode with libvpx-vp9: .* encoded with libvpx/),
    ]);
    expect((await readFile(written)).includes('V_VP')).toBe(true);
  });
});
