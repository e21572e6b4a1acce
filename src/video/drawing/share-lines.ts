/**
 * Which shares of a whole are worth a line over time, in the ribbon of a video and in that of a report: class probabilities, and the
 * attention that lies on objects.
 */

/** A share at each sample, in [0, 1]. */
export interface ShareLine {
  readonly name: string;
  /** As CSS, see `classColor`. */
  readonly color: string;
  /** Null where it is not known, or not to be believed. */
  readonly shares: readonly (number | null)[];
}

/** What is drawn of several shares. */
export interface ShareLines {
  /** The largest first. */
  readonly lines: readonly ShareLine[];
  /** How many are left out. */
  readonly hidden: number;
  /** What to know of them, such as that they are not to be believed. */
  readonly notes?: readonly string[];
}

const MAX_LINES = 6;
/** A share that never becomes larger is a line along the lower edge. */
const LEAST_SHARE = 0.05;

/**
 * The six that become largest, without those that stay under 5 %; undefined if there are none.
 *
 * @param asked one that is shown in any case
 */
export function largestShares(all: readonly ShareLine[], asked?: string): ShareLines | undefined {
  if (all.length === 0) return undefined;
  const ranked = all
    .map((line) => ({ line, most: Math.max(0, ...line.shares.map((value) => value ?? 0)) }))
    .sort((a, b) => Number(b.line.name === asked) - Number(a.line.name === asked) || b.most - a.most);
  const lines = ranked.filter(
    ({ most, line }, k) => (k === 0 && most > 0) || line.name === asked || (k < MAX_LINES && most >= LEAST_SHARE),
  );
  // Where none is shown, there are none to which others could be added.
  return { lines: lines.map(({ line }) => line), hidden: lines.length > 0 ? all.length - lines.length : 0 };
}

/** The upper end of a scale on which the lines have room: 1 of probabilities, less where all shares are small. */
export function topOfShares({ lines }: ShareLines): number {
  const most = lines.reduce(
    (all, { shares }) => shares.reduce<number>((own, share) => Math.max(own, share ?? 0), all),
    0,
  );
  return [0.1, 0.2, 0.5].find((top) => most <= top) ?? 1;
}
