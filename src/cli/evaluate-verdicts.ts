/** `l2caf evaluate verdicts`: do the verdicts on maps tell what deleting their cells in the picture does? */
import { studyVerdicts } from '../evaluation/verdict-study.ts';
import type { TargetFlags } from './evaluate-options.ts';
import { runEventStudy } from './evaluate-study.ts';

/** Runs the study on the events of a list. */
export async function evaluateVerdicts(events: string, flags: TargetFlags, signal: AbortSignal): Promise<void> {
  await runEventStudy('verdicts', events, flags, signal, async ({ studied, planned, context }) => {
    const tables = await studyVerdicts(studied, planned, await context());
    return { used: { events: planned.length }, tables };
  });
}
