/** An LSTM that reads maps by attention pooling (`attention.ts`), in double precision with its derivatives, and in tensors. */
import { addRows, multiplyTransposed, softmax, transposeInto } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import { type AttentionWeights, attend, placesTimes, placeTensor } from './attention.ts';
import type { LstmWeights } from './lstm.ts';
import { foldRows } from './lstm-steps.ts';
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
import type { NamedArray } from './safetensors.ts';
import type { FeatureMaps } from './video-model.ts';

/** What the maps are read with. */
export interface AttentiveWeights {
  readonly grid: GridShape;
  readonly channels: number;
  readonly attention: AttentionWeights<NamedArray>;
  /** It reads what the heads read, one after another. */
  readonly lstm: LstmWeights;
}

/** Sizes, and what does not change from one event to the next. */
interface Constants {
  readonly cells: number;
  readonly channels: number;
  readonly keys: number;
  readonly heads: number;
  readonly units: number;
  /** What the place adds to each cell's keys, `[h·w, keys]`, and the factor of its features, `[h·w, c]`. */
  readonly placeKeys: Float64Array;
  readonly placeValues: Float64Array;
  /** `[keys, c]` */
  readonly featureKernelTransposed: Float64Array;
  /** `[H, keys]` */
  readonly queryKernel: Float64Array;
  /** `[keys, heads]` */
  readonly scoreKernel: Float64Array;
  /** `[heads·c, 4H]`, and transposed. */
  readonly inputKernel: Float64Array;
  readonly inputKernelTransposed: Float64Array;
  readonly bias: Float64Array;
  readonly room: Room;
}

/** What derivatives are worked out in, one after another: nothing in it outlives a call. */
interface Room {
  /** The input kernel, folded: `[depth, heads·c]`. */
  readonly folded: Float64Array;
  /** What is read, by each cell's filter: `[h·w, heads·c]`. */
  readonly byCell: Float64Array;
  /** By each number of the query: `[keys, heads·c]`, and folded `[depth, keys]`. */
  readonly byQuery: Float64Array;
  readonly byQueryFolded: Float64Array;
  readonly byState: Float64Array;
  /** Of one head: slopes of the keys `[keys, h·w]`, values less what is read, transposed `[c, h·w]`, and their product. */
  readonly keySlopes: Float64Array;
  readonly gaps: Float64Array;
  readonly product: Float64Array;
}

/** See the head of the file. */
export class AttentionReading implements MapReading {
  readonly #constants: Constants;
  readonly #tensors: HeadTensors;

