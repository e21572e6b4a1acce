/**
 * Draws what an analysis found, from its numbers and the source clip; no network is run. Steps 7 and 8 of
 * docs/architecture.md.
 */
import { basename } from 'node:path';
import { answersOf } from '../analysis/answers.ts';
import { type Analysis, type AnalysisFrame, parseAnalysis } from '../analysis/document.ts';
import { gridName, isUntrained } from '../analysis/model-words.ts';
import { objectsAt, objectsOn } from '../analysis/object-words.ts';
import { gapsOf, type KeyframeOptions, keyframesOf, ribbonOf } from '../analysis/timeline.ts';
import { percent, verdictSentence, verdictsOf } from '../analysis/verdicts.ts';
import { L2cafError } from '../base/errors.ts';
import { evenlyChosen } from '../base/evenly.ts';
import { writeFileAtomically } from '../base/files.ts';
import type { FrameBatch, ProgressListener, VideoClip } from '../base/types.ts';
import type { DrawnBoxes } from '../video/drawing/boxes.ts';
import { momentAt } from '../video/drawing/keyframes.ts';
import { stillEdges } from '../video/drawing/legend.ts';
import type { FigureFormat } from '../video/drawing/panel.ts';
import { drawStrip, drawThumbnail, type StripContent } from '../video/drawing/strip.ts';
import { defaultStyle, type OverlayStyle } from '../video/drawing/style.ts';
import {
  type PictureScale,
  type RenderedVideo,
  type RenderPanel,
  renderOverlay,
  scaledSize,
  type VideoOutput,
} from '../video/media/encode.ts';
import { writeFilm } from '../video/media/film.ts';
import { probeClip, sha256OfClip } from '../video/media/probe.ts';
import { framesAt } from '../video/media/sample.ts';

