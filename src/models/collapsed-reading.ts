/**
 * An LSTM that reads flattened maps, pooled before where its head pools. Everything from the filter to the gates is linear, so it
 * is collapsed once per event into one matrix per frame: what each cell, alone, adds to the gates (METHOD §4, "collapsed tail").
 * An iteration over filters then never touches the c channels again.
 */
import { addRows, multiplyTransposed, transposeInto } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { LinearProjection } from '../l2caf/tail.ts';
import type { LstmWeights } from './lstm.ts';
import { foldColumns } from './lstm-steps.ts';
import {
  choose,
  type EventReading,
  type FrameReading,
  type MapReading,
  mapTensors,
  type ReadingRecord,
  rowsOf,
  type TensorGates,
  type TensorReading,
} from './map-reading.ts';
import { poolingWeights } from './pooling.ts';
import type { FeatureMaps } from './video-model.ts';

/** What the maps are read with. */
export interface CollapsedWeights {
  readonly grid: GridShape;
  readonly channels: number;
  /** Grid that maps are averaged to before they are flattened, in the order `[h, w, c]`; absent: they are flattened as they are. */
  readonly pooling?: GridShape | undefined;
  readonly lstm: LstmWeights;
}

/** See the head of the file. */
export class CollapsedReading implements MapReading {
  readonly #weights: CollapsedWeights;
  readonly #inputKernel: Float64Array;
  /** Of pooled maps: what each of their places gives to the gates, transposed, `[4H, channels]` each. */
  readonly #placeKernels: readonly Float64Array[];
  readonly #bias: Float64Array;
  /** Average pooling as a matrix, `[pooled cells, h·w]`; absent when maps are flattened as they are. */
  readonly #pooling: Float64Array | undefined;
  readonly #tensors: ReadingTensors;
  /** What is multiplied for a place, of all cells at most: garbage of this size, for every frame, would cost more than the product. */
  #places: { readonly weighted: Float64Array; readonly added: Float64Array } | undefined;

