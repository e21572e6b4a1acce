/** The colour maps against the values that they were published with. */
import { describe, expect, it } from 'vitest';
import { colorOf, cssColor } from '../../../src/video/drawing/colormap.ts';
import { COLORMAP_NAMES, type ColormapName } from '../../../src/video/drawing/style.ts';

/** Evenly spread from 0 to 1, from matplotlib and d3-scale-chromatic; turbo is its authors' polynomial. */
const PUBLISHED: Readonly<Record<ColormapName, string>> = {
  cividis: '00204c 404d6b 7c7b78 bbaf71 ffe945',
  viridis:
    '440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e 1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725',
  magma: '000004 51127c b73779 fc8961 fcfdbf',
  inferno: '000004 57106e bc3754 f98e09 fcffa4',
  turbo: '23171b 4569ee 26bce1 3ff393 95fb51 ecd12e ff821d cb2f0d 900c00',
};
/** How far a channel may be off: versions of the maps differ by as much. */
const TOLERANCE: Readonly<Record<ColormapName, number>> = { cividis: 7, viridis: 3, magma: 3, inferno: 3, turbo: 5 };

describe.each(COLORMAP_NAMES)('%s', (name) => {
  it('has the published colours', () => {
    const published = PUBLISHED[name].split(' ');
    for (const [i, hex] of published.entries()) {
      const expected = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
      const found = colorOf(name, i / (published.length - 1));
      const off = found.map((value, channel) => Math.abs(value - expected[channel]!));
      expect(Math.max(...off)).toBeLessThanOrEqual(TOLERANCE[name]);
    }
  });

  it('changes little from one value to the next, and clamps', () => {
    for (let i = 0; i < 255; i++) {
      const [here, next] = [colorOf(name, i / 255), colorOf(name, (i + 1) / 255)];
      expect(Math.max(...here.map((value, channel) => Math.abs(value - next[channel]!)))).toBeLessThan(16);
    }
    expect(colorOf(name, -1)).toEqual(colorOf(name, 0));
    expect(colorOf(name, 2)).toEqual(colorOf(name, 1));
  });
});

it('is written as CSS', () => {
  expect(cssColor([1, 2, 3])).toBe('rgb(1, 2, 3)');
});
