/**
 * Whether a file is a picture, and all of it. The canvas takes whatever it can make something of: it fills what a truncated
 * picture lacks with nothing, and follows the links of an SVG to other files. So a picture is known by its content, among
 * formats that hold pixels, and read to its end before the canvas sees it.
 */
import { inflateSync } from 'node:zlib';

/** A file that is not as its format says; the message says in which way. */
class Damage extends Error {}

/** What is wrong with a picture, in words; undefined for one that is whole. */
export function pictureProblem(bytes: Buffer): string | undefined {
  const format = formatOf(bytes);
  if (format === undefined) return 'is not a picture that can be read';
  try {
    format.check(bytes);
    return undefined;
  } catch (error) {
    // Whoever reads beyond the end of a file has found it truncated.
    if (error instanceof RangeError) return 'is truncated';
    if (error instanceof Damage) return error.message;
    throw error;
  }
}

/** Which format begins so; undefined for none that is read here. */
export function pictureFormat(bytes: Buffer): PictureFormat | undefined {
  return formatOf(bytes)?.name;
}

function formatOf(bytes: Buffer): Format | undefined {
  return FORMATS.find(({ isIt }) => isIt(bytes));
}

/** Formats of pictures that are read. */
export type PictureFormat = 'PNG' | 'JPEG' | 'WebP' | 'GIF' | 'BMP' | 'AVIF';

interface Format {
  readonly name: PictureFormat;
  isIt(bytes: Buffer): boolean;
  /** @throws Damage, or RangeError when it ends too early */
  check(bytes: Buffer): void;
}

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

const FORMATS: readonly Format[] = [
  { name: 'PNG', isIt: (bytes) => bytes.subarray(0, 8).equals(PNG_SIGNATURE), check: checkPng },
  { name: 'JPEG', isIt: (bytes) => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])), check: checkJpeg },
  { name: 'WebP', isIt: (bytes) => textAt(bytes, 0, 4) === 'RIFF' && textAt(bytes, 8, 4) === 'WEBP', check: checkWebp },
  { name: 'GIF', isIt: (bytes) => /^GIF8[79]a$/.test(textAt(bytes, 0, 6)), check: checkGif },
  { name: 'BMP', isIt: (bytes) => textAt(bytes, 0, 2) === 'BM', check: checkBmp },
  {
    name: 'AVIF',
    isIt: (bytes) => textAt(bytes, 4, 4) === 'ftyp' && /avi[fs]/.test(textAt(bytes, 8, 64)),
    check: checkAvif,
  },
];

function textAt(bytes: Buffer, at: number, length: number): string {
  return bytes.toString('latin1', at, at + length);
}

function need(bytes: Buffer, end: number): void {
  if (end > bytes.length) throw new RangeError();
}

/** Of a picture that is unpacked: the largest photographs and scans have fewer, and as many take a gigabyte. */
const MAX_PIXELS = 250e6;

/** A small file may unpack to a picture that fills the memory: it is refused before it is unpacked. */
function boundPixels(width: number, height: number): void {
  if (width * Math.abs(height) <= MAX_PIXELS) return;
  throw new Damage(`has ${width}x${Math.abs(height)} pixels; pictures of up to ${MAX_PIXELS / 1e6} million are read`);
}

/** Chunks with their checksums, and pixels that unpack to as many bytes as the header says (W3C, Portable Network Graphics). */
function checkPng(bytes: Buffer): void {
  let header: Buffer | undefined;
  const packed: Buffer[] = [];
  for (let at = 8; ; ) {
    const length = bytes.readUInt32BE(at);
    const kind = textAt(bytes, at + 4, 4);
    const end = at + 12 + length;
    need(bytes, end);
    const content = bytes.subarray(at + 8, end - 4);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) {
      throw new Damage(`is damaged: the checksum of its ${kind} is wrong`);
    }
    if (kind === 'IHDR') {
      header = content;
      boundPixels(content.readUInt32BE(0), content.readUInt32BE(4));
    }
    if (kind === 'IDAT') packed.push(content);
    if (kind === 'IEND') break;
    at = end;
  }
  if (header === undefined || packed.length === 0) throw new Damage('is damaged: it holds no pixels');
  const expected = pngBytes(header);
  let unpacked: number;
  try {
    unpacked = inflateSync(Buffer.concat(packed), { maxOutputLength: Math.max(1, expected) }).length;
  } catch {
    throw new Damage('is damaged: its pixels cannot be unpacked');
  }
  if (unpacked !== expected) throw new Damage('is truncated: pixels are missing');
}

/** Samples per pixel by colour type. */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Of each pass of an interlaced picture: first column and row, and the steps between. */
const PNG_PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of all rows, each with one for its kind of prediction. */
function pngBytes(header: Buffer): number {
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const bits = header.readUInt8(8) * (PNG_SAMPLES[header.readUInt8(9)] ?? 0);
  const passes = header.readUInt8(12) === 1 ? PNG_PASSES : [[0, 0, 1, 1] as const];
  return passes.reduce((sum, [left, top, across, down]) => {
    const columns = Math.ceil((width - left) / across);
    const rows = Math.ceil((height - top) / down);
    return columns > 0 && rows > 0 ? sum + rows * (1 + Math.ceil((columns * bits) / 8)) : sum;
  }, 0);
}

