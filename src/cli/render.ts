/** `l2caf render`: the video of an analysis again, in another style, without running a network. */
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { readAnalysis } from '../analysis.ts';
import { renderVideo } from '../rendering.ts';
import { ignoredWarnings } from '../timeline.ts';
import { examples } from './options.ts';
import { interruptible } from './run.ts';
import { addVideoOptions, type VideoFlags, videoOptionsOf } from './style-options.ts';
import { createTerminal } from './terminal.ts';

interface RenderFlags extends VideoFlags {
  readonly output?: string;
  readonly quiet?: boolean;
}

/** The `render` command. */
export function renderCommand(): Command {
  const command = new Command('render')
    .description('draw the video of an analysis again, in another style; no network is run')
    .argument('<analysis>', 'analysis.json of an earlier l2caf analyze')
    .option('-o, --output <file>', 'the video to write (default: overlay.mp4 beside the analysis)')
    .option('-q, --quiet', 'no progress');
  return addVideoOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf render out/analysis.json --style both --colormap turbo',
        'l2caf render out/analysis.json -o peaks.mp4 --levels 0.8,0.95',
      ),
    )
    .action(async (path: string, flags: RenderFlags) => {
      const terminal = createTerminal(flags);
      const out = flags.output ?? join(dirname(path), 'overlay.mp4');
      const analysis = await readAnalysis(path);
      const warnings = [...analysis.warnings, ...ignoredWarnings(analysis, flags.ignore)];
      for (const warning of new Set(warnings)) terminal.warn(warning);
      await interruptible((signal) =>
        renderVideo(analysis, out, { ...videoOptionsOf(flags), signal, onProgress: terminal.onProgress }),
      );
      terminal.result(out);
    });
}
