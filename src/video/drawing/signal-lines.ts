/** Numbers over time, recorded or predicted, that the ribbon shows in a video and in a report: their rows and scales. */

/** A number over time. */
export interface SignalLine {
  readonly name: string;
  /** One per moment; null where it is not known. */
  readonly values: readonly (number | null)[];
  /** Its moments, seconds from the start of the clip, increasing; absent: those of the samples. */
  readonly timesSec?: readonly number[];
}

/** Numbers over time that share a row and its scale, such as what was predicted beside what was recorded. */
export interface SignalRow {
  /** At least one. */
  readonly lines: readonly SignalLine[];
}

/** The ends of the scale that the lines of a row share, which is never empty. */
export function scaleOf({ lines }: SignalRow): { readonly min: number; readonly max: number } {
  const values = lines.flatMap((line) => line.values.filter((value) => value !== null));
  const [min, max] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  if (min < max) return { min, max };
  const middle = Number.isFinite(min) ? min : 0;
  return { min: middle - 1, max: middle + 1 };
}

/** The value of a line at a time, linear between the moments around it; null where it is not known. */
export function valueAt(values: SignalLine['values'], timesSec: readonly number[], timeSec: number): number | null {
  const after = timesSec.findIndex((time) => time >= timeSec);
  const [to, from] = [values[after] ?? null, values[after - 1] ?? null];
  if (timesSec[after] === timeSec || to === null) return to;
  if (from === null) return null;
  const share = (timeSec - timesSec[after - 1]!) / (timesSec[after]! - timesSec[after - 1]!);
  return (1 - share) * from + share * to;
}