  /** @throws L2cafError `weights-invalid` when the maps cannot be pooled so */
  constructor(weights: CollapsedWeights) {
    const { lstm, grid, pooling, channels } = weights;
    this.#weights = weights;
    this.#inputKernel = Float64Array.from(lstm.inputKernel);
    this.#bias = Float64Array.from(lstm.bias);
    this.#pooling = pooling && poolingWeights(grid, pooling);
    this.#placeKernels = pooling ? placeKernels(lstm, channels) : [];
    this.#tensors = {
      inputKernel: tf.tensor2d(lstm.inputKernel, [lstm.inputSize, 4 * lstm.units]),
      bias: tf.tensor1d(lstm.bias),
      pooling: this.#pooling && poolingTensor(this.#pooling, grid),
    };
  }

  event(maps: FeatureMaps): EventReading {
    const { grid, channels } = this.#weights;
    const size = grid.height * grid.width * channels;
    const frames = Array.from({ length: maps.shape[0] }, (_, slot) => {
      return new CollapsedFrame(this.#project(maps.data.subarray(slot * size, (slot + 1) * size)), this.#bias);
    });
    return { frames, tensors: () => new CollapsedTensors(maps, frames, this.#tensors) };
  }

  dispose(): void {
    tf.dispose(this.#tensors);
  }

  /** What each cell of a frame's map adds to the LSTM's gates: `[h·w, 4H]`. */
  #project(features: Float32Array): Float64Array {
    const { grid, channels, lstm } = this.#weights;
    const cells = grid.height * grid.width;
    const width = 4 * lstm.units;
    const projection = new Float64Array(cells * width);
    if (this.#pooling) this.#projectPooled(features, this.#pooling, projection);
    else {
      for (let cell = 0; cell < cells; cell++) {
        const kernel = this.#inputKernel.subarray(cell * channels * width, (cell + 1) * channels * width);
        const own = Float64Array.from(features.subarray(cell * channels, (cell + 1) * channels));
        addRows(own, kernel, projection.subarray(cell * width, (cell + 1) * width), width);
      }
    }
    return projection;
  }

  /** Of pooled maps a cell adds to several places, and a place takes from many cells: one product for each place. */
  #projectPooled(features: Float32Array, pooling: Float64Array, projection: Float64Array): void {
    const { channels, lstm } = this.#weights;
    const width = 4 * lstm.units;
    const cells = projection.length / width;
    this.#places ??= { weighted: new Float64Array(cells * channels), added: new Float64Array(cells * width) };
    for (const [place, kernel] of this.#placeKernels.entries()) {
      const shares = pooling.subarray(place * cells, (place + 1) * cells);
      const members = [...shares.keys()].filter((cell) => shares[cell] !== 0);
      const weighted = this.#places.weighted.subarray(0, members.length * channels);
      for (const [row, cell] of members.entries()) {
        for (let k = 0; k < channels; k++)
          weighted[row * channels + k] = shares[cell]! * features[cell * channels + k]!;
      }
      const added = this.#places.added.subarray(0, members.length * width);
      multiplyTransposed(weighted, kernel, added, members.length, width, channels);
      for (const [row, cell] of members.entries()) {
        for (let j = 0; j < width; j++) projection[cell * width + j]! += added[row * width + j]!;
      }
    }
  }
}

/** What the tensors of all events share. */
type ReadingTensors = {
  readonly inputKernel: tf.Tensor2D;
  readonly bias: tf.Tensor1D;
  /** `[h·w, pooled cells]` */
  readonly pooling: tf.Tensor2D | undefined;
};

/** A frame of which each cell's part in the gates is known; it needs no record. */
class CollapsedFrame implements FrameReading, ReadingRecord {
  /** `[h·w, 4H]` */
  readonly projection: Float64Array;
  readonly #bias: Float64Array;
  /** The gates' input without a filter, bias included: the sum over all cells, `[4H]`. */
  readonly input: Float64Array;

  constructor(projection: Float64Array, bias: Float64Array) {
    this.projection = projection;
    this.#bias = bias;
    this.input = Float64Array.from(bias);
    addRows(new Float64Array(projection.length / bias.length).fill(1), projection, this.input, bias.length);
  }

  record(): this {
    return this;
  }

  linear(): LinearProjection {
    const matrix = new Float64Array(this.projection.length);
    transposeInto(this.projection, matrix, this.projection.length / this.#bias.length, this.#bias.length);
    return { matrix, bias: this.#bias };
  }

  read(gates: Float64Array, _hidden: Float64Array, filter?: Float64Array): void {
    gates.set(filter ? this.#bias : this.input);
    if (filter) addRows(filter, this.projection, gates, gates.length);
  }

  foldByCell(slopes: Float64Array, isLast: boolean, out: Float64Array): void {
    foldColumns(this.projection, slopes, isLast, out);
  }
}

class CollapsedTensors implements TensorReading {
  readonly #head: ReadingTensors;
  readonly #own: {
    readonly projections: tf.Tensor2D[];
    /** `[1, 4H]` per slot. */
    readonly inputs: tf.Tensor2D[];
    readonly maps: tf.Tensor3D[];
  };

  constructor(maps: FeatureMaps, frames: readonly CollapsedFrame[], head: ReadingTensors) {
    this.#head = head;
    const matrix = (values: Float64Array, columns: number): tf.Tensor2D =>
      tf.keep(tf.tensor2d(Float32Array.from(values), [values.length / columns, columns]));
    this.#own = {
      projections: frames.map(({ projection, input }) => matrix(projection, input.length)),
      inputs: frames.map(({ input }) => matrix(input, input.length)),
      maps: mapTensors(maps),
    };
  }

  filtered(filters: tf.Tensor3D, slots: readonly number[]): TensorGates {
    const flat = tf.reshape(filters, [slots.length, -1]);
    const projected = [...new Set(slots)].map((slot) =>
      tf.matMul(tf.mul(flat, rowsOf(slots, slot)) as tf.Tensor2D, this.#own.projections[slot]!),
    ); // of each slot the rows that filter it, 0 elsewhere: [n, 4H]
    return this.#gates(tf.add(tf.addN(projected), this.#head.bias));
  }

  replaced(maps: tf.Tensor4D): TensorGates {
    const { inputKernel, bias, pooling } = this.#head;
    const flat = pooling ? pooledFlat(maps, pooling) : tf.reshape(maps, [maps.shape[0], -1]);
    return this.#gates(tf.add(tf.matMul(flat as tf.Tensor2D, inputKernel), bias));
  }

  #gates(inputs: tf.Tensor): TensorGates {
    return (step, own) => choose(own, inputs, this.#own.inputs[step]!);
  }

  features(slot: number): tf.Tensor3D {
    return this.#own.maps[slot]!;
  }

  dispose(): void {
    tf.dispose(this.#own);
  }
}

/** The input kernel by places, each transposed: `[4H, channels]`. */
function placeKernels({ inputKernel, units }: LstmWeights, channels: number): Float64Array[] {
  const size = 4 * units * channels;
  return Array.from({ length: inputKernel.length / size }, (_, place) => {
    const kernel = new Float64Array(size);
    transposeInto(inputKernel.subarray(place * size, (place + 1) * size), kernel, channels, 4 * units);
    return kernel;
  });
}

/** The pooling matrix, to multiply from the right: `[h·w, pooled]`. */
function poolingTensor(pooling: Float64Array, { height, width }: GridShape): tf.Tensor2D {
  return tf.tidy(() =>
    tf.transpose(tf.tensor2d(Float32Array.from(pooling), [pooling.length / (height * width), height * width])),
  );
}

/** `[n, h, w, c]` → `[n, pooled·c]` */
function pooledFlat(features: tf.Tensor4D, pooling: tf.Tensor2D): tf.Tensor2D {
  const [n, height, width, channels] = features.shape;
  const byChannel = tf.transpose(tf.reshape(features, [n, height * width, channels]), [0, 2, 1]); // [n, c, h·w]
  const pooled = tf.matMul(tf.reshape(byChannel, [n * channels, height * width]), pooling); // [n·c, pooled]
  return tf.reshape(tf.transpose(tf.reshape(pooled, [n, channels, -1]), [0, 2, 1]), [n, -1]);
}
