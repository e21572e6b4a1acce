/**
 * Renders an event as a video: the segment at its own frame rate with the heatmap, blended over time, drawn on top.
 * ffmpeg decodes, overlays and encodes in one process; this side draws only transparent layers, each with the time from
 * which on it is shown, and pipes them in. So pixels outside the overlay never leave ffmpeg, and memory holds a few frames
 * however long the event is.
 */
import { Readable } from 'node:stream';
import { L2cafError, throwIfAborted } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import type { PictureSize, ProgressListener, Rational, TimeSpan, VideoClip } from '../types.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { IVF_INPUT, ivfFrameHeader, ivfHeader } from './ivf.ts';
import { isInside, type Keyframe, momentAt, type NormalizeMode } from './keyframes.ts';
import { LayerPainter, layerSize } from './layer.ts';
import { lengthenLastFrame } from './mp4.ts';
import { checkStyle, type OverlayStyle } from './overlay.ts';
import { type ColourTags, listFrames, type StreamDetails } from './probe.ts';
import type { RibbonContent } from './ribbon-rows.ts';
import { resolveSpan } from './sample.ts';
import { framesFrom, inputFrom, KEEP_TIMESTAMPS, type SeekMode, ShownTimes } from './seek.ts';

/** What {@link renderOverlay} needs. */
export interface RenderJob {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** At least one, by increasing time, heatmaps of one shape. */
  readonly keyframes: readonly Keyframe[];
  /** How the keyframes were normalised: stated in the legend. Default `frame`. */
  readonly normalize?: NormalizeMode;
  /** Parts of the span that were not analyzed: their frames are marked as such and show no heatmap. */
  readonly gaps?: readonly TimeSpan[];
  readonly style: OverlayStyle;
  /** The video file to write, `.mp4`. */
  readonly out: string;
  /** Size of the picture; by default the clip's. Odd numbers lose one pixel, as H.264 requires. */
  readonly size?: PictureSize;
  /** Whether the clip's sound is kept, if it has any; default true. */
  readonly audio?: boolean;
  /** Drawn in the upper left corner. */
  readonly title?: string;
  /** Plots over time under the picture. */
  readonly ribbon?: RibbonContent;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface RenderedVideo extends PictureSize {
  readonly frames: number;
  /** Length of the written video, seconds. */
  readonly durationSec: number;
  /** Whether the segment's frames are evenly spaced. If not, each is shown at its own time, as in the clip. */
  readonly constantRate: boolean;
  readonly hasAudio: boolean;
}

/**
 * Writes the segment with its heatmaps as an MP4 file that browsers play (H.264, yuv420p, AAC), whole or not at all. Every
 * frame is there once and is shown as long as in the clip. The picture is that of a player, rotation and the shape of
 * pixels applied.
 *
 * @throws L2cafError `time-span`, `usage` for a wrong style or size, `input-unreadable`, `ffmpeg-failed`,
 * `output-unwritable`, `aborted`
 */
export async function renderOverlay(job: RenderJob): Promise<RenderedVideo> {
  const { clip, keyframes, style, gaps = [], signal } = job;
  checkStyle(style);
  if (keyframes.length === 0) throw new L2cafError('usage', 'there is no heatmap to render');
  const picture = evenSize(job.size ?? clip);
  const span = resolveSpan(clip, job.span);
  const { timesSec, details } = await listFrames(clip, span, signal);
  if (timesSec.length === 0) {
    throw new L2cafError('time-span', `${clip.path} shows no new frame within ${span.startSec}–${span.endSec} s`, {
      hint: 'choose a longer span',
    });
  }
  const timing = timingOf(timesSec, clip.frameRate);
  const hasAudio = clip.hasAudio && job.audio !== false;
  const settings = { ...job, span, gaps, picture, timesSec, details, timing, hasAudio };
  await writeAtomically(job.out, async (output) => {
    const encode = (mode: SeekMode): Promise<boolean> => encodeFrames({ ...settings, mode, output });
    if (!((await encode('near')) || (await encode('from-start')))) {
      throw new L2cafError('input-unreadable', `some frames of ${clip.path} within the span cannot be decoded`, {
        hint: 'the file may be damaged there: choose another time span or re-encode it',
      });
    }
    if (!timing.constantRate) await lengthenLastFrame(output, clip.frameRate.denominator / clip.frameRate.numerator);
  });
  const { durationSec, constantRate } = timing;
  return { ...layerSize(settings), frames: timesSec.length, durationSec, constantRate, hasAudio };
}

interface EncodeJob extends RenderJob {
  readonly gaps: readonly TimeSpan[];
  readonly picture: PictureSize;
  readonly timesSec: Float64Array;
  readonly details: StreamDetails;
  readonly timing: Timing;
  readonly hasAudio: boolean;
  readonly mode: SeekMode;
  readonly output: string;
}

/** Encodes the frames at exactly these times; false if ffmpeg decoded others. */
async function encodeFrames(job: EncodeJob): Promise<boolean> {
  const { clip, timesSec, timing, hasAudio, mode, output, signal } = job;
  const { originSec, colour } = job.details;
  const startSec = timesSec[0]!;
  const shown = new ShownTimes(originSec);
  const layerInput = { source: Readable.from(layerStream(job), { highWaterMark: 1 }), options: IVF_INPUT };
  const audioInput = inputFrom(clip.path, originSec, Math.max(0, startSec - AUDIO_LEAD_SEC), mode);
  const graphs = [videoGraph(job)];
  if (hasAudio) graphs.push(audioGraph(originSec + startSec, timing.durationSec));
  await runFfmpeg({
    inputs: [
      inputFrom(clip.path, originSec, startSec, mode),
      layerInput,
      ...(hasAudio ? [{ ...audioInput, options: [...(audioInput.options ?? []), '-vn'] }] : []),
    ],
    filtergraph: graphs.join(';'),
    options: [
      ...KEEP_TIMESTAMPS,
      ...['-map', '[out]', ...timing.options, ...H264, ...colourOptions(colour)],
      ...(hasAudio ? ['-map', '[sound]', '-c:a', 'aac', '-b:a', '160k'] : []),
    ],
    output,
    signal,
    onLine: shown.read,
  });
  return shown.match(timesSec);
}

/** Sound begins to be read this long before the first frame: containers interleave it more or less loosely. */
const AUDIO_LEAD_SEC = 2;

const H264: readonly string[] = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-movflags', '+faststart'];

/** Decoded frames, squared, cropped or scaled, with room for the ribbon, below the layers. */
function videoGraph({ clip, timesSec, details, timing, picture, size, ribbon }: EncodeJob): string {
  const { originSec, colour } = details;
  const { width, height } = picture;
  const range = colour.range === 'pc' ? ':in_range=pc:out_range=tv' : '';
  const fit = size
    ? `scale=${width}:${height}:flags=bicubic${range}`
    : `scale=${clip.width}:${clip.height}:flags=bicubic${range},crop=${width}:${height}:0:0`;
  const full = layerSize({ picture, ribbon });
  const pad = ribbon ? [`pad=${full.width}:${full.height}:0:0`] : [];
  const frames = framesFrom(originSec, timesSec[0]!, timesSec.length);
  const video = [frames, timing.clock, fit, 'setsar=1', 'format=yuv420p', ...pad].join(',');
  return `[0:V:0]${video}[video];[video][1:v:0]overlay=format=yuv420,${timing.finish}[out]`;
}

/** The sound from `fromSec` on, as long as the video; silence where the clip has none. */
function audioGraph(fromSec: number, durationSec: number): string {
  const start = fromSec.toFixed(6);
  const cut = `atrim=start=${start},asetpts=PTS-${start}/TB,aresample=async=1:first_pts=0`;
  return `[2:a:0]${cut},apad,atrim=end=${durationSec.toFixed(6)}[sound]`;
}

/** The layers as a stream. ffmpeg's pipe decides the pace; each is drawn when the one before is taken. */
async function* layerStream(job: EncodeJob): AsyncGenerator<Uint8Array> {
  const { normalize = 'frame', timing, details, timesSec } = job;
  const painter = new LayerPainter({ ...job, normalize, matrix: details.colour.matrix });
  let paintedSec = Number.NEGATIVE_INFINITY;
  yield ivfHeader(layerSize(job));
  for (const [n, timeSec] of timesSec.entries()) {
    throwIfAborted(job.signal);
    if (timeSec - paintedSec > LAYER_SEC || isTurn(job, n)) {
      const layer = painter.paint(timeSec);
      yield ivfFrameHeader(layer.length, timing.layerTimesUs[n]!);
      yield layer;
      paintedSec = timeSec;
    }
    job.onProgress?.({ stage: 'rendering', done: n + 1, total: timesSec.length, unit: 'frames' });
  }
}

/**
 * How long a layer stays at most, seconds: 15 layers per second move as smoothly as a blend of samples needs, at about
 * half the cost of 30. Frames that are further apart each have their own.
 */
const LAYER_SEC = 1 / 15 - 0.002;

/** Whether frame n must not show the layer of the frame before: at, and after, a sampled moment and the ends of gaps. */
function isTurn({ keyframes, gaps, timesSec }: EncodeJob, n: number): boolean {
  const [previousSec, timeSec] = [timesSec[n - 1] ?? Number.NEGATIVE_INFINITY, timesSec[n]!];
  const isMoment = (time: number): boolean => momentAt(keyframes, time) !== undefined;
  return isMoment(timeSec) || isMoment(previousSec) || isInside(gaps, timeSec) !== isInside(gaps, previousSec);
}

/** How the frames' times get into the file. */
interface Timing {
  readonly constantRate: boolean;
  /** From the first frame to the end of the last, seconds. */
  readonly durationSec: number;
  /** When each layer begins, microseconds: a little before its frame, so that rounding cannot show it one frame late. */
  readonly layerTimesUs: readonly number[];
  /** Filters that set the time base and times of the decoded frames before the overlay, and after it. */
  readonly clock: string;
  readonly finish: string;
  /** Options of the output. */
  readonly options: readonly string[];
}

/**
 * Evenly spaced frames are numbered, so that the file states their exact rational rate; others keep their own times, on
 * the 90 kHz clock of MPEG.
 */
function timingOf(timesSec: Float64Array, rate: Rational): Timing {
  const count = timesSec.length;
  const constantRate = isEvenlySpaced(timesSec, rate);
  const frameSec = rate.denominator / rate.numerator;
  if (constantRate) {
    const frameRate = `${rate.numerator}/${rate.denominator}`;
    return {
      constantRate,
      durationSec: count * frameSec,
      layerTimesUs: Array.from(timesSec, (_, n) => Math.max(0, Math.floor((n - 0.5) * frameSec * 1e6))),
      clock: `settb=${rate.denominator}/${rate.numerator},setpts=N`,
      finish: 'null',
      options: ['-vsync', 'cfr', '-r', frameRate],
    };
  }
  const startSec = timesSec[0]!;
  return {
    constantRate,
    durationSec: timesSec[count - 1]! - startSec + frameSec,
    layerTimesUs: Array.from(timesSec, (time) => Math.round((time - startSec) * 1e6)),
    clock: `setpts=PTS-STARTPTS+${LAYER_LEAD_US}`,
    finish: 'setpts=PTS-STARTPTS',
    options: ['-vsync', '0', '-bf', '0', '-enc_time_base', '1:90000', '-video_track_timescale', '90000'],
  };
}

/** Less than the gap between any two frames, more than the rounding of any timestamp. */
const LAYER_LEAD_US = 200;

/** The next smaller size with even numbers. */
function evenSize({ width, height }: PictureSize): PictureSize {
  const even = { width: width - (width % 2), height: height - (height % 2) };
  if (even.width >= 2 && even.height >= 2 && Number.isInteger(even.width) && Number.isInteger(even.height)) return even;
  throw new L2cafError('usage', `cannot render a picture of ${width}x${height}`);
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

/**
 * Whether the frames lie on a line, up to the rounding of container clocks (1 ms), and playing them at the stated rate
 * drifts by less than half a frame.
 */
function isEvenlySpaced(timesSec: Float64Array, { numerator, denominator }: Rational): boolean {
  const gaps = timesSec.length - 1;
  const lengthSec = timesSec[gaps]! - timesSec[0]!;
  if (Math.abs(lengthSec * numerator - gaps * denominator) > denominator / 2) return false;
  return timesSec.every((time, n) => Math.abs(time - timesSec[0]! - (gaps && (n / gaps) * lengthSec)) < 0.0015);
}
