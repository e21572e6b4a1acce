/** `l2caf evaluate verdicts`, as it is asked for. */
import type { Command } from 'commander';
import { mapStudyCommand, type TargetFlags } from '../evaluate-options.ts';
import { examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `verdicts` subcommand of `evaluate`. */
export function verdictsCommand(): Command {
  return mapStudyCommand('verdicts', 'do the verdicts tell what blurring cells in the picture does to the answer?')
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate verdicts events.csv --limit 40',
        'l2caf evaluate verdicts validation.csv --split all      # what the limits of the verdicts come from',
        'l2caf evaluate verdicts events.csv --model net.onnx --norm imagenet',
      ),
    )
    .action((events: string, flags: TargetFlags) =>
      interruptible(async (signal) =>
        (await import('../evaluate-verdicts.ts')).evaluateVerdicts(events, flags, signal),
      ),
    );
}
