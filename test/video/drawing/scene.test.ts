import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VideoClip } from '../../../src/base/types.ts';
import { fitPictures, layoutFor, type SceneLayout } from '../../../src/video/drawing/scene.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { type RenderPanel, renderScene } from '../../../src/video/media/encode.ts';
import { listFrames } from '../../../src/video/media/frame-list.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { timingOf } from '../../../src/video/media/timing.ts';
import { type ClipOptions, decodeAll, decodeSound, drawGrey, makeClip, readNumber } from '../../support/clips.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-scene-'));
});
afterAll(() => rm(folder, { recursive: true }));

const clipOf = async (name: string, options: ClipOptions = {}): Promise<VideoClip> =>
  probeClip(await makeClip(join(folder, name), options));

/** A panel of the whole clip, its heatmap zero but for one of 2×2 cells. */
function panelOf(clip: VideoClip, more: Partial<RenderPanel> = {}, cell = 3): RenderPanel {
  const values = Float32Array.from({ length: 4 }, (_, i) => (i === cell ? 1 : 0));
  return {
    clip,
    span: { startSec: 0, endSec: clip.durationSec },
    keyframes: [{ timestampSec: 0, heatmap: { height: 2, width: 2, values, min: 0, max: 1 } }],
    style: { ...defaultStyle, showMarks: false, showLegend: false, levels: [0.5] },
    ...more,
  };
}

interface Decoded {
  readonly width: number;
  readonly frames: Uint8Array[];
  readonly timesSec: readonly number[];
  readonly constantRate: boolean;
  /** What lies at a place in each frame: RGB, row by row. */
  readonly part: (left: number, top: number, width: number, height: number) => Uint8Array[];
}

async function render(panels: readonly RenderPanel[], layout: SceneLayout = 'side'): Promise<Decoded> {
  const out = join(folder, 'scene.mp4');
  const { width, height, frames: count, constantRate } = await renderScene({ panels, layout, out });
  const frames = await decodeAll(out, 'rgb24', width * height * 3);
  expect(frames).toHaveLength(count);
  const { timesSec } = await listFrames(await probeClip(out), { startSec: 0, endSec: 100 });
  const part: Decoded['part'] = (left, top, columns, rows) =>
    frames.map((frame) =>
      Uint8Array.from({ length: columns * rows * 3 }, (_, i) => {
        const [row, column] = [Math.floor(i / 3 / columns), Math.floor(i / 3) % columns];
        return frame[((top + row) * width + left + column) * 3 + (i % 3)]!;
      }),
    );
  return { width, frames, timesSec: [...timesSec], constantRate, part };
}

const numbersOf = (pictures: readonly Uint8Array[]): number[] => pictures.map((rgb) => readNumber(rgb, 160, 96));
const count = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const brightnessOf = (rgb: Uint8Array): number => rgb.reduce((sum, value) => sum + value, 0) / rgb.length;

