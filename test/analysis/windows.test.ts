import { describe, expect, it } from 'vitest';
import { isLong, type SlideOptions, slideOver, slideWindow, strideNote } from '../../src/analysis/windows.ts';
import { samplingTimes } from '../../src/video/media/sample.ts';

const span = { startSec: 10, endSec: 40 };
const usual: SlideOptions = { frames: 3, windowSec: 3, strideSec: 0.5 };
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 9) as number);

describe('slideWindow', () => {
  it.each([
    ['a stride that divides the distance of the frames', usual, 0.5, 55],
    ['one that does not', { ...usual, strideSec: 0.3 }, 1 / 3, 82],
    ['windows that only share borders', { ...usual, strideSec: 3 }, 3, 10],
    ['windows with gaps between them', { ...usual, strideSec: 9 }, 9, 4],
    ['a single frame per window', { frames: 1, windowSec: 2, strideSec: 1 }, 1, 29],
  ])('%s: every window samples as an event of its own, on shared moments', (_, options, strideSec, count) => {
    const slide = slideWindow(span, options);
    expect(slide.strideSec).toBeCloseTo(strideSec, 9);
    expect(slide.windowSec).toBeCloseTo(options.windowSec, 9);
    expect(slide.windows).toHaveLength(count);
    for (const [i, { startSec, endSec, moments }] of slide.windows.entries()) {
      expect(startSec).toBeCloseTo(10 + i * strideSec, 9);
      const event = samplingTimes({ startSec, endSec }, options.frames);
      expect(moments.map((moment) => slide.momentsSec[moment])).toEqual(close(event));
    }
    expect(slide.windows.at(-1)?.endSec).toBeCloseTo(40, 9);
    const used = new Set(slide.windows.flatMap(({ moments }) => moments));
    expect(used.size).toBe(slide.momentsSec.length);
    expect([...slide.momentsSec].sort((a, b) => a - b)).toEqual(slide.momentsSec);
  });

  it('shares moments: a frame more per window, not three', () => {
    const { momentsSec, windows } = slideWindow(span, usual);
    expect(momentsSec.length).toBe(windows.length + 4); // one second of frames before the first windows overlap fully
  });

  it.each([3.2, 6.73, 7.24, 100.1])('is stretched a little to fill %d s', (length) => {
    const { windows, windowSec, strideSec } = slideWindow({ startSec: 0, endSec: length }, usual);
    expect(windows.at(-1)?.endSec).toBeCloseTo(length, 9);
    expect(strideSec / 0.5).toBeCloseTo(windowSec / 3, 9);
    expect(Math.abs(windowSec / 3 - 1)).toBeLessThan(0.25 / length + 1e-9);
  });

  it('says when no window fits, or when there is none', () => {
    const short = { startSec: 0, endSec: 2 };
    expect(() => slideWindow(short, usual)).toThrow('a window of 3 s does not fit into the time span of 2.00 s');
    expect(() => slideWindow(span, { ...usual, strideSec: 0 })).toThrow('is impossible');
  });
});

describe('slideOver', () => {
  const of = (endSec: number) => ({ startSec: 1, endSec: 1 + endSec });
  const trained = { eventSec: 3 };

  it('takes more than twice the length of the training events for windows of that length', () => {
    expect(slideOver(of(6), 3, trained)).toBeUndefined();
    expect(slideOver(of(6.04), 3, trained)).toEqual({ frames: 3, windowSec: 3, strideSec: 0.5 });
    expect(slideOver(of(60), 8, { eventSec: 2 })).toEqual({ frames: 8, windowSec: 2, strideSec: 0.5 });
  });

  it('takes any length for an event where that of the training events is not known', () => {
    expect(slideOver(of(3600), 3, {})).toBeUndefined();
    expect(isLong(of(3600), undefined)).toBe(false);
  });

  it('does as it is told', () => {
    expect(slideOver(of(3600), 3, trained, { isWhole: true })).toBeUndefined();
    expect(slideOver(of(4), 3, trained, { isDense: true })).toEqual({ frames: 3, windowSec: 3, strideSec: 0.5 });
    expect(slideOver(of(4), 5, {}, { isDense: true })?.windowSec).toBe(5);
    const wish = { isDense: true, windowSec: 4, strideSec: 2 };
    expect(slideOver(of(60), 3, trained, wish)).toEqual({ frames: 3, windowSec: 4, strideSec: 2 });
  });
});

describe('a stride that cannot be kept', () => {
  const slide = (strideSec: number, endSec: number) =>
    slideWindow({ startSec: 0, endSec }, { frames: 3, windowSec: 3, strideSec });

  it('is said with the one that is taken', () => {
    expect(strideNote(0.4, slide(0.4, 10))).toMatch(/^windows move by 0\.\d+ s, not 0\.4 s, so that /);
    expect(strideNote(0.5, slide(0.5, 10))).toBeUndefined();
    expect(strideNote(0.7, slide(0.7, 3))).toBeUndefined(); // a single window
  });
});
