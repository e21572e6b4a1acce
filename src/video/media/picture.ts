/** Still pictures: reading them as the bytes a network wants, and as something that can be drawn on. */
import { createHash } from 'node:crypto';
import type { Image } from '@napi-rs/canvas';
import { L2cafError } from '../../base/errors.ts';
import { changedInput } from '../../base/files.ts';
import { BLACK, type FittedSize, placementOf } from '../../base/fit.ts';
import { readInput, readInputSync } from '../../base/input-files.ts';
import type { FrameBatch, RegionMask } from '../../base/types.ts';
import { canvasLibrary, createCanvas, loadImage } from '../drawing/canvas.ts';
import { maskOfPicture } from '../drawing/regions.ts';
import { pictureProblem } from './picture-format.ts';

/** A picture, and which one. */
export interface PictureFile {
  readonly picture: Image;
  /** SHA-256 of the bytes that the picture was made from, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Reads a JPEG, PNG, WebP or similar.
 *
 * @throws L2cafError `input-not-found`, or `input-unreadable` when it is not a picture, or not a whole one.
 */
export async function readPicture(path: string): Promise<PictureFile> {
  const bytes = await readInput(path, { maxBytes: MAX_PICTURE_BYTES });
  checkWhole(path, bytes);
  const picture = await loadImage(bytes).catch((cause: unknown) => {
    throw notAPicture(path, 'is not a picture that can be read', cause);
  });
  return { picture, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * The picture of {@link readPicture}.
 *
 * @param sha256 the content that it must have, where that is known
 * @throws L2cafError `input-changed` when it has another; as {@link readPicture}
 */
export async function openPicture(path: string, sha256?: string): Promise<Image> {
  const file = await readPicture(path);
  if (sha256 !== undefined && file.sha256 !== sha256) throw changedInput(path);
  return file.picture;
}

/**
 * Reads a picture as a mask: 1 where it is bright, 0 elsewhere. At once, so that an option can be checked where it is
 * given.
 *
 * @throws L2cafError as {@link readPicture}
 */
export function readMask(path: string): RegionMask {
  const picture = new (canvasLibrary().Image)();
  const bytes = readInputSync(path, { maxBytes: MAX_PICTURE_BYTES });
  checkWhole(path, bytes);
  try {
    picture.src = bytes;
  } catch (cause) {
    throw notAPicture(path, 'is not a picture that can be read', cause);
  }
  if (!picture.complete || picture.width === 0) throw notAPicture(path, 'is not a picture that can be read');
  const scale = Math.min(1, MASK_PX / Math.max(picture.width, picture.height));
  const side = (length: number): number => Math.max(1, Math.round(length * scale));
  return maskOfPicture(picture, { width: side(picture.width), height: side(picture.height) });
}

function checkWhole(path: string, bytes: Buffer): void {
  const problem = pictureProblem(bytes);
  if (problem !== undefined) throw notAPicture(path, problem);
}

function notAPicture(path: string, problem: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `${path} ${problem}`, {
    hint: 'give a whole JPEG, PNG or WebP file; for a video use l2caf analyze',
    cause,
  });
}

/** The largest photographs and scans have as many. */
const MAX_PICTURE_BYTES = 256e6;

/** The longer side of a mask: far finer than a heatmap. */
const MASK_PX = 640;

/** A picture's pixels, brought to `size` (its own size when absent): RGB bytes, `[1, h, w, 3]`. */
export function picturePixels(picture: Image, size: FittedSize = picture): Pick<FrameBatch, 'rgb' | 'shape'> {
  const { width, height, padding = BLACK } = size;
  const { scaled, left, top } = placementOf(picture, size);
  const context = createCanvas(width, height).getContext('2d');
  if (size.resize === 'contain') {
    context.fillStyle = `rgb(${padding.join(' ')})`;
    context.fillRect(0, 0, width, height);
  }
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, -left, -top, scaled.width, scaled.height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) rgb[3 * pixel + channel] = rgba[4 * pixel + channel]!;
  }
  return { rgb, shape: [1, height, width, 3] };
}
