/** `l2caf film`: how the filters of an analysis converged, as a film. */
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { readAnalysis } from '../analysis.ts';
import { renderFilm } from '../rendering.ts';
import { examples } from './options.ts';
import { interruptible } from './run.ts';
import { type AnalysisStyleFlags, addAnalysisStyleOptions, renderOptionsOf } from './style-options.ts';
import { createTerminal } from './terminal.ts';

interface FilmFlags extends AnalysisStyleFlags {
  readonly output?: string;
  readonly quiet?: boolean;
}

/** The `film` command. */
export function filmCommand(): Command {
  const command = new Command('film')
    .description('show how the filters of an analysis converged (made with --trace)')
    .argument('<analysis>', 'analysis.json of an earlier l2caf analyze --trace')
    .option('-o, --output <file>', 'the film to write, .mp4 or .gif (default: convergence.mp4 beside the analysis)')
    .option('-q, --quiet', 'no progress');
  return addAnalysisStyleOptions(command)
    .addHelpText(
      'after',
      examples('l2caf analyze drive.mp4 --solver gd --trace -o out', 'l2caf film out/analysis.json -o convergence.gif'),
    )
    .action(async (path: string, flags: FilmFlags) => {
      const terminal = createTerminal(flags);
      const out = flags.output ?? join(dirname(path), 'convergence.mp4');
      const analysis = await readAnalysis(path);
      await interruptible((signal) =>
        renderFilm(analysis, out, { ...renderOptionsOf(flags), signal, onProgress: terminal.onProgress }),
      );
      terminal.result(out);
    });
}
