/** Which class probabilities are worth a line over time, in the ribbon of a video and in that of a report. */

/** The probability of a class at each sample, in [0, 1]. */
export interface ClassLine {
  readonly name: string;
  readonly probabilities: readonly number[];
}

/** What is drawn of class probabilities. */
export interface ClassLines {
  /** The likeliest first. */
  readonly lines: readonly ClassLine[];
  /** How many classes are left out. */
  readonly hidden: number;
}

const MAX_LINES = 6;
/** A class that never becomes likelier is a line along the lower edge. */
const LEAST_PROBABILITY = 0.05;

/** The six classes that become likeliest, without those that stay under 5 %; undefined if there are no classes. */
export function likeliestClasses(classes: readonly ClassLine[]): ClassLines | undefined {
  if (classes.length === 0) return undefined;
  const ranked = classes
    .map((line) => ({ line, most: Math.max(...line.probabilities) }))
    .sort((a, b) => b.most - a.most);
  const lines = ranked.filter(({ most }, k) => k === 0 || (k < MAX_LINES && most >= LEAST_PROBABILITY));
  return { lines: lines.map(({ line }) => line), hidden: classes.length - lines.length };
}
