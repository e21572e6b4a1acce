/**
 * The tail of a recurrent network: feature maps of T frames → (average pooling) → flatten → LSTM → dense embedding →
 * (dense logits). Everything from the filter to the LSTM's gates is linear, so it is collapsed once per event into one
 * matrix per frame: what each cell, alone, adds to the gates (METHOD §4, "collapsed tail"). An iteration over filters
 * then never touches the c channels again, and the frames before the filtered one are a constant state.
 */

import { L2cafError } from '../base/errors.ts';
import { addRows, multiplyTransposed, transposeInto } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import { type DenseWeights, type HeadTensors, RecurrentTail } from './event-tail.ts';
import { checkLstmWeights, type LstmWeights } from './lstm.ts';
import { statesOf } from './lstm-steps.ts';
import { poolingWeights } from './pooling.ts';
import { probabilitiesOf, type Question } from './questions.ts';
import { ResponseRoom } from './recurrent-response.ts';
import type { FeatureMaps } from './video-model.ts';

/** The weights of a recurrent head for feature maps of one grid shape and channel count. */
export interface RecurrentHeadWeights {
  readonly grid: GridShape;
  readonly channels: number;
  /** Grid that maps are averaged to before they are flattened; without it they are flattened as they are. */
  readonly pooling?: GridShape;
  /** Reads maps flattened in the order `[h, w, c]`. */
  readonly lstm: LstmWeights;
  readonly embedding: DenseWeights;
  /** Class scores, computed from the raw embedding. */
  readonly logits?: DenseWeights;
  /** What the classes answer, where not all of them exclude each other. */
  readonly questions?: readonly Question[];
}

/** Which output of the head a tail ends in. */
export type RecurrentOutput = 'embedding' | 'logits';

/** A recurrent head made ready to run: its weights once in double precision and once as tensors. */
export class RecurrentHead {
  readonly weights: RecurrentHeadWeights;
  readonly #inputKernel: Float64Array;
  /** Of pooled maps: what each of their places gives to the gates, transposed, `[4H, channels]` each. */
  readonly #placeKernels: readonly Float64Array[];
  readonly #recurrentKernel: Float64Array;
  readonly #recurrentKernelTransposed: Float64Array;
  readonly #bias: Float64Array;
  /** Average pooling as a matrix, `[pooled cells, h·w]`; absent when maps are flattened as they are. */
  readonly #pooling: Float64Array | undefined;
  readonly #tensors: HeadTensors;
  readonly #room = new ResponseRoom();
  /** What is multiplied for a place, of all cells at most: garbage of this size, for every frame, would cost more than the product. */
  #places: { readonly weighted: Float64Array; readonly added: Float64Array } | undefined;

  /** @throws L2cafError `weights-invalid` when the layers do not fit each other. */
  constructor(weights: RecurrentHeadWeights) {
    checkHeadWeights(weights);
    const { lstm, grid, pooling } = weights;
    this.weights = weights;
    this.#inputKernel = Float64Array.from(lstm.inputKernel);
    this.#recurrentKernel = Float64Array.from(lstm.recurrentKernel);
    this.#recurrentKernelTransposed = new Float64Array(this.#recurrentKernel.length);
    transposeInto(lstm.recurrentKernel, this.#recurrentKernelTransposed, lstm.units, 4 * lstm.units);
    this.#bias = Float64Array.from(lstm.bias);
    this.#pooling = pooling && poolingWeights(grid, pooling);
    this.#placeKernels = pooling ? placeKernels(lstm, weights.channels) : [];
    this.#tensors = {
      inputKernel: tf.tensor2d(lstm.inputKernel, [lstm.inputSize, 4 * lstm.units]),
      recurrentKernel: tf.tensor2d(lstm.recurrentKernel, [lstm.units, 4 * lstm.units]),
      bias: tf.tensor1d(lstm.bias),
      pooling: this.#pooling && poolingTensor(this.#pooling, grid),
    };
  }

