/** `l2caf evaluate faithfulness`: is what the maps show what the network uses? */
import type { Command } from 'commander';
import { DEFAULT_METHODS, type MapMethod } from '../evaluation/choices.ts';
import { studyFaithfulness } from '../evaluation/faithfulness-study.ts';
import { methodsOption } from './evaluate-localization.ts';
import { mapStudyCommand, runEventStudy, type TargetFlags, usualMethods } from './evaluate-study.ts';
import { examples } from './options.ts';
import { interruptible } from './run.ts';

interface FaithfulnessFlags extends TargetFlags {
  readonly methods?: readonly MapMethod[];
}

/** The `faithfulness` subcommand of `evaluate`. */
export function faithfulnessCommand(): Command {
  return mapStudyCommand('faithfulness', 'whether the output comes back, and goes, with the cells that the maps show')
    .addOption(methodsOption(DEFAULT_METHODS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate faithfulness events.csv',
        'l2caf evaluate faithfulness events.csv --target label --methods l2caf,gradcam,random --limit 50',
        'l2caf evaluate faithfulness events.csv --model net.onnx --norm imagenet',
      ),
    )
    .action((events: string, flags: FaithfulnessFlags) =>
      interruptible((signal) =>
        runEventStudy('faithfulness', events, flags, signal, async ({ studied, planned, context }) => {
          const { methods = usualMethods({ studied }, DEFAULT_METHODS) } = flags;
          const tables = await studyFaithfulness(studied, planned, { ...(await context()), methods });
          return { options: { methods }, used: { events: planned.length }, tables };
        }),
      ),
    );
}
