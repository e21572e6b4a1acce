/**
 * What can be known about a video file without decoding it: its size, rate, length and rotation, and the exact moments
 * at which its frames are shown. Nothing else reads a file's metadata.
 */
import { stat } from 'node:fs/promises';
import { L2cafError, messageOf } from '../errors.ts';
import type { PictureSize, Rational, TimeSpan, VideoClip } from '../types.ts';
import { runFfprobe } from './ffmpeg.ts';

/** Names of ffmpeg's colour properties as the file states them; a property that it does not state is absent. */
export interface ColourTags {
  readonly matrix?: string;
  readonly primaries?: string;
  readonly transfer?: string;
  readonly range?: string;
}

/** Details of the file that only decoding and encoding need. */
export interface StreamDetails {
  /** The container's first timestamp, seconds: the zero of all times in l2caf. */
  readonly originSec: number;
  readonly colour: ColourTags;
}

/** The frames of a time span, in the order in which they are shown. */
export interface FrameList {
  /** Real presentation times, seconds from the start of the clip, increasing. */
  readonly timesSec: Float64Array;
  readonly details: StreamDetails;
}

/**
 * Reads what is needed to sample and render a video file: its first video stream that is not a cover picture. Its size is
 * the one at which players show it: rotated, and with square pixels.
 *
 * @throws L2cafError `input-not-found`, or `input-unreadable` for a folder, an empty or truncated file, or a file
 * without video.
 */
export async function probeClip(path: string, signal?: AbortSignal): Promise<VideoClip> {
  await checkIsFile(path);
  const { streams, format } = await readMetadata(path, signal);
  const video = videoStream(path, streams);
  const frameRate = positiveRational(video.avg_frame_rate) ?? positiveRational(video.r_frame_rate);
  const end = endOfStream(video, format);
  if (!video.width || !video.height || !frameRate || !(end > 0)) {
    throw unreadable(path, 'its video stream states no size, frame rate or duration');
  }
  const rotationDeg = clockwiseRotation(video);
  const isTurned = rotationDeg % 180 !== 0;
  const { width, height } = squarePixels(video.width, video.height, video.sample_aspect_ratio);
  return {
    path,
    width: isTurned ? height : width,
    height: isTurned ? width : height,
    frameRate,
    durationSec: end,
    rotationDeg,
    hasAudio: streams.some((stream) => stream.codec_type === 'audio'),
    pixelFormat: video.pix_fmt ?? 'unknown',
  };
}

/**
 * Lists the frames shown first within the span. It reads packets only, or decodes where packets carry no times, from
 * around the span and not the whole file.
 *
 * @throws L2cafError `input-unreadable`
 */
export async function listFrames(clip: VideoClip, span: TimeSpan, signal?: AbortSignal): Promise<FrameList> {
  const details = await readDetails(clip.path, signal);
  const interval = readInterval(clip, span, details.originSec);
  const times = (await packetTimes(clip.path, interval, signal)) ?? (await decodedTimes(clip, interval, signal));
  const inSpan = times
    .map((time) => roundToMicroseconds(time - details.originSec))
    .filter((time) => time >= span.startSec && time < span.endSec);
  return { timesSec: Float64Array.from(new Set(inSpan)).sort(), details };
}

/** ffprobe's JSON, as far as it is used here; everything may be absent. */
interface Metadata {
  readonly streams: readonly StreamMetadata[];
  readonly format: { readonly start_time?: string; readonly duration?: string };
}

interface StreamMetadata {
  readonly codec_type?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_aspect_ratio?: string;
  readonly pix_fmt?: string;
  readonly avg_frame_rate?: string;
  readonly r_frame_rate?: string;
  readonly start_time?: string;
  readonly duration?: string;
  readonly color_space?: string;
  readonly color_primaries?: string;
  readonly color_transfer?: string;
  readonly color_range?: string;
  readonly disposition?: { readonly attached_pic?: number };
  readonly tags?: { readonly rotate?: string };
  readonly side_data_list?: readonly { readonly rotation?: number }[];
}

async function checkIsFile(path: string): Promise<void> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new L2cafError('input-not-found', `there is no file ${path}`, { hint: 'check the path', cause });
  });
  if (info.isDirectory()) throw unreadable(path, 'it is a folder', 'name a video file inside it');
  if (info.isFile() && info.size === 0) throw unreadable(path, 'it is empty');
}

async function readMetadata(path: string, signal: AbortSignal | undefined): Promise<Metadata> {
  const lines: string[] = [];
  const options = ['-of', 'json', '-show_format', '-show_streams'];
  try {
    await runFfprobe(path, options, (line) => lines.push(line), signal);
  } catch (error) {
    if (error instanceof L2cafError && error.code !== 'ffmpeg-failed') throw error;
    // What is named .mp4 is taken for one, whatever it holds.
    const lacksIndex = /moov atom not found/.test(String((error as Error).cause));
    const why = lacksIndex
      ? 'it is truncated or not a video (the index of an MP4 file, its moov atom, is missing)'
      : messageOf(error).replace(`${path}: `, '');
    throw unreadable(path, why, 'give a complete video file that ffmpeg can read', error);
  }
  return { streams: [], format: {}, ...(JSON.parse(lines.join('\n')) as Partial<Metadata>) };
}

