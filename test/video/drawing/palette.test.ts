/** Colours of classes: their names can be read in them, on white as on dark. */
import { expect, it } from 'vitest';
import { createCanvas } from '../../../src/video/drawing/canvas.ts';
import { classColor } from '../../../src/video/drawing/palette.ts';

/** Relative luminance (WCAG 2) of a colour as it is drawn. */
function luminance(color: string): number {
  const context = createCanvas(1, 1).getContext('2d');
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = Array.from(context.getImageData(0, 0, 1, 1).data, (value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const contrast = (one: string, other: string): number => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
};

it('of the seventh class on are as bright as each other, whatever their hue', () => {
  for (let place = 6; place < 60; place++) {
    const color = classColor(place);
    expect([color, contrast(color, '#ffffff') >= 3]).toEqual([color, true]);
    expect([color, contrast(color, '#14161e') >= 4]).toEqual([color, true]);
  }
});
