/** A few of many things, so that they are like the whole. */

/** Where things are taken: at the starts of equal parts, in their middles, or from the first to the last. */
export type Spacing = 'starts' | 'middles' | 'ends';

/** Positions of at most `most` of `count` things, evenly spread, increasing; all where there are no more. */
export function evenPositions(count: number, most: number, spacing: Spacing): number[] {
  const chosen = Math.min(count, most);
  const position = {
    starts: (k: number) => Math.floor((k * count) / chosen),
    middles: (k: number) => Math.floor(((k + 0.5) * count) / chosen),
    ends: (k: number) => (chosen === 1 ? 0 : Math.round((k * (count - 1)) / (chosen - 1))),
  }[spacing];
  return Array.from({ length: chosen }, (_, k) => position(k));
}

/** The things at {@link evenPositions}; all where `most` is undefined. */
export function evenlyChosen<T>(things: readonly T[], most: number | undefined, spacing: Spacing): T[] {
  return evenPositions(things.length, most ?? things.length, spacing).map((position) => things[position]!);
}
