import { createCanvas, loadImage, Path2D, type SKRSContext2D } from '@napi-rs/canvas';
import { describe, expect, it, test } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import {
  balancedColumns,
  drawPanel,
  drawPanelSvg,
  type PanelContent,
  rowsOf,
} from '../../../src/video/drawing/panel.ts';
import { drawSigned, SIGNED_COLORS } from '../../../src/video/drawing/signed.ts';
import { defaultStyle, type OverlayStyle } from '../../../src/video/drawing/style.ts';
import { finishSvg } from '../../../src/video/drawing/svg.ts';

describe('drawPanel', () => {
  const picture = createCanvas(80, 40);
  const content = (count: number, more: Partial<PanelContent> = {}): PanelContent => ({
    rows: rowsOf(
      Array.from({ length: count }, (_, i) => ({ picture, label: `class ${i}` })),
      2,
    ),
    title: 'a title',
    caption: 'a caption',
    ...more,
  });
  const read = async (figure: PanelContent): Promise<SKRSContext2D> => {
    const image = await loadImage(Buffer.from(drawPanel(figure)));
    const context = createCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    return context;
  };

  it('adds rows, and grows with long texts instead of cutting them', async () => {
    const heights = await Promise.all(
      [
        content(2),
        content(4),
        content(2, { title: 'a long title '.repeat(30) }),
        content(2, { caption: 'a long caption '.repeat(40) }),
        content(2, { warning: 'UNTRAINED HEAD' }),
        content(2, { rows: [{ heading: 'a row', cells: content(2).rows[0]!.cells }] }),
        content(2, {
          rows: [
            {
              cells: [
                { picture, label: 'a class with a very long name '.repeat(12) },
                { picture, label: '' },
              ],
            },
          ],
        }),
      ].map(async (figure) => (await read(figure)).canvas.height),
    );
    const [one, ...others] = heights as [number, ...number[]];
    for (const height of others) expect(height).toBeGreaterThan(one);
  });

  it('keeps the proportions of the pictures and paints over each, cut at its border', async () => {
    const sizes: string[] = [];
    const paint = (context: SKRSContext2D, size: { width: number; height: number }): void => {
      sizes.push(`${size.width}x${size.height}`);
      context.fillStyle = '#f00';
      context.fillRect(-1000, -1000, 5000, 5000);
    };
    const context = await read(
      content(2, { rows: [{ cells: [{ picture, label: 'painted', paint }] }], maxPicturePx: 420, title: '' }),
    );
    expect(sizes).toEqual(['420x210']);
    const { width, height } = context.canvas;
    expect([...context.getImageData(width / 2, height / 2, 1, 1).data]).toEqual([255, 0, 0, 255]);
    expect([...context.getImageData(2, height / 2, 1, 1).data]).toEqual([255, 255, 255, 255]);
  });

  it('puts rows beside each other', async () => {
    const one = await read(content(4));
    const two = await read(content(4, { columns: 2 }));
    expect(two.canvas.height).toBeLessThan(0.6 * one.canvas.height);
  });

  it('is the same figure as SVG: photographs as JPEG, texts as text, no trace of what was drawn before', async () => {
    const paint = (context: SKRSContext2D): void => {
      context.strokeStyle = '#ff0';
      context.stroke(new Path2D('M10 10L50 20L30 60Z'));
    };
    const figure = content(2, { rows: [{ cells: [{ picture, label: 'left <turn> & more', paint }] }], caption: '' });
    picture.getContext('2d').fillRect(0, 0, 80, 40);
    const svg = await drawPanelSvg(figure);
    expect(svg).toBe(await drawPanelSvg(figure));
    expect(svg).toMatch(/<svg [^>]*width="[\d.]+mm" height="[\d.]+mm" viewBox="0 0 \d+ \d+"/);
    expect(svg.match(/data:image\/[a-z]+/g)).toEqual(['data:image/jpeg']);
    expect(svg).toMatch(/<path [^>]*stroke="(yellow|#ff0|#FF0)"[^>]* d="M10 10L50 20L30 60/);
    expect(svg).toMatch(/<text [^>]*textLength="[\d.]+"[^>]*>left &lt;turn&gt; &amp; more<\/text>/);
    const [image, png] = await Promise.all([loadImage(Buffer.from(svg)), loadImage(Buffer.from(drawPanel(figure)))]);
    expect(image.height / image.width).toBeCloseTo(png.height / png.width, 2);
  });

  test('an SVG is finished whatever the order of its attributes', async () => {
    const text =
      '<text y="7,7," x="5,9," font-family="DejaVu Sans" font-size="10" fill="red" font-weight="700">ab</text>';
    const svg = await finishSvg(`<svg height="20" width="30" xmlns="s">${text}</svg>`, { width: 30, height: 20 });
    expect(svg).toBe(
      '<svg xmlns="s" width="2.54mm" height="1.69mm" viewBox="0 0 30 20">' +
        '<text font-size="10" fill="red" font-weight="700" font-family="DejaVu Sans, Verdana, Arial, sans-serif" ' +
        `x="5" y="7" textLength="${/textLength="([\d.]+)"/.exec(svg)![1]}" lengthAdjust="spacingAndGlyphs">ab</text></svg>`,
    );
  });

  test.each([
    [1, 1],
    [4, 4],
    [5, 3],
    [6, 3],
    [9, 3],
    [11, 4],
  ])('%i pictures stand in %i columns', (count, columns) => {
    expect(balancedColumns(count)).toBe(columns);
  });
});

describe('drawSigned', () => {
  const size = { width: 200, height: 100 };
  /** All of one strength, on the left or right half. */
  const half = (side: 'left' | 'right', strength: number): Heatmap => ({
    height: 1,
    width: 2,
    values: Float32Array.of(side === 'left' ? 1 : 0, side === 'right' ? 1 : 0),
    min: 0,
    max: strength,
  });
  const draw = (supporting: Heatmap, opposing: Heatmap, style: Partial<OverlayStyle>): SKRSContext2D => {
    const context = createCanvas(size.width, size.height).getContext('2d');
    drawSigned(context, size, supporting, opposing, { ...defaultStyle, ...style });
    return context;
  };
  const pixel = (context: SKRSContext2D, x: number): number[] => [...context.getImageData(x, 50, 1, 1).data];

  it('fills each side in its colour, on the scale of the stronger', () => {
    const context = draw(half('left', 1), half('right', 0.5), { kind: 'heatmap', opacity: 0.8 });
    const [left, right] = [pixel(context, 20), pixel(context, 180)];
    for (let channel = 0; channel < 3; channel++) {
      expect(Math.abs(left[channel]! - SIGNED_COLORS.supporting[channel]!)).toBeLessThan(4);
      expect(Math.abs(right[channel]! - SIGNED_COLORS.opposing[channel]!)).toBeLessThan(4);
    }
    expect(left[3]! / right[3]!).toBeCloseTo(2, 0);
  });

  it('draws no contour of a side that stays below the levels, nor of an empty filter', () => {
    const inked = (context: SKRSContext2D): boolean =>
      context.getImageData(130, 0, 70, 100).data.some((value) => value > 0);
    const levels = [0.5];
    expect(inked(draw(half('left', 1), half('right', 0.8), { levels }))).toBe(true);
    expect(inked(draw(half('left', 1), half('right', 0.3), { levels }))).toBe(false);
    expect(inked(draw(half('left', 0), half('right', 0), { kind: 'both' }))).toBe(false);
  });
});