describe('two panels', () => {
  test.each(['side', 'stacked'] as const)('of one clip show the same frames and their own maps: %s', async (layout) => {
    const clip = await clipOf('one.mp4', { frames: 12 });
    const headings = [{ heading: 'left' }, { heading: 'right' }];
    const panels = headings.map((heading, k) => panelOf(clip, heading, 2 + k));
    const { part, width, constantRate, frames } = await render(panels, layout);
    expect(constantRate).toBe(true);
    const headingPx = 2 * Math.ceil(24 * 0.5);
    const places = layout === 'side' ? [[0, headingPx], [168, headingPx]] : [[0, headingPx], [0, headingPx * 2 + 96 + 8]]; // biome-ignore format: pairs
    expect(width).toBe(layout === 'side' ? 328 : 160);
    for (const [k, [left, top]] of places.entries()) {
      const pictures = part(left!, top!, 160, 96);
      expect(numbersOf(pictures)).toEqual(count(0, 12));
      // The contour lies in the lower half, on the side of the panel's own cell.
      const yellow = (from: number): number =>
        part(left! + from, top! + 50, 78, 44)[0]!.filter((value, i, rgb) => i % 3 === 0 && value - rgb[i + 2]! > 50)
          .length;
      expect(yellow(k * 80)).toBeGreaterThan(50);
      expect(yellow(80 - k * 80)).toBeLessThan(yellow(k * 80) / 4);
    }
    // Headings are white on dark.
    const bar = part(0, 0, 160, headingPx)[0]!;
    expect(Math.max(...bar)).toBeGreaterThan(200);
    expect(brightnessOf(bar)).toBeLessThan(90);
    expect(frames).toHaveLength(12);
  });

  test('of different lengths start together; the shorter keeps its last frame, darkened', async () => {
    const long = await clipOf('long.mp4', { frames: 20 });
    const short = await clipOf('short.mp4', { frames: 20 });
    const { part } = await render([panelOf(long), panelOf(short, { span: { startSec: 0.2, endSec: 0.52 } })]);
    expect(numbersOf(part(0, 0, 160, 96))).toEqual(count(0, 20));
    const right = part(168, 0, 160, 96);
    expect(numbersOf(right.slice(0, 8))).toEqual(count(5, 13));
    const brightness = right.map(brightnessOf);
    expect(Math.max(...brightness.slice(8))).toBeLessThan(0.65 * Math.min(...brightness.slice(5, 8)));
  });

  test('of one uncommon rate state it exactly', async () => {
    const [one, other] = [
      await clipOf('ntsc one.mp4', { frames: 16, rate: '30000/1001' }),
      await clipOf('ntsc other.mp4', { frames: 8, rate: '30000/1001' }),
    ];
    const { constantRate } = await render([panelOf(one), panelOf(other)]);
    expect(constantRate).toBe(true);
    expect((await probeClip(join(folder, 'scene.mp4'))).frameRate).toEqual({ numerator: 30000, denominator: 1001 });
  });

  test('at unrelated and uneven times each show every frame at its own time', async () => {
    const even = await clipOf('even.mp4', { frames: 12, rate: '30' });
    const uneven = await clipOf('uneven.mp4', { frames: 10, timesMs: 'N*38+mod(N\\,4)*7' });
    const { part, timesSec, constantRate } = await render([panelOf(even), panelOf(uneven)]);
    expect(constantRate).toBe(false);
    for (const [clip, left] of [
      [even, 0],
      [uneven, 168],
    ] as const) {
      const { timesSec: source } = await listFrames(clip, { startSec: 0, endSec: 10 });
      const lastSec = source.at(-1)! - source[0]! + 0.02;
      const shown = numbersOf(part(left, 0, 160, 96)).filter((_, n) => timesSec[n]! <= lastSec);
      const firstShownAt = count(0, source.length).map((n) => timesSec[shown.indexOf(n)]);
      expect(firstShownAt).toEqual(Array.from(source, (time) => expect.closeTo(time - source[0]!, 2.7)));
      expect([...new Set(shown)]).toEqual(count(0, source.length));
    }
  });

  test('of clips with other colour tags show the same colours', async () => {
    const grey = { frames: 5, draw: drawGrey(120) };
    const tags = (name: string): ClipOptions => ({
      ...grey,
      output: ['-colorspace', name, '-color_primaries', name, '-color_trc', name],
    });
    const panels = [await clipOf('709.mp4', tags('bt709')), await clipOf('601.mp4', tags('smpte170m'))];
    const { part } = await render(panels.map((clip) => panelOf(clip)));
    const [first, second] = [0, 168].map((left) => brightnessOf(part(left, 0, 70, 40)[2]!));
    expect(Math.abs(first! - second!)).toBeLessThan(3);
  });

  test('have the sound of the first, which ends with it', async () => {
    const sound = 'sin(2*PI*200*t)';
    const loud = await clipOf('loud.mp4', { frames: 50, sound });
    const quiet = await clipOf('quiet.mp4', { frames: 50 });
    await render([panelOf(loud, { span: { startSec: 0, endSec: 0.6 } }), panelOf(quiet)]);
    const heard = await decodeSound(join(folder, 'scene.mp4'));
    const loudest = (from: number, to: number): number => Math.max(...heard.slice(from, to).map(Math.abs));
    expect(loudest(50, 500)).toBeGreaterThan(0.5);
    expect(loudest(700, 1900)).toBeLessThan(0.02);
    expect(heard.length / 1000).toBeCloseTo(2, 1);
  });
});

test('the clip itself and other kinds of files are never written over', async () => {
  const clip = await clipOf('source.mp4', { frames: 5 });
  const job = { panels: [panelOf(clip)], layout: 'side' as const };
  await expect(renderScene({ ...job, out: clip.path })).rejects.toMatchObject({
    code: 'usage',
    message: /the clip itself/,
  });
  await expect(renderScene({ ...job, out: 'out.avi' })).rejects.toMatchObject({ code: 'usage' });
});

describe('sizes', () => {
  test('have one height side by side, one width when stacked', () => {
    const sizes = [
      { width: 640, height: 360 },
      { width: 480, height: 720 },
    ];
    expect(fitPictures(sizes, 'side')).toEqual([
      { width: 1280, height: 720 },
      { width: 480, height: 720 },
    ]);
    expect(fitPictures(sizes, 'stacked')).toEqual([
      { width: 640, height: 360 },
      { width: 640, height: 960 },
    ]);
  });

  test('stay within what players can show, and are even', () => {
    const sizes = Array.from({ length: 4 }, () => ({ width: 1919, height: 1079 }));
    for (const layout of ['side', 'stacked'] as const) {
      const fitted = fitPictures(sizes, layout);
      const [widths, heights] = [fitted.map(({ width }) => width), fitted.map(({ height }) => height)];
      const sum = (lengths: number[]): number => lengths.reduce((a, b) => a + b);
      expect(layout === 'side' ? sum(widths) : Math.max(...widths)).toBeLessThanOrEqual(3840);
      expect(layout === 'side' ? Math.max(...heights) : sum(heights)).toBeLessThanOrEqual(2160);
      expect([...widths, ...heights].filter((length) => length % 2 !== 0)).toEqual([]);
    }
  });

  test('wide pictures are stacked, upright ones stand side by side', () => {
    expect(layoutFor(Array(2).fill({ width: 960, height: 290 }))).toBe('stacked');
    expect(layoutFor(Array(2).fill({ width: 480, height: 720 }))).toBe('side');
  });
});

test('a segment of one frame is one frame long', () => {
  const rate = { numerator: 10, denominator: 1 };
  const timing = timingOf([{ timesSec: Float64Array.of(3), rate }]);
  expect(timing).toMatchObject({ durationSec: 0.1, constantRate: true });
  expect([...timing.timesSec]).toEqual([0]);
});
