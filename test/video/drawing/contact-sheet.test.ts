/** Contact sheets: pictures keep their shapes, whatever the first row's is. */
import { loadImage } from '@napi-rs/canvas';
import { expect, it } from 'vitest';
import type { FrameBatch } from '../../../src/base/types.ts';
import { createCanvas } from '../../../src/video/drawing/canvas.ts';
import { drawContactSheet } from '../../../src/video/drawing/contact-sheet.ts';
import { defaultStyle } from '../../../src/video/drawing/style.ts';

/** Two frames of one colour. */
function frames(width: number, height: number, color: readonly [number, number, number]): FrameBatch {
  const rgb = Uint8Array.from({ length: 2 * width * height * 3 }, (_, i) => color[i % 3]!);
  return { rgb, shape: [2, height, width, 3], timestampsSec: Float64Array.of(0, 1) } as unknown as FrameBatch;
}

/** The rectangle of pixels of a colour. */
async function areaOf(png: Uint8Array, [red, green, blue]: readonly [number, number, number]) {
  const picture = await loadImage(Buffer.from(png));
  const context = createCanvas(picture.width, picture.height).getContext('2d');
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  let [left, top, right, bottom] = [picture.width, picture.height, 0, 0];
  for (let i = 0; i < data.length / 4; i++) {
    if (data[4 * i] !== red || data[4 * i + 1] !== green || data[4 * i + 2] !== blue) continue;
    const [x, y] = [i % picture.width, Math.floor(i / picture.width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  }
  return { left, top, right, bottom, width: right - left + 1, height: bottom - top + 1 };
}

it('keeps the shape of every picture, beside each other and below each other', async () => {
  const row = { heading: 'one', lines: [], color: '#000' };
  const [blue, red] = [
    [0, 0, 255],
    [255, 0, 0],
  ] as const;
  const rows = [
    { ...row, frames: frames(330, 100, blue) },
    { ...row, frames: frames(90, 160, red) },
  ];
  const png = drawContactSheet({ title: 'a', caption: 'b', rows, columns: 2, style: defaultStyle });
  const [wide, tall] = [await areaOf(png, blue), await areaOf(png, red)];
  const gap = 14;
  // Both frames with the gap between them; of the tall ones also what is left of their cells.
  expect((wide.width - gap) / 2 / wide.height).toBeCloseTo(3.3, 1);
  expect(tall.top).toBeGreaterThan(wide.bottom);
  expect(tall.height).toBe(160); // two fifths of a cell's width
  expect(tall.width).toBe(90 + gap + 400); // the second one begins a cell further right
  const narrow = drawContactSheet({ title: 'a', caption: 'b', rows: rows.slice(1), columns: 1, style: defaultStyle });
  expect((await areaOf(narrow, red)).height / (await areaOf(narrow, red)).width).toBeCloseTo(160 / 90, 1);
});