/** CRC-32 as PNG has it; Node has one from 20.15 on only. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** Segments and scans up to the mark of the end (ITU-T T.81, annex B); a preview within a segment has one of its own. */
function checkJpeg(bytes: Buffer): void {
  let hasPixels = false;
  for (let at = 2; ; ) {
    if (bytes.readUInt8(at) !== 0xff) throw new Damage('is damaged: a part does not begin where the last one ends');
    while (bytes.readUInt8(at) === 0xff) at++;
    const marker = bytes.readUInt8(at++);
    if (marker === JPEG.end) break;
    if (marker === 0x01 || isRestart(marker)) continue;
    if (isFrame(marker)) boundPixels(bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 3));
    at += bytes.readUInt16BE(at);
    if (marker !== JPEG.scan) continue;
    hasPixels = true;
    at = endOfScan(bytes, at);
  }
  if (!hasPixels) throw new Damage('is damaged: it holds no pixels');
}

const JPEG = { end: 0xd9, scan: 0xda } as const;

/** Whether a segment says how large the picture is. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

function isRestart(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd7;
}

function endOfScan(bytes: Buffer, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes.readUInt8(at + 1);
    if (next !== 0x00 && next !== 0xff && !isRestart(next)) return at;
  }
  throw new RangeError();
}

function checkWebp(bytes: Buffer): void {
  const end = 8 + bytes.readUInt32LE(4);
  need(bytes, end);
  let hasPixels = false;
  for (let at = 12; at < end; ) {
    const length = bytes.readUInt32LE(at + 4);
    if (at + 8 + length > end) throw new RangeError();
    if (/^(VP8 |VP8L|ANMF)$/.test(textAt(bytes, at, 4))) hasPixels = true;
    if (textAt(bytes, at, 4) === 'VP8X')
      boundPixels(bytes.readUIntLE(at + 12, 3) + 1, bytes.readUIntLE(at + 15, 3) + 1);
    at += 8 + length + (length & 1);
  }
  if (!hasPixels) throw new Damage('is damaged: it holds no pixels');
}

/** Blocks up to the trailer. */
function checkGif(bytes: Buffer): void {
  boundPixels(bytes.readUInt16LE(6), bytes.readUInt16LE(8));
  const colours = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  const afterParts = (start: number): number => {
    let at = start;
    for (let length = bytes.readUInt8(at); length > 0; length = bytes.readUInt8(at)) at += 1 + length;
    return at + 1;
  };
  let hasPixels = false;
  for (let at = 13 + colours(bytes.readUInt8(10)); ; ) {
    const kind = bytes.readUInt8(at);
    if (kind === 0x3b) break;
    if (kind === 0x21) at = afterParts(at + 2);
    else if (kind === 0x2c) {
      hasPixels = true;
      at = afterParts(at + 11 + colours(bytes.readUInt8(at + 9)));
    } else throw new Damage('is damaged: it holds a part of no known kind');
  }
  if (!hasPixels) throw new Damage('is damaged: it holds no pixels');
}

function checkBmp(bytes: Buffer): void {
  need(bytes, bytes.readUInt32LE(2));
  const start = bytes.readUInt32LE(10);
  const isOld = bytes.readUInt32LE(14) === 12;
  const [width, height] = isOld
    ? [bytes.readUInt16LE(18), bytes.readUInt16LE(20)]
    : [bytes.readInt32LE(18), bytes.readInt32LE(22)];
  boundPixels(width, height);
  const bits = bytes.readUInt16LE(isOld ? 24 : 28);
  const isPacked = !isOld && [1, 2, 4, 5].includes(bytes.readUInt32LE(30));
  const pixels = isPacked ? bytes.readUInt32LE(34) : 4 * Math.ceil((width * bits) / 32) * Math.abs(height);
  need(bytes, start + pixels);
}

/** Boxes, each as long as it says. */
function checkAvif(bytes: Buffer): void {
  const size = bytes.indexOf('ispe'); // the sizes of its parts
  if (size >= 0) boundPixels(bytes.readUInt32BE(size + 8), bytes.readUInt32BE(size + 12));
  const kinds = new Set<string>();
  for (let at = 0; at < bytes.length; ) {
    const stated = bytes.readUInt32BE(at);
    const length = stated === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : stated || bytes.length - at;
    if (length < 8) throw new Damage('is damaged: a part of it has no length');
    need(bytes, at + length);
    kinds.add(textAt(bytes, at + 4, 4));
    at += length;
  }
  if (!kinds.has('meta') || !kinds.has('mdat')) throw new Damage('is damaged: it holds no pixels');
}
