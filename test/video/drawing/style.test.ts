/** What a style may be, and the colours and widths that follow from it. */
import { describe, expect, it } from 'vitest';
import { colorOf } from '../../../src/video/drawing/colormap.ts';
import { checkStyle, levelColor, lineWidth, opacityOf, unitOf } from '../../../src/video/drawing/overlay.ts';
import { classPlaces } from '../../../src/video/drawing/palette.ts';
import type { OverlayStyle } from '../../../src/video/drawing/style.ts';

const SIZE = { width: 1280, height: 720 };

describe('a style', () => {
  const style: OverlayStyle = {
    kind: 'both',
    colormap: 'magma',
    levels: [0.5],
    opacity: 0.5,
    lineWidthPx: 3,
    showMarks: true,
    showBadge: true,
    showLegend: true,
  };
  it.each<[Partial<OverlayStyle>, string]>([
    [{ colormap: 'jet' as never }, 'unknown colour map "jet", choose one of cividis, viridis, magma, inferno, turbo'],
    [{ levels: [0.5, 0] }, 'levels must lie between 0 and 1'],
    [{ levels: [1] }, 'levels must lie between 0 and 1'],
    [{ opacity: -0.1 }, 'opacity must lie between 0 and 1'],
    [{ opacity: 1.1 }, 'opacity must lie between 0 and 1'],
    [{ lineWidthPx: 0 }, 'the line width must be positive'],
  ])('%j is refused', (wrong, what) => {
    expect(() => checkStyle({ ...style, ...wrong })).toThrow(
      expect.objectContaining({ code: 'usage', message: `overlay style: ${what}` }),
    );
  });

  it('of any opacity is taken, and spreads its levels over the brighter part of the colours', () => {
    for (const opacity of [0, 1]) expect(() => checkStyle({ ...style, opacity })).not.toThrow();
    const levels = [0.2, 0.4, 0.8];
    expect(levels.map((level) => levelColor(level, { ...style, levels }))).toEqual(
      [0.6, 0.6 + 0.4 / 3, 1].map((value) => colorOf('magma', value)),
    );
    expect(levelColor(0.5, style)).toEqual(colorOf('magma', 1));
    expect([opacityOf(0.5, style), opacityOf(1, { ...style, opacity: 1 }), opacityOf(0, style)]).toEqual([64, 255, 0]);
    expect([
      lineWidth(SIZE, style),
      lineWidth({ width: 320, height: 180 }, style),
      lineWidth({ width: 2560, height: 1440 }, style),
    ]).toEqual([3, 2, 6]);
    expect([unitOf(SIZE), unitOf({ width: 64, height: 64 })]).toEqual([1, 0.5]);
  });
});

it('classes keep their places among the labels of their network; others follow', () => {
  expect(classPlaces(['b', 'x', 'a', 'x', 'y'], ['a', 'b'])).toEqual(
    new Map([
      ['b', 1],
      ['x', 2],
      ['a', 0],
      ['y', 3],
    ]),
  );
  expect(classPlaces(['x'], ['a'])).toBeUndefined();
});
