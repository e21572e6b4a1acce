/**
 * What a map is worth believing, in words: does it change when what the network learnt is drawn at random, does the answer go when its
 * top cells are emptied, does it hold still, is there an answer to explain at all? `map-figures.ts` finds the numbers.
 */
import type { Verdict } from './choices.ts';

/** What the words go by. Of several maps, their means. */
export interface VerdictFigures {
  /** How far the output moves when the whole frame is emptied, `‖FT(0) − NT‖ / ‖NT‖`. */
  readonly moved: number;
  /** What of the answer is lost when cells are emptied, of an embedding as a share of what is lost with all of them: the map's top cells, */
  readonly top: number;
  /** as many random ones, mean of 20 draws, */
  readonly random: number;
  /** and those whose features are largest; absent where a network does not show them. */
  readonly strongest?: number;
  /** Rank correlation with the map when what lies behind the features is drawn at random, mean of the draws. */
  readonly redrawn?: number;
  /** Rank correlation with the map one step earlier and later. */
  readonly steady?: number;
}

/**
 * Where the words begin. `l2caf evaluate verdicts` measures them; these are what it found on validation drives of the packaged
 * head (docs/method.md says how each is chosen).
 */
export const VERDICT_LIMITS = {
  /** A frame whose absence moves the output by less does not matter. */
  moved: 0.165,
  /** {@link advantageOf} of the top cells below which they are no better than random ones. */
  advantage: 0,
  /** Above this correlation a map is as like that of a redrawn network as those are to each other. */
  redrawn: 0.64,
  /** Below this correlation a map has no more in common with the next than with one of another video. */
  steady: 0.41,
} as const;

/** How much more the top cells carry than other cells, −1 to 1; 0 where both carry as much. */
export function advantageOf(top: number, others: number): number {
  const sum = Math.abs(top) + Math.abs(others);
  return sum > 0 ? (top - others) / sum : 0;
}

/** The words for figures. */
export function verdictOf({ moved, top, random, redrawn, steady }: VerdictFigures): Verdict {
  const limits = VERDICT_LIMITS;
  if (moved < limits.moved || advantageOf(top, random) <= limits.advantage) return 'nothing here matters';
  if (steady !== undefined && steady < limits.steady) return 'unstable';
  if (redrawn !== undefined && redrawn > limits.redrawn) return 'shows what the first layers see';
  return 'says what the network uses';
}

/** The mean of figures, each counted by its weight; equally where no weight is positive. */
export function meanFigures(figures: readonly VerdictFigures[], weights?: readonly number[]): VerdictFigures {
  const positive = weights?.map((weight) => Math.max(0, weight)) ?? [];
  const own = positive.some((weight) => weight > 0) ? positive : figures.map(() => 1);
  const meanOf = (key: keyof VerdictFigures): number | undefined => {
    let [sum, total] = [0, 0];
    for (const [i, one] of figures.entries()) {
      const value = one[key];
      if (value === undefined) continue;
      sum += own[i]! * value;
      total += own[i]!;
    }
    return total > 0 ? sum / total : undefined;
  };
  const [strongest, redrawn, steady] = [meanOf('strongest'), meanOf('redrawn'), meanOf('steady')];
  return {
    ...{ moved: meanOf('moved')!, top: meanOf('top')!, random: meanOf('random')! },
    ...(strongest !== undefined && { strongest }),
    ...(redrawn !== undefined && { redrawn }),
    ...(steady !== undefined && { steady }),
  };
}
