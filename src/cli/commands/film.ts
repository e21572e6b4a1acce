/** `l2caf film`: how the filters of an analysis converged, as a film. */
import { Command } from 'commander';
import { L2cafError } from '../../base/errors.ts';
import type { Draw, DrawingFlags } from '../draw.ts';
import { examples } from '../options.ts';
import { addAnalysisStyleOptions, type FileFlags, maxBytesOf, maxMbOption, renderOptionsOf } from '../style-options.ts';

/** The `film` command. */
export function filmCommand(): Command {
  const command = new Command('film')
    .argument('<analysis>', 'analysis.json of an earlier l2caf analyze --trace, or its folder')
    .option(
      '-o, --output <file>',
      'the film to write: .mp4, .webm or .gif (default: convergence.mp4 beside the analysis)',
    )
    .addOption(maxMbOption())
    .option('-q, --quiet', 'no progress');
  return addAnalysisStyleOptions(command)
    .addHelpText(
      'after',
      examples('l2caf analyze drive.mp4 --solver gd --trace -o out', 'l2caf film out -o convergence.gif'),
    )
    .action(async (path: string, flags: DrawingFlags & FileFlags) => {
      const { renderFilm } = await import('../../rendering/rendering.ts');
      const { drawAnalyses } = await import('../draw.ts');
      const draw: Draw = ([analysis], out, work) =>
        renderFilm(analysis!, out, { ...renderOptionsOf(flags), ...maxBytesOf(flags), ...work });
      await drawAnalyses([path], flags, 'convergence.mp4', draw, expectOne);
    });
}

/** @throws L2cafError `usage` */
function expectOne(files: readonly string[]): void {
  if (files.length === 1) return;
  throw new L2cafError('usage', `a film shows one analysis, and there are ${files.length}`, {
    hint: `such as ${files[0]}`,
  });
}
