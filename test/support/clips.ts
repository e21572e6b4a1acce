/**
 * Makes small video files for tests, each with known content: frame n shows the number n in binary, as black and white
 * blocks that survive compression, scaling and colour conversion. Written with ffmpeg and a few bytes of our own.
 */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { EMBEDDED_FFMPEG } from '../../src/video/media/binaries.ts';

/** Bits of the number that a frame shows. */
const BITS = 8;

/** How a clip is made; everything has a default. */
export interface ClipOptions {
  /** Number of frames, up to 256. */
  readonly frames?: number;
  /** Frames per second, as ffmpeg writes it, e.g. `30000/1001`. */
  readonly rate?: string;
  readonly width?: number;
  readonly height?: number;
  /** For variable rate: when frame `n` is shown, milliseconds, as an expression of ffmpeg in `N`. */
  readonly timesMs?: string;
  /** The sound, as an expression of ffmpeg in the time `t`; none by default. */
  readonly sound?: string;
  /** Further options of the encoder or the container. */
  readonly output?: readonly string[];
  /** Draws frame n: grey values, row by row; by default its number. */
  readonly draw?: (n: number, width: number, height: number) => Uint8Array;
}

/** Writes a video file; the name's ending chooses the container. Returns the path. */
export async function makeClip(path: string, options: ClipOptions = {}): Promise<string> {
  const {
    frames = 50,
    rate = '25',
    width = 160,
    height = 96,
    timesMs,
    sound,
    output = [],
    draw = drawNumber,
  } = options;
  const raw = Buffer.concat(Array.from({ length: frames }, (_, n) => draw(n, width, height)));
  const inputRate = timesMs === undefined ? rate : '1000';
  const retime = timesMs === undefined ? [] : ['-vf', `setpts=round((${timesMs})/1000/TB)`, '-vsync', '0'];
  const input = ['-f', 'rawvideo', '-pixel_format', 'gray', '-video_size', `${width}x${height}`];
  const codec = ['-c:v', 'libx264', '-crf', '12', '-preset', 'veryfast', '-g', '12', '-bf', '2'];
  const audio = sound === undefined ? [] : ['-f', 'lavfi', '-i', `aevalsrc='${sound}':d=2`, '-c:a', 'aac'];
  const pixels = width % 2 || height % 2 ? 'yuv444p' : 'yuv420p';
  await ffmpeg(
    [
      ...input,
      '-framerate',
      inputRate,
      '-i',
      'pipe:0',
      ...audio,
      ...retime,
      ...codec,
      '-pix_fmt',
      pixels,
      ...output,
      path,
    ],
    raw,
  );
  return path;
}

/** A picture of the number n: blocks for its bits, lowest first, from left to right; grey below. */
export function drawNumber(n: number, width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height).fill(128);
  for (let y = 0; y < height / 2; y++) {
    for (let x = 0; x < width; x++) {
      pixels[y * width + x] = (n >> Math.floor((x / width) * BITS)) & 1 ? 235 : 20;
    }
  }
  return pixels;
}

/** The number that a picture shows; `channels` values per pixel, of which the first counts. */
export function readNumber(pixels: Uint8Array, width: number, height: number, channels = 3): number {
  let number = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const x = Math.floor(((bit + 0.5) / BITS) * width);
    const y = Math.floor(height / 4);
    if (pixels[(y * width + x) * channels]! > 128) number |= 1 << bit;
  }
  return number;
}

/** Draws one uniform grey. */
export function drawGrey(level: number): (n: number, width: number, height: number) => Uint8Array {
  return (_, width, height) => new Uint8Array(width * height).fill(level);
}

/**
 * Writes a file of five frames with columns of saturated colours, black, grey and white.
 *
 * @param output options of the encoder; a `-vf` decides how colours are stored
 */
