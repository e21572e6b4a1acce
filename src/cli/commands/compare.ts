/** `l2caf compare`: several analyses synchronised in one video. */
import { Command, Option } from 'commander';
import { SCENE_LAYOUTS, type SceneLayout } from '../../video/drawing/style.ts';
import type { Draw, DrawingFlags } from '../draw.ts';
import { examples, parseTitles } from '../options.ts';
import {
  addVideoOptions,
  type FileFlags,
  maxBytesOf,
  maxMbOption,
  type VideoFlags,
  videoOptionsOf,
} from '../style-options.ts';

interface CompareFlags extends DrawingFlags, VideoFlags, FileFlags {
  readonly titles?: string[];
  readonly layout?: SceneLayout;
}

/** The `compare` command. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .argument(
      '<analyses...>',
      'analysis.json files, or folders in which to look for them: of one clip with several methods, or of several clips',
    )
    .option(
      '-o, --output <file>',
      'the video to write: .mp4, .webm or .gif (default: compare.mp4 beside the first analysis)',
    )
    .option('--titles <list>', 'titles, separated by commas (default: what tells the analyses apart)', parseTitles)
    .addOption(
      new Option(
        '--layout <kind>',
        'beside each other, below each other, or in rows (default: what suits a screen)',
      ).choices(SCENE_LAYOUTS),
    )
    .addOption(maxMbOption())
    .option('-q, --quiet', 'no progress');
  return addVideoOptions(command)
    .addHelpText(
      'after',
      examples(
        'l2caf analyze turn.mp4 -o l2caf && l2caf analyze turn.mp4 --method gradcam-abs -o gradcam',
        'l2caf compare l2caf gradcam -o compare.mp4 --titles "L2-CAF,Grad-CAM-abs"',
        'l2caf analyze a.mp4 --target similar:b.mp4 -o a && l2caf analyze b.mp4 --target similar:a.mp4 -o b',
        'l2caf compare a/analysis.json b/analysis.json --ribbon',
        'l2caf compare a b c d --layout grid -o four.webm',
      ),
    )
    .action(async (paths: string[], { titles, layout, ...flags }: CompareFlags) => {
      const { expectSeveral, renderComparison } = await import('../../rendering/comparison.ts');
      const { drawAnalyses } = await import('../draw.ts');
      const draw: Draw = (analyses, out, work) =>
        renderComparison(analyses, out, {
          ...videoOptionsOf(flags),
          ...maxBytesOf(flags),
          ...(layout && { layout }),
          ...(titles && { titles }),
          ...work,
        });
      await drawAnalyses(paths, flags, 'compare.mp4', draw, expectSeveral);
    });
}
