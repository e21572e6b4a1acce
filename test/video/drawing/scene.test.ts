import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VideoClip } from '../../../src/base/types.ts';
import { fitPictures, layOut, rowsFor, type SceneRows, withOneUnit } from '../../../src/video/drawing/scene.ts';
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

async function render(panels: readonly RenderPanel[], rows: SceneRows = [panels.length]): Promise<Decoded> {
  const out = join(folder, 'scene.mp4');
  const { width, height, frames: count, constantRate } = await renderScene({ panels, rows, out });
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
  test.each([
    ['row', [2]],
    ['column', [1, 1]],
  ])('of one clip show the same frames and their own maps: %s', async (layout, rows) => {
    const clip = await clipOf('one.mp4', { frames: 12 });
    const headings = [{ heading: 'left' }, { heading: 'right' }];
    const panels = headings.map((heading, k) => panelOf(clip, heading, 2 + k));
    const { part, width, constantRate, frames } = await render(panels, rows);
    expect(constantRate).toBe(true);
    const headingPx = 2 * Math.ceil(24 * 0.5);
    const places = layout === 'row' ? [[0, headingPx], [168, headingPx]] : [[0, headingPx], [0, headingPx * 2 + 96 + 8]]; // biome-ignore format: pairs
    expect(width).toBe(layout === 'row' ? 328 : 160);
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
  const job = { panels: [panelOf(clip)], rows: [1] };
  await expect(renderScene({ ...job, out: clip.path })).rejects.toMatchObject({
    code: 'usage',
    message: /source\.mp4 is what this run reads: it is not replaced$/,
  });
  await expect(renderScene({ ...job, out: 'out.avi' })).rejects.toMatchObject({ code: 'usage' });
});

describe('sizes', () => {
  const wide = { width: 640, height: 360 };
  const upright = { width: 480, height: 720 };

  test('a row has one height, a column one width, unless a picture would be much higher than the others', () => {
    expect(fitPictures([wide, upright], [2])).toEqual([
      { width: 1280, height: 720 },
      { width: 480, height: 720 },
    ]);
    expect(fitPictures([wide, { width: 320, height: 240 }], [1, 1])).toEqual([wide, { width: 640, height: 480 }]);
    expect(fitPictures([wide, upright], [1, 1])).toEqual([
      { width: 854, height: 480 },
      { width: 480, height: 720 },
    ]);
    expect(fitPictures([upright, upright], [1, 1])).toEqual([upright, upright]);
  });

  test('rows of a grid have one width, and no picture is made smaller', () => {
    const [a, b, c, d] = fitPictures([wide, upright, wide, wide], [2, 2]) as [Size, Size, Size, Size];
    expect(a.height).toBe(b.height);
    expect(c.height).toBe(d.height);
    expect(Math.abs(a.width + b.width - c.width - d.width)).toBeLessThan(0.01 * (c.width + d.width));
    expect(Math.min(a.width, c.width, d.width)).toBeGreaterThanOrEqual(640);
    expect(b.height).toBeGreaterThanOrEqual(720);
  });

  test('lines and text have one scale on all, that of the largest, or of the whole where all are small', () => {
    const unitsOf = (pictures: readonly Size[], rows: SceneRows) =>
      withOneUnit(fitPictures(pictures, rows), rows).map(({ unit }) => unit);
    expect(unitsOf([wide, upright], [2])).toEqual([1, 1]); // 1280×720 beside 480×720
    expect(unitsOf([wide], [1])).toEqual([undefined]);
    expect(unitsOf(Array<Size>(9).fill(wide), [3, 3, 3])).toEqual(Array(9).fill(0.75)); // half that of 1920×1080
  });

  test('a long heading above a narrow picture has several lines, and what stands beside it begins at the same height', () => {
    const { keyframes, style } = panelOf({} as VideoClip);
    const layer = { keyframes, style, span: { startSec: 0, endSec: 1 }, normalize: 'frame', gaps: [] } as const;
    const [narrow, beside] = withOneUnit(fitPictures([upright, wide], [2]), [2]);
    const heading = 'camera-front-left.mp4 62.00–65.00 s · similarity to drive.mp4 12–15 s';
    const panels = [
      { ...layer, picture: narrow!, heading },
      { ...layer, picture: beside!, heading: 'B' },
    ];
    const headingsOf = (all: typeof panels) => layOut(all, [2]).places.map(({ headingPx }) => headingPx);
    const [one] = headingsOf(panels.map((panel) => ({ ...panel, heading: 'B' })));
    const [several, same] = headingsOf(panels);
    expect(several).toBeGreaterThan(1.3 * one!);
    expect(same).toBe(several);
  });

  test('stay within what players can show, and are even', () => {
    const sizes = Array.from({ length: 4 }, () => ({ width: 1919, height: 1079 }));
    const sum = (lengths: number[]): number => lengths.reduce((a, b) => a + b);
    for (const rows of [[4], [1, 1, 1, 1], [2, 2]]) {
      const fitted = fitPictures(sizes, rows);
      const [widths, heights] = [fitted.map(({ width }) => width), fitted.map(({ height }) => height)];
      expect(sum(widths) / rows.length).toBeLessThanOrEqual(3840);
      expect((sum(heights) * rows.length) / 4).toBeLessThanOrEqual(2160);
      expect([...widths, ...heights].filter((length) => length % 2 !== 0)).toEqual([]);
    }
  });

  test('rows are what was asked for, or what suits a screen', () => {
    const flat = { width: 960, height: 290 };
    expect(rowsFor([flat, flat])).toEqual([1, 1]);
    expect(rowsFor([upright, upright])).toEqual([2]);
    expect(rowsFor([wide, wide, wide, wide])).toEqual([2, 2]);
    expect(rowsFor(Array(5).fill(wide))).toEqual([3, 2]);
    expect(rowsFor([flat, flat, flat], 'row')).toEqual([3]);
    expect(rowsFor([upright, upright], 'column')).toEqual([1, 1]);
    expect(rowsFor([flat, flat, flat], 'grid')).toEqual([2, 1]);
    expect(rowsFor([wide], 'grid')).toEqual([1]);
  });
});

interface Size {
  readonly width: number;
  readonly height: number;
}

test('panels of a grid lie where the layers are, the last row in the middle', async () => {
  const clip = await clipOf('grid.mp4', { frames: 6 });
  const panels = [0, 1, 2].map((k) => panelOf(clip, { heading: `${k}`, span: { startSec: k * 0.04, endSec: 0.24 } }));
  const { width, part, frames } = await render(panels, [2, 1]);
  const headingPx = 2 * Math.ceil(24 * 0.5);
  expect([width, frames[0]!.length / 3 / width]).toEqual([328, 2 * (96 + headingPx) + 8]);
  const places = [
    [0, headingPx],
    [168, headingPx],
    [84, 2 * headingPx + 96 + 8],
  ] as const;
  for (const [k, [left, top]] of places.entries()) {
    const numbers = numbersOf(part(left, top, 160, 96));
    expect(numbers.slice(0, 6 - k)).toEqual(count(k, 6));
    // The contour's cell lies in the lower right part.
    const yellow = part(left + 82, top + 50, 76, 44)[0]!.filter(
      (value, i, rgb) => i % 3 === 0 && value - rgb[i + 2]! > 50,
    );
    expect(yellow.length).toBeGreaterThan(50);
    expect(Math.max(...part(left, top - headingPx, 160, headingPx)[0]!)).toBeGreaterThan(200);
  }
  expect(Math.max(...part(0, 2 * headingPx + 104, 80, 96)[0]!)).toBeLessThan(60);
});

test('a segment of one frame is one frame long', () => {
  const rate = { numerator: 10, denominator: 1 };
  const timing = timingOf([{ timesSec: Float64Array.of(3), rate }]);
  expect(timing).toMatchObject({ durationSec: 0.1, constantRate: true });
  expect([...timing.timesSec]).toEqual([0]);
});
