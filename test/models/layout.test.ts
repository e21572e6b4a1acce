/** Layouts: what they say of a tensor, against a slow reading of the same notation. */
import { describe, expect, it } from 'vitest';
import {
  dimsOf,
  gathered,
  hasTime,
  interleaving,
  type LayoutSizes,
  parseLayout,
  scatter,
  sizesOf,
  stridesOf,
} from '../../src/models/layout.ts';

const SIZES: LayoutSizes = { t: 2, h: 3, w: 4, c: 5 };
const WITH_TIME = [
  '(b t) c h w',
  '(t b) c h w',
  '(b t) h w c',
  'b t c h w',
  'b c t h w',
  'b t h w c',
  '(b t) (cls h w) c',
  '(b t) (h w) c',
  'b (cls h w t) c',
  'b (cls t h w) c',
  'b (t h w) c',
  '(b h w) t c',
  'c (h w) (t b)',
  'b (t c) h w',
  'b h w (c t)',
];

/** What lies at each place of a tensor of `b` events: read off the notation place by place. */
function slowly(text: string, b: number, { t, h, w, c }: LayoutSizes): { readonly values: Float32Array; size: number } {
  const all: Record<string, number> = { b, t, h, w, c };
  const axes = (text.match(/\([^)]*\)|\S+/g) ?? []).map((axis) => axis.replace(/[()]/g, '').split(' '));
  const lengths = axes.map((names) => {
    const cells = names.filter((name) => name !== 'cls').reduce((product, name) => product * all[name]!, 1);
    return cells + (names[0] === 'cls' ? 1 : 0);
  });
  const size = lengths.reduce((product, n) => product * n, 1);
  const values = Float32Array.from({ length: size }, (_, place) => {
    const at: Record<string, number> = { b: 0, t: 0, h: 0, w: 0, c: 0 };
    let rest = place;
    for (let i = axes.length - 1; i >= 0; i--) {
      let index = rest % lengths[i]!;
      rest = Math.floor(rest / lengths[i]!);
      const names = axes[i]!;
      if (names[0] === 'cls' && index-- === 0) return -1;
      for (const name of names.filter((each) => each !== 'cls').reverse()) {
        at[name] = index % all[name]!;
        index = Math.floor(index / all[name]!);
      }
    }
    return (((at['b']! * t + at['t']!) * h + at['h']!) * w + at['w']!) * c + at['c']!;
  });
  return { values, size };
}

describe('parseLayout', () => {
  it.each(WITH_TIME)('reads %s and writes it the same', (text) => {
    expect(parseLayout(text).text).toBe(text);
    expect(parseLayout(`  ${text.replace(/ /g, '  ')} `).text).toBe(text);
    expect(hasTime(parseLayout(text))).toBe(true);
  });

  it.each([
    ['', 'it does not say where c, h, w is'],
    ['b c h', 'it does not say where w is'],
    ['b c h w h', 'it does not make sense at "h"'],
    ['n c h w', 'it does not make sense at "n"'],
    ['b c (cls) h w', 'it does not make sense at "(cls)"'],
    ['b c (h cls w)', 'it does not make sense at "cls"'],
    ['b c (h w', 'it does not make sense at "("'],
    ['b c () h w', 'it does not make sense at "()"'],
  ])('refuses "%s": %s', (text, why) => {
    expect(() => parseLayout(text)).toThrow(why);
  });
});

describe('sizes', () => {
  it.each(WITH_TIME)('of %s are read off its dimensions', (text) => {
    const layout = parseLayout(text);
    const known = { t: 2, grid: { height: 3, width: 4 }, aspect: 4 / 3 };
    expect(sizesOf(layout, dimsOf(layout, SIZES), known)).toEqual(SIZES);
    expect(dimsOf(layout, SIZES, 7).reduce((product, n) => product * n, 1)).toBe(slowly(text, 7, SIZES).size);
  });

  it('takes cells that are folded for the picture of the nearest shape', () => {
    const layout = parseLayout('b (h w) c');
    expect(sizesOf(layout, [1, 12, 5], { aspect: 4 / 3 })).toMatchObject({ h: 3, w: 4 });
    expect(sizesOf(layout, [1, 12, 5], { aspect: 3 / 4 })).toMatchObject({ h: 4, w: 3 });
    expect(sizesOf(layout, [1, 196, 5], { aspect: 1 })).toMatchObject({ h: 14, w: 14 });
    expect(sizesOf(layout, [1, 13, 5], { aspect: 1 })).toBeUndefined(); // no grid has thirteen cells
  });

  it.each<[string, readonly number[]]>([
    ['b c h w', [1, 5, 3]],
    ['b c h w', [2, 5, 3, 4]], // one event
    ['(b t) (cls h w) c', [2, 12, 5]], // the token is missing
    ['b (t h w) c', [1, 25, 5]],
    ['b (c h) w', [1, 15, 4]], // cannot be told apart
  ])('%s does not fit %j', (text, dims) => {
    const known = { t: 2, grid: { height: 3, width: 4 }, aspect: 4 / 3 };
    expect(sizesOf(parseLayout(text), dims, known)).toBeUndefined();
  });
});

describe('tensors', () => {
  const usual = Float32Array.from({ length: 120 }, (_, i) => i);

  it.each(WITH_TIME)('of %s are gathered and scattered as the notation says', (text) => {
    const layout = parseLayout(text);
    const { values, size } = slowly(text, 1, SIZES);
    const strides = stridesOf(layout, SIZES);
    expect(gathered(values, SIZES, strides)).toEqual(usual);
    const target = new Float32Array(size).fill(-1);
    scatter(usual, SIZES, strides, target);
    expect(target).toEqual(values); // and the class token is left alone
  });

  it.each(WITH_TIME.filter((text) => !/cls.*b/.test(text)))('of several events are joined: %s', (text) => {
    const layout = parseLayout(text);
    const one = slowly(text, 1, SIZES).values;
    const { outer, block } = interleaving(layout, SIZES);
    const two = slowly(text, 2, SIZES).values;
    expect(outer * block).toBe(one.length);
    for (let i = 0; i < outer; i++) {
      for (const event of [0, 1]) {
        const from = (2 * i + event) * block;
        const part = two.subarray(from, from + block).map((value) => (value < 0 ? -1 : value - 120 * event));
        expect(part).toEqual(one.subarray(i * block, (i + 1) * block));
      }
    }
  });
});
