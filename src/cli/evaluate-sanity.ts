/** `l2caf evaluate sanity`: do the maps show what the network has learnt? */
import type { MapMethod } from '../evaluation/choices.ts';
import { studySanity } from '../evaluation/sanity-study.ts';
import { SANITY_METHODS, type TargetFlags } from './evaluate-options.ts';
import { runEventStudy, usualMethods } from './evaluate-study.ts';

/** Runs the study on the events of a list. */
export async function evaluateSanity(events: string, flags: SanityFlags, signal: AbortSignal): Promise<void> {
  await runEventStudy('sanity', events, flags, signal, async ({ studied, planned, context }) => {
    const { methods = usualMethods({ studied }, SANITY_METHODS) } = flags;
    const study = await studySanity(studied, planned, { ...(await context()), methods });
    const { table, meanRankCorrelation, contactPicture } = study;
    return {
      options: { methods },
      used: { events: planned.length },
      tables: [table],
      details: { meanRankCorrelation },
      files: [{ name: 'sanity-maps.png', data: contactPicture }],
    };
  });
}

/** What commander hands over. */
export interface SanityFlags extends TargetFlags {
  readonly methods?: readonly MapMethod[];
}
