/** Formats of pictures, part by part, from bytes made by hand: what is whole, and what is wrong with what is not. */
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { pictureFormat, pictureProblem } from '../../../src/video/media/picture-format.ts';

const u16 = (value: number): number[] => [value & 255, value >> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const be16 = (value: number): number[] => u16(value).reverse();
const be32 = (value: number): number[] => u32(value).reverse();
const text = (letters: string): number[] => [...Buffer.from(letters, 'latin1')];
const LARGE = 'has 20000x20000 pixels; pictures of up to 250 million are read';

/** The check of PNG, bit by bit. */
function crc32(bytes: readonly number[]): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const chunk = (kind: string, content: readonly number[]): number[] => [
  ...be32(content.length),
  ...[...text(kind), ...content],
  ...be32(crc32([...text(kind), ...content])),
];
const SIGNATURE = [0x89, ...text('PNG\r\n\x1a\n')];
const header = (width: number, height: number, bits: number, kind: number, interlaced = 0): number[] =>
  chunk('IHDR', [...be32(width), ...be32(height), bits, kind, 0, 0, interlaced]);
const pixels = (count: number): number[] => chunk('IDAT', [...deflateSync(Buffer.alloc(count))]);
const END = chunk('IEND', []);
const png = (...parts: readonly (readonly number[])[]): number[] => [...SIGNATURE, ...parts.flat()];

describe('PNG', () => {
  // A byte before each row, then its samples.
  it.each([
    ['grey', header(3, 2, 8, 0), 2 * (1 + 3)],
    ['one bit', header(9, 2, 1, 0), 2 * (1 + 2)],
    ['colours', header(3, 2, 8, 2), 2 * (1 + 9)],
    ['a palette of four bits', header(3, 2, 4, 3), 2 * (1 + 2)],
    ['grey and alpha', header(3, 2, 8, 4), 2 * (1 + 6)],
    ['colours of 16 bits and alpha', header(3, 2, 16, 6), 2 * (1 + 24)],
    ['interlaced', header(1, 1, 8, 0, 1), 2],
    ['interlaced of nine by nine', header(9, 9, 8, 0, 1), 2 * 3 + 2 * 2 + 1 * 4 + 3 * 3 + 2 * 6 + 5 * 5 + 4 * 10],
  ])('of %s has so many bytes, and no other number', (_, own, count) => {
    expect(pictureProblem(Buffer.from(png(own, pixels(count), END)))).toBeUndefined();
    for (const other of [count - 1, count + 1])
      expect(pictureProblem(Buffer.from(png(own, pixels(other), END)))).toMatch(
        /^is (truncated: pixels are missing|damaged: its pixels cannot be unpacked)$/,
      );
  });

  it.each([
    ['is damaged: it holds no pixels', png(header(1, 1, 8, 0), END)],
    ['is damaged: it holds no pixels', png(pixels(2), END)],
    ['is damaged: its pixels cannot be unpacked', png(header(1, 1, 8, 0), chunk('IDAT', [1, 2, 3]), END)],
    ['is truncated', png(header(1, 1, 8, 0), pixels(2))],
    ['is truncated', png(header(1, 1, 8, 0), pixels(2), END.slice(0, -1))],
    ['is damaged: the checksum of its IDAT is wrong', png(header(1, 1, 8, 0), pixels(2).with(-1, 1), END)],
    [LARGE, png(header(20000, 20000, 8, 0), pixels(2), END)],
  ])('%s', (problem, bytes) => {
    expect(pictureProblem(Buffer.from(bytes))).toBe(problem);
  });

  it('may have its pixels in several parts', () => {
    const packed = [...deflateSync(Buffer.alloc(2))];
    const parts = [packed.slice(0, 3), packed.slice(3)].map((part) => chunk('IDAT', part));
    expect(pictureProblem(Buffer.from(png(header(1, 1, 8, 0), ...parts, END)))).toBeUndefined();
  });
});

describe('JPEG', () => {
  const segment = (marker: number, content: readonly number[]): number[] => [
    0xff,
    marker,
    ...be16(content.length + 2),
    ...content,
  ];
  const START = [0xff, 0xd8];
  const frame = (marker: number, width: number, height: number) =>
    segment(marker, [8, ...be16(height), ...be16(width), 1]);
  const scan = (...data: readonly number[]): number[] => [...segment(0xda, [1]), ...data];
  const STOP = [0xff, 0xd9];

  it.each([
    ['is read to its end', undefined, [...START, ...frame(0xc0, 3, 2), ...scan(1, 2, 0xff, 0, 3), ...STOP]],
    ['restarts within a scan', undefined, [...START, ...scan(1, 0xff, 0xd0, 2, 0xff, 0xd7, 3), ...STOP]],
    [
      'may have marks without content, and filling before marks',
      undefined,
      [...START, 0xff, 0x01, 0xff, 0xd3, 0xff, 0xff, 0xff, ...scan(1).slice(1), 0xff, 0xff, 0xd9],
    ],
    ['may have several scans', undefined, [...START, ...scan(1), ...scan(2), ...STOP]],
    ['is damaged: it holds no pixels', 'is damaged: it holds no pixels', [...START, ...frame(0xc0, 3, 2), ...STOP]],
    [
      'is damaged between its parts',
      'is damaged: a part does not begin where the last one ends',
      [...START, ...frame(0xc0, 3, 2), 7],
    ],
    ['is truncated in a scan', 'is truncated', [...START, ...scan(1, 2, 3)]],
    ['is truncated before its end', 'is truncated', [...START, ...scan(1), 0xff]],
    ['is too large', LARGE, [...START, ...frame(0xc2, 20000, 20000), ...scan(1), ...STOP]],
    ['of the largest kind', LARGE, [...START, ...frame(0xcf, 20000, 20000), ...scan(1), ...STOP]],
    [
      'has tables that are no frames',
      undefined,
      [
        ...START,
        ...frame(0xc4, 20000, 20000),
        ...frame(0xc8, 20000, 20000),
        ...frame(0xcc, 20000, 20000),
        ...frame(0xd8, 20000, 20000),
        ...scan(1),
        ...STOP,
      ],
    ],
  ])('%s', (_, problem, bytes) => {
    expect(pictureProblem(Buffer.from(bytes))).toBe(problem);
  });
});

describe('WebP', () => {
  const part = (kind: string, content: readonly number[]): number[] => [
    ...[...text(kind), ...u32(content.length), ...content],
    ...(content.length % 2 === 1 ? [0] : []),
  ];
  const webp = (...parts: readonly (readonly number[])[]): number[] => {
    const content = parts.flat();
    return [...text('RIFF'), ...u32(4 + content.length), ...text('WEBP'), ...content];
  };
  const canvas = (width: number, height: number): number[] =>
    part('VP8X', [0, 0, 0, 0, ...u32(width - 1).slice(0, 3), ...u32(height - 1).slice(0, 3)]);

  it.each([
    ['of one part', undefined, webp(part('VP8 ', [1, 2]))],
    ['without loss', undefined, webp(part('VP8L', [1]))],
    ['that moves', undefined, webp(canvas(3, 2), part('ANMF', [1, 2]))],
    ['of odd parts', undefined, webp(part('ICCP', [1]), part('VP8 ', [1]))],
    ['of no pixels', 'is damaged: it holds no pixels', webp(part('ICCP', [1, 2]))],
    ['of a part that is too long', 'is truncated', webp([...text('VP8 '), ...u32(99), 1, 2])],
    ['that is cut', 'is truncated', webp(part('VP8 ', [1, 2])).slice(0, -1)],
    ['that is too large', LARGE, webp(canvas(20000, 20000), part('VP8 ', [1, 2]))],
  ])('%s', (_, problem, bytes) => {
    expect(pictureProblem(Buffer.from(bytes))).toBe(problem);
  });
});

describe('GIF', () => {
  const gif = (version: string, flags: number, ...rest: readonly (readonly number[])[]): number[] => [
    ...[...text(`GIF${version}`), ...u16(3), ...u16(2), flags, 0, 0],
    ...rest.flat(),
  ];
  const image = (flags: number, colours: readonly number[] = []): number[] => [
    ...[0x2c, 0, 0, 0, 0, 3, 0, 2, 0, flags, ...colours],
    ...[2, 3, 1, 2, 3, 1, 9, 0],
  ];
  const note = [0x21, 0xfe, 2, 65, 66, 0];

  it.each([
    ['of one picture', undefined, gif('89a', 0, image(0), [0x3b])],
    ['of the older version, with notes', undefined, gif('87a', 0, note, image(0), note, [0x3b])],
    ['with colours of all', undefined, gif('89a', 0x81, new Array(12).fill(0x3b), image(0), [0x3b])],
    ['with colours of its own', undefined, gif('89a', 0, image(0x80, new Array(6).fill(0x3b)), [0x3b])],
    ['of no pixels', 'is damaged: it holds no pixels', gif('89a', 0, note, [0x3b])],
    ['of an unknown part', 'is damaged: it holds a part of no known kind', gif('89a', 0, image(0), [7])],
    ['that is cut', 'is truncated', gif('89a', 0, image(0))],
    ['of a later version', 'is not a picture that can be read', gif('90a', 0, image(0), [0x3b])],
  ])('%s', (_, problem, bytes) => {
    expect(pictureProblem(Buffer.from(bytes))).toBe(problem);
  });

  it('that is too large is refused', () => {
    const bytes = Buffer.from(gif('89a', 0, image(0), [0x3b]));
    bytes.writeUInt16LE(20000, 6);
    bytes.writeUInt16LE(20000, 8);
    expect(pictureProblem(bytes)).toBe(LARGE);
  });
});

describe('BMP', () => {
  /** Rows of a multiple of four bytes. */
  const bmp = (
    size: number,
    width: number,
    height: number,
    bits: number,
    bytes: number,
    packing = 0,
    packed = 0,
  ): Buffer => {
    const info =
      size === 12
        ? [...u16(width), ...u16(height), ...u16(1), ...u16(bits)]
        : [
            ...u32(width),
            ...u32(height),
            ...u16(1),
            ...u16(bits),
            ...u32(packing),
            ...u32(packed),
            ...new Array(16).fill(0),
          ];
    const start = 14 + 4 + info.length;
    return Buffer.from([
      ...text('BM'),
      ...u32(start + bytes),
      ...u32(0),
      ...u32(start),
      ...u32(size),
      ...info,
      ...new Array(bytes).fill(0),
    ]);
  };

  it.each([
    ['of three bytes a pixel', undefined, bmp(40, 3, 2, 24, 2 * 12)],
    ['from the top', undefined, bmp(40, 3, -2, 24, 2 * 12)],
    ['of the oldest kind', undefined, bmp(12, 3, 2, 24, 2 * 12)],
    ['of one bit', undefined, bmp(40, 33, 2, 1, 2 * 8)],
    ['that is packed', undefined, bmp(40, 100, 100, 8, 7, 1, 7)],
    ['that is packed as a JPEG', undefined, bmp(40, 100, 100, 0, 7, 4, 7)],
    ['of masks, which is not packed', 'is truncated', bmp(40, 100, 100, 32, 7, 3, 7)],
    ['without its last pixel', 'is truncated', bmp(40, 3, 2, 24, 2 * 12 - 1)],
    ['that is cut', 'is truncated', bmp(40, 3, 2, 24, 2 * 12).subarray(0, -1)],
    ['that is too large', LARGE, bmp(40, 20000, -20000, 24, 1)],
  ])('%s', (_, problem, bytes) => {
    expect(pictureProblem(bytes)).toBe(problem);
  });
});

describe('AVIF', () => {
  const box = (kind: string, content: readonly number[]): number[] => [
    ...be32(8 + content.length),
    ...text(kind),
    ...content,
  ];
  const TYPE = box('ftyp', text('avifmif1'));
  const meta = (width: number, height: number): number[] =>
    box('meta', box('ispe', [0, 0, 0, 0, ...be32(width), ...be32(height)]));

  it.each([
    ['of one picture', undefined, [...TYPE, ...meta(3, 2), ...box('mdat', [1])]],
    ['that moves', undefined, [...box('ftyp', text('avismif1')), ...meta(3, 2), ...box('mdat', [1])]],
    ['whose last part has no length', undefined, [...TYPE, ...meta(3, 2), ...be32(0), ...text('mdat'), 1, 2]],
    [
      'of a part with a long length',
      undefined,
      [...TYPE, ...meta(3, 2), ...be32(1), ...text('mdat'), ...be32(0), ...be32(17), 1],
    ],
    ['of no pixels', 'is damaged: it holds no pixels', [...TYPE, ...meta(3, 2)]],
    ['of no description', 'is damaged: it holds no pixels', [...TYPE, ...box('mdat', [1])]],
    [
      'of a part shorter than its head',
      'is damaged: a part of it has no length',
      [...TYPE, ...be32(7), ...text('meta')],
    ],
    ['that is cut', 'is truncated', [...TYPE, ...meta(3, 2), ...box('mdat', [1]).slice(0, -1)]],
    ['that is too large', LARGE, [...TYPE, ...meta(20000, 20000), ...box('mdat', [1])]],
    ['of another kind', 'is not a picture that can be read', [...box('ftyp', text('heicmif1')), ...box('mdat', [1])]],
  ])('%s', (_, problem, bytes) => {
    expect(pictureProblem(Buffer.from(bytes))).toBe(problem);
  });
});

it('is known by how it begins', () => {
  const begins = [
    SIGNATURE,
    [0xff, 0xd8, 0xff],
    text('RIFF1234WEBP'),
    text('GIF89a'),
    text('BM'),
    [0, 0, 0, 20, ...text('ftypavif')],
  ];
  expect(begins.map((bytes) => pictureFormat(Buffer.from(bytes)))).toEqual([
    'PNG',
    'JPEG',
    'WebP',
    'GIF',
    'BMP',
    'AVIF',
  ]);
  for (const bytes of [[], text('<svg/>'), text('RIFF1234WAVE'), text('XIFF1234WEBP'), [0xff, 0xd8], text('GIF88a')])
    expect(pictureFormat(Buffer.from(bytes))).toBeUndefined();
});
