/** `l2caf evaluate stability`: do maps stay when nothing that matters has changed? */
import type { MapMethod } from '../evaluation/choices.ts';
import { studyStability } from '../evaluation/stability-study.ts';
import { STABILITY_METHODS, type TargetFlags } from './evaluate-options.ts';
import { runEventStudy, usualMethods } from './evaluate-study.ts';

/** Runs the study on the events of a list. */
export async function evaluateStability(events: string, flags: StabilityFlags, signal: AbortSignal): Promise<void> {
  await runEventStudy('stability', events, flags, signal, async ({ studied, planned, context }) => {
    const { methods = usualMethods({ studied }, STABILITY_METHODS) } = flags;
    const tables = await studyStability(studied, planned, { ...(await context()), methods });
    return { options: { methods }, used: { events: planned.length }, tables };
  });
}

/** What commander hands over. */
export interface StabilityFlags extends TargetFlags {
  readonly methods?: readonly MapMethod[];
}
