/**
 * The tail of one event of a recurrent network: what is left to compute once its frames are collapsed to what each cell
 * adds to the LSTM's gates. In tensors for gradient descent and Grad-CAM, in double precision for Gauss–Newton.
 */

import { dot, transposeInto } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { FeatureTail, FrameSets, ImmediateResponse, LinearProjection } from '../l2caf/tail.ts';
import { mapMethods, numbersOf } from '../l2caf/tensor-tail.ts';
import { type LstmState, lstmStep } from './lstm.ts';
import { type RecurrentState, runStep, stepRecord } from './lstm-steps.ts';
import { RecurrentResponse, type ResponseRoom } from './recurrent-response.ts';
import type { FeatureMaps, VideoTail } from './video-model.ts';

/** A dense layer without activation. */
export interface DenseWeights {
  /** `[inputs, outputs]` row by row. */
  readonly kernel: Float32Array;
  /** `[outputs]` */
  readonly bias: Float32Array;
}

/** The head's own tensors, which it lends to its tails. */
export type HeadTensors = {
  readonly inputKernel: tf.Tensor2D;
  readonly recurrentKernel: tf.Tensor2D;
  readonly bias: tf.Tensor1D;
  /** `[h·w, pooled cells]` */
  readonly pooling: tf.Tensor2D | undefined;
};

/** What an event's tail is made of. H units. */
export interface RecurrentTailParts {
  readonly grid: GridShape;
  readonly maps: FeatureMaps;
  readonly units: number;
  readonly bias: Float64Array;
  readonly recurrentKernel: Float64Array;
  readonly recurrentKernelTransposed: Float64Array;
  /** Per slot: `[h·w, 4H]`, and its unfiltered gate input `[4H]`. */
  readonly projections: readonly Float64Array[];
  readonly inputs: readonly Float64Array[];
  /** State before each slot, and after the last. */
  readonly states: readonly RecurrentState[];
  readonly dense: DenseWeights;
  readonly head: HeadTensors;
  /** The head's, for the Jacobians of all its tails. */
  readonly room: ResponseRoom;
  /** Class probabilities of an output; undefined where there are no classes. */
  probabilities(output: Float64Array): number[] | undefined;
}

