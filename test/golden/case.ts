/** What a golden case has and what comes out of it. */
import type { NamedArray } from '../../src/models/safetensors.ts';

/** One comparison: how far off we are, and how far off we may be. */
export interface Check {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
  readonly pass: boolean;
}

/** One pair of files: tensors by name, and the JSON beside them. */
export interface GoldenData {
  /** File name without extension. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, NamedArray>;
  readonly json: unknown;
  /** Another pair of the same folder. */
  beside(name: string): Promise<GoldenData>;
}
