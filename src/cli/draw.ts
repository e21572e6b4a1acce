/** What the commands share that draw from analyses, without running a network. */
import { dirname, join } from 'node:path';
import { type Analysis, readAnalysis } from '../analysis/document.ts';
import { ignoredWarnings } from '../analysis/timeline.ts';
import { mapConcurrently } from '../base/concurrent.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { checkOutputs } from '../base/output.ts';
import type { RenderOptions } from '../rendering/rendering.ts';
import type { RenderedVideo } from '../video/media/encode.ts';
import { videoFormatAt } from '../video/media/video-steps.ts';
import { announceFfmpeg, warnOfNotes } from './executables.ts';
import { interruptible } from './run.ts';
import type { AnalysisStyleFlags } from './style-options.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface DrawingFlags extends AnalysisStyleFlags {
  readonly output?: string;
  readonly quiet?: boolean;
}

/**
 * Reads analyses, says what they warn of, has them drawn, and prints the name of the file.
 *
 * @param name of the file where none is given, beside the first analysis
 */
export async function drawAnalyses(
  paths: readonly string[],
  { output, quiet, ignore }: DrawingFlags,
  name: string,
  draw: (
    analyses: readonly Analysis[],
    out: string,
    work: Required<Pick<RenderOptions, 'signal' | 'onProgress'>>,
  ) => Promise<Partial<Pick<RenderedVideo, 'notes' | 'choice'>> | undefined>,
): Promise<void> {
  const terminal = createTerminal({ quiet });
  const { info, warn, result, onProgress } = terminal;
  const out = output ?? join(dirname(paths[0]!), name);
  const analyses = await mapConcurrently(paths, paths.length, readAnalysis);
  for (const { source } of analyses) noteInput(source.path);
  await checkOutputs([out]);
  const warnings = analyses.flatMap((analysis) => [...analysis.warnings, ...ignoredWarnings(analysis, ignore)]);
  for (const warning of new Set(warnings)) warn(warning);
  await announceFfmpeg(terminal, videoFormatAt(out) !== undefined);
  const drawn = await interruptible((signal) => draw(analyses, out, { signal, onProgress }));
  warnOfNotes(terminal, drawn?.notes ?? [], warnings);
  if (drawn?.choice !== undefined) info(`${out}: ${drawn.choice}`);
  result(out);
}
