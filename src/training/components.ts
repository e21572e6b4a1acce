/**
 * Trunk features in fewer numbers, for training only. The head's first layer is a 1×1 convolution, so it may as well be
 * trained on the principal components of its input: an eighth of the work per step, and fewer weights to overfit a few
 * hundred events with. All are scaled to the same spread (whitened), so that no direction is slow to learn because it is
 * weak. The layer that comes out is folded with the projection, and the finished head reads the trunk's features as they
 * are.
 */

import { createPause } from '../base/concurrent.ts';
import { L2cafError } from '../base/errors.ts';
import { dot, unit } from '../base/matrix.ts';
import { createRandom } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import type { ProgressListener } from '../base/types.ts';
import type { FeatureCache, FeatureReader } from '../features/cache.ts';
import type { PlannedEvent, PlannedFrame } from '../features/dataset.ts';
import { loadFrames } from '../features/embed.ts';
import { toFloat16 } from '../models/float16.ts';
import type { Head, HeadSpec } from '../models/head.ts';
import type { NamedArray } from '../models/safetensors.ts';

/** The map `x → x·kernel + bias` from c channels to k components with mean 0 and variance 1. */
export interface Components {
  readonly count: number;
  /** `[c, k]` */
  readonly kernel: Float32Array;
  /** `[k]` */
  readonly bias: Float32Array;
}

/** Finding and applying components can be watched and stopped. */
export interface ComponentsWork {
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The leading principal components of cells `[n, c]`, by orthogonal iteration on their covariance: strong components come
 * out apart, weak ones that are nearly equal as some basis of their space. The same result for the same cells.
 *
 * @throws L2cafError `aborted`
 */
export async function principalComponents(
  cells: Float32Array,
  channels: number,
  count: number,
  { onProgress, signal }: ComponentsWork = {},
): Promise<Components> {
  const pause = createPause(signal);
  const report = (done: number): void =>
    onProgress?.({ stage: 'finding components', done, total: ITERATIONS, unit: 'iterations' });
  report(0);
  const mean = columnMeans(cells, channels);
  const covariance = await covarianceOf(cells, mean, pause);
  try {
    const random = createRandom(0, COMPONENTS_STREAM);
    let basis = orthonormal(
      Float32Array.from({ length: channels * count }, () => random.normal()),
      count,
    );
    const image = (): Float32Array =>
      tf.tidy(() => tf.matMul(covariance, tf.tensor2d(basis, [channels, count])).dataSync<'float32'>());
    for (let i = 0; i < ITERATIONS; i++) {
      await pause();
      basis = orthonormal(image(), count);
      report(i + 1);
    }
    return whitening(basis, columnDots(basis, image(), count), mean, count);
  } finally {
    covariance.dispose();
  }
}

/** The map onto directions `[c, k]` in which the cells have these variances. */
function whitening(basis: Float32Array, variances: Float64Array, mean: Float64Array, count: number): Components {
  const kernel = basis.map((value, i) => value / Math.sqrt(Math.max(variances[i % count]!, SMALLEST_VARIANCE)));
  const bias = new Float32Array(count);
  for (let i = 0; i < kernel.length; i++) bias[i % count]! -= mean[Math.floor(i / count)]! * kernel[i]!;
  return { count, kernel, bias };
}

/** The mean of every column of `[n, c]`. */
function columnMeans(values: Float32Array, columns: number): Float64Array {
  const means = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) means[i % columns]! += values[i]!;
  return means.map((sum) => (sum * columns) / values.length);
}

/** The covariance `[c, c]` of cells `[n, c]`, added up from slices of them. The caller disposes of it. */
async function covarianceOf(cells: Float32Array, mean: Float64Array, pause: () => Promise<void>): Promise<tf.Tensor2D> {
  const channels = mean.length;
  const rows = cells.length / channels;
  let covariance: tf.Tensor2D = tf.zeros([channels, channels]);
  try {
    for (let first = 0; first < cells.length; first += CELLS_PER_SLICE * channels) {
      await pause();
      const slice = cells.subarray(first, first + CELLS_PER_SLICE * channels);
      const sum = tf.tidy(() => {
        const centred = tf.sub(tf.tensor2d(slice, [slice.length / channels, channels]), tf.tensor1d([...mean]));
        return tf.add(covariance, tf.div(tf.matMul(tf.transpose(centred), centred), rows)) as tf.Tensor2D;
      });
      covariance.dispose();
      covariance = sum;
    }
    return covariance;
  } catch (error) {
    covariance.dispose();
    throw error;
  }
}

/**
 * Fits the components of the training events' frames, as they are, from a sample of their cells.
 *
 * @throws L2cafError as `FeatureCache.read`; `aborted`
 */
export async function fitComponents(
  planned: readonly PlannedEvent[],
  cache: FeatureCache,
  channels: number,
  count: number,
  work: ComponentsWork = {},
): Promise<Components> {
  const pause = createPause(work.signal);
  const training = planned.filter(({ event }) => event.split === 'train').flatMap(({ views }) => views[0]!.frames);
  const frames = everyNth(training, MAX_FRAMES);
  const cellsPerFrame = cache.length / channels;
  const step = Math.max(1, Math.floor((frames.length * cellsPerFrame) / MAX_CELLS));
  const taken: Float32Array[] = [];
  for (const [f, frame] of frames.entries()) {
    await pause();
    work.onProgress?.({ stage: 'reading features', done: f, total: frames.length, unit: 'frames' });
    const data = await loadFrames([frame], cache);
    for (let cell = f % step; cell < cellsPerFrame; cell += step) {
      taken.push(data.slice(cell * channels, (cell + 1) * channels));
    }
  }
  const cells = new Float32Array(taken.length * channels);
  for (const [i, cell] of taken.entries()) cells.set(cell, i * channels);
  return principalComponents(cells, channels, count, work);
}

