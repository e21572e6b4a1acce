/** Tails as engines offer them that know no gradients. */
import type { FeatureTail, MapTail } from '../../src/l2caf/tail.ts';

/** What a network of another engine offers of the same tail. */
export function evaluating(tail: FeatureTail): MapTail {
  return {
    slots: tail.slots,
    grid: tail.grid,
    outputSize: tail.outputSize,
    reference: tail.reference,
    evaluate: (filters, slots) => tail.evaluate(filters, slots),
    mapOf: (slot) => tail.mapOf(slot),
    evaluateMaps: (maps, slots) => tail.evaluateMaps(maps, slots),
    dispose: () => {},
  };
}
