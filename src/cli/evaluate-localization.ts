/** `l2caf evaluate localization`: do the maps lie on what decides an event? */
import { L2cafError } from '../base/errors.ts';
import { DEFAULT_METHODS, type MapMethod, MIN_OBJECT_PX } from '../evaluation/choices.ts';
import { localizationTables, studyLocalization } from '../evaluation/localization-study.ts';
import { openTruth, surveyTruth, type TruthSurvey } from '../evaluation/truth.ts';
import type { TargetFlags } from './evaluate-options.ts';
import { runEventStudy, type StudyResult, usualMethods } from './evaluate-study.ts';

/** Runs the study on the events of a list. */
export async function evaluateLocalization(
  events: string,
  flags: LocalizationFlags,
  signal: AbortSignal,
): Promise<void> {
  await runEventStudy('localization', events, flags, signal, async ({ studied, planned, terminal, work, context }) => {
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
  });
}

/** What commander hands over. */
export interface LocalizationFlags extends TargetFlags {
  readonly truth: string;
  readonly classes: ReadonlyMap<string, number>;
  readonly methods?: readonly MapMethod[];
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
