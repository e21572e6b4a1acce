/**
 * How much of what is explained an output still has, as one number: what deletion, insertion and the importance of frames
 * measure by.
 */
import { assertNever } from '../base/errors.ts';
import { softmax, softmaxAmong, unit } from '../base/matrix.ts';
import { cosine, type Objective } from './objective.ts';

/**
 * Binds an objective to an input: what an output `[d]` is worth. Of `oblivious`, the recovery of the whole output,
 * `1 − ‖FT − NT‖ / ‖FT(0) − NT‖`: 1 for the output without a filter, 0 for that of nothing. Of a class, its softmax probability, of
 * logits, among those that exclude it. Of a number, its value, counted the way it points; of a similarity, that; of another loss, less that.
 *
 * @param reference the output without a filter, `NT`, `[d]`
 * @param nothing the output when nothing is let through, `FT(0)`, `[d]`
 */
export function bindWorth(
  objective: Objective,
  reference: ArrayLike<number>,
  nothing: ArrayLike<number>,
): (output: ArrayLike<number>) => number {
  switch (objective.kind) {
    case 'oblivious': {
      const empty = distanceBetween(nothing, reference);
      return (output) => (empty > 0 ? 1 - distanceBetween(output, reference) / empty : 1);
    }
    case 'class': {
      const { index, excluded } = objective;
      if (excluded === undefined) return (output) => softmax(output)[index]!;
      return (output) => softmaxAmong(output, excluded)[excluded.classes.indexOf(index)]!;
    }
    case 'output': {
      const side = reference[objective.index]! < 0 ? -1 : 1;
      return (output) => side * output[objective.index]!;
    }
    case 'similarity': {
      const direction = unit(Float64Array.from(objective.other));
      return (output) => cosine(Float64Array.from(output), direction);
    }
    case 'custom':
      return (output) => -objective.loss(Float64Array.from(output)).loss;
    default:
      return assertNever(objective);
  }
}

/** `‖a − b‖₂` */
export function distanceBetween(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}