  /**
   * The tail for one event. The head must outlive it.
   *
   * @throws L2cafError `shape-mismatch` when the maps do not fit the head, `usage` when it has no logits.
   */
  tail(maps: FeatureMaps, output: RecurrentOutput = 'embedding'): RecurrentTail {
    const { grid, channels, lstm } = this.weights;
    const [steps, height, width, depth] = maps.shape;
    if (height !== grid.height || width !== grid.width || depth !== channels || steps < 1) {
      throw new L2cafError(
        'shape-mismatch',
        `the head reads feature maps [t, ${grid.height}, ${grid.width}, ${channels}], got [${maps.shape.join(', ')}]`,
        { hint: 'use the frame size and trunk that the head was trained with' },
      );
    }
    const projections = Array.from({ length: steps }, (_, slot) => this.#project(maps, slot));
    const inputs = projections.map((projection) => this.#unfilteredInput(projection));
    return new RecurrentTail({
      grid,
      maps,
      units: lstm.units,
      bias: this.#bias,
      recurrentKernel: this.#recurrentKernel,
      recurrentKernelTransposed: this.#recurrentKernelTransposed,
      projections,
      inputs,
      states: statesOf(inputs, this.#recurrentKernel, lstm.units),
      dense: outputLayer(this.weights, output),
      head: this.#tensors,
      room: this.#room,
      probabilities: (values) =>
        output === 'embedding' ? this.probabilities(values) : probabilitiesOf(values, this.weights.questions),
    });
  }

  /** Class probabilities of an embedding, from the logits. Undefined when the head has no classifier. */
  probabilities(embedding: Float64Array): number[] | undefined {
    const { logits, questions } = this.weights;
    if (logits === undefined) return undefined;
    const scores = Float64Array.from(logits.bias);
    addRows(embedding, Float64Array.from(logits.kernel), scores, scores.length);
    return probabilitiesOf(scores, questions);
  }

  /** Frees its tensors. */
  dispose(): void {
    tf.dispose(this.#tensors);
  }

  /** What each cell of a frame's map adds to the LSTM's gates: `[h·w, 4H]`. */
  #project({ data }: FeatureMaps, slot: number): Float64Array {
    const { grid, channels, lstm } = this.weights;
    const cells = grid.height * grid.width;
    const width = 4 * lstm.units;
    const features = data.subarray(slot * cells * channels, (slot + 1) * cells * channels);
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
    const { channels, lstm } = this.weights;
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

  /** Input part of the gates, bias included, of a frame without filter: the sum over its cells, `[4H]`. */
  #unfilteredInput(projection: Float64Array): Float64Array {
    const width = this.#bias.length;
    const input = Float64Array.from(this.#bias);
    addRows(new Float64Array(projection.length / width).fill(1), projection, input, width);
    return input;
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

/** The last layer: the embedding, or the logits with the embedding's dense layer multiplied in. */
function outputLayer({ lstm, embedding, logits }: RecurrentHeadWeights, output: RecurrentOutput): DenseWeights {
  if (output === 'embedding') return embedding;
  if (logits === undefined) {
    throw new L2cafError('usage', 'this model has no class scores', { hint: 'explain its embedding instead' });
  }
  const [size, classes] = [embedding.bias.length, logits.bias.length];
  const second = Float64Array.from(logits.kernel);
  const through = (rows: Float32Array, out: Float64Array): Float32Array => {
    addRows(Float64Array.from(rows), second, out, classes);
    return Float32Array.from(out);
  };
  const kernel = new Float32Array(lstm.units * classes);
  for (let unit = 0; unit < lstm.units; unit++) {
    const row = embedding.kernel.subarray(unit * size, (unit + 1) * size);
    kernel.set(through(row, new Float64Array(classes)), unit * classes);
  }
  return { kernel, bias: through(embedding.bias, Float64Array.from(logits.bias)) };
}

function checkHeadWeights({ grid, channels, pooling, lstm, embedding, logits }: RecurrentHeadWeights): void {
  checkLstmWeights(lstm);
  const { height, width } = pooling ?? grid;
  const size = embedding.bias.length;
  const problem =
    lstm.inputSize !== height * width * channels
      ? `its LSTM reads ${lstm.inputSize} values, ${height}×${width}×${channels} maps have ${height * width * channels}`
      : embedding.kernel.length !== lstm.units * size
        ? `its embedding kernel has ${embedding.kernel.length} values, ${lstm.units}×${size} expected`
        : logits && logits.kernel.length !== size * logits.bias.length
          ? `its logits kernel has ${logits.kernel.length} values, ${size}×${logits.bias.length} expected`
          : undefined;
  if (problem !== undefined) throw new L2cafError('weights-invalid', `the head does not fit together: ${problem}`);
}
