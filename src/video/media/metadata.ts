/** What ffprobe says about a file, and which of its tracks is the video. */
import { resolve } from 'node:path';
import { L2cafError, messageOf } from '../../base/errors.ts';
import { type GeneratedInput, runFfprobe } from './ffmpeg.ts';

/** ffprobe's JSON, as far as it is used here; everything may be absent. */
export interface Metadata {
  readonly streams: readonly StreamMetadata[];
  readonly format: { readonly format_name?: string; readonly start_time?: string; readonly duration?: string };
}

/** One stream of it. */
export interface StreamMetadata {
  readonly index: number;
  readonly codec_type?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_aspect_ratio?: string;
  readonly pix_fmt?: string;
  readonly has_b_frames?: number;
  readonly avg_frame_rate?: string;
  readonly r_frame_rate?: string;
  readonly start_time?: string;
  readonly duration?: string;
  readonly color_space?: string;
  readonly color_primaries?: string;
  readonly color_transfer?: string;
  readonly color_range?: string;
  readonly disposition?: {
    readonly attached_pic?: number;
    readonly timed_thumbnails?: number;
    readonly default?: number;
  };
  readonly tags?: { readonly rotate?: string };
  readonly side_data_list?: readonly { readonly rotation?: number }[];
}

/**
 * Asks ffprobe. Throws L2cafError `input-unreadable`, and as `runFfprobe`.
 *
 * @param file what to ask about, where it is not the file at the path
 */
export async function readMetadata(
  path: string,
  signal: AbortSignal | undefined,
  file: string | GeneratedInput = path,
): Promise<Metadata> {
  const lines: string[] = [];
  const options = ['-of', 'json', '-show_format', '-show_streams'];
  try {
    await runFfprobe(file, options, (line) => lines.push(line), signal);
  } catch (error) {
    if (error instanceof L2cafError && error.code !== 'ffmpeg-failed') throw error;
    const lacksIndex = /moov atom not found/.test(String((error as Error).cause));
    const why = lacksIndex
      ? 'it is truncated (the index of an MP4 file, its moov atom, is missing)'
      : messageOf(error).replace(`${resolve(path)}: `, '');
    throw unreadable(path, why, 'give a complete video file that ffmpeg can read', error);
  }
  return { streams: [], format: {}, ...(JSON.parse(lines.join('\n')) as Partial<Metadata>) };
}

/**
 * The track that is meant: the one asked for, else that of players: among those that are the default (or all, if none is)
 * the one of the largest picture.
 *
 * @throws L2cafError `usage` for a track that is no video, `input-unreadable` for a file without one
 */
export function chooseTrack(
  path: string,
  streams: readonly StreamMetadata[],
  track: number | undefined,
): StreamMetadata {
  const videos = videoTracks(streams);
  if (videos.length === 0) {
    const kind = streams.some((stream) => stream.codec_type === 'audio')
      ? 'it has sound but no video'
      : 'it has no video';
    throw unreadable(path, kind, 'give a video file');
  }
  if (track !== undefined) {
    const chosen = videos.find(({ index }) => index === track);
    if (chosen) return chosen;
    throw new L2cafError('usage', `${path} has no video track ${track}`, {
      hint: `its video tracks: ${videos.map(describeTrack).join(', ')}`,
    });
  }
  const defaults = videos.filter(({ disposition }) => disposition?.default);
  const area = ({ width = 0, height = 0 }: StreamMetadata): number => width * height;
  return (defaults.length > 0 ? defaults : videos).reduce((best, stream) =>
    area(stream) > area(best) ? stream : best,
  );
}

function videoTracks(streams: readonly StreamMetadata[]): StreamMetadata[] {
  return streams.filter(
    ({ codec_type: type, disposition }) =>
      type === 'video' && !disposition?.attached_pic && !disposition?.timed_thumbnails,
  );
}

function describeTrack({ index, width, height }: StreamMetadata): string {
  return `${index} (${width}x${height})`;
}

/** Says that there were others, where none was asked for. */
export function trackNotes(
  streams: readonly StreamMetadata[],
  chosen: StreamMetadata,
  track: number | undefined,
): string[] {
  const videos = videoTracks(streams);
  if (track !== undefined || videos.length < 2) return [];
  return [
    `the file has ${videos.length} video tracks, ${videos.map(describeTrack).join(', ')}: track ${chosen.index} is taken`,
  ];
}

/** The error for a file that cannot be read as a video. */
export function unreadable(path: string, why: string, hint?: string, cause?: unknown): L2cafError {
  return new L2cafError('input-unreadable', `cannot read ${path}: ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}
