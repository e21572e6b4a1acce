import { createCanvas, loadImage } from '@napi-rs/canvas';
import { describe, expect, test } from 'vitest';
import type { Heatmap } from '../../../src/base/types.ts';
import { checkStyle, drawHeatmap } from '../../../src/video/drawing/overlay.ts';
import { drawStrip, type StripContent } from '../../../src/video/drawing/strip.ts';
import { defaultStyle, type OverlayStyle } from '../../../src/video/drawing/style.ts';
import { fitText } from '../../../src/video/drawing/text.ts';

function peak(height: number, width: number, cell: number): Heatmap {
  const values = new Float32Array(height * width);
  values[cell] = 1;
  return { height, width, values, min: 0, max: 1 };
}

describe('drawHeatmap', () => {
  function draw(style: Partial<OverlayStyle>): (x: number, y: number) => number[] {
    const context = createCanvas(300, 300).getContext('2d');
    drawHeatmap(context, { width: 300, height: 300 }, peak(3, 3, 4), { ...defaultStyle, levels: [0.5], ...style });
    return (x, y) => [...context.getImageData(x, y, 1, 1).data];
  }

  test('contours lie on a dark halo and leave the rest untouched', () => {
    const at = draw({ kind: 'contour' });
    const [red, green, blue, opacity] = at(100, 150);
    expect([red! > 200, green! > 200, blue! < 80, opacity]).toEqual([true, true, true, 255]);
    const [haloRed, , , haloOpacity] = at(98, 150);
    expect(haloRed).toBeLessThan(90);
    expect(haloOpacity).toBeGreaterThan(60);
    expect(at(150, 150)[3]).toBe(0);
    expect(at(20, 20)[3]).toBe(0);
  });

  test('the heatmap is opaque as asked at its peak and absent where it is 0', () => {
    const at = draw({ kind: 'heatmap', opacity: 0.5 });
    expect(at(150, 150)[3]).toBeGreaterThan(100);
    expect(at(150, 150)[3]).toBeLessThan(130);
    expect(at(5, 5)[3]).toBe(0);
  });

  test.each([
    [{ levels: [0, 0.5] }, /levels/],
    [{ opacity: 2 }, /opacity/],
    [{ lineWidthPx: 0 }, /line width/],
    [{ colormap: 'rainbow' as 'turbo' }, /rainbow.*viridis/],
  ])('refuses %o', (style, message) => {
    expect(() => checkStyle({ ...defaultStyle, ...style })).toThrow(message);
  });
});

describe('the strip', () => {
  function content(count: number, more: Partial<StripContent> = {}): StripContent {
    const timestampsSec = Array.from({ length: count }, (_, k) => k + 0.5);
    return {
      frames: { rgb: new Uint8Array(count * 30 * 40 * 3).fill(90), shape: [count, 30, 40, 3], timestampsSec },
      cells: timestampsSec.map((_, k) => ({ heatmap: peak(3, 4, k % 12), loss: 0.0123, status: 'converged' })),
      style: defaultStyle,
      title: 'right turn',
      ...more,
    };
  }

  async function sizeOf(strip: StripContent): Promise<[number, number]> {
    const image = await loadImage(Buffer.from(drawStrip(strip)));
    return [image.width, image.height];
  }

  test('grows with rows, captions and long texts instead of cutting them', async () => {
    const [width, height] = await sizeOf(content(3));
    expect(width).toBe(1600);
    const [, withCaption] = await sizeOf(content(3, { caption: 'a caption' }));
    const [, withWarning] = await sizeOf(content(3, { warning: 'UNTRAINED HEAD' }));
    const [, withLongTitle] = await sizeOf(content(3, { title: 'a long title '.repeat(40) }));
    const [, oneRow] = await sizeOf(content(5));
    const [, twoRows] = await sizeOf(content(10));
    expect(Math.min(withCaption, withWarning, withLongTitle)).toBeGreaterThan(height);
    expect(twoRows).toBeGreaterThan(oneRow * 1.5);
  });

  test('text shrinks, then wraps within its width, words of any length', () => {
    const context = createCanvas(1, 1).getContext('2d');
    for (const text of ['t = 1.50 s · loss 0.0123 · converged', 'x'.repeat(300), 'word '.repeat(60).trim()]) {
      const fitted = fitText(context, text, { widthPx: 200, sizePx: 20, minPx: 14 });
      context.font = fitted.font;
      for (const line of fitted.lines) expect(context.measureText(line).width).toBeLessThanOrEqual(200);
      expect(fitted.lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }
  });

  test('frames and heatmaps must match', () => {
    expect(() => drawStrip({ ...content(3), cells: [] })).toThrow(/3 frames/);
  });
});
