/** `l2caf evaluate localization`: do the maps lie on what decides an event? */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { L2cafError } from '../base/errors.ts';
import { CAMVID_CLASSES, DEFAULT_METHODS, MAP_METHODS, type MapMethod, MIN_OBJECT_PX } from '../evaluation/choices.ts';
import { localizationTables, studyLocalization } from '../evaluation/localization-study.ts';
import { openTruth, surveyTruth, type TruthSurvey } from '../evaluation/truth.ts';
import { mapStudyCommand, runEventStudy, type StudyResult, type TargetFlags, usualMethods } from './evaluate-study.ts';
import { examples, parseSome } from './options.ts';
import { interruptible } from './run.ts';

interface LocalizationFlags extends TargetFlags {
  readonly truth: string;
  readonly classes: ReadonlyMap<string, number>;
  readonly methods?: readonly MapMethod[];
}

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
      interruptible((signal) =>
        runEventStudy('localization', events, flags, signal, async ({ studied, planned, terminal, work, context }) => {
          const truth = await openTruth(flags.truth, flags.classes);
          const { events: visible, ...leftOut } = await surveyTruth(planned, truth, work);
          for (const line of describeLeftOut(leftOut)) terminal.info(line);
          if (visible.length === 0) throw nothingToMeasure(flags);
          const { methods = usualMethods({ studied }, DEFAULT_METHODS) } = flags;
          const study = await context();
          const scores = await studyLocalization(studied, visible, { ...study, methods, truth });
          const frames = visible.reduce((sum, { hasEvidence }) => sum + hasEvidence.filter(Boolean).length, 0);
          return {
            options: { truth: flags.truth, methods, minObjectPx: MIN_OBJECT_PX },
            used: { events: visible.length, frames, ...leftOut },
            tables: await localizationTables(scores, study),
          } satisfies StudyResult;
        }),
      ),
    );
}

/** The option that names the maps to compare. */
export function methodsOption(usual: readonly MapMethod[]): Option {
  const words = usual === DEFAULT_METHODS ? 'all but l2caf-pytorch, which is slow, and rollout' : usual.join(',');
  return new Option(
    '--methods <names>',
    `maps to compare, separated by commas: ${MAP_METHODS.join(', ')} (default: ${words})`,
  ).argParser(parseSome(MAP_METHODS));
}

function nothingToMeasure({ split }: LocalizationFlags): L2cafError {
  return new L2cafError('usage', `no event of the split ${split} shows an object that decides it`, {
    hint: 'name the mask value of each label with --classes',
  });
}

function describeLeftOut({
  eventsWithoutObject,
  labelsWithoutObject,
  framesLeftOut,
}: Omit<TruthSurvey, 'events'>): string[] {
  const lines: string[] = [];
  if (eventsWithoutObject > 0) {
    lines.push(`events left out: ${eventsWithoutObject} (no single object decides ${labelsWithoutObject.join(', ')})`);
  }
  if (framesLeftOut > 0)
    lines.push(`frames left out: ${framesLeftOut} (less than ${MIN_OBJECT_PX} pixels of the object)`);
  return lines;
}

function parseClasses(text: string): ReadonlyMap<string, number> {
  const pairs = text.split(',').map((pair) => /^(.+)=(\d{1,3})$/.exec(pair.trim()));
  if (!pairs.every((pair) => pair !== null && Number(pair[2]) <= 255)) {
    throw new InvalidArgumentError('expected LABEL=VALUE,… with values from 0 to 255, such as cyclist=10,signal=6.');
  }
  return new Map(pairs.map((pair) => [pair![1]!, Number(pair![2])]));
}
