/** `l2caf evaluate sanity`: do the maps show what the network has learnt? */
import type { Command } from 'commander';
import type { MapMethod } from '../evaluation/choices.ts';
import { studySanity } from '../evaluation/sanity-study.ts';
import { methodsOption } from './evaluate-localization.ts';
import { mapStudyCommand, runEventStudy, type TargetFlags, usualMethods } from './evaluate-study.ts';
import { examples } from './options.ts';
import { interruptible } from './run.ts';

/** Maps that are compared unless others are named. */
const METHODS: readonly MapMethod[] = ['l2caf', 'gradcam-abs', 'activation-norm'];

interface SanityFlags extends TargetFlags {
  readonly methods?: readonly MapMethod[];
}

/** The `sanity` subcommand of `evaluate`. */
export function sanityCommand(): Command {
  return mapStudyCommand('sanity', 're-initialise the network part by part: do the maps change?')
    .addOption(methodsOption(METHODS))
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
      interruptible((signal) =>
        runEventStudy('sanity', events, flags, signal, async ({ studied, planned, context }) => {
          const { methods = usualMethods({ studied }, METHODS) } = flags;
          const study = await studySanity(studied, planned, { ...(await context()), methods });
          const { table, meanRankCorrelation, contactPicture } = study;
          return {
            options: { methods },
            used: { events: planned.length },
            tables: [table],
            details: { meanRankCorrelation },
            files: [{ name: 'sanity-maps.png', data: contactPicture }],
          };
        }),
      ),
    );
}
