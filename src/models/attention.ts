/**
 * Attention pooling steered by the state of the LSTM (after Bahdanau et al. 2015, "Neural machine translation by jointly learning to
 * align and translate", Sec. 3.1): before each step, heads score every cell by its features, its place and the state, and read the
 * average of the cells' values, weighed with the softmax of their scores over the grid. Here its weights, and itself in tensors, as
 * training runs it; `attention-reading.ts` has it in double precision.
 */
import { addRows } from '../base/matrix.ts';
import * as tf from '../base/tensorflow.ts';
import type { GridShape } from '../base/types.ts';
import type { NamedArray } from './safetensors.ts';

/** The sizes of an attention pooling. */
export interface AttentionSpec {
  /** How many read at each step. */
  readonly heads: number;
  /** Length of the keys by which cells are scored. */
  readonly keys: number;
}

/** Cosines along each side of the grid. */
const FREQUENCIES = 4;
const PLACE_SIZE = FREQUENCIES ** 2;
/** How much a place counts beside features at first: with more, training learns where things mostly are before it learns to see them. */
const PLACE_SCALE = 0.1;

/** What the weights are called in a file. */
const NAMES = {
  featureKernel: 'attention/feature_kernel',
  placeKernel: 'attention/place_kernel',
  queryKernel: 'attention/query_kernel',
  scoreKernel: 'attention/score_kernel',
  valueKernel: 'attention/value_kernel',
} as const;

/**
 * Its weights, for c channels and H units. A cell's keys are tanh of the sum of its features times `featureKernel` `[c, keys]`, its place
 * ({@link placeCode}) times `placeKernel` `[16, keys]` and the state times `queryKernel` `[H, keys]`; its scores, one for each head, are these
 * times `scoreKernel` `[keys, heads]`. Its values are its features, times one and its place times `valueKernel` `[16, c]`. There are no
 * biases: one number of a place is the same everywhere.
 */
export type AttentionWeights<T> = { readonly [name in keyof typeof NAMES]: T };

/** Shapes of the weights, by their names in a file. */
export function attentionShapes({ heads, keys }: AttentionSpec, channels: number, units: number): [string, number[]][] {
  return [
    [NAMES.featureKernel, [channels, keys]],
    [NAMES.placeKernel, [PLACE_SIZE, keys]],
    [NAMES.queryKernel, [units, keys]],
    [NAMES.scoreKernel, [keys, heads]],
    [NAMES.valueKernel, [PLACE_SIZE, channels]],
  ];
}

/** The weights, each from its name in a file. */
export function attentionWeights<T>(weightNamed: (name: string) => T): AttentionWeights<T> {
  const entries = Object.entries(NAMES).map(([name, inFile]) => [name, weightNamed(inFile)] as const);
  return Object.fromEntries(entries) as AttentionWeights<T>;
}

/**
 * Where each cell of a grid lies, `[h·w, 16]` row by row: products of the lowest cosines along both sides. As they go by the share of the side, a
 * head can read grids of any size.
 */
export function placeCode({ height, width }: GridShape): Float32Array {
  const code = new Float32Array(height * width * PLACE_SIZE);
  const cosine = (frequency: number, i: number, side: number): number =>
    Math.cos((Math.PI * frequency * (i + 0.5)) / side);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < PLACE_SIZE; k++) {
        const [down, across] = [Math.floor(k / FREQUENCIES), k % FREQUENCIES];
        code[(y * width + x) * PLACE_SIZE + k] = PLACE_SCALE * cosine(down, y, height) * cosine(across, x, width);
      }
    }
  }
  return code;
}

/** A kernel of places on a grid, plus a number: `[h·w, columns]` row by row. */
export function placesTimes(
  grid: GridShape,
  kernel: NamedArray,
  plus: number,
): { data: Float64Array; columns: number } {
  const [size, columns] = kernel.shape as [number, number];
  const code = Float64Array.from(placeCode(grid));
  const weights = Float64Array.from(kernel.data);
  const data = new Float64Array((code.length / size) * columns).fill(plus);
  for (let cell = 0; cell * size < code.length; cell++) {
    const own = code.subarray(cell * size, (cell + 1) * size);
    addRows(own, weights, data.subarray(cell * columns, (cell + 1) * columns), columns);
  }
  return { data, columns };
}

/** {@link placeCode} as a tensor, `[h·w, 16]`. */
export function placeTensor(grid: GridShape): tf.Tensor2D {
  return tf.tensor2d(placeCode(grid), [grid.height * grid.width, PLACE_SIZE]);
}

/**
 * What the heads read, `[n, heads·c]`. Differentiable; call inside `tf.tidy`.
 *
 * @param cells `[n, h·w, c]`
 * @param hidden the state before, `[n, H]`
 * @param places {@link placeTensor}
 */
export function attend(
  weights: AttentionWeights<tf.Tensor2D>,
  cells: tf.Tensor3D,
  hidden: tf.Tensor2D,
  places: tf.Tensor2D,
): tf.Tensor2D {
  const [n, count, channels] = cells.shape;
  const { featureKernel, placeKernel, queryKernel, scoreKernel, valueKernel } = weights;
  const ofFeatures = tf.matMul(tf.reshape(cells, [n * count, channels]), featureKernel);
  const keys = featureKernel.shape[1];
  const ofPlaces = tf.expandDims(tf.matMul(places, placeKernel), 0); // [1, h·w, keys]
  const ofState = tf.expandDims(tf.matMul(hidden, queryKernel), 1); // [n, 1, keys]
  const activated = tf.tanh(tf.add(tf.add(tf.reshape(ofFeatures, [n, count, keys]), ofPlaces), ofState));
  const scores = tf.matMul(tf.reshape(activated, [n * count, keys]), scoreKernel);
  const shares = tf.softmax(tf.transpose(tf.reshape(scores, [n, count, -1]), [0, 2, 1])); // [n, heads, h·w]
  const ofValues = tf.expandDims(tf.add(1, tf.matMul(places, valueKernel)), 0);
  return tf.reshape(tf.matMul(shares, tf.mul(cells, ofValues)), [n, -1]);
}
