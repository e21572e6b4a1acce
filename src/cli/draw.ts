/** What the commands share that draw from analyses, without running a network. */
import { dirname, join } from 'node:path';
import { type Analysis, readAnalysis } from '../analysis/document.ts';
import { ignoredWarnings } from '../analysis/timeline.ts';
import { mapConcurrently } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { checkOutputFolder, checkOutputs } from '../base/output.ts';
import type { RenderOptions } from '../rendering/rendering.ts';
import type { RenderedVideo } from '../video/media/encode.ts';
import { videoFormatAt } from '../video/media/video-steps.ts';
import { announceFfmpeg, warnOfNotes } from './executables.ts';
import { EXIT, interruptible } from './run.ts';
import type { AnalysisStyleFlags } from './style-options.ts';
import { analysisFiles, type Tasks } from './tasks.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** What commander hands over. */
export interface DrawingFlags extends AnalysisStyleFlags {
  readonly output?: string;
  readonly quiet?: boolean;
}

/** Draws one file of analyses. */
export type Draw = (
  analyses: readonly Analysis[],
  out: string,
  work: Required<Pick<RenderOptions, 'signal' | 'onProgress'>>,
) => Promise<Partial<Pick<RenderedVideo, 'notes' | 'choice'>> | undefined>;

/**
 * Reads analyses, says what they warn of, has them drawn, and prints the name of the file.
 *
 * @param paths of analyses, and folders in which to look for them
 * @param name of the file where none is given, beside the first analysis
 * @param expect throws where there are too few or too many files
 */
export async function drawAnalyses(
  paths: readonly string[],
  { output, quiet, ...flags }: DrawingFlags,
  name: string,
  draw: Draw,
  expect?: (files: readonly string[]) => void,
): Promise<void> {
  const terminal = createTerminal({ quiet });
  const { warn } = terminal;
  const files = await analysisFiles(paths, warn);
  expect?.(files);
  const out = output ?? join(dirname(files[0]!), name);
  const analyses = await mapConcurrently(files, files.length, readAnalysis);
  for (const { source } of analyses) noteInput(source.path);
  await checkOutputs([out]);
  const warnings = analyses.flatMap((analysis) => [...analysis.warnings, ...warningsOf(analysis, flags)]);
  for (const warning of new Set(warnings)) warn(warning);
  await announceFfmpeg(terminal, videoFormatAt(out) !== undefined);
  await drawFile(analyses, out, draw, terminal, warnings);
}

/** What to warn of before an analysis is drawn so. */
function warningsOf(
  analysis: Analysis,
  { ignore, showObjects }: Pick<DrawingFlags, 'ignore' | 'showObjects'>,
): string[] {
  const isBare = showObjects && analysis.objects === undefined;
  return [
    ...ignoredWarnings(analysis, ignore),
    ...(isBare ? ['--show-objects: the analysis has no objects (l2caf analyze --objects)'] : []),
  ];
}

/** Draws a file, says what is to be known of it beside `known`, and prints its name. */
async function drawFile(
  analyses: readonly Analysis[],
  out: string,
  draw: Draw,
  terminal: Terminal,
  known: readonly string[],
): Promise<void> {
  const { info, result, onProgress } = terminal;
  const drawn = await interruptible((signal) => draw(analyses, out, { signal, onProgress }));
  warnOfNotes(terminal, drawn?.notes ?? [], known);
  if (drawn?.choice !== undefined) info(`${out}: ${drawn.choice}`);
  result(out);
}

/**
 * Has a video drawn of each of many analyses, and prints the names of the files. Where one cannot be made, that is said, and the
 * others are.
 */
export async function drawEach({ tasks, notes }: Tasks, { quiet, ...flags }: DrawingFlags, draw: Draw): Promise<void> {
  const terminal = createTerminal({ quiet });
  const { warn, onProgress } = terminal;
  for (const note of notes) warn(note);
  for (const folder of new Set(tasks.map(({ out }) => dirname(out)))) await checkOutputFolder(folder);
  for (const { analysis: path, out } of tasks) {
    noteInput(path);
    const analysis = await readAnalysis(path).catch(() => undefined); // its turn says what is wrong with it
    if (analysis) noteInput(analysis.source.path);
    await checkOutputs([out]);
  }
  await announceFfmpeg(terminal);
  let failed = 0;
  for (const [i, { analysis: path, out }] of tasks.entries()) {
    try {
      const analysis = await readAnalysis(path);
      const warnings = [...analysis.warnings, ...warningsOf(analysis, flags)];
      for (const warning of warnings) warn(`${path}: ${warning}`);
      await drawFile([analysis], out, draw, terminal, warnings);
    } catch (error) {
      if (!(error instanceof L2cafError) || error.code === 'aborted') throw error;
      warn(error.message);
      failed++;
    }
    onProgress({ stage: 'videos', done: i + 1, total: tasks.length, unit: 'videos' });
  }
  if (failed === 0) return;
  warn(`${failed} of ${tasks.length} videos could not be made`);
  process.exitCode = EXIT.partly;
}