export async function makeColourClip(
  path: string,
  { width, height, output }: Required<Pick<ClipOptions, 'width' | 'height' | 'output'>>,
): Promise<string> {
  const colours = [0xe01020, 0x10c030, 0x1830f0, 0xf0e000, 0xe000d0, 0x00d0e0, 0, 0x808080, 0xffffff, 0xff8000];
  const picture = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    // Columns of 16 pixels, and of other colours in the lower half.
    const column = Math.floor((i % width) / 16) + (i < (width * height) / 2 ? 0 : 5);
    picture.writeUIntBE(colours[column % colours.length]!, i * 3, 3);
  }
  const input = ['-f', 'rawvideo', '-pixel_format', 'rgb24', '-video_size', `${width}x${height}`, '-i', 'pipe:0'];
  const codec = ['-c:v', 'libx264', '-crf', '8', '-pix_fmt', 'yuv420p'];
  await ffmpeg([...input, ...codec, ...output, path], Buffer.concat(Array.from({ length: 5 }, () => picture)));
  return path;
}

/** Writes a copy of an MP4 file that players turn clockwise by 90°: rewrites the matrix of its first track header. */
export async function makeRotated(source: string, path: string): Promise<string> {
  const bytes = await readFile(source);
  const header = bytes.indexOf('tkhd');
  if (header < 0) throw new Error(`${source} has no track header`);
  // The matrix (a b u / c d v / x y w) follows 40 bytes after the name; a = d = 0, b = 1, c = -1 is a quarter turn.
  const matrix = [0, 1, 0, -1, 0, 0];
  matrix.forEach((value, i) => {
    bytes.writeInt32BE(value * 65536, header + 44 + i * 4);
  });
  await writeFile(path, bytes);
  return path;
}

/** Writes the first part of a file. */
export async function makeTruncated(source: string, path: string, fraction = 0.6): Promise<string> {
  const bytes = await readFile(source);
  await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * fraction)));
  return path;
}

/** Writes an MP4 file of frames of 10 to a key frame whose last bytes are zeros: its end is damaged, its index is whole. */
export async function makeDamagedEnd(path: string, bytes: number, options: ClipOptions = {}): Promise<string> {
  await makeClip(path, {
    ...options,
    output: ['-movflags', 'faststart', '-g', '10', '-bf', '0', '-sc_threshold', '0'],
  });
  const content = await readFile(path);
  await writeFile(path, content.fill(0, content.length - bytes));
  return path;
}

/** Writes a file with a tone and no picture. */
export async function makeAudioOnly(path: string): Promise<string> {
  await ffmpeg(['-f', 's16le', '-ar', '8000', '-ac', '1', '-i', 'pipe:0', '-c:a', 'aac', path], new Uint8Array(16000));
  return path;
}

/** Decodes every frame of a file, as they are stored in it: `frames` pictures of `channels` values per pixel. */
export async function decodeAll(
  path: string,
  pixelFormat: 'gray' | 'rgb24',
  frameBytes: number,
): Promise<Uint8Array[]> {
  const raw = await ffmpeg(['-i', path, '-vsync', '0', '-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1']);
  const count = raw.length / frameBytes;
  if (!Number.isInteger(count)) throw new Error(`${raw.length} bytes are not a whole number of frames`);
  return Array.from({ length: count }, (_, n) => raw.subarray(n * frameBytes, (n + 1) * frameBytes));
}

/** Decodes the sound of a file: one value per millisecond, from the file's time 0 on. */
export async function decodeSound(path: string): Promise<Float32Array> {
  const raw = await ffmpeg(['-i', path, '-vn', '-ac', '1', '-ar', '1000', '-f', 'f32le', 'pipe:1']);
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
}

const embedded: { readonly path: string } = createRequire(import.meta.url)(EMBEDDED_FFMPEG);

/**
 * Runs the embedded ffmpeg, whichever is being tested: the clips are the same files on every machine. Resolves with what it
 * wrote to its standard output.
 */
export async function ffmpeg(options: readonly string[], input?: Uint8Array): Promise<Buffer> {
  const { path } = embedded;
  const child = spawn(path, ['-v', 'error', '-y', ...options]);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise((done, fail) => child.once('error', fail).once('close', done));
  if (code !== 0) throw new Error(`ffmpeg failed: ${Buffer.concat(errors)}`);
  return Buffer.concat(output);
}
