/** Black bars: found where they are beyond doubt, never in what is dark; and a part of the picture is the one that is decoded. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PictureRegion } from '../../../src/base/types.ts';
import { findBars } from '../../../src/video/media/bars.ts';
import { type CropWish, shownAs } from '../../../src/video/media/crop.ts';
import { probeClip } from '../../../src/video/media/probe.ts';
import { framesAt } from '../../../src/video/media/sample.ts';
import { type ClipOptions, makeClip, makeRotated } from '../../support/clips.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'l2caf-bars-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Brightness at a point, from 0 to 1 each way, of frame n. */
type Scene = (x: number, y: number, n: number) => number;

/** Something by day: waves and a horizon, brightness 60 to 200. */
const day: Scene = (x, y, n) => 130 + 50 * Math.sin(20 * x + 0.3 * n) + (y < 0.4 ? 20 : -20 * Math.cos(9 * y + n));

/** A scene within bars, each a share of the side; the rest is black. */
function within({ x = 0, y = 0 }: { readonly x?: number; readonly y?: number }, scene: Scene): Scene {
  return (u, v, n) =>
    u < x || u >= 1 - x || v < y || v >= 1 - y ? 0 : scene((u - x) / (1 - 2 * x), (v - y) / (1 - 2 * y), n);
}

function drawn(scene: Scene): NonNullable<ClipOptions['draw']> {
  return (n, width, height) =>
    Uint8Array.from({ length: width * height }, (_, i) => {
      const value = scene(((i % width) + 0.5) / width, (Math.floor(i / width) + 0.5) / height, n);
      return Math.min(255, Math.max(0, Math.round(value)));
    });
}

let clips = 0;
async function barsOf(scene: Scene, options: ClipOptions = {}): Promise<PictureRegion | undefined> {
  const path = join(folder, `${clips++}.mp4`);
  await makeClip(path, { frames: 40, rate: '10', width: 160, height: 96, draw: drawn(scene), ...options });
  return findBars(await probeClip(path));
}

const noise = (x: number, y: number, n: number): number => {
  const value = Math.sin(x * 12.9898e3 + y * 78.233e3 + n * 37.7) * 43758.5453;
  return value - Math.floor(value);
};

describe('bars are found', () => {
  it('above and below', async () => {
    expect(await barsOf(within({ y: 0.125 }, day))).toEqual({ x: 0, y: 12, width: 160, height: 72 });
  });
  it('at the sides', async () => {
    expect(await barsOf(within({ x: 0.125 }, day))).toEqual({ x: 20, y: 0, width: 120, height: 96 });
  });
  it('all around', async () => {
    expect(await barsOf(within({ x: 0.1, y: 0.125 }, day))).toEqual({ x: 16, y: 12, width: 128, height: 72 });
  });
  it('of a clip that fades in and out', async () => {
    const faded: Scene = (x, y, n) => (day(x, y, n) * Math.min(n, 39 - n, 12)) / 12;
    expect(await barsOf(within({ y: 0.125 }, faded))).toEqual({ x: 0, y: 12, width: 160, height: 72 });
  });
  it('of a large picture within a pixel or two, rather too far in', async () => {
    const found = await barsOf(within({ y: 0.125 }, day), { frames: 6, width: 1280, height: 720 });
    expect(found).toMatchObject({ x: 0, width: 1280 });
    expect(found!.y - 90).toBeGreaterThanOrEqual(0);
    expect(found!.y - 90).toBeLessThanOrEqual(6);
    expect(90 + 540 - (found!.y + found!.height)).toBeGreaterThanOrEqual(0);
  });
  it('in pixels of the picture as shown, where these are not square', async () => {
    const found = await barsOf(within({ x: 0.125 }, day), { output: ['-vf', 'setsar=2'] });
    expect(found).toEqual({ x: 40, y: 0, width: 240, height: 96 });
  });
  it('of a clip that is shown upright', async () => {
    const lying = join(folder, 'lying.mp4');
    await makeClip(lying, { frames: 40, rate: '10', draw: drawn(within({ y: 0.125 }, day)) });
    const clip = await probeClip(await makeRotated(lying, join(folder, 'upright.mp4')));
    expect(clip).toMatchObject({ width: 96, height: 160 });
    expect(await findBars(clip)).toEqual({ x: 12, y: 0, width: 72, height: 160 });
  });
});

describe('there are none', () => {
  it.each<[string, Scene]>([
    ['in a picture without any', day],
    ['in the dark', () => 0],
    ['where all is nearly black, and noisy', (x, y, n) => 14 * noise(x, y, n)],
    [
      'in a black sky over a road in the headlights',
      (x, y, n) =>
        y < 0.45 + 0.05 * Math.sin(9 * x + n) ? 6 * noise(x, y, n) : 250 * (y - 0.45) * (1 - Math.abs(x - 0.5)),
    ],
    [
      'in a night with lamps',
      (x, y, n) => ((x * 7 + n / 9) % 1 < 0.08 && Math.abs(y - 0.5) < 0.04 ? 220 : 8 * noise(x, y, n)),
    ],
    ['where it is black between two shots', (x, y, n) => (n % 10 < 3 ? 0 : day(x, y, n))],
    ['where the picture is black at the side for a while', (x, y, n) => (x < 0.2 && n < 30 ? 0 : day(x, y, n))],
    ['where the bonnet is black, and round', (x, y, n) => (y > 0.85 + 0.3 * (x - 0.5) ** 2 ? 3 : day(x, y, n))],
  ])('%s', async (_, scene) => {
    expect(await barsOf(scene)).toBeUndefined();
  });
});

describe('a part of the picture', () => {
  it('is decoded as it is shown, also where pixels are not square', async () => {
    // The right half is bright; of the picture as shown, 320 wide, the part from 150 to 182 is a third dark.
    const path = await makeClip(join(folder, 'part.mp4'), {
      frames: 5,
      draw: drawn((x) => (x < 0.5 ? 30 : 220)),
      output: ['-vf', 'setsar=2'],
    });
    const clip = await probeClip(path);
    const part = { x: 144, y: 32, width: 64, height: 32 };
    const { rgb, shape } = await framesAt(clip, [0], { size: { width: 32, height: 16, part } });
    expect(shape).toEqual([1, 16, 32, 3]);
    const row = Array.from({ length: 32 }, (_, x) => rgb[3 * (8 * 32 + x)]!);
    expect(row.slice(0, 6).every((value) => value < 60)).toBe(true);
    expect(row.slice(10).every((value) => value > 190)).toBe(true);
  });

  it('must lie within it', async () => {
    const clip = await probeClip(await makeClip(join(folder, 'small.mp4'), { frames: 5 }));
    const notAsked = () => Promise.reject(new Error('not asked for'));
    const cropOf = async (crop: CropWish) => (await shownAs(clip, { crop }, notAsked)).crop;
    expect(await cropOf('none')).toBeUndefined();
    const part = { x: 10, y: 0, width: 150, height: 96 };
    expect(await cropOf(part)).toEqual(part);
    for (const wrong of [
      { ...part, x: 11 },
      { ...part, height: 97 },
      { ...part, width: 8 },
    ]) {
      await expect(cropOf(wrong)).rejects.toMatchObject({ code: 'usage' });
    }
  });
});