async function readDetails(path: string, signal: AbortSignal | undefined): Promise<StreamDetails> {
  const { streams, format } = await readMetadata(path, signal);
  const video = videoStream(path, streams);
  const named = (name: string | undefined): string | undefined => (name === 'unknown' ? undefined : name);
  const colour = {
    matrix: named(video.color_space),
    primaries: named(video.color_primaries),
    transfer: named(video.color_transfer),
    range: video.pix_fmt?.startsWith('yuvj') ? 'pc' : named(video.color_range),
  };
  const stated = Object.fromEntries(Object.entries(colour).filter(([, value]) => value !== undefined));
  return { originSec: seconds(format.start_time) ?? 0, colour: stated };
}

function videoStream(path: string, streams: readonly StreamMetadata[]): StreamMetadata {
  const video = streams.find((stream) => stream.codec_type === 'video' && !stream.disposition?.attached_pic);
  if (!video) {
    const kind = streams.some((stream) => stream.codec_type === 'audio')
      ? 'it has sound but no video'
      : 'it has no video';
    throw unreadable(path, kind, 'give a video file');
  }
  return video;
}

/** When the video ends, seconds from the container's first timestamp. */
function endOfStream(video: StreamMetadata, format: Metadata['format']): number {
  const length = seconds(video.duration);
  if (length === undefined) return seconds(format.duration) ?? 0;
  const start = seconds(video.start_time) ?? 0;
  return roundToMicroseconds(start - (seconds(format.start_time) ?? start) + length);
}

/** The size at which a player shows the picture: pixels that are not square are stretched, never shrunk. */
function squarePixels(width: number, height: number, aspectRatio: string | undefined): PictureSize {
  const { numerator, denominator } = positiveRational(aspectRatio?.replace(':', '/')) ?? {
    numerator: 1,
    denominator: 1,
  };
  const ratio = numerator / denominator;
  return ratio >= 1 ? { width: Math.round(width * ratio), height } : { width, height: Math.round(height / ratio) };
}

/** The display matrix states a counter-clockwise angle, the older `rotate` tag a clockwise one. */
function clockwiseRotation(video: StreamMetadata): VideoClip['rotationDeg'] {
  const matrix = video.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  const clockwise = matrix === undefined ? Number(video.tags?.rotate ?? 0) : -matrix;
  const quarterTurns = ((Math.round(clockwise / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[quarterTurns] ?? 0;
}

/**
 * ffprobe's name for the part of the file that holds the span. It starts at the key frame before, and packets come in
 * decoding order, so the end leaves room for the longest reordering (16 frames in H.264).
 */
function readInterval(clip: VideoClip, span: TimeSpan, originSec: number): string {
  const reorderSec = 2 + (34 * clip.frameRate.denominator) / clip.frameRate.numerator;
  const from = span.startSec > reorderSec ? (originSec + span.startSec - reorderSec).toFixed(6) : '';
  return `${from}%${(originSec + span.endSec + reorderSec).toFixed(6)}`;
}

/** Times of the packets that will be shown, or undefined if any of them carries none. */
async function packetTimes(
  path: string,
  interval: string,
  signal: AbortSignal | undefined,
): Promise<number[] | undefined> {
  const times: number[] = [];
  await readRows(path, interval, 'packet=pts_time,size,flags', signal, ({ pts_time: time, size, flags }) => {
    const isShown = !flags?.includes('D') && size !== '0';
    if (isShown) times.push(seconds(time) ?? Number.NaN);
  });
  return times.some(Number.isNaN) ? undefined : times;
}

/** Times of the decoded frames; those that the decoder cannot tell, as at the end of an AVI file, follow at the frame rate. */
async function decodedTimes(clip: VideoClip, interval: string, signal: AbortSignal | undefined): Promise<number[]> {
  const frameSec = clip.frameRate.denominator / clip.frameRate.numerator;
  const times: number[] = [];
  await readRows(clip.path, interval, 'frame=best_effort_timestamp_time', signal, (row) => {
    times.push(seconds(row['best_effort_timestamp_time']) ?? (times.at(-1) ?? Number.NaN) + frameSec);
  });
  if (times.some(Number.isNaN)) {
    throw unreadable(clip.path, 'its frames carry no times', 'convert it to MP4 with ffmpeg first');
  }
  return times;
}

/** Reads `key=value` rows of the video stream, one record per packet or frame. */
async function readRows(
  path: string,
  interval: string,
  entries: string,
  signal: AbortSignal | undefined,
  onRow: (row: Readonly<Record<string, string>>) => void,
): Promise<void> {
  const options = [
    '-select_streams',
    'V:0',
    '-read_intervals',
    interval,
    '-show_entries',
    entries,
    '-of',
    'compact=p=0',
  ];
  const onLine = (line: string): void => {
    const row = Object.fromEntries(line.split('|').map((field) => field.split('=') as [string, string]));
    if (line !== '') onRow(row);
  };
  await runFfprobe(path, options, onLine, signal);
}

function seconds(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '');
  return Number.isFinite(value) ? value : undefined;
}

function positiveRational(text: string | undefined): Rational | undefined {
  const [numerator = 0, denominator = 0] = (text ?? '').split('/').map(Number);
  return numerator > 0 && denominator > 0 ? { numerator, denominator } : undefined;
}

function roundToMicroseconds(timeSec: number): number {
  return Math.round(timeSec * 1e6) / 1e6;
}

function unreadable(path: string, why: string, hint?: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `cannot read ${path}: ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}
