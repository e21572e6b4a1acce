/** Which class probabilities are worth a line over time, in the ribbon of a video and in that of a report. */

/** The probability of a class at each sample, in [0, 1]. */
export interface ClassLine {
  readonly name: string;
  /** As CSS, see `classColor`. */
  readonly color: string;
  /** Null where it is not to be believed. */
  readonly probabilities: readonly (number | null)[];
}

/** What is drawn of class probabilities. */
export interface ClassLines {
  /** The likeliest first. */
  readonly lines: readonly ClassLine[];
  /** How many classes are left out. */
  readonly hidden: number;
  /** What to know of them, such as that they are not to be believed. */
  readonly notes?: readonly string[];
}

const MAX_LINES = 6;
/** A class that never becomes likelier is a line along the lower edge. */
const LEAST_PROBABILITY = 0.05;

/**
 * The six classes that become likeliest, without those that stay under 5 %; undefined if there are no classes.
 *
 * @param asked a class that is shown in any case
 */
export function likeliestClasses(classes: readonly ClassLine[], asked?: string): ClassLines | undefined {
  if (classes.length === 0) return undefined;
  const ranked = classes
    .map((line) => ({ line, most: Math.max(0, ...line.probabilities.map((value) => value ?? 0)) }))
    .sort((a, b) => Number(b.line.name === asked) - Number(a.line.name === asked) || b.most - a.most);
  const lines = ranked.filter(
    ({ most, line }, k) => (k === 0 && most > 0) || line.name === asked || (k < MAX_LINES && most >= LEAST_PROBABILITY),
  );
  return { lines: lines.map(({ line }) => line), hidden: classes.length - lines.length };
}
