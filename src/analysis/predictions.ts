/** Numbers that a network predicts over time, such as a steering angle, beside what was recorded of them. */
import { L2cafError } from '../base/errors.ts';
import { correlation } from '../l2caf/starts.ts';
import type { Analysis } from './document.ts';

/** A number that a network gave over time, and what was recorded of it. */
export interface Prediction {
  readonly name: string;
  /** One per frame: that of the window which ends there; null where none does. */
  readonly values: readonly (number | null)[];
  readonly recorded?: { readonly name: string; readonly values: readonly (number | null)[] };
  /** Where it was recorded. */
  readonly agreement?: Agreement;
}

/** The numbers of an analysis over time, each beside the signal of its name, if one was recorded. */
export function predictionsOf({ numbers, windows, frames, signals }: Analysis): Prediction[] {
  const ends = windows?.map((window) => ({ frame: window.frames.at(-1)!, numbers: window.numbers ?? [] })) ?? [
    { frame: frames.length - 1, numbers: numbers?.values ?? [] },
  ];
  return (numbers?.names ?? []).map((name, k) => {
    const values: (number | null)[] = frames.map(() => null);
    for (const { frame, numbers: of } of ends) values[frame] = of[k] ?? null;
    const place = signals?.names.findIndex((other) => meansTheSame(name, other)) ?? -1;
    if (signals === undefined || place < 0) return { name, values };
    const recorded = { name: signals.names[place]!, values: signals.values[place]! };
    const fit = agreement(values, recorded.values);
    return { name, values, recorded, ...(fit && { agreement: fit }) };
  });
}

/** Names of one thing, such as `angle` of a tub's `user/angle`, and `steering`. */
function meansTheSame(name: string, other: string): boolean {
  const [a, b] = [name, other].map((text) => text.toLowerCase().split('/').at(-1)!);
  const isSteering = (text: string): boolean => ['angle', 'steering', 'steering_angle'].includes(text);
  return a === b || (isSteering(a!) && isSteering(b!));
}

/** How well what was predicted fits what was recorded. */
export interface Agreement {
  /** Pearson's; absent where one of the two is constant, or there are fewer than two pairs. */
  readonly correlation?: number;
  /** Mean of the absolute differences, in the unit of the signal. */
  readonly meanAbsoluteError: number;
  /** Moments at which both are known. */
  readonly n: number;
}

/**
 * Compares a prediction with a record at the same moments, those at which both are known.
 *
 * @returns undefined where they are nowhere both known
 * @throws L2cafError `shape-mismatch` for different numbers of moments
 */
export function agreement(
  predicted: readonly (number | null)[],
  recorded: readonly (number | null)[],
): Agreement | undefined {
  if (predicted.length !== recorded.length) {
    const counts = `${predicted.length} and ${recorded.length}`;
    throw new L2cafError('shape-mismatch', `a prediction and a record have ${counts} values`);
  }
  const pairs = predicted.flatMap((a, i): [number, number][] => {
    const b = recorded[i]!;
    return a === null || b === null || !Number.isFinite(a) || !Number.isFinite(b) ? [] : [[a, b]];
  });
  const n = pairs.length;
  if (n === 0) return undefined;
  const [first, second] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
  const varies = [first, second].every((values) => values.some((value) => value !== values[0]));
  return {
    ...(varies && { correlation: correlation(first, second) }),
    meanAbsoluteError: pairs.reduce((sum, [a, b]) => sum + Math.abs(a - b), 0) / n,
    n,
  };
}
