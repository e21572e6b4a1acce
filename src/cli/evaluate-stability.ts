/** `l2caf evaluate stability`: do maps stay when nothing that matters has changed? */
import type { Command } from 'commander';
import type { MapMethod } from '../evaluation/choices.ts';
import { studyStability } from '../evaluation/stability-study.ts';
import { methodsOption } from './evaluate-localization.ts';
import { mapStudyCommand, runEventStudy, type TargetFlags, usualMethods } from './evaluate-study.ts';
import { examples } from './options.ts';
import { interruptible } from './run.ts';

/** Maps that are compared unless others are named. */
const METHODS: readonly MapMethod[] = ['l2caf', 'gradcam-abs'];

interface StabilityFlags extends TargetFlags {
  readonly methods?: readonly MapMethod[];
}

/** The `stability` subcommand of `evaluate`. */
export function stabilityCommand(): Command {
  return mapStudyCommand('stability', 'agreement over starting points, neighbouring frames, light and compression')
    .addOption(methodsOption(METHODS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate stability events.csv --limit 20',
        'l2caf evaluate stability events.csv --target label --methods l2caf,l2caf-positive,gradcam',
        'l2caf evaluate stability events.csv --model net.onnx --norm imagenet',
      ),
    )
    .action((events: string, flags: StabilityFlags) =>
      interruptible((signal) =>
        runEventStudy('stability', events, flags, signal, async ({ studied, planned, context }) => {
          const { methods = usualMethods({ studied }, METHODS) } = flags;
          const table = await studyStability(studied, planned, { ...(await context()), methods });
          return { options: { methods }, used: { events: planned.length }, tables: [table] };
        }),
      ),
    );
}