/** How to draw. */
export interface RenderOptions extends KeyframeOptions {
  readonly style?: OverlayStyle;
  /** Whether the boxes of objects are drawn, where the analysis has some; default false. */
  readonly showObjects?: boolean;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** How to draw what shows the frames of {@link stripFrames}. */
export interface StripOptions extends RenderOptions {
  /** Those, where they are at hand: else the strip decodes them, and a video a few small ones to find a place for its legend. */
  readonly frames?: FrameBatch;
}

/** How to draw a video; in videos maps fade unless it is said that they do not. */
export interface VideoOptions extends StripOptions {
  /**
   * Plots under the picture: labelled events, loss, importance, attention shares, class probabilities and recorded signals of
   * the sampled frames.
   */
  readonly ribbon?: boolean;
  /** Whether the clip's sound is kept; default true. A GIF has none. */
  readonly audio?: boolean;
  /** Most bytes of the file; where it would have more, its pictures become worse, smaller and fewer until it has not. */
  readonly maxBytes?: number;
  /** Size of the picture; default the clip's. */
  readonly scale?: PictureScale;
  /** Whether the classes that the network finds likeliest, or its numbers, are written on the picture; default false. */
  readonly showClass?: boolean;
}

/** How to make a film. */
export interface FilmOptions extends RenderOptions, Pick<VideoOptions, 'maxBytes'> {}

/** Width of a convergence film, pixels. */
const FILM_WIDTH_PX = 1200;

/**
 * The event's video at its own frame rate with the attention drawn on it, blended between the sampled moments: MP4, WebM or
 * GIF by the name.
 *
 * @throws L2cafError `input-changed` when the source is not the file that was analyzed; else as `renderOverlay`
 */
export async function renderVideo(analysis: Analysis, out: string, options: VideoOptions = {}): Promise<RenderedVideo> {
  return renderOverlay({ ...(await panelOf(analysis, options)), ...videoOutputOf(options), out });
}

/**
 * The analysis as a picture of a video: its source clip and what is drawn on it.
 *
 * @throws L2cafError `input-changed` when the source is not the file that was analyzed
 */
export async function panelOf(analysis: Analysis, options: VideoOptions = {}): Promise<RenderPanel> {
  const { style = defaultStyle, normalize = 'frame', signed = false, ribbon = false } = options;
  const { showClass = false, showObjects = false } = options;
  const clip = await openSource(analysis, options.signal);
  const hasLegend = style.showLegend && !signed;
  const title = [
    ...(isUntrained(analysis.model) ? ['UNTRAINED HEAD'] : []),
    ...(signed ? ['blue: supports, orange dashed: opposes'] : []),
  ].join(' · ');
  return {
    clip,
    span: analysis.span,
    keyframes: keyframesOf(analysis, { fade: true, ...options }),
    marksMoments: analysis.windows === undefined,
    damagedSec: analysis.frames.flatMap(({ damaged, timestampSec }) => (damaged ? [timestampSec] : [])),
    gaps: gapsOf(analysis),
    normalize,
    ...(options.scale && { size: scaledSize(clip, options.scale) }),
    // A legend of colours does not apply to the two of signed maps.
    style: { ...style, showLegend: hasLegend },
    ...(hasLegend && { edges: stillEdges(options.frames ?? (await aFewFrames(analysis, clip, options.signal))) }),
    ...(showClass && { answerAt: answersOf(analysis) }),
    ...(showObjects &&
      analysis.objects && {
        boxesAt: (timeSec) => ({ picture: analysis.source, boxes: objectsAt(analysis, timeSec) }),
      }),
    ...(title && { title }),
    ...(ribbon && { ribbon: ribbonOf(analysis) }),
  };
}

/** Small frames from all over an analysis: what is the same in all of them stands still. */
async function aFewFrames(analysis: Analysis, clip: VideoClip, signal: AbortSignal | undefined): Promise<FrameBatch> {
  const times = evenlyChosen(analysis.frames, LOOKED_AT, 'ends').map(({ timestampSec }) => timestampSec);
  const { width, height } = scaledSize(clip, { width: Math.min(clip.width, LOOKED_AT_WIDTH_PX) });
  return framesAt(clip, times, { size: { width, height: Math.max(1, height) }, signal });
}

const LOOKED_AT = 3;
const LOOKED_AT_WIDTH_PX = 640;

/** What of the options concerns the file that is written. */
export function videoOutputOf(options: VideoOptions): Omit<VideoOutput, 'out'> {
  const { audio = true, maxBytes, onProgress, signal } = options;
  return { audio, ...(maxBytes && { maxBytes }), ...(onProgress && { onProgress }), ...(signal && { signal }) };
}

/**
 * The sampled frames (of a dense analysis a few, evenly spread) in a row with contours, times and losses (paper,
 * Figure 9), as a PNG.
 *
 * @throws L2cafError `output-unwritable`; as {@link stripFrames}
 */
export async function renderStrip(analysis: Analysis, out: string, options: StripOptions = {}): Promise<void> {
  const { signal, frames = await stripFrames(analysis, signal) } = options;
  await writeFileAtomically(out, drawAnalysisStrip(analysis, frames, options), [analysis.source.path]);
}

/**
 * The frames that the strip of an analysis shows, `[t, h, w, 3]`, of the clip's size, for all who show them.
 *
 * @throws L2cafError `input-changed`; as `framesAt`
 */
export async function stripFrames(analysis: Analysis, signal?: AbortSignal): Promise<FrameBatch> {
  const times = framesOfStrip(analysis).map(({ timestampSec }) => timestampSec);
  return framesAt(await openSource(analysis, signal), times, signal ? { signal } : {});
}

/** The frames of an analysis that its strip shows: of a dense one a few, evenly spread. */
export function framesOfStrip({ frames, windows }: Analysis): readonly AnalysisFrame[] {
  return windows ? evenlyChosen(frames, STRIP_MOMENTS, 'middles') : frames;
}

/** The frame that matters most. */
export function mostImportant({ frames }: Analysis): AnalysisFrame {
  return frames.reduce((best, frame) => ((frame.importance ?? 0) > (best.importance ?? 0) ? frame : best));
}

/**
 * The strip of an analysis on some of its frames that are at hand, `[t, h, w, 3]`, at any size.
 *
 * @param figure width of the figure, pixels, and the format of the file
 * @returns its bytes
 */
export function drawAnalysisStrip(
  analysis: Analysis,
  frames: FrameBatch,
  options: RenderOptions = {},
  figure: { readonly widthPx?: number; readonly format?: FigureFormat } = {},
): Uint8Array {
  const { widthPx, format } = figure;
  const { source, span, model, options: settings, windows } = analysis;
  const dense = windows ? `${frames.shape[0]} of ${analysis.frames.length} moments in ${windows.length} windows; ` : '';
  const { targetProbability: p } = analysis;
  const probability = p === undefined ? '' : ` (${percent(p)})`;
  const how = `${settings.method}, ${settings.target}${probability}, ${settings.solver}${options.signed ? '; blue supports, orange opposes' : ''}`;
  const verdict = analysis.verdict ? `; verdict: ${verdictSentence(analysis.verdict.words)}` : '';
  const doubts = isUntrained(model) ? analysis.warnings : verdictsOf(analysis);
  const content = {
    ...stripCells(analysis, frames, options),
    title: `${basename(source.path)}   ${span.startSec.toFixed(2)}–${span.endSec.toFixed(2)} s`,
    caption: `${dense}${how}; ${gridName(analysis)}${verdict}`,
    ...(doubts.length > 0 && { warning: doubts.join(' ') }),
    ...(widthPx !== undefined && { widthPx }),
  };
  return drawStrip(content, format);
}

/**
 * The frame that matters most, with its attention, on frames that are at hand: all of the analysis, or that one. Returns a
 * JPEG file's bytes.
 */
export function drawAnalysisThumbnail(
  analysis: Analysis,
  frames: FrameBatch,
  options: RenderOptions,
  widthPx: number,
): Uint8Array {
  const cells = stripCells(analysis, frames, options);
  const index = frames.shape[0] === 1 ? 0 : analysis.frames.indexOf(mostImportant(analysis));
  return drawThumbnail({ ...cells, index, widthPx });
}

function stripCells(
  analysis: Analysis,
  frames: FrameBatch,
  options: RenderOptions,
): Pick<StripContent, 'frames' | 'cells' | 'style' | 'size'> {
  const keyframes = keyframesOf(analysis, options);
  const places = frames.timestampsSec.map((time) => momentAt(keyframes, time)!);
  return {
    frames,
    cells: places.map((i) => ({
      ...{ loss: analysis.frames[i]!.loss, status: analysis.frames[i]!.status, damaged: analysis.frames[i]!.damaged },
      ...{ heatmap: keyframes[i]!.heatmap, opposing: keyframes[i]!.opposing, boxes: boxesOn(analysis, i, options) },
    })),
    style: options.style ?? defaultStyle,
    size: analysis.source,
  };
}

/** The boxes of a sampled frame, where they are to be drawn. */
export function boxesOn(
  analysis: Analysis,
  frame: number,
  { showObjects = false }: Pick<RenderOptions, 'showObjects'>,
): DrawnBoxes | undefined {
  return showObjects && analysis.objects ? { picture: analysis.source, boxes: objectsOn(analysis, frame) } : undefined;
}

/**
 * The authors' convergence film: the strip once per entry of the trace, as the filters change; MP4, WebM or GIF by the name.
 *
 * @returns its size, rate, quality and bytes, in words, where they were chosen here
 * @throws L2cafError `usage` when the analysis keeps no trace; else as {@link renderStrip}
 */
export async function renderFilm(
  analysis: Analysis,
  out: string,
  options: FilmOptions = {},
): Promise<Pick<RenderedVideo, 'choice'>> {
  const { style = defaultStyle, maxBytes, signal, onProgress } = options;
  const traces = analysis.frames.map(({ trace = [] }) => trace);
  const steps = Math.max(...traces.map(({ length }) => length));
  if (steps === 0 || traces.some(({ length }) => length === 0)) {
    throw new L2cafError('usage', 'the analysis keeps no trace of the filters along the way', {
      hint: 'l2caf analyze CLIP --solver gd --trace',
    });
  }
  const clip = await openSource(analysis, signal);
  const times = analysis.frames.map(({ timestampSec }) => timestampSec);
  const frames = await framesAt(clip, times, signal ? { signal } : {});
  const drawStep = (step: number): Uint8Array => {
    const shown = analysis.frames.map((frame, i) => {
      const at = Math.min(step, traces[i]!.length - 1); // a filter that has converged stays
      return { ...frame, filter: { ...frame.filter, values: traces[i]![at]! }, loss: frame.lossHistory[at]! };
    });
    const status = (i: number) => (step < traces[i]!.length - 1 ? undefined : shown[i]!.status);
    const cells = keyframesOf({ ...analysis, frames: shown }, options).map(({ heatmap, opposing }, i) => {
      const boxes = boxesOn(analysis, i, options);
      return { heatmap, opposing, boxes, loss: shown[i]!.loss, status: status(i) };
    });
    const { method, solver, preset } = analysis.options;
    const how = solver === 'gd' ? `gradient descent, ${preset}` : solver;
    return drawStrip({
      frames,
      cells,
      style,
      title: `${method}, ${how}: look ${step + 1} of ${steps}`,
      widthPx: FILM_WIDTH_PX,
    });
  };
  const { choice } = await writeFilm({
    out,
    sources: [clip.path],
    pictures: steps,
    draw: drawStep,
    ...(maxBytes && { maxBytes }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  return { ...(choice && { choice }) };
}

/** Moments of a dense analysis that the strip shows. */
const STRIP_MOMENTS = 5;

/**
 * Opens the source clip, if it is still the file that was analyzed.
 *
 * @throws L2cafError `analysis-invalid`, `input-not-found`, `input-changed`
 */
export async function openSource(analysis: Analysis, signal: AbortSignal | undefined): Promise<VideoClip> {
  const { path, sha256, ...reading } = parseAnalysis(analysis, 'the analysis').source; // whoever made it
  const clip = await probeClip(path, signal, reading);
  if ((await sha256OfClip(clip, signal)) === sha256) return clip;
  throw new L2cafError('input-changed', `${path} is not the file that was analyzed: its content has changed`, {
    hint: 'analyze it again, or restore the original file',
  });
}
