import { createCanvas } from '@napi-rs/canvas';
import { describe, expect, test } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import { attentionShares, maskOfParts, maskOfPicture, shareInRegions } from '../../../src/video/drawing/regions.ts';

const GRID = { height: 2, width: 3 };

function heatmap(values: readonly number[]): Heatmap {
  return { ...GRID, values: Float32Array.from(values), min: 0, max: 1 };
}

test('regions hold the points whose centres they hold', () => {
  const picture = { width: 300, height: 200 };
  const mask = maskOfParts([{ x: 0, y: 40, width: 160, height: 60 }], picture, GRID);
  expect([...mask.values]).toEqual([1, 1, 0, 0, 0, 0]);
  const two = [
    { x: 0, y: 0, width: 60, height: 60 },
    { x: 200, y: 100, width: 100, height: 100 },
  ];
  expect([...maskOfParts(two, picture, GRID).values]).toEqual([1, 0, 0, 0, 0, 1]);
});

test.each([
  { x: 250, y: 0, width: 100, height: 10 },
  { x: -1, y: 0, width: 10, height: 10 },
  { x: 0, y: 0, width: 0, height: 10 },
  { x: Number.NaN, y: 0, width: 10, height: 10 },
])('the region %o is refused', (region) => {
  expect(() => maskOfParts([region], { width: 300, height: 200 }, GRID)).toThrow(/300x200/);
});

test('a picture masks where it is bright and opaque', () => {
  const context = createCanvas(300, 200).getContext('2d');
  context.fillStyle = '#000';
  context.fillRect(0, 0, 300, 200);
  context.fillStyle = '#fff';
  context.fillRect(200, 0, 100, 200);
  context.clearRect(200, 100, 100, 100);
  expect([...maskOfPicture(context.canvas, GRID).values]).toEqual([0, 0, 1, 0, 0, 0]);
});

describe('shares', () => {
  const uneven = heatmap([1, 0, 0.5, 0, 0.25, 0.25]);

  test('of a region', () => {
    const mask = { ...GRID, values: Uint8Array.of(1, 0, 0, 0, 0, 1) };
    expect(shareInRegions(uneven, mask)).toBeCloseTo(1.25 / 2);
    expect(shareInRegions(heatmap([0, 0, 0, 0, 0, 0]), mask)).toBe(0);
    expect(() => shareInRegions(uneven, { height: 1, width: 6, values: mask.values })).toThrow(/6x1.*3x2/);
  });

  test('of the parts of the picture', () => {
    expect(attentionShares(uneven)).toEqual({ left: 0.5, centre: 0.125, right: 0.375, far: 0.75, near: 0.25 });
  });
});
