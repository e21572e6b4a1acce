/**
 * Renders an event as a video: the segment at its own frame rate with the heatmap, blended over time, drawn on top.
 * ffmpeg decodes, overlays and encodes in one process; this side draws only transparent layers, each with the time from
 * which on it is shown, and pipes them in. So pixels outside the overlay never leave ffmpeg, and memory holds a few frames
 * however long the event is.
 */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { L2cafError, throwIfAborted } from '../../base/errors.ts';
import { writeAtomically } from '../../base/files.ts';
import { withScratchFolder } from '../../base/scratch-folder.ts';
import type { PictureSize, ProgressListener, TimeSpan, VideoClip } from '../../base/types.ts';
import type { DrawnBoxes } from '../drawing/boxes.ts';
import { isInside, type Keyframe, momentAt, type NormalizeMode } from '../drawing/keyframes.ts';
import type { LegendSurroundings } from '../drawing/legend.ts';
import { checkStyle, type DrawnPicture } from '../drawing/overlay.ts';
import type { RibbonContent } from '../drawing/ribbon-rows.ts';
import { layOut, type PanelMoment, type Scene, ScenePainter, type SceneRows, withOneUnit } from '../drawing/scene.ts';
import type { OverlayStyle } from '../drawing/style.ts';
import { colourOptions } from './colour-tags.ts';
import { converterTo, type Master } from './convert.ts';
import { type DecodingJob, type DecodingOutcome, withDecodableFrames } from './decodable.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { type GraphPanel, rgbGraph, sceneGraph, soundGraph } from './filtergraph.ts';
import { findH264Encoder, type H264Encoder } from './h264.ts';
import { IVF_INPUT, ivfFrameHeader, ivfHeader } from './ivf.ts';
import { setLastFrameLength } from './mp4.ts';
import { resolveSpan } from './sample.ts';
import { inputFrom, KEEP_TIMESTAMPS } from './seek.ts';
import { type Timing, timingOf } from './timing.ts';
import { videoFormatOf } from './video-steps.ts';

/** Size of a picture in relation to the clip's, or one side of it, pixels, from which the other follows. */
export type PictureScale = { readonly factor: number } | { readonly width: number } | { readonly height: number };

/** The size of a clip's picture at a scale, pixels; at least 1 each way. */
export function scaledSize(clip: PictureSize, scale: PictureScale): PictureSize {
  const factor =
    'factor' in scale ? scale.factor : 'width' in scale ? scale.width / clip.width : scale.height / clip.height;
  return { width: Math.round(clip.width * factor), height: Math.round(clip.height * factor) };
}

/** A segment of a clip and what is drawn on it. */
export interface RenderPanel {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** At least one, by increasing time, heatmaps of one shape. */
  readonly keyframes: readonly Keyframe[];
  /** Whether keyframes are marked as sampled moments; default true. */
  readonly marksMoments?: boolean;
  /** Those of the keyframes' times at which the file is damaged. */
  readonly damagedSec?: readonly number[];
  /** How the keyframes were normalised: stated in the legend. Default `frame`. */
  readonly normalize?: NormalizeMode;
  /** Parts of the span that were not analyzed: their frames are marked as such and show no heatmap. */
  readonly gaps?: readonly TimeSpan[];
  readonly style: OverlayStyle;
  /** Size of the picture; by default the clip's. Odd numbers lose one pixel, as H.264 requires. */
  readonly size?: PictureSize;
  /** Written in a bar above the picture. */
  readonly heading?: string;
  /** Drawn in the upper left corner. */
  readonly title?: string;
  /** Drawn below it: what the network answers at a time, seconds from the start of the clip; undefined where nothing is known. */
  readonly answerAt?: (timeSec: number) => string | undefined;
  /** Boxes of objects at a time, seconds from the start of the clip. */
  readonly boxesAt?: (timeSec: number) => DrawnBoxes;
  /** Where the footage has edges that stand still, such as a time stamp: `stillEdges` finds them. */
  readonly edges?: LegendSurroundings['edges'];
  /** Plots over time under the picture. */
  readonly ribbon?: RibbonContent;
}

