/**
 * The report of one analysis: a page that holds the segment's video without an overlay, the sampled frames and all numbers,
 * and draws the overlay itself, by the rules of the rendered video, because it runs the same code.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { bestClasses } from '../analysis/classes.ts';
import type { Analysis } from '../analysis/document.ts';
import { ignoredWarnings, keyframesOf } from '../analysis/timeline.ts';
import { isUnlike } from '../analysis/verdicts.ts';
import { evenPositions } from '../base/evenly.ts';
import { writeFileAtomically } from '../base/files.ts';
import { checkOutput, removeSealed } from '../base/output.ts';
import { withScratchFolder } from '../base/scratch-folder.ts';
import type { FrameBatch, IgnoredPart, PictureSize, ProgressListener, TimeSpan, VideoClip } from '../base/types.ts';
import { drawAnalysisThumbnail, openSource } from '../rendering/rendering.ts';
import { createCanvas } from '../video/drawing/canvas.ts';
import { frameCanvas } from '../video/drawing/frame-canvas.ts';
import { maskOfParts } from '../video/drawing/regions.ts';
import { framesAt } from '../video/media/sample.ts';
import { type EncodedSegment, encodeSegment, type SegmentJob } from '../video/media/segment.ts';
import { htmlPage } from './html.ts';
import type { FramePicture, IndexRow, ReportData, VideoFrames } from './page-data.ts';

/** What a report may be told. */
export interface ReportOptions {
  /** Parts of the picture that count for nothing. */
  readonly ignore?: readonly IgnoredPart[];
  /** Frames of the analysis that are at hand, so that they need not be decoded again: `stripFrames` gives them. */
  readonly frames?: FrameBatch;
  /** A small picture for an index to write as well: a JPEG file. */
  readonly thumbnail?: string;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/**
 * Writes the report of an analysis as one HTML file that needs nothing else, except that the video of a segment longer than
 * 20 seconds lies beside it (`NAME-clip.mp4`; that of an earlier page is removed where it is not needed).
 *
 * @param path the page to write, `.html`
 * @returns the files that were written
 * @throws L2cafError `input-not-found`, `input-changed`, `input-unreadable`, `output-unwritable`, `aborted`; `usage` when a
 *   file to write is the clip
 */
export async function writeReport(analysis: Analysis, path: string, options: ReportOptions = {}): Promise<string[]> {
  const { ignore = [], thumbnail, signal, onProgress } = options;
  const warnings = new Set([...analysis.warnings, ...ignoredWarnings(analysis, ignore)]);
  const clip = await openSource(analysis, signal);
  const beside = clipBeside(path);
  const isEmbedded = isShort(analysis.span);
  const own = [...filesOfReport(path, analysis.span), ...(thumbnail === undefined ? [] : [thumbnail])];
  for (const file of own) await checkOutput(file, [clip.path]);
  const shown = evenPositions(analysis.frames.length, MAX_PICTURES, 'ends');
  const frames = await picturesOf(clip, analysis, shown, options);
  const segment = {
    ...{ clip, span: analysis.span, size: fitWithin(clip, MAX_VIDEO_PX) },
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  };
  const { video, encoded } = isEmbedded ? await embed(segment) : await writeBeside(segment, beside);
  const title = basename(analysis.source.path);
  const data: ReportData = {
    title,
    analysis: await compressed(analysis),
    video,
    frames: describeFrames(encoded),
    pictures: await Promise.all(shown.map((frame, i) => encodePicture(frames, i, frame))),
    warnings: [...warnings],
    ...(ignore.length > 0 && { ignored: maskOf(analysis, ignore), ignoredParts: ignore.map(describePart) }),
  };
  if (thumbnail !== undefined) {
    const pictured = { ...analysis, frames: shown.map((frame) => analysis.frames[frame]!) };
    const atTheirTimes = { ...frames, timestampsSec: pictured.frames.map(({ timestampSec }) => timestampSec) };
    await writeFileAtomically(thumbnail, drawAnalysisThumbnail(pictured, atTheirTimes, { ignore }, THUMBNAIL_PX), [
      clip.path,
    ]);
  }
  await writeFileAtomically(path, await htmlPage({ name: 'report', title: `${title} · l2caf`, data }), [clip.path]);
  if (isEmbedded) await removeSealed([beside], [clip.path]); // of an earlier, longer segment
  return own;
}

/** The files of the report of a segment: the page and, if it is too long to be part of that, its video. */
export function filesOfReport(report: string, span: TimeSpan): string[] {
  return isShort(span) ? [report] : [report, clipBeside(report)];
}

function isShort({ startSec, endSec }: TimeSpan): boolean {
  return endSec - startSec <= MAX_EMBEDDED_SEC;
}

/** The video beside a report whose segment is too long to be part of it. */
export function clipBeside(report: string): string {
  return join(dirname(report), `${basename(report, extname(report))}-clip.mp4`);
}

/** What an index tells about an analysis. */
export function indexRowOf(analysis: Analysis): Omit<IndexRow, 'id'> {
  const { source, span, frames, options, familiarity, targetProbability, verdict } = analysis;
  const [best] = bestClasses(analysis);
  const importances = frames.flatMap(({ importance }) => (importance === undefined ? [] : [importance]));
  return {
    status: 'done',
    video: basename(source.path),
    ...span,
    loss: frames.reduce((sum, { loss }) => sum + loss, 0) / frames.length,
    ...(importances.length > 0 && { importance: Math.max(...importances) }),
    ...(verdict && { verdict: verdict.words }),
    ...(best && { best }),
    extra: {
      ...(familiarity && { 'training distance': familiarity.distance }),
      ...(isUnlike(analysis) && { 'unlike training': 'yes' }),
      ...(targetProbability !== undefined && { 'target probability': targetProbability }),
      method: options.method,
      target: options.target,
      frames: frames.length,
    },
  };
}

/** Length of the longest segment whose video is part of the page, seconds. */
const MAX_EMBEDDED_SEC = 20;
/** Longer side of the video, of a sampled frame, and of a thumbnail, pixels. */
const MAX_VIDEO_PX = 854;
const MAX_PICTURE_PX = 512;
const THUMBNAIL_PX = 192;
/** Sampled frames that are shown as pictures: with more, the page would outgrow its 3 MB. */
const MAX_PICTURES = 24;
const JPEG_QUALITY = 75;

function describePart(part: IgnoredPart): string {
  return 'values' in part ? 'MASK.png' : [part.x, part.y, part.width, part.height].join();
}

/** The ignored points of the heatmaps that the page will make. */
function maskOf(analysis: Analysis, ignore: readonly IgnoredPart[]): NonNullable<ReportData['ignored']> {
  const { values, ...grid } = maskOfParts(ignore, analysis.source, keyframesOf(analysis)[0]!.heatmap);
  return { ...grid, values: [...values] };
}

async function picturesOf(
  clip: VideoClip,
  { frames }: Analysis,
  shown: readonly number[],
  { frames: atHand, signal }: ReportOptions,
): Promise<FrameBatch> {
  const times = shown.map((frame) => frames[frame]!.timestampSec);
  if (
    atHand &&
    times.length === atHand.timestampsSec.length &&
    times.every((time, i) => time === atHand.timestampsSec[i])
  ) {
    return atHand;
  }
  return framesAt(clip, times, { size: fitWithin(clip, MAX_PICTURE_PX), ...(signal && { signal }) });
}

async function embed(job: Omit<SegmentJob, 'out'>): Promise<{ video: ReportData['video']; encoded: EncodedSegment }> {
  return withScratchFolder('l2caf-report-', async (folder) => {
    const out = join(folder, 'clip.mp4');
    const encoded = await encodeSegment({ ...job, out });
    return { video: { kind: 'embedded', base64: (await readFile(out)).toString('base64') }, encoded };
  });
}

async function writeBeside(
  job: Omit<SegmentJob, 'out'>,
  out: string,
): Promise<{ video: ReportData['video']; encoded: EncodedSegment }> {
  const encoded = await encodeSegment({ ...job, out });
  return { video: { kind: 'file', path: basename(out) }, encoded };
}

function describeFrames({ timesSec, shownSec }: EncodedSegment): VideoFrames {
  const startSec = timesSec[0]!;
  const stepsUs = Array.from(timesSec.subarray(1), (time, n) => Math.round((time - timesSec[n]!) * 1e6));
  const isAsShown = shownSec.every((shown, n) => Math.abs(shown - (timesSec[n]! - startSec)) < 1e-5);
  const constantStepSec = shownSec.at(-1)! / Math.max(1, shownSec.length - 1);
  return { startSec, stepsUs, ...(!isAsShown && { constantStepSec }) };
}

async function encodePicture(frames: FrameBatch, i: number, frame: number): Promise<FramePicture> {
  const whole = frameCanvas(frames, i);
  const { width, height } = fitWithin(whole, MAX_PICTURE_PX);
  const picture = width < whole.width ? createCanvas(width, height) : whole;
  if (picture !== whole) {
    const context = picture.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(whole, 0, 0, width, height);
  }
  const jpeg = await picture.encode('jpeg', JPEG_QUALITY);
  return { frame, jpeg: jpeg.toString('base64') };
}

/** The document without the traces, which would be most of it and which only `l2caf film` needs. */
async function compressed(analysis: Analysis): Promise<string> {
  const frames = analysis.frames.map(({ trace: _trace, ...frame }) => frame);
  const text = JSON.stringify({ ...analysis, frames });
  return (await promisify(gzip)(text, { level: 9 })).toString('base64');
}

/** The size of a picture made to fit a longer side, never enlarged; even numbers. */
function fitWithin({ width, height }: PictureSize, longestPx: number): PictureSize {
  const scale = Math.min(1, longestPx / Math.max(width, height));
  const even = (pixels: number): number => Math.max(2, 2 * Math.round((pixels * scale) / 2));
  return { width: even(width), height: even(height) };
}
