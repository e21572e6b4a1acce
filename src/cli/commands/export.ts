/** `l2caf export`, as it is asked for. */
import { Command, Option } from 'commander';
import { EXPORT_FORMATS } from '../../exports/choices.ts';
import type { ExportFlags } from '../export.ts';
import { examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `export` command. */
export function exportCommand(): Command {
  const format = new Option(
    '--format <name>',
    'arrays for NumPy, a row per frame as CSV or JSON lines, or a folder for FiftyOne (default: as -o is named)',
  ).choices(EXPORT_FORMATS);
  return new Command('export')
    .argument('<analyses...>', 'analysis.json files, or folders in which to look for them, such as a batch')
    .requiredOption('-o, --output <path>', 'a file .npz, .csv or .jsonl, or, for FiftyOne, a folder')
    .addOption(format)
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      examples(
        'l2caf export results -o attention.npz',
        'l2caf export l2caf-out/drive/analysis.json -o frames.csv',
        'l2caf export results --format fiftyone -o for-fiftyone',
      ),
    )
    .action((paths: string[], flags: ExportFlags) =>
      interruptible(async (signal) => (await import('../export.ts')).exportAnalyses(paths, flags, signal)),
    );
}
