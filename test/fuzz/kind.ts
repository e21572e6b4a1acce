/** What a kind of fuzzed input is, and what may come of one case. */
import type { Random } from '../../src/base/random.ts';

/** One kind of input. */
export interface FuzzKind {
  readonly name: string;
  /** Its share of all cases. */
  readonly weight: number;
  /**
   * Writes one mutated input into a folder of its own and has it read. Resolves when it was read; rejects with what the
   * reader threw, or with a finding. What it does depends on `random` alone, never on the cases before.
   */
  try(random: Random, folder: string): Promise<void>;
}

/** A module that the fuzzer's processes load. */
export interface FuzzModule {
  /** Writes what all cases start from into a folder; called once, before any process begins. */
  prepareKinds(folder: string): Promise<void>;
  /** All kinds, from what was prepared. */
  fuzzKinds(folder: string): Promise<FuzzKind[]>;
}

/** Which case: the same seed, kind and index give the same input. */
export interface FuzzCase {
  readonly kind: string;
  readonly index: number;
}

/** What the reader made of a case. */
export interface Outcome {
  readonly kind: 'read' | 'refused' | 'finding';
  /** Of a finding: what happened. */
  readonly why?: string;
}
