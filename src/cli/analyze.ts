/** `l2caf analyze`: the main job. What did the network look at in this clip? */

import { basename, extname, join, resolve } from 'node:path';
import { analyzeDense } from '../analysis/dense.ts';
import { type Analysis, writeAnalysis } from '../analysis/document.ts';
import { analyzeEvent, framesFor, type OpenModel, openClip, readHead } from '../analysis/pipeline.ts';
import { readSignals, withSignals } from '../analysis/signals.ts';
import { ignoredWarnings } from '../analysis/timeline.ts';
import {
  lengthNote,
  type SlideOptions,
  type SlideWish,
  slideOver,
  slideWindow,
  strideNote,
} from '../analysis/windows.ts';
import { sideBySide } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import { checkOutputs, removeSealed } from '../base/output.ts';
import type { TimeSpan, VideoClip } from '../base/types.ts';
import { type ListedEvents, readLabels } from '../events/labels.ts';
import { isImported } from '../models/imported.ts';
import { type PlacedObjects, placeObjects } from '../objects/place.ts';
import { readObjects } from '../objects/read.ts';
import { renderStrip, renderVideo, stripFrames } from '../rendering/rendering.ts';
import { writeReport } from '../report/index.ts';
import { clipBeside, filesOfReport } from '../report/report-page.ts';
import type { CropWish, HideWish, PictureWish } from '../video/media/crop.ts';
import { readingOf, sha256OfClip } from '../video/media/probe.ts';
import { type AnalysisFlags, PREVIEW_SEC } from './analysis-options.ts';
import { analysisTable } from './analyze-table.ts';
import { type FreeFolder, inOwnFolder, isAbout, isOfOther } from './default-folder.ts';
import { announceFfmpeg, warnOfNotes } from './executables.ts';
import type { NetworkFlags } from './network-options.ts';
import { type ObjectReadingFlags, objectReadingOf } from './object-options.ts';
import { EXIT, reportError } from './run.ts';
import { SharedNetwork } from './shared-network.ts';
import { renderOptionsOf, type VideoFlags, videoOptionsOf } from './style-options.ts';
import { createTerminal, partsOf, type Terminal } from './terminal.ts';
import { seenInWindows, slideWish, type WindowFlags } from './window-options.ts';

/** What commander hands over. */
export interface AnalyzeFlags extends Omit<RunFlags, 'ignore'> {
  readonly ignore: HideWish;
}

