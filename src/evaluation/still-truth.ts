/** Still pictures whose object is known, whatever the layout of their data set. */
import type { Split } from '../events/row.ts';
import type { Box } from './wsol.ts';

/** A picture whose object is known. */
export interface StillTruth {
  readonly path: string;
  /** Of the object, pixels of the picture; empty where there is a mask only. */
  readonly boxes: readonly Box[];
  /** A picture of the same size that is not black on the object. */
  readonly maskPath?: string;
  /** Name of its class. */
  readonly label?: string;
  /** What it is for; absent where the data set does not say. */
  readonly split?: Split;
  /** Whether what learns to retrieve may see its class; absent where the data set does not say. */
  readonly isSeen?: boolean;
}

/** Of what use the pictures are to be. */
export type StillSplit = Split | 'all';