/** The components of the features of all planned frames, in memory: 86 kB per frame of 24×14 cells and 128 components. */
export async function reduceFeatures(
  planned: readonly PlannedEvent[],
  cache: FeatureCache,
  { count, kernel, bias }: Components,
  { onProgress, signal }: ComponentsWork,
): Promise<FeatureReader> {
  const frames = new Map<string, PlannedFrame>();
  for (const { views } of planned) {
    for (const frame of views.flatMap((view) => view.frames)) frames.set(cache.pathOf(frame), frame);
  }
  const channels = kernel.length / count;
  const length = (cache.length / channels) * count;
  const reduced = new Map<string, Uint16Array>();
  const pause = createPause(signal);
  const [projection, offset] = [tf.tensor2d(kernel, [channels, count]), tf.tensor1d(bias)];
  try {
    for (const [path, frame] of frames) {
      await pause();
      onProgress?.({ stage: 'reducing features', done: reduced.size, total: frames.size, unit: 'frames' });
      const data = await loadFrames([frame], cache);
      const values = tf.tidy(() =>
        tf.add(tf.matMul(tf.tensor2d(data, [data.length / channels, channels]), projection), offset).dataSync(),
      );
      reduced.set(path, toFloat16(values as Float32Array));
    }
  } finally {
    tf.dispose([projection, offset]);
  }
  return { length, read: async (frame) => reduced.get(cache.pathOf(frame))! };
}

/**
 * Checks that a head can be trained on this many components.
 *
 * @throws L2cafError `usage` when the trunk has fewer channels, or the head's first layer is not 1×1.
 */
export function checkComponents({ trunkChannels, shallowCnn }: HeadSpec, count: number): void {
  if (count > trunkChannels) {
    throw new L2cafError('usage', `the trunk's features have ${trunkChannels} channels, so no ${count} components`, {
      hint: 'use fewer --components, or 0 to train on the features themselves',
    });
  }
  if (count > 0 && shallowCnn[0]?.kernelSize !== 1) {
    throw new L2cafError('usage', 'components need a head whose first layer is a 1×1 convolution', {
      hint: 'train on 0 components: on the features themselves',
    });
  }
}

/** What a head reads while it is trained on components. */
export function reducedSpec(spec: HeadSpec, { count }: Components): HeadSpec {
  return { ...spec, trunkChannels: count };
}

/** A head that was trained on components, as one that reads the trunk's features. */
export function unfoldComponents(spec: HeadSpec, { weights, origin }: Head, components: Components): Head {
  const { count, kernel, bias } = components;
  const own = weights.get('cnn1/kernel')!;
  const outputs = own.shape[3]!;
  const product = (left: Float32Array, rows: number): Float32Array => {
    const result = new Float32Array(rows * outputs);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < count; k++) {
        for (let o = 0; o < outputs; o++) result[r * outputs + o]! += left[r * count + k]! * own.data[k * outputs + o]!;
      }
    }
    return result;
  };
  const shift = product(bias, 1);
  const first: NamedArray = { shape: [1, 1, spec.trunkChannels, outputs], data: product(kernel, spec.trunkChannels) };
  const firstBias = weights.get('cnn1/bias')!.data.map((value, o) => value + shift[o]!);
  const unfolded = new Map(weights).set('cnn1/kernel', first);
  return { spec, origin, weights: unfolded.set('cnn1/bias', { shape: [outputs], data: firstBias }) };
}

/** Gram–Schmidt, twice for accuracy, on the columns of `[n, count]`. */
function orthonormal(values: Float32Array, count: number): Float32Array {
  const rows = values.length / count;
  const columns: Float64Array[] = Array.from({ length: count }, (_, k) =>
    Float64Array.from({ length: rows }, (_, r) => values[r * count + k]!),
  );
  for (const [k, column] of columns.entries()) {
    for (const earlier of [...columns.slice(0, k), ...columns.slice(0, k)]) {
      const share = dot(column, 0, earlier, 0, rows);
      for (let r = 0; r < rows; r++) column[r]! -= share * earlier[r]!;
    }
    columns[k] = unit(column);
  }
  return Float32Array.from(values, (_, i) => columns[i % count]![Math.floor(i / count)]!);
}

/** Dot products of the columns of two matrices `[n, count]`. */
function columnDots(a: Float32Array, b: Float32Array, count: number): Float64Array {
  const sums = new Float64Array(count);
  for (let i = 0; i < a.length; i++) sums[i % count]! += a[i]! * b[i]!;
  return sums;
}

/** About `most` items, evenly chosen. */
function everyNth<T>(items: readonly T[], most: number): T[] {
  const step = Math.max(1, Math.floor(items.length / most));
  return items.filter((_, i) => i % step === 0);
}

const ITERATIONS = 40;
/** A component with less variance is scaled as if it had this. */
const SMALLEST_VARIANCE = 1e-6;
/** The sample: frames, and cells of all of them together. */
const MAX_FRAMES = 600;
const MAX_CELLS = 20_000;
/** Cells whose products are computed in one piece: half a second of plain JavaScript, the slowest backend. */
const CELLS_PER_SLICE = 500;
/** Keeps the starting basis apart from other draws. */
const COMPONENTS_STREAM = 106;