interface RunFlags extends VideoFlags, AnalysisFlags, NetworkFlags, WindowFlags, ObjectReadingFlags {
  readonly start?: number;
  readonly end?: number;
  readonly track?: number;
  readonly fps?: number;
  readonly times?: string;
  readonly crop: CropWish;
  readonly frames?: number;
  readonly preview?: boolean;
  readonly events?: string;
  readonly videos?: string;
  readonly signals?: string;
  readonly objects?: string;
  readonly output?: string;
  readonly strict?: boolean;
  readonly report: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** How an analysis slides, what with, and whether what is burnt into clips is hidden. */
interface AnalyzeWishes extends RunFlags {
  readonly network: SharedNetwork;
  readonly wish: SlideWish;
  readonly isAuto: boolean;
}

/**
 * Analyzes clips one after another, each into a folder of its own, with the same options. One that cannot be analyzed is told of at its
 * turn and fails the run at its end.
 */
export async function analyzeAll(paths: readonly string[], flags: AnalyzeFlags, signal: AbortSignal): Promise<void> {
  const [first] = paths as [string];
  const network = new SharedNetwork(flags, paths.length);
  try {
    if (paths.length === 1) await analyze(first, flags, network, signal);
    else await analyzeEach(paths, flags, network, signal);
  } finally {
    await network.close();
  }
}

async function analyzeEach(
  paths: readonly string[],
  { output, ...flags }: AnalyzeFlags,
  network: SharedNetwork,
  signal: AbortSignal,
): Promise<void> {
  const names = paths.map(nameOfClip);
  const twice = output === undefined ? undefined : names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new L2cafError('usage', `two of the clips are named ${twice}: one's results would replace the other's`, {
      hint: 'leave -o out, or run l2caf analyze for each',
    });
  }
  // Each is one clip's own.
  const ofOne = (['start', 'end', 'track', 'times', 'signals', 'objects'] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (ofOne !== undefined) {
    throw new L2cafError('usage', `--${ofOne} is of one clip, and ${paths.length} are given`, {
      hint: 'run l2caf analyze for each, or l2caf batch with a list of events',
    });
  }
  const terminal = createTerminal(flags);
  let failed = 0;
  for (const [i, path] of paths.entries()) {
    terminal.info(`${path} (${i + 1} of ${paths.length})`);
    try {
      const own = output !== undefined && { output: join(output, names[i]!) };
      await analyze(path, { ...flags, ...own }, network, signal);
    } catch (error) {
      if (network.isBroken || !(error instanceof L2cafError) || !OF_ONE_CLIP.has(error.code)) throw error;
      reportError(error);
      failed++;
    }
  }
  if (failed === 0) return;
  terminal.warn(`${failed} of ${paths.length} clips could not be analyzed`);
  process.exitCode = failed === paths.length ? EXIT.failed : EXIT.partly;
}

/** What is wrong with one clip, and says nothing of the others. */
const OF_ONE_CLIP: ReadonlySet<string> = new Set(['input-not-found', 'input-unreadable', 'time-span', 'diverged']);

/** Analyzes a clip, or a part of it, and writes and prints what was found. */
async function analyze(
  path: string,
  { ignore: hide, ...flags }: AnalyzeFlags,
  network: SharedNetwork,
  signal: AbortSignal,
): Promise<void> {
  const wish = slideWish(flags);
  if (flags.videos !== undefined && flags.events === undefined) {
    throw new L2cafError('usage', '--videos says where the videos of a list lie', { hint: 'add --events' });
  }
  objectReadingOf(flags); // before anything else
  const terminal = createTerminal(flags);
  const { start, end } = flags;
  const wanted = {
    ...(start !== undefined && { startSec: start }),
    ...(end !== undefined && { endSec: end }),
    ...{ ...readingOf(flags), crop: flags.crop, hide },
  };
  const { clip, span } = await openClip(path, wanted, signal);
  await inOwnFolder(flags.output ?? (await defaultFolder(clip, signal)), (folder) =>
    analyzeInto(
      folder,
      clip,
      span,
      { ...flags, wish, network, ignore: hide.parts, isAuto: hide.isAuto },
      terminal,
      signal,
    ),
  );
}

async function analyzeInto(
  folder: string,
  clip: VideoClip,
  span: TimeSpan,
  flags: AnalyzeWishes,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { preview, report, ...files } = filesIn(folder);
  await checkOutputs([
    ...Object.values(files),
    ...(flags.preview ? [preview] : []),
    ...(flags.report ? filesOfReport(report, span) : []),
  ]);
  await announceFfmpeg(terminal);
  const { events: list, videos } = flags;
  const recorded = flags.signals === undefined ? undefined : await readSignals(flags.signals);
  const listed = list === undefined ? { events: [], warnings: [] } : await readLabels(list, clip, span, videos);
  const objects = await objectsOf(flags, clip, span, signal);
  for (const note of objects?.notes ?? []) terminal.info(note);
  const seen = { ...flags, ...(objects && { placed: objects }) };
  const analysis = await withAttention(clip, span, seen, terminal, signal, async (explain, isDense) => {
    const analyze = async (part: TimeSpan): Promise<Analysis> =>
      withSignals(withLabels(await explain(part), listed), recorded);
    const isLong = isDense && span.endSec - span.startSec > 2 * PREVIEW_SEC;
    const first = { ...span, endSec: isLong ? span.startSec + PREVIEW_SEC : span.endSec };
    const previewed = flags.preview ? await analyze(first) : undefined;
    if (previewed) {
      await clear(folder, terminal);
      await writePreview(previewed, preview, flags, terminal, signal);
    }
    return previewed && !isLong ? previewed : analyze(span);
  });
  for (const warning of analysis.warnings) terminal.warn(warning);
  if (!flags.preview) await clear(folder, terminal);
  await writeAnalysis(files.analysis, analysis);
  const part = partsOf('rendering', terminal.onProgress);
  const frames = await stripFrames(analysis, signal);
  const { video, pages } = await sideBySide(
    {
      video: (stop) =>
        renderVideo(analysis, files.video, {
          ...videoOptionsOf(flags),
          ...{ frames, signal: stop, onProgress: part('video') },
        }),
      pages: async (stop) => {
        // The strip is soon made, and is worth having where the video cannot be.
        await renderStrip(analysis, files.strip, { ...renderOptionsOf(flags), frames, signal });
        if (!flags.report) return [];
        const how = { ignore: flags.ignore, frames, signal: stop, onProgress: part('report') };
        return writeReport(analysis, report, how);
      },
    },
    signal,
  );
  warnOfNotes(terminal, video.notes, analysis.warnings);
  if (flags.json) return terminal.result(JSON.stringify(analysis));
  terminal.result(analysisTable(analysis));
  for (const file of [...Object.values(files), ...pages]) terminal.result(file);
}

/** The objects of the clip, where a file of them is given. */
async function objectsOf(
  flags: ObjectReadingFlags & Pick<RunFlags, 'objects'>,
  clip: VideoClip,
  span: TimeSpan,
  signal: AbortSignal,
): Promise<PlacedObjects | undefined> {
  if (flags.objects === undefined) return undefined;
  return placeObjects(await readObjects(flags.objects), clip, span, { ...objectReadingOf(flags), signal });
}

/** Everything that may be written into the folder of an analysis. */
function filesIn(folder: string): Record<'analysis' | 'strip' | 'video' | 'preview' | 'report', string> {
  return {
    analysis: join(folder, 'analysis.json'),
    strip: join(folder, 'strip.png'),
    video: join(folder, 'overlay.mp4'),
    preview: join(folder, 'preview.mp4'),
    report: join(folder, 'report.html'),
  };
}

function nameOfClip(path: string): string {
  return basename(resolve(path), extname(path));
}

/** The clip's name in l2caf-out; another clip of that name has another folder. */
async function defaultFolder(clip: VideoClip, signal: AbortSignal): Promise<FreeFolder> {
  const isOwn = isAbout(clip.path, await sha256OfClip(clip, signal));
  const name = join('l2caf-out', nameOfClip(clip.path));
  return { name, isTaken: (folder) => isOfOther(filesIn(folder).analysis, isOwn) };
}

/** Removes an earlier analysis and what shows it, so that nothing of it stays beside the new one unnoticed. */
async function clear(folder: string, terminal: Terminal): Promise<void> {
  const files = filesIn(folder);
  const [was] = await removeSealed([files.analysis]);
  await removeSealed([...Object.values(files), clipBeside(files.report), join(folder, 'report.jpg')]);
  if (was === undefined) return;
  for (const name of ['convergence.mp4', 'compare.mp4', 'figure.png']) {
    if (await exists(join(folder, name)))
      terminal.warn(`${join(folder, name)} shows the analysis that was here before`);
  }
}

function withLabels(analysis: Analysis, { events, warnings }: ListedEvents): Analysis {
  const listed = events.length > 0 && { events: [...events] };
  return { ...analysis, ...listed, warnings: [...analysis.warnings, ...warnings] };
}

/** What is asked for, and the objects beside it. */
type SeenFlags = AnalyzeWishes & { readonly placed?: PlacedObjects };

/** Calls `use` with a function that analyzes a span of the clip, and whether it does so in windows. */
async function withAttention<T>(
  clip: VideoClip,
  span: TimeSpan,
  { start: _start, end: _end, target: wanted, network, wish, isAuto, placed, ...flags }: SeenFlags,
  terminal: Terminal,
  signal: AbortSignal,
  use: (analyze: (span: TimeSpan) => Promise<Analysis>, isDense: boolean) => Promise<T>,
): Promise<T> {
  const work = { signal, onProgress: terminal.onProgress };
  const { frames: count, card: _card, size: _size, crop, objects: _objects, ...options } = flags;
  // A part of this clip is none of another.
  const ofOther: PictureWish = { crop: crop === 'auto' ? crop : 'none', hide: { isAuto, parts: [] } };
  const target =
    wanted.kind === 'similar'
      ? { ...wanted, ...(await openClip(wanted.path, { ...wanted.span, ...ofOther }, signal)) }
      : wanted;
  if (wish.isDense) await checkFits(span, { ...options, count, wish });
  const model = await network.open(work);
  try {
    const { input } = model.network;
    const frames = framesFor(input, count);
    const slide = slideOver(span, frames, input, wish);
    if (slide && !wish.isDense) {
      terminal.info(`${lengthNote(span, input.eventSec!)}: ${seenInWindows(slide)}`);
    }
    const note =
      slide && wish.strideSec !== undefined ? strideNote(wish.strideSec, slideWindow(span, slide)) : undefined;
    if (note !== undefined) terminal.info(note);
    return await use(async (part) => {
      const shown = placed && { objects: placed };
      const event = {
        ...options,
        ...work,
        ...shown,
        clip,
        span: part,
        target,
        frames,
        fine: isFine(flags, model, slide),
      };
      const found = slide ? await analyzeDense(model, { ...event, ...slide }) : await analyzeEvent(model, event);
      return { ...found, warnings: [...found.warnings, ...ignoredWarnings(found, options.ignore)] };
    }, slide !== undefined);
  } finally {
    await network.leave();
  }
}

/** Whether maps are finer where nobody says: they cost five times the trunk, which may be much for windows and others' networks. */
function isFine(
  { fine, trace }: Pick<AnalysisFlags, 'fine' | 'trace'>,
  { network }: OpenModel,
  slide: SlideOptions | undefined,
): boolean {
  return fine ?? (slide === undefined && trace !== true && network.describe().kind === 'event-network');
}

/**
 * Whether a window fits into a span, before a network is loaded; one of the user's says only then what a window is.
 *
 * @throws L2cafError as `slideWindow` and `readHead`
 */
async function checkFits(
  span: TimeSpan,
  { model, count, wish }: { readonly model: string; readonly count: number | undefined; readonly wish: SlideWish },
): Promise<void> {
  if (await isImported(model)) return;
  const { head } = await readHead({ model });
  const slide = slideOver(span, framesFor({}, count), head.spec, wish);
  if (slide) slideWindow(span, slide);
}

/** The overlay, small and without sound, to look at while the rest is being made. */
async function writePreview(
  analysis: Analysis,
  out: string,
  flags: RunFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const scale = { width: Math.min(PREVIEW_WIDTH_PX, analysis.source.width) };
  await renderVideo(analysis, out, { ...videoOptionsOf(flags), scale, audio: false, signal });
  terminal.info(`preview: ${out}`);
}

const PREVIEW_WIDTH_PX = 480;
