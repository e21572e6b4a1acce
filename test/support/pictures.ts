/** Makes folders of small pictures for tests, each of which shows a number as the frames of `clips.ts` do. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import type { PictureSize } from '../../src/base/types.ts';
import { drawNumber } from './clips.ts';

/** Formats that the canvas writes. */
export type TestFormat = 'jpeg' | 'png' | 'webp';

/** The size of the pictures. */
export const PICTURE: PictureSize = { width: 64, height: 32 };

/** The bytes of a picture that shows a number. */
export async function pictureOf(number: number, format: TestFormat = 'jpeg', size = PICTURE): Promise<Buffer> {
  const { width, height } = size;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (const [i, grey] of drawNumber(number, width, height).entries()) {
    image.data.set([grey, grey, grey, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return format === 'png' ? canvas.encode('png') : canvas.encode(format, 95);
}

/** Writes pictures, the n-th of which shows the number n, and returns the folder. */
export async function makePictures(
  folder: string,
  names: readonly string[],
  format: TestFormat = 'jpeg',
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [n, name] of names.entries()) await writeFile(join(folder, name), await pictureOf(n, format));
  return folder;
}

/** One record of a tub of version 2. */
export interface TestRecord {
  readonly index: number;
  readonly stampMs?: number;
  readonly angle?: number;
}

/** Writes a tub of version 2 with one catalog; pictures show their place, and those of `without` are not there. */
export async function makeTub(
  folder: string,
  records: readonly TestRecord[],
  { deleted = [], without = [], extraLine = '' }: { deleted?: number[]; without?: number[]; extraLine?: string } = {},
): Promise<string> {
  const images = join(folder, 'images');
  await mkdir(images, { recursive: true });
  const lines: string[] = [];
  for (const [n, { index, stampMs, angle }] of records.entries()) {
    const name = `${index}_cam_image_array_.jpg`;
    if (!without.includes(index)) await writeFile(join(images, name), await pictureOf(n));
    lines.push(
      JSON.stringify({
        _index: index,
        _timestamp_ms: stampMs,
        'cam/image_array': name,
        'user/angle': angle,
        'user/mode': 'user',
      }),
    );
  }
  await writeFile(join(folder, 'catalog_0.catalog'), `${lines.join('\n')}\n${extraLine}`);
  const manifest = { paths: ['catalog_0.catalog'], current_index: records.length, deleted_indexes: deleted };
  await writeFile(
    join(folder, 'manifest.json'),
    `["cam/image_array", "user/angle"]\n["image_array", "float"]\n{}\n{}\n${JSON.stringify(manifest)}\n`,
  );
  return folder;
}
