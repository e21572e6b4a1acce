/** `l2caf evaluate stability`, as it is asked for. */
import type { Command } from 'commander';
import { mapStudyCommand, methodsOption, STABILITY_METHODS } from '../evaluate-options.ts';
import type { StabilityFlags } from '../evaluate-stability.ts';
import { examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `stability` subcommand of `evaluate`. */
export function stabilityCommand(): Command {
  return mapStudyCommand('stability', 'agreement over starting points, neighbouring frames, light and compression')
    .addOption(methodsOption(STABILITY_METHODS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate stability events.csv --limit 20',
        'l2caf evaluate stability events.csv --target label --methods l2caf,l2caf-positive,gradcam',
        'l2caf evaluate stability events.csv --model net.onnx --norm imagenet',
      ),
    )
    .action((events: string, flags: StabilityFlags) =>
      interruptible(async (signal) =>
        (await import('../evaluate-stability.ts')).evaluateStability(events, flags, signal),
      ),
    );
}
