import { describe, expect, test } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import {
  describeScale,
  gapsIn,
  heatmapAt,
  momentAt,
  momentsAround,
  nearness,
  normalizeKeyframes,
  spansAround,
} from '../../../src/video/drawing/keyframes.ts';

function heatmap(values: readonly number[], min = 0, max = 1): Heatmap {
  return { height: 1, width: values.length, values: Float32Array.from(values), min, max };
}

function near(values: readonly number[]): unknown[] {
  return values.map((value) => expect.closeTo(value, 5));
}

describe('heatmapAt', () => {
  const [first, last] = [heatmap([0.2, 0.2], 0, 0.2), heatmap([1, 1])];
  const keyframes = [
    { timestampSec: 1, heatmap: first },
    { timestampSec: 3, heatmap: last },
  ];

  test('holds the first and the last, and returns keyframes themselves', () => {
    expect([0, 1, 3, 9].map((time) => heatmapAt(keyframes, time))).toEqual([first, first, last, last]);
    expect(heatmapAt(keyframes, 1)).toBe(first);
  });

  test('blends in between, scale included', () => {
    const blend = heatmapAt(keyframes, 1.5)!;
    expect([...blend.values]).toEqual(near([0.4, 0.4]));
    expect(blend.max).toBeCloseTo(0.4);
  });

  test('shows nothing in a gap and does not blend across one', () => {
    const gaps = [{ startSec: 1.5, endSec: 2.5 }];
    expect([1.4, 1.5, 2.4, 2.5].map((time) => heatmapAt(keyframes, time, gaps))).toEqual([
      first,
      undefined,
      undefined,
      last,
    ]);
    const both = [...gaps, { startSec: 4, endSec: 5 }];
    expect(heatmapAt(keyframes, 3.5, both)).toBe(last);
    expect(heatmapAt(keyframes, 6, both)).toBeUndefined();
  });
});

describe('gapsIn', () => {
  const span = { startSec: 0, endSec: 10 };

  test('is what is left of the span, whatever the order and overlap of what is covered', () => {
    const covered = [
      { startSec: 6, endSec: 7 },
      { startSec: 1, endSec: 3 },
      { startSec: 2, endSec: 4 },
      { startSec: 9, endSec: 12 },
    ];
    expect(gapsIn(span, covered).map(({ startSec, endSec }) => [startSec, endSec])).toEqual([
      [0, 1],
      [4, 6],
      [7, 9],
    ]);
  });

  test('is all or nothing at the extremes', () => {
    expect(gapsIn(span, [])).toEqual([span]);
    expect(gapsIn(span, [{ startSec: -1, endSec: 10 }])).toEqual([]);
    expect(gapsIn(span, [{ startSec: 12, endSec: 14 }])).toEqual([span]);
  });
});

