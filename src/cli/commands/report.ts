/** `l2caf report`, as it is asked for. */
import { Command } from 'commander';
import { examples } from '../options.ts';
import type { ReportFlags } from '../report.ts';
import { interruptible } from '../run.ts';
import { ignoreOption } from '../style-options.ts';

/** The `report` command. */
export function reportCommand(): Command {
  return new Command('report')
    .argument('<analyses...>', 'analysis.json files, or folders in which to look for them')
    .option('-o, --output <path>', 'a page (.html) for one analysis, else a folder (default: beside each analysis)')
    .addOption(ignoreOption())
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf report l2caf-out/drive/analysis.json',
        'l2caf report a/analysis.json b/analysis.json -o review',
        'l2caf report l2caf-out        every analysis in the folder, and an index of them',
      ),
    )
    .action((paths: string[], flags: ReportFlags) =>
      interruptible(async (signal) => (await import('../report.ts')).report(paths, flags, signal)),
    );
}
