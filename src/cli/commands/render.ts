/** `l2caf render`: the video of an analysis again, in another style, without running a network. */
import { Command, Option } from 'commander';
import { L2cafError } from '../../base/errors.ts';
import { VIDEO_FORMATS, type VideoFormat } from '../../video/media/video-steps.ts';
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
    .argument('<analyses...>', 'analysis.json files, or folders in which to look for them')
    .option(
      '-o, --output <path>',
      'the video to write: .mp4, .webm or .gif, or a picture for each frame: frames/%05d.png (default: overlay.mp4 beside the analysis); of several, a folder',
    )
    .addOption(new Option('--format <kind>', 'kind of video where -o names none (default: mp4)').choices(VIDEO_FORMATS))
    .addOption(maxMbOption())
    .option('-q, --quiet', 'no progress');
  return addVideoOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf render out/analysis.json --style both --colormap turbo',
        'l2caf render out/analysis.json -o peaks.mp4 --levels 0.8,0.95',
        'l2caf render l2caf-out -o slides --format gif --max-mb 5        every analysis in the folder',
        'l2caf render out/analysis.json -o frames/%05d.png',
        'l2caf render out/analysis.json -o slide.gif --max-mb 5 --show-class --no-badge',
      ),
    )
    .action(async (paths: string[], { format, ...flags }: RenderFlags) => {
      const { renderVideo } = await import('../../rendering/rendering.ts');
      const { isSequence, renderSequence } = await import('../../rendering/sequence.ts');
      const { drawAnalyses, drawEach } = await import('../draw.ts');
      const { isOneAnalysis, tasksFor } = await import('../tasks.ts');
      const draw: Parameters<typeof drawEach>[2] = ([analysis], out, work) =>
        (isSequence(out) ? renderSequence : renderVideo)(analysis!, out, {
          ...{ ...videoOptionsOf(flags), ...maxBytesOf(flags), ...work },
        });
      if ((await isOneAnalysis(paths)) && flags.output !== undefined && format !== undefined) {
        throw new L2cafError('usage', `the name ${flags.output} says what kind of video it is`, {
          hint: 'leave --format out',
        });
      }
      const [ending, name] = [`.${format ?? 'mp4'}`, `overlay.${format ?? 'mp4'}`];
      if (await isOneAnalysis(paths)) return drawAnalyses(paths, flags, name, draw);
      const product = { name, ending, isOne: /\.(mp4|webm|gif|png)$/i, title: 'video' };
      return drawEach(await tasksFor(paths, flags.output, product), flags, draw);
    });
}

interface RenderFlags extends DrawingFlags, VideoFlags, FileFlags {
  readonly format?: VideoFormat;
}
