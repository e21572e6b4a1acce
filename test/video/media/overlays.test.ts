/** Burnt-in text: found in front of scenes that move, never in what belongs to a scene; and what is hidden is filled from around it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sizeFor } from '../../../src/base/fit.ts';
import type { PictureRegion } from '../../../src/base/types.ts';
import { rectanglesOf, shownAs } from '../../../src/video/media/crop.ts';
import { hideParts } from '../../../src/video/media/hide.ts';
import { findOverlays } from '../../../src/video/media/overlays.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt } from '../../../src/video/media/sample.ts';
import { makeClip } from '../../support/clips.ts';

const [WIDTH, HEIGHT] = [320, 180];
const CLIPS = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'clips');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-overlays-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A street that moves. */
const moving = (x: number, y: number, n: number): number =>
  120 +
  50 * Math.sin(0.05 * x + 0.6 * n) * Math.cos(0.07 * y - 0.4 * n) +
  (y > 100 ? 30 * Math.sin(0.3 * (x + 9 * n)) : 0);
/** The same place for ever. */
const still = (x: number, y: number): number => moving(x, y, 0);
/** A bonnet below it. */
const withBonnet = (x: number, y: number, n: number): number =>
  y > 150 + 0.0004 * (x - 160) ** 2 ? 40 + 10 * Math.sin(0.02 * x) : moving(x, y, n);

/** Brightness of text, and 0 where there is none. */
function written(text: string, at: { readonly x: number; readonly y: number }): Uint8Array {
  const context = createCanvas(WIDTH, HEIGHT).getContext('2d');
  context.fillStyle = '#fff';
  context.font = 'bold 13px sans-serif';
  context.fillText(text, at.x, at.y);
  const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
  return Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (data[4 * i]! * data[4 * i + 3]!) / 255);
}

let clips = 0;
async function makeScene(
  scene: (x: number, y: number, n: number) => number,
  text: (n: number) => Uint8Array | undefined = () => undefined,
): Promise<string> {
  const draw = (n: number): Uint8Array => {
    const over = text(n);
    return Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
      const value = Math.round(scene(i % WIDTH, Math.floor(i / WIDTH), n));
      return Math.max(0, Math.min(255, Math.max(value, over?.[i] ?? 0)));
    });
  };
  return makeClip(join(folder, `${clips++}.mp4`), { frames: 40, rate: '10', width: WIDTH, height: HEIGHT, draw });
}

const overlaysOf = async (path: string): Promise<PictureRegion[]> => findOverlays(await probeClip(path));
const stamp = (n: number): Uint8Array => written(`2026-11-30 12:00:${10 + Math.floor(n / 10)}`, { x: 12, y: 168 });

describe('what is burnt in is found', () => {
  it('where a time stamp stands in front of a street, all of it', async () => {
    const found = await overlaysOf(await makeScene(moving, stamp));
    expect(found).toHaveLength(1);
    const [{ x, y, width, height }] = found as [PictureRegion];
    expect(x).toBeLessThanOrEqual(12);
    expect(x + width).toBeGreaterThanOrEqual(135); // the seconds, which change, are the last
    expect(y).toBeLessThanOrEqual(158);
    expect(y + height).toBeGreaterThanOrEqual(168);
    expect(width * height).toBeLessThan(0.12 * WIDTH * HEIGHT);
  });

  it('at two places', async () => {
    const name = written('CAM 1', { x: 260, y: 20 });
    const both = (n: number): Uint8Array => stamp(n).map((value, i) => Math.max(value, name[i]!));
    const found = await overlaysOf(await makeScene(moving, both));
    expect(found.map(({ y }) => y > HEIGHT / 2)).toEqual([false, true]);
  });
});

describe('what is not burnt in is left alone', () => {
  it.each([
    ['a scene without text', moving],
    ['a bonnet', withBonnet],
  ])('%s', async (_, scene) => {
    expect(await overlaysOf(await makeScene(scene))).toEqual([]);
  });

  it('where all stands still, text on a sign among it', async () => {
    expect(await overlaysOf(await makeScene(still, () => written('MAIN STREET', { x: 100, y: 60 })))).toEqual([]);
  });

  it.each(['car_braking', 'cyclist', 'left_turn', 'pedestrian_crossing', 'stop_sign', 'traffic_light_red'])(
    'a drawn drive: %s',
    async (name) => {
      expect(await overlaysOf(join(CLIPS, `${name}.mp4`))).toEqual([]);
    },
  );
});