/** The tail of one event: LSTM and output layer over the collapsed projections of its frames. */
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
    const { dense, units, projections, grid } = parts;
    this.#parts = parts;
    this.slots = projections.length;
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
      const { states, inputs, recurrentKernel, units } = this.#parts;
      const known = new Map<string, RecurrentState>([['', states[0]!]]);
      const stateAfter = (frames: readonly number[]): RecurrentState => {
        const key = frames.join();
        const found = known.get(key);
        if (found !== undefined) return found;
        const record = stepRecord(units);
        record.gates.set(inputs[frames.at(-1)!]!);
        runStep(record, stateAfter(frames.slice(0, -1)), recurrentKernel);
        known.set(key, record);
        return record;
      };
      const outputs = new Float32Array((present.length / this.slots) * this.outputSize);
      for (let row = 0; row < present.length / this.slots; row++) {
        const set = present.subarray(row * this.slots, (row + 1) * this.slots);
        const frames = [...set.keys()].filter((slot) => set[slot] === 1);
        outputs.set(this.#outputOf(stateAfter(frames)), row * this.outputSize);
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
    return tf.tidy(() => {
      const cells = this.grid.height * this.grid.width;
      const flat = tf.reshape(filters, [slots.length, cells]);
      const projected = [...new Set(slots)].map((slot) =>
        tf.matMul(tf.mul(flat, rowsOf(slots, slot)) as tf.Tensor2D, this.#tensors.projections[slot]!),
      ); // of each slot the rows that filter it, 0 elsewhere: [n, 4H]
      return this.#run(tf.add(tf.addN(projected), this.#parts.head.bias) as tf.Tensor2D, slots);
    });
  }

  features(slot: number): tf.Tensor3D {
    return this.#tensors.features[slot]!;
  }

  outputsOf(features: tf.Tensor4D, slots: readonly number[]): tf.Tensor2D {
    return tf.tidy(() => {
      const { inputKernel, bias, pooling } = this.#parts.head;
      const flat = pooling ? pooledFlat(features, pooling) : tf.reshape(features, [slots.length, -1]);
      return this.#run(tf.add(tf.matMul(flat as tf.Tensor2D, inputKernel), bias) as tf.Tensor2D, slots);
    });
  }

  smooth(slot: number): ImmediateResponse {
    const { projections, bias, recurrentKernel, recurrentKernelTransposed, states, inputs, dense, room } = this.#parts;
    return new RecurrentResponse({
      room,
      projection: projections[slot]!,
      bias,
      recurrentKernel,
      recurrentKernelTransposed,
      before: states[slot]!,
      laterInputs: inputs.slice(slot + 1),
      outputKernel: this.#outputKernel,
      outputBias: Float64Array.from(dense.bias),
    });
  }

  /** The early endpoint V' of a slot (paper, Sec. 3): the LSTM's gates before activation, linear in the slot's filter. */
  gates(slot: number): LinearProjection {
    const { projections, bias } = this.#parts;
    const matrix = new Float64Array(projections[slot]!.length);
    transposeInto(projections[slot]!, matrix, projections[slot]!.length / bias.length, bias.length);
    return { matrix, bias };
  }

  dispose(): void {
    if (this.#made) tf.dispose(this.#made);
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

  /** Row i has `inputs[i]` (`[4H]`, bias included) at slot `slots[i]` and the unfiltered frames elsewhere → `[n, d]`. */
  #run(inputs: tf.Tensor2D, slots: readonly number[]): tf.Tensor2D {
    const { recurrentKernel } = this.#parts.head;
    const first = Math.min(...slots);
    let { hidden, cell } = this.#tensors.states[first]!;
    for (let step = first; step < this.slots; step++) {
      const own = rowsOf(slots, step);
      const before = this.#tensors.states[step]!; // where a row starts, so that no other row's slot matters to it
      const input = choose(own, inputs, this.#tensors.inputs[step]!);
      const gates = tf.add(input, tf.matMul(choose(own, before.hidden, hidden), recurrentKernel)) as tf.Tensor2D;
      ({ hidden, cell } = lstmStep(gates, choose(own, before.cell, cell)));
    }
    return tf.add(tf.matMul(hidden, this.#tensors.outputKernel), this.#tensors.outputBias) as tf.Tensor2D;
  }
}

/** Rows of `a` where `own` is 1, of `b` where it is 0. */
function choose(own: tf.Tensor2D, a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return tf.add(tf.mul(own, a), tf.mul(tf.sub(1, own), b));
}

type TailTensors = {
  readonly projections: tf.Tensor2D[];
  /** `[1, 4H]` per slot. */
  readonly inputs: tf.Tensor2D[];
  /** `[1, H]` each. */
  readonly states: LstmState[];
  readonly features: tf.Tensor3D[];
  readonly outputKernel: tf.Tensor2D;
  readonly outputBias: tf.Tensor1D;
};

function tailTensors({ maps, units, projections, inputs, states, dense }: RecurrentTailParts): TailTensors {
  const [steps, height, width, channels] = maps.shape;
  const size = height * width * channels;
  // Kept, as they may be made within a `tidy` of the caller.
  const matrix = (values: ArrayLike<number>, shape: [number, number]): tf.Tensor2D =>
    tf.keep(tf.tensor2d(Float32Array.from(values), shape));
  const row = (values: Float64Array): tf.Tensor2D => matrix(values, [1, values.length]);
  return {
    projections: projections.map((p) => matrix(p, [height * width, 4 * units])),
    inputs: inputs.map(row),
    states: states.slice(0, steps).map(({ hidden, cell }) => ({ hidden: row(hidden), cell: row(cell) })),
    features: inputs.map((_, slot) =>
      tf.keep(tf.tensor3d(maps.data.slice(slot * size, (slot + 1) * size), [height, width, channels])),
    ),
    outputKernel: matrix(dense.kernel, [units, dense.bias.length]),
    outputBias: tf.keep(tf.tensor1d(dense.bias)),
  };
}

/** `[n, 1]`: 1 in the rows that filter `slot`, 0 elsewhere. */
function rowsOf(slots: readonly number[], slot: number): tf.Tensor2D {
  return tf.tensor2d(
    slots.map((own) => (own === slot ? 1 : 0)),
    [slots.length, 1],
  );
}

/** `[n, h, w, c]` → `[n, pooled·c]` */
function pooledFlat(features: tf.Tensor4D, pooling: tf.Tensor2D): tf.Tensor2D {
  const [n, height, width, channels] = features.shape;
  const byChannel = tf.transpose(tf.reshape(features, [n, height * width, channels]), [0, 2, 1]); // [n, c, h·w]
  const pooled = tf.matMul(tf.reshape(byChannel, [n * channels, height * width]), pooling); // [n·c, pooled]
  return tf.reshape(tf.transpose(tf.reshape(pooled, [n, channels, -1]), [0, 2, 1]), [n, -1]);
}
