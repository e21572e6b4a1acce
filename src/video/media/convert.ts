/**
 * Makes a WebM, a GIF or a smaller MP4 of a video that is complete: heatmaps are drawn once, however many sizes are tried. A GIF takes
 * two runs, one that finds its colours and one that uses them, so that memory does not hold all its pictures.
 */
import { copyFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { L2cafError } from '../../base/errors.ts';
import type { PictureSize, ProgressListener, Rational } from '../../base/types.ts';
import { type ColourTags, colourOptions } from './colour-tags.ts';
import type { Encoder } from './encoders.ts';
import { type FfmpegJob, runFfmpeg } from './ffmpeg.ts';
import { findH264Encoder } from './h264.ts';
import { setLastFrameLength } from './mp4.ts';
import { rateOfStep, VIDEO_STEPS, type VideoFormat, type VideoStep } from './video-steps.ts';
import { findWebmEncoder } from './webm.ts';

/** A complete video. */
export interface Master extends PictureSize {
  readonly path: string;
  readonly frames: number;
  readonly durationSec: number;
  /** Frames per second; absent where they are not evenly spaced. */
  readonly rate?: Rational;
  /** How long its last frame is shown, seconds. */
  readonly lastFrameSec: number;
  readonly hasAudio: boolean;
  readonly colour: ColourTags;
}

/** What is wanted of it. */
export interface Conversion {
  /** The file to write, and the folder for what is tried. */
  readonly output: string;
  readonly scratch: string;
  /** What the file will be called, for messages. */
  readonly name: string;
  /** Most bytes of the file. */
  readonly maxBytes?: number | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was written. */
export interface Converted extends PictureSize {
  readonly frames: number;
  /** Size, rate, quality and bytes, in words, where they were chosen here: of a GIF, and of a file below a size. */
  readonly choice?: string;
}

/** Writes videos in one format. */
export interface Converter {
  readonly format: VideoFormat;
  /** What a person should know about the encoder. */
  readonly note?: string | undefined;
  /**
   * Writes the video, as good as it may be.
   *
   * @throws L2cafError `usage` when it cannot be made so small; `ffmpeg-failed`, `output-unwritable`, `aborted`
   */
  convert(master: Master, conversion: Conversion): Promise<Converted>;
}

/**
 * Finds what a format needs, before the work that is to be written so.
 *
 * @throws L2cafError `ffmpeg-missing`
 */
export async function converterTo(format: VideoFormat, hasSound: boolean): Promise<Converter> {
  const how = await WAYS[format](hasSound);
  return { format, note: how.note, convert: (master, conversion) => convert(format, how, master, conversion) };
}

/** How one format is encoded. */
interface Way extends Partial<Pick<Encoder, 'binary' | 'note'>> {
  /** ffmpeg's options, of pictures and of sound. */
  readonly options: (step: VideoStep, size: PictureSize) => readonly string[];
  readonly sound: readonly string[];
}

const WAYS: Readonly<Record<VideoFormat, (hasSound: boolean) => Promise<Way>>> = {
  mp4: async () => {
    const { options, ...encoder } = await findH264Encoder();
    return { ...encoder, options: ({ quality }, size) => options(quality, size), sound: ['-c:a', 'copy'] };
  },
  webm: async (hasSound) => {
    const { options, ...encoder } = await findWebmEncoder(hasSound);
    return { ...encoder, options: ({ quality }, size) => options(quality, size) };
  },
  gif: async () => ({ options: () => ['-loop', '0'], sound: [] }),
};

/** The seal that the file gets (`seal.ts`), and some room for it. */
const SEAL_BYTES = 256;

async function convert(format: VideoFormat, way: Way, master: Master, wish: Conversion): Promise<Converted> {
  const { output, scratch, maxBytes, onProgress, signal } = wish;
  const room = maxBytes === undefined ? undefined : maxBytes - SEAL_BYTES;
  const steps = VIDEO_STEPS[format].filter(({ scale }, k) => k === 0 || scale * master.width >= LEAST_WIDTH_PX);
  let attempts = 0;
  /** Bytes of the video in one of the steps; undefined where there is not that much room. */
  const attempt = async (k: number, path: string): Promise<number | undefined> => {
    const stage = `${TITLES[format]}${attempts++ === 0 ? '' : `, attempt ${attempts}`}`;
    const onFrame = (done: number, total: number): void => onProgress?.({ stage, done, total, unit: 'frames' });
    await encode(format, way, master, steps[k]!, { path, room, onFrame, signal });
    const { size } = await stat(path);
    return room === undefined || size <= room ? size : undefined;
  };
  const first = await attempt(0, output);
  if (first !== undefined) return describe(format, master, steps[0]!, first, maxBytes);
  await rm(output);
  let best: { readonly k: number; readonly bytes: number } | undefined;
  const [kept, tried] = [join(scratch, `kept.${format}`), join(scratch, `tried.${format}`)];
  for (let [from, end] = [1, steps.length]; from < end; ) {
    const k = Math.floor((from + end) / 2);
    const bytes = await attempt(k, tried);
    if (bytes === undefined) {
      from = k + 1;
      continue;
    }
    end = k;
    best = { k, bytes };
    await rename(tried, kept);
  }
  if (best === undefined) throw tooSmall(format, master, steps.at(-1)!, wish);
  await copyFile(kept, output);
  return describe(format, master, steps[best.k]!, best.bytes, maxBytes);
}

const TITLES: Readonly<Record<VideoFormat, string>> = { mp4: 'MP4', webm: 'WebM', gif: 'GIF' };

/** Pictures that are narrower show nothing. */
const LEAST_WIDTH_PX = 160;

function tooSmall(format: VideoFormat, master: Master, step: VideoStep, { name, maxBytes }: Conversion): L2cafError {
  const { width, height } = sizeAt(format, master, step);
  const message = `${name} cannot be made as small as ${megabytes(maxBytes!)}: ${width}x${height} in the lowest quality is larger`;
  return new L2cafError('usage', message, {
    hint: `allow more with --max-mb, analyze a shorter part, or write ${format === 'gif' ? 'an .mp4 or a .webm file' : 'a smaller picture with --scale'}`,
  });
}

interface Target {
  readonly path: string;
  /** Bytes from which on the rest is of no interest. */
  readonly room: number | undefined;
  readonly onFrame: (done: number, total: number) => void;
  readonly signal: AbortSignal | undefined;
}

async function encode(format: VideoFormat, way: Way, master: Master, step: VideoStep, target: Target): Promise<void> {
  const { path, room, onFrame, signal } = target;
  const size = sizeAt(format, master, step);
  const rate = rateOfStep(step, master.rate);
  const [frames, total] = [frameFilters(format, master, step), framesAt(master, step)];
  const colours = format === 'gif' ? [await paletteOf(way, master, frames, step.quality, signal)] : [];
  const job: FfmpegJob = {
    ...(way.binary && { binary: way.binary }),
    inputs: [
      { source: master.path },
      ...colours.map((png) => ({ source: Readable.from([png]), options: ['-f', 'image2pipe', '-c:v', 'png'] })),
    ],
    filtergraph: `[0:v:0]${frames},showinfo${format === 'gif' ? `[video];[video][1:v:0]${DITHERED}` : ''}[out]`,
    options: [
      ...['-map', '[out]', ...timingOptions(format, rate ?? master.rate), ...way.options(step, size)],
      ...(format === 'gif' ? [] : colourOptions(master.colour)),
      ...(master.hasAudio && format !== 'gif' ? ['-map', '0:a:0', ...way.sound] : []),
      ...(room === undefined ? [] : ['-fs', String(Math.ceil(room * 1.02))]),
    ],
    output: path,
    signal,
    onLine: (line) => {
      const [, n] = SHOWN.exec(line) ?? [];
      if (n !== undefined) onFrame(Math.min(Number(n) + 1, total), total);
    },
  };
  await runFfmpeg(job);
  if (format === 'mp4' && rate === undefined && master.rate === undefined) {
    await setLastFrameLength(path, master.lastFrameSec);
  }
}

/** How ffmpeg's filter `showinfo` counts frames, in its log. */
const SHOWN = /showinfo.*\bn: *(\d+) /;

/** Of the ways to mix colours that a GIF lacks the one that does not flicker, in the part of the picture that has changed. */
const DITHERED = 'paletteuse=dither=bayer:bayer_scale=3:diff_mode=rectangle';

/** The colours that suit all pictures best, as a PNG. */
async function paletteOf(
  { binary }: Way,
  { path }: Master,
  frames: string,
  colours: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await runFfmpeg({
    ...(binary && { binary }),
    inputs: [{ source: path }],
    filtergraph: `[0:v:0]${frames},palettegen=max_colors=${colours}[out]`,
    options: ['-map', '[out]', '-frames:v', '1', '-c:v', 'png', '-f', 'image2pipe'],
    output: new Writable({
      emitClose: false,
      write: (chunk: Uint8Array, _encoding, done) => {
        chunks.push(chunk);
        done();
      },
    }),
    signal,
  });
  return Buffer.concat(chunks);
}

function frameFilters(format: VideoFormat, master: Master, step: VideoStep): string {
  const { width, height } = sizeAt(format, master, step);
  const rate = rateOfStep(step, master.rate);
  return [
    // Up, so that the frame is taken that is on screen then.
    ...(rate ? [`fps=${fraction(rate)}:round=up`] : []),
    step.scale === 1 ? `crop=${width}:${height}:0:0` : `scale=${width}:${height}:flags=lanczos`,
    ...(format === 'gif' ? [] : ['format=yuv420p']),
    'setsar=1',
  ].join(',');
}

/** Even, as video encoders want it. */
function sizeAt(format: VideoFormat, { width, height }: PictureSize, { scale }: VideoStep): PictureSize {
  if (format === 'gif' && scale === 1) return { width, height };
  const even = (length: number): number => Math.max(2, 2 * Math.floor((length * scale) / 2));
  return { width: even(width), height: even(height) };
}

function framesAt({ frames, durationSec, rate: full }: Master, step: VideoStep): number {
  const rate = rateOfStep(step, full);
  return rate ? Math.max(1, Math.round((durationSec * rate.numerator) / rate.denominator)) : frames;
}

/** The rate is stated; uneven frames keep their times. */
function timingOptions(format: VideoFormat, rate: Rational | undefined): string[] {
  if (rate) return ['-fps_mode', 'cfr', '-r', fraction(rate)];
  const clock = ['-fps_mode', 'passthrough', '-enc_time_base', '1:90000'];
  return format === 'mp4' ? [...clock, '-bf', '0', '-video_track_timescale', '90000'] : clock;
}

function fraction({ numerator, denominator }: Rational): string {
  return `${numerator}/${denominator}`;
}

function describe(
  format: VideoFormat,
  master: Master,
  step: VideoStep,
  bytes: number,
  maxBytes: number | undefined,
): Converted {
  const size = sizeAt(format, master, step);
  const rate = rateOfStep(step, master.rate) ?? master.rate;
  const choice = [
    `${size.width}x${size.height}`,
    ...(rate ? [`${Number((rate.numerator / rate.denominator).toFixed(2))} pictures per second`] : []),
    format === 'gif' ? `${step.quality} colours` : `rate factor ${step.quality}`,
    sizeWords(bytes, maxBytes),
  ].join(', ');
  const isChosen = format === 'gif' || maxBytes !== undefined;
  return { ...size, frames: framesAt(master, step), ...(isChosen && { choice }) };
}

/** How large a file is, of how much it may be; what helps where it is too large to be passed on. */
export function sizeWords(bytes: number, maxBytes?: number): string {
  if (maxBytes !== undefined) return `${megabytes(bytes)} of ${megabytes(maxBytes)}`;
  return `${megabytes(bytes)}${bytes > MUCH ? ' (--max-mb makes it smaller)' : ''}`;
}

/** More bytes than are sent or shown on a slide. */
const MUCH = 20e6;

/** A million bytes. */
function megabytes(bytes: number): string {
  return `${Number((bytes / 1e6).toPrecision(3))} MB`;
}
