/**
 * The tail of one event of a recurrent network: what is left to compute once its frames are made ready to be read. In tensors for
 * gradient descent and Grad-CAM, in double precision for Gauss–Newton. The frames before the filtered one are a constant state.
 */

import { dot, transposeInto } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { FeatureTail, FrameSets, ImmediateResponse, LinearProjection } from '../l2caf/tail.ts';
import { mapMethods, numbersOf } from '../l2caf/tensor-tail.ts';
import { type LstmState, lstmStep } from './lstm.ts';
import { type RecurrentState, stateAfter } from './lstm-steps.ts';
import { choose, type EventReading, rowsOf, type TensorGates, type TensorReading } from './map-reading.ts';
import { RecurrentResponse, type ResponseRoom } from './recurrent-response.ts';
import type { FeatureMaps, VideoTail } from './video-model.ts';

/** A dense layer without activation. */
export interface DenseWeights {
  /** `[inputs, outputs]` row by row. */
  readonly kernel: Float32Array;
  /** `[outputs]` */
  readonly bias: Float32Array;
}

/** What an event's tail is made of. H units. */
export interface RecurrentTailParts {
  readonly grid: GridShape;
  readonly maps: FeatureMaps;
  readonly units: number;
  readonly recurrentKernel: Float64Array;
  readonly recurrentKernelTransposed: Float64Array;
  readonly reading: EventReading;
  /** State before each slot, and after the last. */
  readonly states: readonly RecurrentState[];
  readonly dense: DenseWeights;
  /** The recurrent kernel in tensors, the head's. */
  readonly recurrentTensor: tf.Tensor2D;
  /** The head's, for the Jacobians of all its tails. */
  readonly room: ResponseRoom;
  /** Class probabilities of an output; undefined where there are no classes. */
  probabilities(output: Float64Array): number[] | undefined;
}

/** The tail of one event: LSTM and output layer over its frames. */
export class RecurrentTail implements FeatureTail, VideoTail {
  readonly slots: number;
  readonly grid: GridShape;
  readonly outputSize: number;
  readonly reference: Float32Array;
  readonly #parts: RecurrentTailParts;
  /** `[d, H]` */
  readonly #outputKernel: Float64Array;
  /** Made when they are first needed: filters are mostly solved in double precision, without them. */
  #made: TailTensors | undefined;

