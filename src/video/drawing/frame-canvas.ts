/** A decoded frame as something that can be drawn. */
import type { Canvas } from '@napi-rs/canvas';
import type { FrameBatch } from '../../base/types.ts';
import { canvasLibrary, createCanvas } from './canvas.ts';

/** Frame i as a canvas of its own size. */
export function frameCanvas({ rgb, shape: [, height, width] }: Pick<FrameBatch, 'rgb' | 'shape'>, i: number): Canvas {
  const canvas = createCanvas(width, height);
  const rgba = new Uint8ClampedArray(4 * height * width);
  const offset = i * height * width * 3;
  for (let pixel = 0; pixel < height * width; pixel++) {
    rgba[pixel * 4] = rgb[offset + pixel * 3]!;
    rgba[pixel * 4 + 1] = rgb[offset + pixel * 3 + 1]!;
    rgba[pixel * 4 + 2] = rgb[offset + pixel * 3 + 2]!;
    rgba[pixel * 4 + 3] = 255;
  }
  // The canvas's own `createImageData` takes longer than all of this.
  canvas.getContext('2d').putImageData(new (canvasLibrary().ImageData)(rgba, width, height), 0, 0);
  return canvas;
}
