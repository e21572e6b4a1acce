/**
 * How the LSTM of a head reads feature maps: what a frame adds to its gates, and how that changes with the frame's filter and
 * with the state before. Two kinds: `collapsed-reading.ts` and `attention-reading.ts`. H units.
 */
import * as tf from '../base/tensorflow.ts';
import type { LinearProjection } from '../l2caf/tail.ts';
import type { FeatureMaps } from './video-model.ts';

/** A head's way to read, which all of its events share. */
export interface MapReading {
  /** The maps of an event, made ready to be filtered. */
  event(maps: FeatureMaps): EventReading;
  /** Frees its tensors. */
  dispose(): void;
}

/** The maps of one event as a head reads them. */
export interface EventReading {
  readonly frames: readonly FrameReading[];
  /** The same in tensors. The caller disposes of them. */
  tensors(): TensorReading;
}

/** One frame, in double precision. */
export interface FrameReading {
  /** A record to read it with: what it holds is overwritten by the next reading. */
  record(): ReadingRecord;
  /** The gates before activation by the filter; absent where they are not linear in it. */
  linear?(): LinearProjection;
}

/** One reading of a frame, and its derivatives there. */
export interface ReadingRecord {
  /**
   * Sets the gates before activation, `[4H]`, bias included and the recurrent kernel's part not.
   *
   * @param hidden the state before, `[H]`
   * @param filter `[h·w]`; absent: every cell counts as it is
   */
  read(gates: Float64Array, hidden: Float64Array, filter?: Float64Array): void;
  /** The derivative of the gates by each cell of the filter, folded as `foldColumns` does it: `[h·w, depth]`, into `out`. */
  foldByCell(slopes: Float64Array, isLast: boolean, out: Float64Array): void;
  /**
   * Adds the derivative by the state before, beside the recurrent kernel, to that kernel as `foldColumns` folds it,
   * `[H, depth]`, or as `foldRows` does, `[depth, H]`. Absent where what is read does not depend on the state.
   */
  addByState?(slopes: Float64Array, isLast: boolean, folded: Float64Array, layout: 'columns' | 'rows'): void;
}

/** What a frame adds to the gates of n rows, `[n, 4H]`, bias included. `own` `[n, 1]` is 1 in the rows that change this frame. */
export type TensorGates = (step: number, own: tf.Tensor2D, hidden: tf.Tensor2D) => tf.Tensor2D;

/** An event in tensors; differentiable. Call its methods inside `tf.tidy`. */
export interface TensorReading {
  /** Row i filters slot `slots[i]`, `[n, h, w]`. */
  filtered(filters: tf.Tensor3D, slots: readonly number[]): TensorGates;
  /** Row i has other maps, `[n, h, w, c]`, in place of those of a slot. */
  replaced(maps: tf.Tensor4D): TensorGates;
  /** The maps of a slot, `[h, w, c]`; they belong to the reading. */
  features(slot: number): tf.Tensor3D;
  /** Frees its tensors. */
  dispose(): void;
}

/** Rows of `a` where `own` is 1, of `b` where it is 0. */
export function choose<T extends tf.Tensor>(own: tf.Tensor, a: tf.Tensor, b: tf.Tensor): T {
  return tf.add(tf.mul(own, a), tf.mul(tf.sub(1, own), b));
}

/** `[n, 1]`: 1 in the rows that filter `slot`, 0 elsewhere. */
export function rowsOf(slots: readonly number[], slot: number): tf.Tensor2D {
  return tf.tensor2d(
    slots.map((own) => (own === slot ? 1 : 0)),
    [slots.length, 1],
  );
}

/** The maps of each slot in tensors, `[h, w, c]`; kept, as they may be made within a `tidy` of the caller. */
export function mapTensors({ data, shape: [steps, ...shape] }: FeatureMaps): tf.Tensor3D[] {
  const size = data.length / steps;
  return Array.from({ length: steps }, (_, slot) =>
    tf.keep(tf.tensor3d(data.slice(slot * size, (slot + 1) * size), shape)),
  );
}
