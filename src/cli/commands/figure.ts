/** `l2caf figure`: events, or methods, as a figure for print. */
import { Command } from 'commander';
import type { DrawingFlags } from '../draw.ts';
import { examples, parseCount, parseTitles } from '../options.ts';
import { addAnalysisStyleOptions, renderOptionsOf } from '../style-options.ts';

interface FigureFlags extends DrawingFlags {
  readonly frames: number;
  readonly columns: number;
  readonly titles?: string[];
  readonly caption: string | boolean;
  readonly width: number;
}

/** The `figure` command. */
export function figureCommand(): Command {
  const command = new Command('figure')
    .argument('<analyses...>', 'analysis.json files, or folders in which to look for them')
    .option(
      '-o, --output <file>',
      'the figure to write: .png, .svg or .pdf (default: figure.png beside the first analysis)',
    )
    .option('--frames <count>', 'frames per event, evenly chosen', parseCount(1), 3)
    .option('--columns <count>', 'events beside each other', parseCount(1), 1)
    .option('--titles <list>', 'titles, separated by commas (default: what tells the analyses apart)', parseTitles)
    .option('--caption <text>', 'the caption (default: what the analyses have in common)')
    .option('--no-caption', 'no caption')
    .option('--width <px>', 'width of the figure, 300 pixels per inch', parseCount(400), 2100)
    .option('-q, --quiet', 'no progress');
  return addAnalysisStyleOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf figure left/analysis.json right/analysis.json -o figure.svg --titles "Left turn,Right turn"',
        'l2caf figure left right -o figure.pdf',
        'l2caf figure l2caf/analysis.json gradcam/analysis.json -o methods.png --frames 4 --no-caption',
      ),
    )
    .action(async (paths: string[], { titles, caption, ...flags }: FigureFlags) => {
      const { renderFigure } = await import('../../rendering/figure.ts');
      const { drawAnalyses } = await import('../draw.ts');
      await drawAnalyses(paths, flags, 'figure.png', async (analyses, out, work) => {
        await renderFigure(analyses, out, {
          ...renderOptionsOf(flags),
          frames: flags.frames,
          columns: flags.columns,
          widthPx: flags.width,
          ...(titles && { titles }),
          ...(caption !== true && caption !== undefined && { caption: caption || '' }),
          ...work,
        });
        return undefined;
      });
    });
}
