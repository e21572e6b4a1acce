/** The WSOL protocol on maps whose answers are known. The published numbers are among the golden cases. */
import { describe, expect, it } from 'vitest';
import { resizeCubic } from '../../src/evaluation/cubic.ts';
import {
  boxesOf,
  boxIou,
  boxOverlaps,
  countPixels,
  mapScores,
  maxBoxAccuracy,
  pixelAveragePrecision,
  scaleMask,
  WSOL_SIDE,
} from '../../src/evaluation/wsol.ts';

/** A full-size map, by pixel. */
function mapOf(valueAt: (x: number, y: number) => number) {
  const values = Float32Array.from({ length: WSOL_SIDE ** 2 }, (_, i) =>
    valueAt(i % WSOL_SIDE, Math.floor(i / WSOL_SIDE)),
  );
  return { width: WSOL_SIDE, height: WSOL_SIDE, values };
}

const inside = (x: number, y: number, [left, top, right, bottom]: readonly [number, number, number, number]): boolean =>
  x >= left && x < right && y >= top && y < bottom;

describe('resizeCubic', () => {
  it('keeps a map of the same size and a constant one', () => {
    const values = Float32Array.of(1, 5, 2, 0, 3, 4);
    expect(resizeCubic({ height: 2, width: 3, values }, { height: 2, width: 3 })).toEqual(values);
    const constant = resizeCubic({ height: 2, width: 3, values: new Float32Array(6).fill(7) }, { height: 5, width: 7 });
    for (const value of constant) expect(value).toBeCloseTo(7, 5);
  });

  it('overshoots beside a step, with the weights of a = -0.75', () => {
    // Weights of cells at a distance of 0.25: 0.87890625, 0.75: 0.26171875, 1.25: -0.10546875, 1.75: -0.03515625.
    const [, , third, fourth] = resizeCubic(
      { height: 1, width: 4, values: Float32Array.of(0, 0, 1, 1) },
      { height: 1, width: 8 },
    );
    expect(third).toBeCloseTo(-0.10546875, 6);
    expect(fourth).toBeCloseTo(0.26171875 - 0.03515625, 6);
  });
});

describe('scoresOf', () => {
  it('scales to [0, 1], and a constant map to zeros', () => {
    const scores = mapScores({ height: 2, width: 2, values: Float32Array.of(-3, 1, 0, 2) });
    expect(Math.min(...scores)).toBe(0);
    expect(Math.max(...scores)).toBe(1);
    expect(mapScores({ height: 2, width: 2, values: new Float32Array(4).fill(3) })).toEqual(
      new Float32Array(WSOL_SIDE ** 2),
    );
  });
});

describe('boxes', () => {
  it('end at x + width, and are clipped to the last pixel', () => {
    const pixels = (left: number): Uint8Array =>
      Uint8Array.from({ length: 12 }, (_, i) => Number(i % 4 >= left && i % 4 < left + 2));
    expect(boxesOf({ width: 4, height: 3, pixels: pixels(0) })).toEqual([[0, 0, 2, 2]]);
    expect(boxesOf({ width: 4, height: 3, pixels: pixels(2) })).toEqual([[2, 0, 3, 2]]);
    expect(boxesOf({ width: 4, height: 3, pixels: new Uint8Array(12) })).toEqual([[0, 0, 0, 0]]);
  });

  it('overlap with the pixels they end at', () => {
    expect(boxIou([0, 0, 9, 9], [0, 0, 9, 9])).toBe(1);
    expect(boxIou([0, 0, 9, 9], [5, 0, 14, 9])).toBeCloseTo(50 / 150, 12);
    expect(boxIou([0, 0, 1, 1], [2, 2, 3, 3])).toBe(0);
  });

  it('count the largest region for MaxBoxAcc and any for MaxBoxAccV2', () => {
    const [large, small] = [
      [100, 100, 200, 200],
      [10, 10, 50, 50],
    ] as const;
    const map = mapOf((x, y) => (inside(x, y, large) ? 1 : inside(x, y, small) ? 0.5 : 0));
    const { largest, all } = boxOverlaps(mapScores(map), [[10, 10, 50, 50]]);
    expect(all[20]).toBe(1);
    expect(largest[20]).toBe(0);
    // 0.5 is truncated to 127 of 255, and a threshold of 0.5 to 127: only what is above it counts.
    expect(all[49]).toBe(1);
    expect(all[50]).toBe(0);
  });

  it('are judged at the threshold that is best for all maps together', () => {
    const overlaps = [
      Float64Array.from({ length: 100 }, (_, i) => Number(i < 50)),
      Float64Array.from({ length: 100 }, (_, i) => Number(i >= 40)),
    ];
    expect(maxBoxAccuracy(overlaps, 0.5)).toBe(1);
    expect(maxBoxAccuracy([overlaps[0]!, overlaps[1]!.map((value) => value * 0.6)], 0.7)).toBe(0.5);
  });
});

describe('PxAP', () => {
  it('is 1 for a map that is the mask, and the share of the mask for a constant map', () => {
    const mask = Uint8Array.from({ length: WSOL_SIDE ** 2 }, (_, i) => Number(i % 4 === 0));
    const perfect = Float32Array.from(mask);
    expect(pixelAveragePrecision(countPixels(perfect, mask))).toBe(1);
    expect(pixelAveragePrecision(countPixels(new Float32Array(mask.length), mask))).toBeCloseTo(0.25, 12);
  });

  it('puts a score on an edge into the bin above it', () => {
    const scores = Float32Array.of(0.25, 0.5, 1, 0);
    const { inside: counts } = countPixels(scores, Uint8Array.of(1, 1, 1, 1));
    expect([...counts.keys()].filter((bin) => counts[bin]! > 0)).toEqual([0, 25, 50, 100]);
  });

  it('is not a number without an object', () => {
    expect(pixelAveragePrecision(countPixels(Float32Array.of(0.5), Uint8Array.of(0)))).toBeNaN();
  });
});

describe('scaleMask', () => {
  it('takes the nearest pixel', () => {
    const scaled = scaleMask({ width: 2, height: 1, pixels: Uint8Array.of(0, 1) });
    expect(scaled.length).toBe(WSOL_SIDE ** 2);
    expect([scaled[0], scaled[WSOL_SIDE / 2 - 1], scaled[WSOL_SIDE / 2], scaled.at(-1)]).toEqual([0, 0, 1, 1]);
  });
});