describe('hidden parts', () => {
  /** Bright on dark: brightness 200 in the middle of 40. */
  const spot = (x: number, y: number): number => (x >= 144 && x < 176 && y >= 72 && y < 108 ? 200 : 40);
  const hidden = [{ x: 140, y: 68, width: 40, height: 44 }];

  it('are not in decoded frames, and all else stays', async () => {
    const clip = await probeClip(await makeScene(spot));
    const size = { width: 80, height: 45 };
    const [{ rgb: shown }, { rgb: filled }] = (await Promise.all(
      [clip, { ...clip, hidden }].map((as) => framesAt(clip, [1], { size: sizeFor(size, as) })),
    )) as unknown as [{ rgb: Uint8Array }, { rgb: Uint8Array }];
    expect(Math.max(...shown)).toBeGreaterThan(180);
    expect(Math.max(...filled)).toBeLessThan(60);
    const outside = (rgb: Uint8Array): number[] => [...rgb].filter((__, at) => Math.floor(at / 3) % 80 < 30);
    expect(outside(filled)).toEqual(outside(shown));
  });

  it('lie where the picture lies in a part of it, and in an input of another shape', () => {
    const picture = { width: 400, height: 200 };
    const marked = (size: Parameters<typeof hideParts>[1]): number[] => {
      const rgb = new Uint8Array(size.width * size.height * 3).map((_, at) => 100 + (Math.floor(at / 3) % 2)); // stripes
      hideParts(picture, size, rgb);
      return [
        ...new Set(
          [...rgb.keys()].filter((at) => rgb[at] !== 100 + (Math.floor(at / 3) % 2)).map((at) => Math.floor(at / 3)),
        ),
      ];
    };
    const columns = (size: { width: number; height: number }, pixels: readonly number[]): [number, number] => {
      const all = pixels.map((pixel) => pixel % size.width);
      return [Math.min(...all), Math.max(...all)];
    };
    const right = [{ x: 300, y: 0, width: 50, height: 200 }];
    const stretched = { width: 40, height: 20, hidden: right };
    const within = (found: readonly [number, number], from: number, to: number): void => {
      expect(found[0]).toBeGreaterThanOrEqual(from);
      expect(found[1]).toBeLessThan(to);
    };
    within(columns(stretched, marked(stretched)), 30, 35);
    const part = { ...stretched, part: { x: 200, y: 0, width: 200, height: 200 } };
    within(columns(part, marked(part)), 20, 30);
    const cover = {
      width: 20,
      height: 20,
      resize: 'cover' as const,
      hidden: [{ x: 190, y: 0, width: 20, height: 200 }],
    };
    within(columns(cover, marked(cover)), 9, 11);
    expect(
      marked({ width: 20, height: 20, resize: 'cover', hidden: [{ x: 0, y: 0, width: 90, height: 200 }] }),
    ).toEqual([]); // cut off
  });

  it('are rectangles of the picture, and masks as rectangles', async () => {
    const clip = await probeClip(await makeScene(still));
    const found = () => Promise.resolve({ bars: null, overlays: hidden });
    const shown = (isAuto: boolean, ...parts: PictureRegion[]) => shownAs(clip, { hide: { isAuto, parts } }, found);
    expect((await shown(false)).hidden).toBeUndefined();
    const own = { x: 0, y: 0, width: 9, height: 9 };
    expect((await shown(true, own)).hidden).toEqual([...hidden, own]);
    const look = vi.fn(found);
    expect(await shownAs(clip, { crop: 'auto', hide: { isAuto: true, parts: [] } }, look)).toMatchObject({ hidden });
    expect(look).toHaveBeenCalledTimes(1);
    await expect(shown(false, { ...own, x: 312 })).rejects.toMatchObject({ code: 'usage' });
    // Rows 1 and 2 alike, and another run in row 2.
    const values = Uint8Array.of(0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0);
    expect(rectanglesOf({ width: 4, height: 4, values }, { width: 40, height: 8 })).toEqual([
      { x: 0, y: 2, width: 20, height: 4 },
      { x: 30, y: 4, width: 10, height: 2 },
    ]);
  });
});
