/** `l2caf evaluate localization`, as it is asked for. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CAMVID_CLASSES, DEFAULT_METHODS } from '../../evaluation/choices.ts';
import type { LocalizationFlags } from '../evaluate-localization.ts';
import { mapStudyCommand, methodsOption } from '../evaluate-options.ts';
import { examples } from '../options.ts';
import { interruptible } from '../run.ts';

/** The `localization` subcommand of `evaluate`. */
export function localizationCommand(): Command {
  return mapStudyCommand('localization', 'how well the maps lie on the object that decides an event')
    .requiredOption(
      '--truth <path>',
      'folder with masks (NAME/0000.png, …) or boxes (NAME.json) of each video, or boxes.csv',
    )
    .addOption(
      new Option('--classes <label=value,…>', 'mask value that decides events of a label')
        .argParser(parseClasses)
        .default(CAMVID_CLASSES, [...CAMVID_CLASSES].map((pair) => pair.join('=')).join(',')),
    )
    .addOption(methodsOption(DEFAULT_METHODS))
    .addHelpText(
      'after',
      examples(
        'l2caf evaluate localization events.csv --truth labels',
        'l2caf evaluate localization clips/events.csv --truth clips --model my-model --target label',
        'l2caf evaluate localization events.csv --truth boxes.csv --methods l2caf,gradcam,random --limit 20',
        'l2caf evaluate localization events.csv --truth labels --model net.onnx --norm imagenet',
      ),
    )
    .action((events: string, flags: LocalizationFlags) =>
      interruptible(async (signal) =>
        (await import('../evaluate-localization.ts')).evaluateLocalization(events, flags, signal),
      ),
    );
}

function parseClasses(text: string): ReadonlyMap<string, number> {
  const pairs = text.split(',').map((pair) => /^(.+)=(\d{1,3})$/.exec(pair.trim()));
  if (!pairs.every((pair) => pair !== null && Number(pair[2]) <= 255)) {
    throw new InvalidArgumentError('expected LABEL=VALUE,… with values from 0 to 255, such as cyclist=10,signal=6.');
  }
  return new Map(pairs.map((pair) => [pair![1]!, Number(pair![2])]));
}
