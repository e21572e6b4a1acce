import { describe, expect, it } from 'vitest';
import { placementOf, viewOf } from '../../src/base/fit.ts';

const INPUT = { width: 100, height: 100 };
const WIDE = { width: 400, height: 200 };
const TALL = { width: 100, height: 200 };

describe('placementOf', () => {
  it('stretches, cuts out the middle of what covers the input, or leaves bars', () => {
    expect(placementOf(WIDE, INPUT)).toEqual({ scaled: INPUT, left: 0, top: 0 });
    const cover = { ...INPUT, resize: 'cover' as const };
    expect(placementOf(WIDE, cover)).toEqual({ scaled: { width: 200, height: 100 }, left: 50, top: 0 });
    expect(placementOf(TALL, cover)).toEqual({ scaled: TALL, left: 0, top: 50 });
    const contain = { ...INPUT, resize: 'contain' as const };
    expect(placementOf(WIDE, contain)).toEqual({ scaled: { width: 100, height: 50 }, left: 0, top: -25 });
    expect(placementOf(TALL, contain)).toEqual({ scaled: { width: 50, height: 100 }, left: -25, top: 0 });
  });

  it('never leaves the input uncovered, nor lets a picture reach beyond it, nor shrink to nothing', () => {
    for (const [width, height] of [
      [1333, 751],
      [751, 1333],
      [3, 2000],
      [641, 480],
    ] as const) {
      const picture = { width, height };
      const input = { width: 224, height: 224 };
      const covered = placementOf(picture, { ...input, resize: 'cover' });
      expect(Math.min(covered.scaled.width, covered.scaled.height)).toBe(224);
      const contained = placementOf(picture, { ...input, resize: 'contain' });
      expect(Math.max(contained.scaled.width, contained.scaled.height)).toBe(224);
      expect(Math.min(contained.scaled.width, contained.scaled.height)).toBeGreaterThanOrEqual(1);
    }
  });
});

describe('viewOf', () => {
  it('says where in the picture the input lies, and nothing where it is the same', () => {
    expect(viewOf(WIDE, { ...INPUT, resize: 'cover' })).toEqual({ left: 0.25, top: 0, right: 0.75, bottom: 1 });
    expect(viewOf(WIDE, { ...INPUT, resize: 'contain' })).toEqual({ left: 0, top: -0.5, right: 1, bottom: 1.5 });
    expect(viewOf(WIDE, INPUT)).toBeUndefined();
    expect(viewOf({ width: 300, height: 300 }, { ...INPUT, resize: 'contain' })).toBeUndefined();
  });
});
