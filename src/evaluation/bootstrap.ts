/** Confidence intervals by the bootstrap (Efron 1979): how far a figure would move with other events of the same kind. */
import { createRandom } from '../base/random.ts';

/** A figure with its 95 % confidence interval; a single thing has none, and its ends are not numbers. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How events are drawn. */
export interface BootstrapOptions {
  readonly seed: number;
  /** Default 1000. */
  readonly resamples?: number;
}

/**
 * A statistic of n things and its percentile interval over resamples of n with replacement. The draws depend on n and the
 * seed alone, so different statistics of the same things are compared on the same resamples.
 *
 * @param statistic of the things with these indices; a resample for which it is not a number is left out
 */
export function bootstrap(
  count: number,
  statistic: (indices: readonly number[]) => number,
  { seed, resamples = 1000 }: BootstrapOptions,
): Estimate {
  const everything = Array.from({ length: count }, (_, i) => i);
  const random = createRandom(seed, BOOTSTRAP_STREAM, count);
  const values: number[] = [];
  for (let i = 0; count > 1 && i < resamples; i++) {
    const value = statistic(everything.map(() => Math.floor(random.uniform() * count)));
    if (Number.isFinite(value)) values.push(value);
  }
  values.sort((a, b) => a - b);
  return { value: statistic(everything), low: quantile(values, 0.025), high: quantile(values, 0.975) };
}

/** Keeps the draws apart from other draws of the same seed. */
const BOOTSTRAP_STREAM = 301;

/** Quantile of ascending values, linear between the two nearest ranks; not a number without values. */
export function quantile(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const low = Math.floor(position);
  const [a, b] = [sorted[low] ?? Number.NaN, sorted[low + 1] ?? sorted[low] ?? Number.NaN];
  return a + (b - a) * (position - low);
}
