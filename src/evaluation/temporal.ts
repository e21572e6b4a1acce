/** Whether the frame that matters most (`frameImportance`) is one that holds the evidence. */

/** What the most important frame of an event is, if that can be right or wrong. */
export interface TemporalOutcome {
  /** Whether it is one that holds the evidence. */
  readonly isHit: boolean;
  /** Share of frames that hold it: the hit rate of guessing. */
  readonly chance: number;
}

/**
 * Whether the most important frame is one of those with evidence; undefined when all frames have it, or none.
 *
 * @param hasEvidence one per frame
 */
export function temporalOutcome(
  importance: Float64Array,
  hasEvidence: readonly boolean[],
): TemporalOutcome | undefined {
  const chance = hasEvidence.filter(Boolean).length / hasEvidence.length;
  if (chance === 0 || chance === 1) return undefined;
  const largest = importance.reduce((best, value, i) => (value > importance[best]! ? i : best), 0);
  return { isHit: hasEvidence[largest]!, chance };
}