  constructor({ grid, channels, attention, lstm }: AttentiveWeights) {
    const { units } = lstm;
    const cells = grid.height * grid.width;
    const [keys, heads] = attention.scoreKernel.shape as [number, number];
    const reads = heads * channels;
    const transposed = (kernel: Float32Array, rows: number): Float64Array => {
      const result = new Float64Array(kernel.length);
      transposeInto(kernel, result, rows, kernel.length / rows);
      return result;
    };
    this.#constants = {
      ...{ cells, channels, keys, heads, units },
      placeKeys: placesTimes(grid, attention.placeKernel, 0).data,
      placeValues: placesTimes(grid, attention.valueKernel, 1).data,
      featureKernelTransposed: transposed(attention.featureKernel.data, channels),
      queryKernel: Float64Array.from(attention.queryKernel.data),
      scoreKernel: Float64Array.from(attention.scoreKernel.data),
      inputKernel: Float64Array.from(lstm.inputKernel),
      inputKernelTransposed: transposed(lstm.inputKernel, reads),
      bias: Float64Array.from(lstm.bias),
      room: {
        folded: new Float64Array(2 * units * reads),
        byCell: new Float64Array(cells * reads),
        byQuery: new Float64Array(keys * reads),
        byQueryFolded: new Float64Array(2 * units * keys),
        byState: new Float64Array(2 * units * units),
        keySlopes: new Float64Array(keys * cells),
        gaps: new Float64Array(channels * cells),
        product: new Float64Array(keys * channels),
      },
    };
    this.#tensors = {
      attention: tensorsOf(attention),
      places: placeTensor(grid),
      inputKernel: tf.tensor2d(lstm.inputKernel, [lstm.inputSize, 4 * units]),
      bias: tf.tensor1d(lstm.bias),
    };
  }

  event(maps: FeatureMaps): EventReading {
    const size = maps.data.length / maps.shape[0];
    const frames = Array.from({ length: maps.shape[0] }, (_, slot) => {
      return new AttendedFrame(maps.data.subarray(slot * size, (slot + 1) * size), this.#constants);
    });
    return { frames, tensors: () => new AttendedTensors(maps, this.#tensors) };
  }

  dispose(): void {
    tf.dispose(this.#tensors);
  }
}

/** What does not change with filter and state: the keys and values of a frame's cells. */
class AttendedFrame implements FrameReading {
  readonly #constants: Constants;
  /** What the features give to the keys, `[h·w, keys]`. */
  readonly #keys: Float64Array;
  /** `[h·w, c]` */
  readonly #values: Float64Array;

  constructor(features: Float32Array, constants: Constants) {
    const { cells, channels, keys, featureKernelTransposed, placeValues } = constants;
    this.#constants = constants;
    this.#keys = new Float64Array(cells * keys);
    const own = Float64Array.from(features);
    multiplyTransposed(own, featureKernelTransposed, this.#keys, cells, keys, channels);
    this.#values = own.map((value, i) => value * placeValues[i]!);
  }

  record(): ReadingRecord {
    return new AttendedRecord(this.#keys, this.#values, this.#constants);
  }
}

/** One reading of a frame. A cell's filter scales its features, in its keys and in its values. */
class AttendedRecord implements ReadingRecord {
  readonly #constants: Constants;
  readonly #keys: Float64Array;
  readonly #values: Float64Array;
  #filter: Float64Array | undefined;
  /** `[keys]` */
  readonly #query: Float64Array;
  /** The keys, activated: `[h·w, keys]`. */
  readonly #activated: Float64Array;
  /** `[heads, h·w]`, each head's shares adding up to 1. */
  readonly #shares: Float64Array;
  /** What is read, `[heads·c]`. */
  readonly #reads: Float64Array;

  constructor(keys: Float64Array, values: Float64Array, constants: Constants) {
    const { cells, heads, channels, keys: size } = constants;
    this.#constants = constants;
    this.#keys = keys;
    this.#values = values;
    this.#query = new Float64Array(size);
    this.#activated = new Float64Array(cells * size);
    this.#shares = new Float64Array(heads * cells);
    this.#reads = new Float64Array(heads * channels);
  }

  read(gates: Float64Array, hidden: Float64Array, filter?: Float64Array): void {
    const { cells, channels, keys, heads, queryKernel, inputKernel, bias } = this.#constants;
    this.#filter = filter && Float64Array.from(filter);
    addRows(hidden, queryKernel, this.#query.fill(0), keys);
    this.#score();
    for (let head = 0; head < heads; head++) {
      const shares = this.#shares.subarray(head * cells, (head + 1) * cells);
      shares.set(softmax(shares));
      const weights = filter ? shares.map((share, cell) => share * filter[cell]!) : shares;
      const reads = this.#reads.subarray(head * channels, (head + 1) * channels);
      addRows(weights, this.#values, reads.fill(0), channels);
    }
    gates.set(bias);
    addRows(this.#reads, inputKernel, gates, gates.length);
  }

  /** The activated keys, and the scores in the place of the shares. */
  #score(): void {
    const { cells, keys, heads, placeKeys, scoreKernel } = this.#constants;
    for (let cell = 0; cell < cells; cell++) {
      const factor = this.#filter?.[cell] ?? 1;
      for (let j = 0, at = cell * keys; j < keys; j++, at++) {
        this.#activated[at] = Math.tanh(factor * this.#keys[at]! + placeKeys[at]! + this.#query[j]!);
      }
      for (let head = 0; head < heads; head++) {
        let score = 0;
        for (let j = 0; j < keys; j++) score += scoreKernel[j * heads + head]! * this.#activated[cell * keys + j]!;
        this.#shares[head * cells + cell] = score;
      }
    }
  }

  foldByCell(slopes: Float64Array, isLast: boolean, out: Float64Array): void {
    const { cells, channels, keys, heads, scoreKernel, inputKernelTransposed, room } = this.#constants;
    const reads = heads * channels;
    for (let cell = 0; cell < cells; cell++) {
      const factor = this.#filter?.[cell] ?? 1;
      for (let head = 0; head < heads; head++) {
        let scoreSlope = 0;
        for (let j = 0, at = cell * keys; j < keys; j++, at++) {
          scoreSlope += scoreKernel[j * heads + head]! * (1 - this.#activated[at]! ** 2) * this.#keys[at]!;
        }
        const share = this.#shares[head * cells + cell]!;
        for (let c = 0; c < channels; c++) {
          const value = this.#values[cell * channels + c]!;
          const gap = factor * value - this.#reads[head * channels + c]!;
          room.byCell[cell * reads + head * channels + c] = share * (value + scoreSlope * gap);
        }
      }
    }
    foldRows(inputKernelTransposed, slopes, isLast, room.folded);
    multiplyTransposed(room.byCell, room.folded, out, cells, depthOf(slopes, isLast), reads);
  }

  addByState(slopes: Float64Array, isLast: boolean, folded: Float64Array, layout: 'columns' | 'rows'): void {
    const { keys, heads, channels, units, queryKernel, inputKernelTransposed, room } = this.#constants;
    const depth = depthOf(slopes, isLast);
    for (let head = 0; head < heads; head++) this.#readByQuery(head);
    foldRows(inputKernelTransposed, slopes, isLast, room.folded);
    multiplyTransposed(room.folded, room.byQuery, room.byQueryFolded, depth, keys, heads * channels);
    if (layout === 'columns') {
      multiplyTransposed(queryKernel, room.byQueryFolded, room.byState, units, depth, keys);
    } else multiplyTransposed(room.byQueryFolded, queryKernel, room.byState, depth, units, keys);
    for (let i = 0; i < depth * units; i++) folded[i]! += room.byState[i]!;
  }

  /** What one head reads, by each number of the query: its columns of `room.byQuery`. */
  #readByQuery(head: number): void {
    const { cells, channels, keys, heads, scoreKernel, room } = this.#constants;
    for (let cell = 0; cell < cells; cell++) {
      const factor = this.#filter?.[cell] ?? 1;
      const share = this.#shares[head * cells + cell]!;
      for (let j = 0; j < keys; j++) {
        const slope = 1 - this.#activated[cell * keys + j]! ** 2;
        room.keySlopes[j * cells + cell] = share * scoreKernel[j * heads + head]! * slope;
      }
      for (let c = 0; c < channels; c++) {
        const value = factor * this.#values[cell * channels + c]!;
        room.gaps[c * cells + cell] = value - this.#reads[head * channels + c]!;
      }
    }
    multiplyTransposed(room.keySlopes, room.gaps, room.product, keys, channels, cells);
    for (let j = 0; j < keys; j++) {
      const row = room.product.subarray(j * channels, (j + 1) * channels);
      room.byQuery.set(row, j * heads * channels + head * channels);
    }
  }
}

/** Columns of a kernel that is folded with these slopes. */
function depthOf(slopes: Float64Array, isLast: boolean): number {
  return isLast ? slopes.length / 4 : slopes.length / 2;
}

type HeadTensors = {
  readonly attention: AttentionWeights<tf.Tensor2D>;
  readonly places: tf.Tensor2D;
  readonly inputKernel: tf.Tensor2D;
  readonly bias: tf.Tensor1D;
};

class AttendedTensors implements TensorReading {
  readonly #head: HeadTensors;
  readonly #maps: tf.Tensor3D[];

  constructor(maps: FeatureMaps, head: HeadTensors) {
    this.#head = head;
    this.#maps = mapTensors(maps);
  }

  filtered(filters: tf.Tensor3D, slots: readonly number[]): TensorGates {
    const [n, height, width] = filters.shape;
    const ofRows = [...new Set(slots)].map((slot) => {
      const rows = tf.reshape(rowsOf(slots, slot), [n, 1, 1, 1]);
      return tf.mul(rows, tf.expandDims(this.#maps[slot]!, 0));
    });
    return this.replaced(tf.mul(tf.addN(ofRows), tf.reshape(filters, [n, height, width, 1])));
  }

  replaced(maps: tf.Tensor4D): TensorGates {
    const [n, height, width, channels] = maps.shape;
    const { attention, places, inputKernel, bias } = this.#head;
    return (step, own, hidden) => {
      const read = choose<tf.Tensor4D>(tf.reshape(own, [n, 1, 1, 1]), maps, tf.expandDims(this.#maps[step]!, 0));
      const cells = tf.reshape(read, [n, height * width, channels]) as tf.Tensor3D;
      return tf.add(tf.matMul(attend(attention, cells, hidden, places), inputKernel), bias);
    };
  }

  features(slot: number): tf.Tensor3D {
    return this.#maps[slot]!;
  }

  dispose(): void {
    tf.dispose(this.#maps);
  }
}

function tensorsOf(weights: AttentionWeights<NamedArray>): AttentionWeights<tf.Tensor2D> {
  const matrix = ({ data, shape }: NamedArray): tf.Tensor2D => tf.tensor2d(data, shape as [number, number]);
  const entries = Object.entries(weights).map(([name, weight]) => [name, matrix(weight)] as const);
  return Object.fromEntries(entries) as AttentionWeights<tf.Tensor2D>;
}
