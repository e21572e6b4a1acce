/**
 * Renders an event as a video: the segment at its own frame rate with the heatmap, blended over time, drawn on top.
 * ffmpeg decodes, overlays and encodes in one process; this side draws only a transparent layer per frame and pipes it
 * in. So pixels outside the overlay never leave ffmpeg, and memory holds a few frames however long the event is.
 */
import { Readable } from 'node:stream';
import { L2cafError, throwIfAborted } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import type { ProgressListener, Rational, TimeSpan, VideoClip } from '../types.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { LayerPainter } from './layer.ts';
import { checkStyle, type Keyframe, type OverlayStyle } from './overlay.ts';
import { type ColourTags, listFrames, type StreamDetails } from './probe.ts';
import { resolveSpan } from './sample.ts';
import { framesFrom, inputFrom, KEEP_TIMESTAMPS, type SeekMode, ShownTimes } from './seek.ts';

/** What {@link renderOverlay} needs. */
export interface RenderJob {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** At least one, by increasing time, heatmaps of one shape. */
  readonly keyframes: readonly Keyframe[];
  readonly style: OverlayStyle;
  /** The video file to write, `.mp4`. */
  readonly out: string;
  /** Drawn in the upper left corner. */
  readonly title?: string;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface RenderedVideo {
  readonly frames: number;
  /** Length of the written video, seconds. */
  readonly durationSec: number;
  /**
   * Whether the segment's frames are evenly spaced. If not, the video has all of them, each with the heatmap of its real
   * time, but plays them at their average rate.
   */
  readonly constantRate: boolean;
}

/**
 * Writes the segment with its heatmaps as H.264 video (yuv420p, no sound), whole or not at all. The picture is that of a
 * player, rotation applied; a size with an odd number of columns or rows loses the last one, as H.264 requires.
 *
 * @throws L2cafError `time-span`, `usage` for a wrong style, `input-unreadable`, `ffmpeg-failed`, `output-unwritable`,
 * `aborted`
 */
export async function renderOverlay(job: RenderJob): Promise<RenderedVideo> {
  const { clip, keyframes, style, signal } = job;
  checkStyle(style);
  if (keyframes.length === 0) throw new L2cafError('usage', 'there is no heatmap to render');
  const span = resolveSpan(clip, job.span);
  const { timesSec, details } = await listFrames(clip, span, signal);
  if (timesSec.length === 0) {
    throw new L2cafError('time-span', `${clip.path} shows no new frame within ${span.startSec}–${span.endSec} s`, {
      hint: 'choose a longer span',
    });
  }
  const constantRate = isEvenlySpaced(timesSec, clip.frameRate);
  const rate = constantRate ? clip.frameRate : averageRate(timesSec, clip.frameRate);
  await writeAtomically(job.out, async (output) => {
    const encode = (mode: SeekMode): Promise<boolean> =>
      encodeFrames({ ...job, span, timesSec, details, rate, mode, output });
    if (!((await encode('near')) || (await encode('from-start')))) {
      throw new L2cafError('input-unreadable', `some frames of ${clip.path} within the span cannot be decoded`, {
        hint: 'the file may be damaged there: choose another time span or re-encode it',
      });
    }
  });
  return { frames: timesSec.length, durationSec: (timesSec.length * rate.denominator) / rate.numerator, constantRate };
}

interface EncodeJob extends RenderJob {
  readonly timesSec: Float64Array;
  readonly details: StreamDetails;
  readonly rate: Rational;
  readonly mode: SeekMode;
  readonly output: string;
}

/**
 * Encodes the frames at exactly these times; false if ffmpeg decoded others. The frames are renumbered, so that frame n
 * of the clip and layer n have the same timestamp whatever the clip's clock is.
 */
async function encodeFrames(job: EncodeJob): Promise<boolean> {
  const { clip, timesSec, rate, mode, output, signal } = job;
  const { originSec, colour } = job.details;
  const frameRate = `${rate.numerator}/${rate.denominator}`;
  const clock = `settb=${rate.denominator}/${rate.numerator},setpts=N`;
  const toLimitedRange = colour.range === 'pc' ? 'scale=in_range=pc:out_range=tv,' : '';
  const matrix = SCALER_MATRIX[colour.matrix ?? ''] ?? 'bt601';
  const filtergraph = [
    `[0:V:0]${framesFrom(originSec, timesSec[0]!, timesSec.length)},${clock},${toLimitedRange}format=yuv420p[video]`,
    `[1:v:0]${clock},scale=out_color_matrix=${matrix}:out_range=tv,format=yuva420p[layer]`,
    '[video][layer]overlay=format=yuv420,crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0[out]',
  ].join(';');
  const raw = ['-f', 'rawvideo', '-pixel_format', 'rgba', '-video_size', `${clip.width}x${clip.height}`];
  const shown = new ShownTimes(originSec);
  await runFfmpeg({
    inputs: [
      inputFrom(clip.path, originSec, timesSec[0]!, mode),
      { source: Readable.from(layers(job), { highWaterMark: 1 }), options: [...raw, '-framerate', frameRate] },
    ],
    filtergraph,
    options: [...KEEP_TIMESTAMPS, '-map', '[out]', '-vsync', 'cfr', '-r', frameRate, ...H264, ...colourOptions(colour)],
    output,
    signal,
    onLine: shown.read,
  });
  return shown.match(timesSec);
}

const H264: readonly string[] = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-movflags', '+faststart'];

/** swscale's names of the colour matrices that H.264 video carries; BT.601 is what players assume without a tag. */
const SCALER_MATRIX: Readonly<Record<string, string>> = { bt709: 'bt709', bt2020nc: 'bt2020', smpte240m: 'smpte240m' };

/** One transparent RGBA picture per frame. ffmpeg's pipe decides the pace; each is drawn when the one before is taken. */
async function* layers(job: EncodeJob): AsyncGenerator<Uint8Array> {
  const painter = new LayerPainter(job);
  const total = job.timesSec.length;
  for (const [done, timeSec] of job.timesSec.entries()) {
    throwIfAborted(job.signal);
    yield painter.paint(timeSec);
    job.onProgress?.({ stage: 'rendering', done: done + 1, total, unit: 'frames' });
  }
}

/** The tags of the source, so that players show the same colours; the range is always made limited. */
function colourOptions(colour: ColourTags): string[] {
  const tags = Object.entries(CARRIED_TAGS).flatMap(([property, { option, values }]) => {
    const value = colour[property as keyof typeof CARRIED_TAGS];
    return value !== undefined && (values as readonly string[]).includes(value) ? [option, value] : [];
  });
  return [...tags, ...(colour.range === undefined ? [] : ['-color_range', 'tv'])];
}

/** The values that ffmpeg accepts under the name by which it reports them; rarer ones and nonsense are left out. */
const CARRIED_TAGS = {
  matrix: { option: '-colorspace', values: ['bt709', 'smpte170m', 'bt470bg', 'smpte240m', 'bt2020nc'] },
  primaries: {
    option: '-color_primaries',
    values: ['bt709', 'smpte170m', 'bt470bg', 'smpte240m', 'bt2020', 'smpte432'],
  },
  transfer: {
    option: '-color_trc',
    values: ['bt709', 'smpte170m', 'smpte240m', 'iec61966-2-1', 'bt2020-10', 'smpte2084', 'arib-std-b67'],
  },
} as const satisfies Record<string, { option: string; values: readonly string[] }>;

/** Whether every gap is that of the frame rate, up to the rounding of container clocks (1 ms) and half a percent. */
function isEvenlySpaced(timesSec: Float64Array, { numerator, denominator }: Rational): boolean {
  const frameSec = denominator / numerator;
  return timesSec.every((time, n) => Math.abs(time - timesSec[0]! - n * frameSec) < 0.0015 + 0.005 * n * frameSec);
}

/** Frames per second of unevenly spaced frames, to a thousandth. */
function averageRate(timesSec: Float64Array, fallback: Rational): Rational {
  const gaps = timesSec.length - 1;
  if (gaps === 0) return fallback;
  return { numerator: Math.max(1, Math.round((gaps / (timesSec[gaps]! - timesSec[0]!)) * 1000)), denominator: 1000 };
}
