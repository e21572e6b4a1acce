/** `l2caf evaluate sanity`, as it is asked for. */
import type { Command } from 'commander';
import { mapStudyCommand, methodsOption, SANITY_METHODS } from '../evaluate-options.ts';
import type { SanityFlags } from '../evaluate-sanity.ts';
import { examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `sanity` subcommand of `evaluate`. */
export function sanityCommand(): Command {
  return mapStudyCommand('sanity', 're-initialise the network part by part: do the maps change?')
    .addOption(methodsOption(SANITY_METHODS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate sanity events.csv --limit 20',
        'l2caf evaluate sanity events.csv --target label --methods l2caf,gradcam',
        'l2caf evaluate sanity events.csv --model net.onnx --norm imagenet',
        'l2caf image --sanity dog.jpg            # still pictures',
      ),
    )
    .action((events: string, flags: SanityFlags) =>
      interruptible(async (signal) => (await import('../evaluate-sanity.ts')).evaluateSanity(events, flags, signal)),
    );
}
