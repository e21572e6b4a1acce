/** Boxes of objects over pictures: where they are, in what is drawn and in what is said to have been drawn on. */
import { describe, expect, it } from 'vitest';
import { drawBoxes } from '../../../src/video/drawing/boxes.ts';
import { createCanvas } from '../../../src/video/drawing/canvas.ts';
import { LayerPainter } from '../../../src/video/drawing/layer.ts';
import { painterOf } from '../../../src/video/drawing/strip.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';
import { boldFont } from '../../../src/video/drawing/text.ts';

const PICTURE = { width: 640, height: 360 };
const box = (x: number, y: number, share?: number) => ({
  ...{ x, y, width: 100, height: 80, name: 'car 1', color: '#00ff00' },
  ...(share !== undefined && { share }),
});
const heatmap = { width: 2, height: 2, values: Float32Array.from([0, 0, 0, 0]), min: 0, max: 0 };

describe('boxes', () => {
  it('are scaled from their picture, and nothing is drawn beside the areas that are told', () => {
    const size = { width: 320, height: 180 };
    const context = createCanvas(size.width, size.height).getContext('2d');
    const areas = drawBoxes(context, size, { picture: PICTURE, boxes: [box(200, 100, 0.25)] }, boldFont);
    const { data } = context.getImageData(0, 0, size.width, size.height);
    const alphaAt = (x: number, y: number): number => data[4 * (y * size.width + x) + 3]!;
    expect(alphaAt(100, 70)).toBeGreaterThan(200); // the left side
    expect(alphaAt(149, 89)).toBeGreaterThan(200); // the lower right corner
    expect(alphaAt(125, 70)).toBe(0); // inside
    for (let y = 0; y < size.height; y++) {
      for (let x = 0; x < size.width; x++) {
        if (alphaAt(x, y) === 0) continue;
        const isTold = areas.some(
          (a) => x >= Math.floor(a.left) && x < a.right && y >= Math.floor(a.top) && y < a.bottom,
        );
        expect([x, y, isTold]).toEqual([x, y, true]);
      }
    }
  });

  it('have labels that do not cover each other, those of the largest shares first', () => {
    const crowd = Array.from({ length: 30 }, (_, i) => ({
      ...box(200 + i, 100 + i, i === 29 ? 0.9 : 0.01),
      name: `car ${i}`,
    }));
    const drawn: { text: string; x: number; y: number; width: number }[] = [];
    const context = createCanvas(640, 360).getContext('2d');
    const fillText = context.fillText.bind(context);
    context.fillText = (text, x, y) => {
      drawn.push({ text, x, y, width: context.measureText(text).width });
      fillText(text, x, y);
    };
    drawBoxes(context, PICTURE, { picture: PICTURE, boxes: crowd }, boldFont);
    expect(drawn[0]!.text).toBe('car 29 · 90 %');
    expect(drawn.length).toBeGreaterThan(8);
    expect(drawn.length).toBeLessThan(30);
    for (const [i, one] of drawn.entries()) {
      for (const other of drawn.slice(i + 1)) {
        const isApart = one.x + one.width < other.x || other.x + other.width < one.x || Math.abs(one.y - other.y) > 12;
        expect([one.text, other.text, isApart]).toEqual([one.text, other.text, true]);
      }
    }
  });

  it('are dashed where they are not of a sampled frame', () => {
    const inkOf = (share?: number): number => {
      const context = createCanvas(640, 360).getContext('2d');
      drawBoxes(context, PICTURE, { picture: PICTURE, boxes: [box(200, 100, share)] }, boldFont);
      const { data } = context.getImageData(198, 110, 6, 60);
      return data.filter((_, i) => i % 4 === 3).reduce((sum, value) => sum + value, 0);
    };
    expect(inkOf()).toBeLessThan(0.8 * inkOf(0.5));
  });

  it('lie on frames of strips, and on those of a video at their times', () => {
    const context = createCanvas(640, 360).getContext('2d');
    painterOf({ heatmap, boxes: { picture: PICTURE, boxes: [box(200, 100, 0.5)] } }, defaultStyle)(context, PICTURE);
    expect(context.getImageData(200, 140, 1, 1).data[3]).toBeGreaterThan(200);

    const painter = new LayerPainter({
      ...{ picture: PICTURE, span: { startSec: 0, endSec: 3 }, normalize: 'frame', style: defaultStyle },
      keyframes: [{ timestampSec: 0, heatmap }],
      gaps: [{ startSec: 2, endSec: 3 }],
      boxesAt: (timeSec) => ({ picture: PICTURE, boxes: [box(200 + 100 * timeSec, 100, 0.5)] }),
    });
    const isOn = (timeSec: number, x: number): boolean => painter.paint(timeSec).alpha[140 * 640 + x]! > 150;
    expect([isOn(0, 200), isOn(0, 250)]).toEqual([true, false]);
    expect([isOn(0.5, 200), isOn(0.5, 250)]).toEqual([false, true]);
    expect(isOn(2.5, 450)).toBe(false); // nothing was analyzed there
  });
});
