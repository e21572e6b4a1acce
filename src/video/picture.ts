/** Still pictures: reading them as the bytes a network wants, and as something that can be drawn on. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Canvas, createCanvas, Image, ImageData, loadImage } from '@napi-rs/canvas';
import { L2cafError, messageOf } from '../errors.ts';
import { noteInput } from '../output.ts';
import type { FrameBatch, PictureSize } from '../types.ts';
import { maskOfPicture, type RegionMask } from './regions.ts';

/**
 * Opens a JPEG, PNG, WebP or similar.
 *
 * @throws L2cafError `input-not-found`, or `input-unreadable` when it is not a picture.
 */
export async function openPicture(path: string): Promise<Image> {
  noteInput(path);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw cannotRead(path, cause);
  });
  return loadImage(bytes).catch((cause: unknown) => {
    throw new L2cafError('input-unreadable', `${path} is not a picture that can be read`, {
      hint: 'give a JPEG, PNG or WebP file; for a video use l2caf analyze',
      cause,
    });
  });
}

/**
 * Reads a picture as a mask: 1 where it is bright, 0 elsewhere. At once, so that an option can be checked where it is
 * given.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`
 */
export function readMask(path: string): RegionMask {
  noteInput(path);
  const picture = new Image();
  try {
    picture.src = readFileSync(path);
  } catch (cause) {
    throw cannotRead(path, cause);
  }
  if (!picture.complete || picture.width === 0) throw new L2cafError('input-unreadable', `${path} is not a picture`);
  const scale = Math.min(1, MASK_PX / Math.max(picture.width, picture.height));
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  return maskOfPicture(picture, { width: side(picture.width), height: side(picture.height) });
}

function cannotRead(path: string, cause: unknown): L2cafError {
  return new L2cafError('input-not-found', `cannot read ${path}: ${messageOf(cause)}`, { cause });
}

/** The longer side of a mask: far finer than a heatmap. */
const MASK_PX = 640;

/** A picture's pixels, stretched to `size` (its own size when absent): RGB bytes, `[1, h, w, 3]`. */
export function picturePixels(picture: Image, size: PictureSize = picture): Pick<FrameBatch, 'rgb' | 'shape'> {
  const { width, height } = size;
  const context = createCanvas(width, height).getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) rgb[3 * pixel + channel] = rgba[4 * pixel + channel]!;
  }
  return { rgb, shape: [1, height, width, 3] };
}

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
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}
