/** Pictures are read whole or not at all, and nothing but pixels is taken from them. */
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { afterAll, describe, expect, test } from 'vitest';
import { openPicture, picturePixels, readMask, readPicture } from '../../../src/video/media/picture.ts';
import { ffmpeg } from '../../support/clips.ts';

const folder = mkdtempSync(join(tmpdir(), 'l2caf-picture-'));
afterAll(() => rm(folder, { recursive: true }));

const SIZE = { width: 61, height: 37 };

/** Black, with a white right half, and some texture. */
function canvas() {
  const drawn = createCanvas(SIZE.width, SIZE.height);
  const context = drawn.getContext('2d');
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIZE.width, SIZE.height);
  context.fillStyle = '#fff';
  context.fillRect(30, 0, 31, SIZE.height);
  context.fillStyle = '#d09030';
  for (let i = 0; i < 12; i++) context.fillRect(32 + 2 * i, 3 * i, 2, 2);
  return drawn;
}

async function viaFfmpeg(options: readonly string[]): Promise<Buffer> {
  return ffmpeg(
    ['-f', 'image2pipe', '-c:v', 'png', '-i', 'pipe:0', '-frames:v', '1', ...options],
    canvas().toBuffer('image/png'),
  );
}

const makers: readonly [string, () => Promise<Buffer>][] = [
  ['png', async () => canvas().toBuffer('image/png')],
  ['grey png', () => viaFfmpeg(['-f', 'image2pipe', '-c:v', 'png', '-pix_fmt', 'gray', 'pipe:1'])],
  ['png of one bit', () => viaFfmpeg(['-f', 'image2pipe', '-c:v', 'png', '-pix_fmt', 'monob', 'pipe:1'])],
  ['png of 16 bits', () => viaFfmpeg(['-f', 'image2pipe', '-c:v', 'png', '-pix_fmt', 'rgb48be', 'pipe:1'])],
  ['jpeg', async () => canvas().toBuffer('image/jpeg')],
  ['jpeg of a camera', () => viaFfmpeg(['-f', 'image2pipe', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', 'pipe:1'])],
  ['webp', async () => canvas().toBuffer('image/webp')],
  ['avif', async () => canvas().toBuffer('image/avif')],
  ['gif', () => viaFfmpeg(['-f', 'gif', 'pipe:1'])],
  ['bmp', () => viaFfmpeg(['-f', 'image2pipe', '-c:v', 'bmp', 'pipe:1'])],
];

describe.each(makers)('%s', (name, make) => {
  const path = join(folder, `${name}.txt`);

  test('whole is read', async () => {
    await writeFile(path, await make());
    const { picture } = await readPicture(path);
    expect(picture).toMatchObject(SIZE);
    const { rgb } = picturePixels(picture);
    expect(rgb[3 * (SIZE.width * 20 + 5)]).toBeLessThan(40);
    expect(rgb[3 * (SIZE.width * 2 + 58)]).toBeGreaterThan(200);
    if (name !== 'bmp') expect(readMask(path).values.some((value) => value === 1)).toBe(true); // the canvas takes its time
  });

  test('truncated anywhere is refused, and so is what is full of zeros from there on', async () => {
    const bytes = await make();
    for (let part = 0; part < 40; part++) {
      const length = Math.floor((bytes.length - 1) * (part / 39));
      for (const rest of [0, bytes.length - length]) {
        if (rest > 0 && (/bmp|gif|webp|avif/.test(name) || part < 2)) continue; // these have no checksums
        await writeFile(path, Buffer.concat([bytes.subarray(0, length), Buffer.alloc(rest)]));
        const refused = { code: 'input-unreadable', message: expect.stringMatching(/truncated|damaged|not a picture/) };
        await expect(openPicture(path)).rejects.toMatchObject(refused);
        expect(() => readMask(path)).toThrow(expect.objectContaining(refused));
      }
    }
  });
});

test('an interlaced PNG is read, and refused without its last pass', async () => {
  // 3x3 pixels, grey, Adam7: made by hand from stored blocks, as no encoder here writes it.
  const { deflateSync, crc32 } = await import('node:zlib');
  const chunk = (kind: string, content: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(kind, 'latin1'), content]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const png = (rows: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', Buffer.from([0, 0, 0, 3, 0, 0, 0, 3, 8, 0, 0, 0, 1])),
      chunk('IDAT', deflateSync(rows)),
      chunk('IEND', Buffer.alloc(0)),
    ]);
  // Passes that hold pixels: 1 and 4 (one each), 5 (two), 6 (two rows of one), 7 (a row of three); a byte before each row.
  const rows = Buffer.from([0, 255, 0, 255, 0, 255, 255, 0, 255, 0, 255, 0, 255, 255, 255]);
  const path = join(folder, 'interlaced.png');
  await writeFile(path, png(rows));
  expect((await loadImage(png(rows))).width).toBe(3);
  expect((await openPicture(path)).width).toBe(3);
  await writeFile(path, png(rows.subarray(0, -4)));
  await expect(openPicture(path)).rejects.toMatchObject({ message: expect.stringMatching(/pixels are missing/) });
});

test('a PNG with one wrong bit is refused', async () => {
  const bytes = canvas().toBuffer('image/png');
  const path = join(folder, 'rot.png');
  for (let at = 16; at < bytes.length - 12; at += 7) {
    const rotten = Buffer.from(bytes);
    rotten[at]! ^= 4;
    await writeFile(path, rotten);
    await expect(openPicture(path)).rejects.toMatchObject({ code: 'input-unreadable' });
  }
});

test('a preview within a JPEG does not end it', async () => {
  const jpeg = canvas().toBuffer('image/jpeg');
  const preview = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 0]), jpeg]);
  preview.writeUInt16BE(jpeg.length + 2, 2);
  const whole = Buffer.concat([jpeg.subarray(0, 2), preview, jpeg.subarray(2)]);
  const path = join(folder, 'preview.jpg');
  await writeFile(path, whole);
  expect((await openPicture(path)).width).toBe(SIZE.width);
  await writeFile(path, whole.subarray(0, whole.length - 40));
  await expect(openPicture(path)).rejects.toMatchObject({ message: expect.stringMatching(/is truncated/) });
});

