/** Pixels removed from a picture: what takes their place, in which order they go, and what that says of a map. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { RunEvent } from '../../src/evaluation/altered-frame.ts';
import { imputed } from '../../src/evaluation/imputation.ts';
import { pixelsByRelevance, road } from '../../src/evaluation/road.ts';

const NO_NOISE = { uniform: () => 0.5, normal: () => 0 };

/** A picture whose channels are `value(row, column)`, as much plus 1, and 200. */
function pictureOf(height: number, width: number, value: (row: number, column: number) => number): Uint8Array {
  const pixels = Array.from({ length: height * width }, (_, i) => value(Math.floor(i / width), i % width));
  return Uint8Array.from(pixels.flatMap((own) => [own, own + 1, 200]));
}

describe('imputed', () => {
  it('puts the weighted mean of its neighbours in the place of a pixel, those beside it counting twice', () => {
    const rgb = pictureOf(3, 3, (row, column) => 10 * (3 * row + column));
    const centre = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0);
    rgb.set([255, 0, 0], 12);
    expect([...imputed(rgb, centre, { height: 3, width: 3 }, NO_NOISE).subarray(12, 15)]).toEqual([40, 41, 200]);
    const corner = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0);
    const plain = pictureOf(3, 3, (row, column) => 10 * (3 * row + column));
    // Right 10, below 30, across 40: (2 · 10 + 2 · 30 + 40) / 5.
    expect([...imputed(plain, corner, { height: 3, width: 3 }, NO_NOISE).subarray(0, 3)]).toEqual([24, 25, 200]);
  });

  it('continues a slope across a large hole, and changes no other pixel', () => {
    const [height, width] = [48, 80];
    const rgb = pictureOf(height, width, (row, column) => 20 + 2 * column + row);
    const removed = Uint8Array.from({ length: height * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      return Number(row >= 8 && row < 40 && column >= 20 && column < 62);
    });
    const holed = rgb.map((value, at) => (removed[Math.floor(at / 3)] === 1 ? 0 : value));
    const found = imputed(holed, removed, { height, width }, NO_NOISE);
    let worst = 0;
    for (const [at, value] of found.entries()) worst = Math.max(worst, Math.abs(value - rgb[at]!));
    expect(worst).toBeLessThanOrEqual(2);
  });

  it('is grey where all is removed, with a little noise that the seed decides', () => {
    const all = new Uint8Array(64).fill(1);
    const rgb = pictureOf(8, 8, () => 7);
    const [a, b, other] = [1, 1, 2].map((seed) => imputed(rgb, all, { height: 8, width: 8 }, createRandom(seed)));
    expect(a).toEqual(b);
    expect(a).not.toEqual(other);
    expect(a!.every((value) => Math.abs(value - 127.5) < 15)).toBe(true);
  });
});

describe('pixelsByRelevance', () => {
  it('has the pixels of the highest cell first, and equal ones in random order', () => {
    const map = { height: 1, width: 2, values: Float32Array.of(0, 1) };
    const order = pixelsByRelevance(map, { height: 2, width: 4 }, createRandom(1));
    expect(order.slice(0, 4).sort()).toEqual([2, 3, 6, 7]); // the right half
    const flat = { height: 1, width: 2, values: Float32Array.of(1, 1) };
    expect(pixelsByRelevance(flat, { height: 2, width: 4 }, createRandom(1))).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('road', () => {
  /** A network whose output is the mean red of the left half of its one frame, which is white; the right is black. */
  const size = 16;
  const rgb = pictureOf(size, size, (_, column) => (column < size / 2 ? 254 : 0));
  const outputOf = (picture: Uint8Array): Float32Array => {
    let sum = 0;
    for (let i = 0; i < size * size; i++) if (i % size < size / 2) sum += picture[3 * i]!;
    return Float32Array.of(sum / 254 / ((size * size) / 2));
  };
  const network = {
    features: async (frames: { rgb: Uint8Array }) => ({ data: outputOf(frames.rgb), shape: [1, 1, 1, 1] as const }),
    tail: ({ data }: { data: Float32Array }) => ({ reference: data, dispose: () => {} }),
  } as unknown as RunEvent['network'];
  const frames = { rgb, shape: [1, size, size, 3] as const, timestampsSec: [0] };
  const event: RunEvent = { network, frames, maps: { data: outputOf(rgb), shape: [1, 1, 1, 1] }, output: 'red' };
  const options = {
    ...{ frame: 0, objective: { kind: 'oblivious' } as const, seed: 1 },
    ...{ reference: outputOf(rgb), nothing: Float32Array.of(0) },
  };

  it('is above 0 for a map of what the output comes from, and below for its opposite', async () => {
    const [right, wrong] = await Promise.all(
      [
        [1, 0],
        [0, 1],
      ].map((values) => road(event, { height: 1, width: 2, values: Float32Array.from(values) }, options)),
    );
    expect(right!.road).toBeCloseTo(right!.lerf - right!.morf, 10);
    expect(right!.lerf).toBeGreaterThan(0.9);
    expect(right!.road).toBeGreaterThan(0.2);
    expect(wrong!.road).toBeLessThan(-0.2);
  });
});
