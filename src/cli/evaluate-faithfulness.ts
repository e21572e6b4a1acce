/** `l2caf evaluate faithfulness`: is what the maps show what the network uses? */
import { DEFAULT_METHODS, type MapMethod } from '../evaluation/choices.ts';
import { studyFaithfulness } from '../evaluation/faithfulness-study.ts';
import type { TargetFlags } from './evaluate-options.ts';
import { runEventStudy, usualMethods } from './evaluate-study.ts';

/** Runs the study on the events of a list. */
export async function evaluateFaithfulness(
  events: string,
  flags: FaithfulnessFlags,
  signal: AbortSignal,
): Promise<void> {
  await runEventStudy('faithfulness', events, flags, signal, async ({ studied, planned, context }) => {
    const { methods = usualMethods({ studied }, DEFAULT_METHODS), road } = flags;
    const tables = await studyFaithfulness(studied, planned, { ...(await context()), methods, withRoad: road });
    return { options: { methods, ...(road && { road }) }, used: { events: planned.length }, tables };
  });
}

/** What commander hands over. */
export interface FaithfulnessFlags extends TargetFlags {
  readonly methods?: readonly MapMethod[];
  readonly road?: boolean;
}