test.each([
  [
    'an SVG',
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="SECRET" width="9" height="9"/></svg>',
  ],
  ['an SVG after a comment', '<!-- PNG --><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
  ['a text', 'no picture\n'],
  ['nothing', ''],
])('%s named .png is refused', async (_, text) => {
  const secret = join(folder, 'secret.png');
  await writeFile(secret, canvas().toBuffer('image/png'));
  const path = join(folder, 'disguised.png');
  await writeFile(path, text.replace('SECRET', `file://${secret}`));
  const refused = { code: 'input-unreadable', message: expect.stringMatching(/is not a picture that can be read/) };
  await expect(openPicture(path)).rejects.toMatchObject(refused);
  expect(() => readMask(path)).toThrow(expect.objectContaining(refused));
});

test('a picture that has become another one is not taken for the first', async () => {
  const path = join(folder, 'changing.png');
  await writeFile(path, canvas().toBuffer('image/png'));
  const { sha256 } = await readPicture(path);
  expect((await openPicture(path, sha256)).width).toBe(SIZE.width);
  await writeFile(path, createCanvas(9, 9).toBuffer('image/png'));
  await expect(openPicture(path, sha256)).rejects.toMatchObject({ code: 'input-changed' });
});

test.skipIf(process.platform === 'win32')('a device or a pipe is refused before it is read', async () => {
  const message = expect.stringMatching(/cannot read \/dev\/zero: it is a device, not a file/);
  await expect(readPicture('/dev/zero')).rejects.toMatchObject({ message });
  expect(() => readMask('/dev/zero')).toThrow(/it is a device, not a file/);
});

describe('a small file that unpacks to a huge picture', () => {
  const huge = 40_000;
  /** The head of each format, with no more than says how large it is. */
  const heads: Readonly<Record<string, () => Buffer>> = {
    png: () => {
      const bytes = createCanvas(2, 2).toBuffer('image/png');
      bytes.writeUInt32BE(huge, 16);
      bytes.writeUInt32BE(huge, 20);
      bytes.writeInt32BE(crc32(bytes.subarray(12, 29)), 29);
      return bytes;
    },
    jpg: () => {
      const bytes = createCanvas(2, 2).toBuffer('image/jpeg');
      const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
      bytes.writeUInt16BE(huge, frame + 5);
      bytes.writeUInt16BE(huge, frame + 7);
      return bytes;
    },
    gif: () => {
      const bytes = Buffer.from('GIF89a\0\0\0\0\0\0\0;', 'latin1');
      bytes.writeUInt16LE(huge, 6);
      bytes.writeUInt16LE(huge, 8);
      return bytes;
    },
  };

  test.each(Object.keys(heads))('is refused before that: %s', async (format) => {
    const path = join(folder, `huge.${format}`);
    await writeFile(path, heads[format]!());
    await expect(readPicture(path)).rejects.toMatchObject({
      code: 'input-unreadable',
      message: expect.stringContaining('has 40000x40000 pixels; pictures of up to 250 million are read'),
    });
    expect(() => readMask(path)).toThrow('40000x40000 pixels');
  });
});

/** As PNG has it. */
function crc32(bytes: Buffer): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc;
}