/** What is written, and how. */
export interface VideoOutput {
  /** The video file to write: `.mp4`, `.webm` or `.gif`. */
  readonly out: string;
  /** Whether the clip's sound is kept, if it has any; default true. A GIF has none. */
  readonly audio?: boolean;
  /** Most bytes of the file; where it would have more, its pictures become worse, smaller and fewer until it has not. */
  readonly maxBytes?: number;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What {@link renderOverlay} needs. */
export interface RenderJob extends RenderPanel, VideoOutput {}

/** What {@link renderScene} needs. */
export interface SceneJob extends VideoOutput {
  /** At least one; those of a row have pictures of one height: `fitPictures` gives such sizes. */
  readonly panels: readonly RenderPanel[];
  readonly rows: SceneRows;
}

/** What was written. */
export interface RenderedVideo extends PictureSize {
  readonly frames: number;
  /** Length of the written video, seconds. */
  readonly durationSec: number;
  /** Whether the segment's frames are evenly spaced. If not, each is shown at its own time, as in the clip. */
  readonly constantRate: boolean;
  readonly hasAudio: boolean;
  /** Size, rate and quality, in words, where they were chosen here: of a GIF, and of a file below a size. */
  readonly choice?: string;
  /** What a person should know about the video: damage of its clips, an unusual encoder. */
  readonly notes: readonly string[];
}

/**
 * Writes the segment with its heatmaps as a file that browsers play, whole or not at all: MP4 (H.264, yuv420p, AAC), WebM (VP9,
 * Opus) or GIF, by its name. Every frame is there once and is shown as long as in the clip; in a GIF every second, third …,
 * 15 per second at most. The picture is that of a player, rotation and the shape of pixels applied.
 *
 * @throws L2cafError as {@link renderScene}
 */
export function renderOverlay(job: RenderJob): Promise<RenderedVideo> {
  return renderScene({ ...job, panels: [job], rows: [1] });
}

/**
 * Writes several segments in one video as {@link renderOverlay} does: all start together, each frame of each is shown, a
 * segment that ends first keeps its last frame, darkened. The sound is that of the first.
 *
 * @throws L2cafError `time-span`, `usage` for a wrong style or size, when the output is one of the clips or cannot be made so
 * small, `input-unreadable`, `ffmpeg-missing`, `ffmpeg-failed`, `output-unwritable`, `aborted`
 */
export async function renderScene({ out, audio = true, maxBytes, ...scene }: SceneJob): Promise<RenderedVideo> {
  const format = videoFormatOf(out);
  const panels = openPanels(scene);
  const hasAudio = panels[0]!.clip.hasAudio && audio && format !== 'gif';
  const encoder = await findH264Encoder();
  const job = { ...scene, panels, hasAudio, encoder };
  let rendered: RenderedVideo | undefined;
  await writeAtomically(
    out,
    async (output) => {
      if (format === 'mp4' && maxBytes === undefined) {
        rendered = (await encodeScene({ ...job, output })).video;
        return;
      }
      const converter = await converterTo(format, hasAudio);
      rendered = await withScratchFolder('l2caf-video-', async (scratch) => {
        const path = join(scratch, 'whole.mp4');
        const { video, ...more } = await encodeScene({ ...job, output: path });
        const master: Master = {
          ...video,
          ...more,
          path,
          ...(video.constantRate && { rate: panels[0]!.clip.frameRate }),
        };
        const wish = { output, scratch, name: out, maxBytes, onProgress: job.onProgress, signal: job.signal };
        const converted = await converter.convert(master, wish);
        const notes = [...video.notes, ...(converter.note === undefined || format === 'mp4' ? [] : [converter.note])];
        return { ...video, ...converted, notes };
      });
    },
    panels.map(({ clip }) => clip.path),
  );
  return rendered!;
}

/**
 * Writes the frames of a segment with its heatmaps as PNG files, `00000000.png` and so on, into a folder that is there: as they are drawn,
 * not encoded as a video in between.
 *
 * @throws L2cafError as {@link renderScene}
 */
export async function renderFrames(
  job: RenderPanel & Pick<VideoOutput, 'onProgress' | 'signal'>,
  folder: string,
): Promise<RenderedVideo> {
  const panels = [openPanel(job)];
  const output = join(folder, '%08d.png');
  return (await encodeScene({ ...job, panels, rows: [1], hasAudio: false, output })).video;
}

/** A video that was written, and what its file does not say. */
interface EncodedScene extends Pick<Master, 'colour' | 'lastFrameSec'> {
  readonly video: RenderedVideo;
}

/** Writes the video as an MP4 file, or its frames as pictures. */
async function encodeScene(job: OpenScene): Promise<EncodedScene> {
  const { panels: opened, rows, hasAudio, encoder, output } = job;
  const { value, notes } = await withDecodableFrames(opened, job.signal, async ({ frames, ...run }) => {
    const panels = opened.map((panel, k): Panel => ({ ...panel, ...frames[k]! }));
    const timing = timingOf(panels.map(({ timesSec, clip }) => ({ timesSec, rate: clip.frameRate })));
    const scene = layOut(panels, rows);
    return encodeFrames({ ...job, ...run, panels, timing, scene });
  }).catch((error: unknown) => {
    throw hasAudio ? withAudioHint(error) : error;
  });
  const { timing, scene, colour } = value;
  const { timesSec, durationSec, constantRate, lastFrameSec } = timing;
  if (encoder && !constantRate) await setLastFrameLength(output, lastFrameSec);
  const video = {
    ...{ width: scene.width, height: scene.height, frames: timesSec.length, durationSec, constantRate, hasAudio },
    notes: [
      ...(encoder?.note === undefined ? [] : [encoder.note]),
      ...notes.flatMap((ofClip, k) => ofClip.map((note) => `${opened[k]!.clip.path}: ${note}`)),
    ],
  };
  return { video, colour, lastFrameSec };
}

/** ffmpeg does not say which stream it failed on in a way that can be relied on, but the sound can be left out. */
function withAudioHint(error: unknown): unknown {
  if (!(error instanceof L2cafError && error.code === 'ffmpeg-failed')) return error;
  const hint = 'if the sound of the clip cannot be decoded, leave it out with --no-audio';
  return new L2cafError(error.code, error.message, { hint, cause: error.cause });
}

/** A panel with its options settled. */
interface OpenPanel extends RenderPanel {
  readonly normalize: NormalizeMode;
  readonly gaps: readonly TimeSpan[];
  readonly picture: DrawnPicture;
}

/** What {@link encodeScene} needs. */
interface OpenScene extends Pick<VideoOutput, 'onProgress' | 'signal'>, Pick<SceneJob, 'rows'> {
  readonly panels: readonly OpenPanel[];
  readonly hasAudio: boolean;
  /** Absent: the frames are written as pictures. */
  readonly encoder?: H264Encoder;
  /** An MP4 file; of pictures, ffmpeg's pattern of their names. */
  readonly output: string;
}

/** A panel whose frames are known. */
interface Panel extends OpenPanel, Omit<GraphPanel, 'picture'> {
  readonly clip: VideoClip;
}

function openPanels({ panels, rows }: Pick<SceneJob, 'panels' | 'rows'>): OpenPanel[] {
  const opened = panels.map(openPanel);
  const pictures = withOneUnit(
    opened.map(({ picture }) => picture),
    rows,
  );
  return opened.map((panel, k) => ({ ...panel, picture: pictures[k]! }));
}

function openPanel(panel: RenderPanel): OpenPanel {
  const { clip, keyframes, style, normalize = 'frame', gaps = [] } = panel;
  checkStyle(style);
  if (keyframes.length === 0) throw new L2cafError('usage', 'there is no heatmap to render');
  return { ...panel, normalize, gaps, picture: evenSize(panel.size ?? clip), span: resolveSpan(clip, panel.span) };
}

interface EncodeJob extends Omit<OpenScene, 'panels'>, Omit<DecodingJob, 'frames'> {
  readonly panels: readonly Panel[];
  readonly timing: Timing;
  readonly scene: Scene;
}

/** What came of one run. */
interface EncodedFrames extends Pick<EncodeJob, 'timing' | 'scene'>, Pick<Master, 'colour'> {}

/** Encodes the frames at exactly these times, if ffmpeg decodes them. */
async function encodeFrames(job: EncodeJob): Promise<DecodingOutcome<EncodedFrames>> {
  const { panels, timing, scene, hasAudio, mode, shown, encoder, output, signal } = job;
  const first = panels[0]!;
  const { colour } = first.details;
  const layerInput = { source: Readable.from(layerStream(job), { highWaterMark: 1 }), options: IVF_INPUT };
  const graphs = [sceneGraph(panels, scene, timing), ...(encoder ? [] : [rgbGraph(colour)])];
  if (hasAudio) graphs.push(soundGraph(panels.length + 1, first, timing));
  const { source, seek } = inputFrom(first.clip, first, mode, AUDIO_LEAD_SEC);
  const { complaints } = await runFfmpeg({
    ...(encoder && { binary: encoder.binary }),
    inputs: [
      ...panels.map((panel) => inputFrom(panel.clip, panel, mode)),
      layerInput,
      ...(hasAudio ? [{ source, options: [...seek, '-vn'] }] : []),
    ],
    filtergraph: graphs.join(';'),
    options: [
      ...KEEP_TIMESTAMPS,
      ...(encoder
        ? ['-map', '[out]', ...timing.options, ...encoder.options('fine', scene), ...colourOptions(colour)]
        : PICTURES_OUT),
      ...(hasAudio ? ['-map', '[sound]', '-c:a', 'aac', '-b:a', '160k'] : []),
    ],
    output,
    signal,
    onLine: shown.read,
  });
  return { complaints, value: { timing, scene, colour } };
}

/** Each frame as a picture, numbered from 0. */
const PICTURES_OUT: readonly string[] = [
  ...['-map', '[rgb]', '-fps_mode', 'passthrough'],
  ...['-c:v', 'png', '-f', 'image2', '-start_number', '0'],
];

/** Sound begins to be read this long before the first frame: containers interleave it more or less loosely. */
const AUDIO_LEAD_SEC = 2;

/** The layers as a stream. ffmpeg's pipe decides the pace; each is drawn when the one before is taken. */
async function* layerStream(job: EncodeJob): AsyncGenerator<Uint8Array> {
  const { panels, timing, scene } = job;
  const { matrix } = panels[0]!.details.colour;
  const painter = new ScenePainter(
    panels.map((panel) => ({ ...panel, matrix })),
    scene,
    matrix,
  );
  const frameCount = timing.timesSec.length;
  let paintedSec = Number.NEGATIVE_INFINITY;
  let before: readonly PanelMoment[] = [];
  yield ivfHeader(scene);
  for (const [n, shownSec] of timing.timesSec.entries()) {
    throwIfAborted(job.signal);
    const moments = panels.map(
      ({ timesSec }, k): PanelMoment => ({
        timeSec: timesSec[timing.onScreen[k]![n]!]!,
        isOver: shownSec > timing.endsSec[k]! - ROUNDING_SEC,
      }),
    );
    if (shownSec - paintedSec > LAYER_SEC || panels.some((panel, k) => isTurn(panel, moments[k]!, before[k]))) {
      const layer = painter.paint(moments);
      yield ivfFrameHeader(layer.length, timing.layerTimesUs[n]!);
      yield layer;
      paintedSec = shownSec;
    }
    before = moments;
    job.onProgress?.({ stage: 'rendering', done: n + 1, total: frameCount, unit: 'frames' });
  }
}

/** More than the rounding of any time, less than the gap between any two frames. */
const ROUNDING_SEC = 0.0005;

/**
 * How long a layer stays at most, seconds: 15 layers per second move as smoothly as a blend of samples needs, at about
 * half the cost of 30. Frames that are further apart each have their own.
 */
const LAYER_SEC = 1 / 15 - 0.002;

/** Whether a panel must not show its layer of the moment before: at, and after, a sampled moment and the ends of gaps. */
function isTurn(
  { keyframes, marksMoments = true, gaps }: Panel,
  { timeSec, isOver }: PanelMoment,
  before?: PanelMoment,
): boolean {
  const previousSec = before?.timeSec ?? Number.NEGATIVE_INFINITY;
  const isMoment = (time: number): boolean => marksMoments && momentAt(keyframes, time) !== undefined;
  return (
    isOver !== (before?.isOver ?? false) ||
    (timeSec !== previousSec && (isMoment(timeSec) || isMoment(previousSec))) ||
    isInside(gaps, timeSec) !== isInside(gaps, previousSec)
  );
}

/** The next smaller size with even numbers. */
function evenSize({ width, height }: PictureSize): PictureSize {
  const even = { width: width - (width % 2), height: height - (height % 2) };
  if (even.width >= 2 && even.height >= 2 && Number.isInteger(even.width) && Number.isInteger(even.height)) return even;
  throw new L2cafError('usage', `cannot render a picture of ${width}x${height}`);
}
