/** `l2caf evaluate faithfulness`, as it is asked for. */
import type { Command } from 'commander';
import { DEFAULT_METHODS } from '../../evaluation/choices.ts';
import type { FaithfulnessFlags } from '../evaluate-faithfulness.ts';
import { mapStudyCommand, methodsOption } from '../evaluate-options.ts';
import { examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `faithfulness` subcommand of `evaluate`. */
export function faithfulnessCommand(): Command {
  return mapStudyCommand('faithfulness', 'whether the output comes back, and goes, with the cells that the maps show')
    .addOption(methodsOption(DEFAULT_METHODS))
    .option('--road', 'also remove pixels from the frames (ROAD): the whole network runs 8 times per map')
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate faithfulness events.csv',
        'l2caf evaluate faithfulness events.csv --target label --methods l2caf,gradcam,random --limit 50',
        'l2caf evaluate faithfulness events.csv --road --methods l2caf,gradcam-abs,random --limit 20',
        'l2caf evaluate faithfulness events.csv --model net.onnx --norm imagenet',
      ),
    )
    .action((events: string, flags: FaithfulnessFlags) =>
      interruptible(async (signal) =>
        (await import('../evaluate-faithfulness.ts')).evaluateFaithfulness(events, flags, signal),
      ),
    );
}
