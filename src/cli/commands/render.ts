/** `l2caf render`: the video of an analysis again, in another style, without running a network. */
import { Command } from 'commander';
import type { DrawingFlags } from '../draw.ts';
import { examples } from '../options.ts';
import {
  addVideoOptions,
  type FileFlags,
  maxBytesOf,
  maxMbOption,
  type VideoFlags,
  videoOptionsOf,
} from '../style-options.ts';

/** The `render` command. */
export function renderCommand(): Command {
  const command = new Command('render')
    .argument('<analysis>', 'analysis.json of an earlier l2caf analyze')
    .option('-o, --output <file>', 'the video to write: .mp4, .webm or .gif (default: overlay.mp4 beside the analysis)')
    .addOption(maxMbOption())
    .option('-q, --quiet', 'no progress');
  return addVideoOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf render out/analysis.json --style both --colormap turbo',
        'l2caf render out/analysis.json -o peaks.mp4 --levels 0.8,0.95',
        'l2caf render out/analysis.json -o slide.gif --max-mb 5 --show-class --no-badge',
      ),
    )
    .action(async (path: string, flags: DrawingFlags & VideoFlags & FileFlags) => {
      const { renderVideo } = await import('../../rendering/rendering.ts');
      const { drawAnalyses } = await import('../draw.ts');
      await drawAnalyses([path], flags, 'overlay.mp4', ([analysis], out, work) =>
        renderVideo(analysis!, out, { ...videoOptionsOf(flags), ...maxBytesOf(flags), ...work }),
      );
    });
}
