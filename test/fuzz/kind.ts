/** What a kind of fuzzed input is. */
import type { Random } from '../../src/base/random.ts';

/** One kind of input. */
export interface FuzzKind {
  readonly name: string;
  /** Its share of all cases. */
  readonly weight: number;
  /**
   * Writes one mutated input into a folder of its own and has it read. Resolves when it was read; rejects with what the
   * reader threw, or with a finding.
   */
  try(random: Random, folder: string): Promise<void>;
}