describe('normalizeKeyframes', () => {
  // Filter values 0.1, 0.2, 0.3 and 0.2, 0.4, 0.6.
  const keyframes = [
    { timestampSec: 0, heatmap: heatmap([0, 0.5, 1], 0.1, 0.3) },
    { timestampSec: 1, heatmap: heatmap([0, 0.5, 1], 0.2, 0.6) },
  ];
  const valuesOf = (mode: 'frame' | 'clip' | 'none', ignored?: readonly number[]): number[][] =>
    normalizeKeyframes(keyframes, mode, ignored && { height: 1, width: 3, values: Uint8Array.from(ignored) }).map(
      (keyframe) => [...keyframe.heatmap.values],
    );

  test('by frame, by clip, and not at all', () => {
    expect(valuesOf('frame')).toEqual([near([0, 0.5, 1]), near([0, 0.5, 1])]);
    expect(valuesOf('clip')).toEqual([near([0, 0.2, 0.4]), near([0.2, 0.6, 1])]);
    expect(valuesOf('none')).toEqual([near([0.1, 0.2, 0.3]), near([0.2, 0.4, 0.6])]);
  });

  test('can be undone, and redone', () => {
    for (const mode of ['clip', 'none'] as const) {
      const [there] = normalizeKeyframes(normalizeKeyframes(keyframes, mode), 'frame');
      expect([there!.heatmap.min, there!.heatmap.max]).toEqual(near([0.1, 0.3]));
      expect([...there!.heatmap.values]).toEqual(near([0, 0.5, 1]));
    }
  });

  test('what is ignored becomes 0 and does not set the scale', () => {
    expect(valuesOf('frame', [0, 0, 1])).toEqual([near([0, 1, 0]), near([0, 1, 0])]);
    expect(valuesOf('clip', [0, 0, 1])).toEqual([near([0, 1 / 3, 0]), near([1 / 3, 1, 0])]);
    expect(valuesOf('none', [0, 1, 0])).toEqual([near([0.1, 0, 0.3]), near([0.2, 0, 0.6])]);
    expect(valuesOf('frame', [1, 1, 1])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test('how visible maps are is kept, blended, and told', () => {
    const faint = keyframes.map(({ heatmap, ...rest }, i) => ({
      ...rest,
      heatmap: { ...heatmap, opacity: [0.2, 0.6][i]! },
    }));
    const scaled = normalizeKeyframes(faint, 'frame');
    const [from, to] = scaled.map(({ timestampSec }) => timestampSec) as [number, number];
    expect(heatmapAt(scaled, (from + to) / 2)!.opacity).toBeCloseTo(0.4, 9);
    expect(describeScale(scaled, 'frame')).toBe('scale: each frame, faint: less important');
  });

  test('the legend states the scale', () => {
    const texts = (['frame', 'clip', 'none'] as const).map((mode) =>
      describeScale(normalizeKeyframes(keyframes, mode), mode),
    );
    expect(texts).toEqual(['scale: each frame', 'scale: clip, 0.10–0.60', 'scale: fixed, 0–1']);
  });
});

describe('moments', () => {
  const moments = [1, 2, 4].map((timestampSec) => ({ timestampSec }));
  const gap = (startSec: number, endSec: number) => ({ startSec, endSec });

  test('stand for the time halfway to their neighbours, but not for a gap', () => {
    const spans = (gaps: readonly { startSec: number; endSec: number }[] = []) =>
      spansAround(moments, { startSec: 0, endSec: 10 }, gaps).map(({ startSec, endSec }) => [startSec, endSec]);
    expect(spans()).toEqual([
      [0, 1.5],
      [1.5, 3],
      [3, 10],
    ]);
    expect(spans([gap(0, 0.5), gap(1.2, 1.8), gap(2.5, 2.6), gap(5, 6), gap(8, 9)])).toEqual([
      [0.5, 1.2],
      [1.8, 2.5],
      [3, 5],
    ]);
    expect(spans([gap(0.2, 1), gap(4.5, 5)])).toEqual([
      [1, 1.5],
      [1.5, 3],
      [3, 4.5],
    ]);
  });

  test('that a time lies between are one, two or none', () => {
    const around = (timeSec: number, gaps: readonly { startSec: number; endSec: number }[] = []) =>
      momentsAround(moments, timeSec, gaps);
    expect([around(0), around(1), around(1.5), around(2), around(3), around(9)]).toEqual([
      [0],
      [0],
      [0, 1],
      [1],
      [1, 2],
      [2],
    ]);
    expect(momentsAround([], 1)).toEqual([]);
    expect(around(1.5, [gap(1.1, 1.2)])).toEqual([1]);
    expect(around(1.5, [gap(1.6, 1.7)])).toEqual([0]);
    expect(around(1.5, [gap(1.4, 1.6)])).toEqual([]);
    expect(around(1.6, [gap(1.4, 1.6)])).toEqual([1]); // a gap ends before its end
    expect(around(1.5, [gap(0.5, 1)])).toEqual([0, 1]);
    expect(around(1.5, [gap(2, 3)])).toEqual([0, 1]);
    expect(around(1.5, [gap(1.2, 1.3), gap(1.7, 1.8)])).toEqual([]);
  });

  test('are near up to a second, and far from three on', () => {
    expect([nearness(5, [5]), nearness(5, [4, 9]), nearness(5, [3, 8]), nearness(5, [2]), nearness(5, [9])]).toEqual([
      1, 1, 0.5, 0, 0,
    ]);
  });

  test('are met within half a millisecond', () => {
    const keyframes = moments as never;
    expect([1, 1.0004, 0.9996, 1.0006, 0.9994, 4, 9].map((timeSec) => momentAt(keyframes, timeSec))).toEqual([
      0,
      0,
      0,
      undefined,
      undefined,
      2,
      undefined,
    ]);
  });
});