  constructor(parts: RecurrentTailParts) {
    const { dense, units, reading, grid } = parts;
    this.#parts = parts;
    this.slots = reading.frames.length;
    this.grid = grid;
    this.outputSize = dense.bias.length;
    this.#outputKernel = new Float64Array(dense.kernel.length);
    transposeInto(dense.kernel, this.#outputKernel, units, this.outputSize);
    const everyCell = new Float64Array(grid.height * grid.width).fill(1);
    this.reference = Float32Array.from(this.smooth(this.slots - 1).output(everyCell));
  }

  /** The output after the LSTM has read the frames up to each slot, none of them filtered: `[d]` per slot. */
  outputsSoFar(): Float64Array[] {
    return this.#parts.states.slice(1).map((state) => this.#outputOf(state));
  }

  /** Sets of frames: the LSTM reads those alone. Sets that begin alike share what they begin with. */
  readonly subsets: FrameSets = {
    absent: 'left-out',
    evaluate: (present) => {
      const { states, reading, recurrentKernel } = this.#parts;
      const known = new Map<string, RecurrentState>([['', states[0]!]]);
      const stateOf = (frames: readonly number[]): RecurrentState => {
        const key = frames.join();
        const found = known.get(key);
        if (found !== undefined) return found;
        const state = stateAfter(reading.frames[frames.at(-1)!]!, stateOf(frames.slice(0, -1)), recurrentKernel);
        known.set(key, state);
        return state;
      };
      const outputs = new Float32Array((present.length / this.slots) * this.outputSize);
      for (let row = 0; row < present.length / this.slots; row++) {
        const set = present.subarray(row * this.slots, (row + 1) * this.slots);
        const frames = [...set.keys()].filter((slot) => set[slot] === 1);
        outputs.set(this.#outputOf(stateOf(frames)), row * this.outputSize);
      }
      return Promise.resolve(outputs);
    },
  };

  evaluate(filters: Float32Array, slots: readonly number[]): Promise<Float32Array> {
    const { height, width } = this.grid;
    return numbersOf(() => this.filtered(tf.tensor3d(filters, [slots.length, height, width]), slots));
  }

  mapOf(slot: number): Float32Array {
    const { data, shape } = this.#parts.maps;
    const size = data.length / shape[0];
    return data.slice(slot * size, (slot + 1) * size);
  }

  evaluateMaps(maps: Float32Array, slots: readonly number[]): Promise<Float32Array> {
    return mapMethods(this).evaluateMaps(maps, slots);
  }

  probabilitiesSoFar(): number[][] {
    return this.outputsSoFar().flatMap((output) => {
      const row = this.#parts.probabilities(output);
      return row ? [row] : [];
    });
  }

  /** As {@link FeatureTail.evaluate}, in tensors; differentiable. The caller disposes of the result. */
  filtered(filters: tf.Tensor3D, slots: readonly number[]): tf.Tensor2D {
    return tf.tidy(() => this.#run(this.#tensors.reading.filtered(filters, slots), slots));
  }

  features(slot: number): tf.Tensor3D {
    return this.#tensors.reading.features(slot);
  }

  outputsOf(features: tf.Tensor4D, slots: readonly number[]): tf.Tensor2D {
    return tf.tidy(() => this.#run(this.#tensors.reading.replaced(features), slots));
  }

  smooth(slot: number): ImmediateResponse {
    const { grid, reading, recurrentKernel, recurrentKernelTransposed, states, dense, room } = this.#parts;
    return new RecurrentResponse({
      room,
      cells: grid.height * grid.width,
      readings: reading.frames.slice(slot),
      recurrentKernel,
      recurrentKernelTransposed,
      before: states[slot]!,
      outputKernel: this.#outputKernel,
      outputBias: Float64Array.from(dense.bias),
    });
  }

  /** The early endpoint V' of a slot (paper, Sec. 3): the LSTM's gates before activation, where they are linear in the slot's filter. */
  gates(slot: number): LinearProjection | undefined {
    return this.#parts.reading.frames[slot]!.linear?.();
  }

  dispose(): void {
    if (this.#made === undefined) return;
    const { reading, ...own } = this.#made;
    reading.dispose();
    tf.dispose(own);
  }

  get #tensors(): TailTensors {
    this.#made ??= tailTensors(this.#parts);
    return this.#made;
  }

  #outputOf({ hidden }: RecurrentState): Float64Array {
    const { dense, units } = this.#parts;
    const along = (bias: number, k: number): number => bias + dot(this.#outputKernel, k * units, hidden, 0, units);
    return Float64Array.from(dense.bias, along);
  }

  /** Row i has at slot `slots[i]` what `gatesOf` gives it, and the unfiltered frames elsewhere → `[n, d]`. */
  #run(gatesOf: TensorGates, slots: readonly number[]): tf.Tensor2D {
    const { recurrentTensor } = this.#parts;
    const first = Math.min(...slots);
    let { hidden, cell } = this.#tensors.states[first]!;
    for (let step = first; step < this.slots; step++) {
      const own = rowsOf(slots, step);
      const before = this.#tensors.states[step]!; // where a row starts, so that no other row's slot matters to it
      const state = choose<tf.Tensor2D>(own, before.hidden, hidden);
      const gates = tf.add(gatesOf(step, own, state), tf.matMul(state, recurrentTensor)) as tf.Tensor2D;
      ({ hidden, cell } = lstmStep(gates, choose(own, before.cell, cell)));
    }
    return tf.add(tf.matMul(hidden, this.#tensors.outputKernel), this.#tensors.outputBias) as tf.Tensor2D;
  }
}

type TailTensors = {
  readonly reading: TensorReading;
  /** `[1, H]` each. */
  readonly states: LstmState[];
  readonly outputKernel: tf.Tensor2D;
  readonly outputBias: tf.Tensor1D;
};

function tailTensors({ units, reading, states, dense }: RecurrentTailParts): TailTensors {
  // Kept, as they may be made within a `tidy` of the caller.
  const matrix = (values: ArrayLike<number>, shape: [number, number]): tf.Tensor2D =>
    tf.keep(tf.tensor2d(Float32Array.from(values), shape));
  const row = (values: Float64Array): tf.Tensor2D => matrix(values, [1, values.length]);
  return {
    reading: reading.tensors(),
    states: states.slice(0, -1).map(({ hidden, cell }) => ({ hidden: row(hidden), cell: row(cell) })),
    outputKernel: matrix(dense.kernel, [units, dense.bias.length]),
    outputBias: tf.keep(tf.tensor1d(dense.bias)),
  };
}
