/**
 * Trunk features in fewer numbers, for training only. The head's first layer is a 1×1 convolution, so it may as well be
 * trained on the principal components of its input: an eighth of the work per step, and fewer weights to overfit a few
 * hundred events with. All are scaled to the same spread (whitened), so that no direction is slow to learn because it is
 * weak. The layer that comes out is folded with the projection, and the finished head reads the trunk's features as they
 * are.
 */
import * as tf from '@tensorflow/tfjs';
import { L2cafError, throwIfAborted } from '../errors.ts';
import { dot, unit } from '../matrix.ts';
import { toFloat16 } from '../models/float16.ts';
import type { Head, HeadSpec } from '../models/head.ts';
import type { NamedArray } from '../models/safetensors.ts';
import { createRandom } from '../random.ts';
import type { ProgressListener } from '../types.ts';
import type { PlannedEvent, PlannedFrame } from './dataset.ts';
import { loadFrames } from './embed.ts';
import type { FeatureCache, FeatureReader } from './feature-cache.ts';

/** The map `x → x·kernel + bias` from c channels to k components with mean 0 and variance 1. */
export interface Components {
  readonly count: number;
  /** `[c, k]` */
  readonly kernel: Float32Array;
  /** `[k]` */
  readonly bias: Float32Array;
}

/**
 * The leading principal components of cells `[n, c]`, by orthogonal iteration on their covariance: strong components come
 * out apart, weak ones that are nearly equal as some basis of their space. The same result for the same cells.
 */
export function principalComponents(cells: Float32Array, channels: number, count: number): Components {
  const rows = cells.length / channels;
  const { mean, covariance } = tf.tidy(() => {
    const x = tf.tensor2d(cells, [rows, channels]);
    const middle: tf.Tensor1D = tf.mean(x, 0);
    const centred: tf.Tensor2D = tf.sub(x, middle);
    const product: tf.Tensor2D = tf.div(tf.matMul(tf.transpose(centred), centred), rows);
    return { mean: middle.dataSync<'float32'>(), covariance: tf.keep(product) };
  });
  const random = createRandom(0, COMPONENTS_STREAM);
  let basis = orthonormal(
    Float32Array.from({ length: channels * count }, () => random.normal()),
    count,
  );
  const image = (): Float32Array =>
    tf.tidy(() => tf.matMul(covariance, tf.tensor2d(basis, [channels, count])).dataSync<'float32'>());
  for (let i = 0; i < ITERATIONS; i++) basis = orthonormal(image(), count);
  const variances = columnDots(basis, image(), count);
  covariance.dispose();
  const kernel = basis.map((value, i) => value / Math.sqrt(Math.max(variances[i % count]!, SMALLEST_VARIANCE)));
  const bias = new Float32Array(count);
  for (let i = 0; i < kernel.length; i++) bias[i % count]! -= mean[Math.floor(i / count)]! * kernel[i]!;
  return { count, kernel, bias };
}

/** Fits the components of the training events' frames, as they are, from a sample of their cells. */
export async function fitComponents(
  planned: readonly PlannedEvent[],
  cache: FeatureCache,
  channels: number,
  count: number,
): Promise<Components> {
  const training = planned.filter(({ event }) => event.split === 'train').flatMap(({ views }) => views[0]!.frames);
  const frames = everyNth(training, MAX_FRAMES);
  const cellsPerFrame = cache.length / channels;
  const step = Math.max(1, Math.floor((frames.length * cellsPerFrame) / MAX_CELLS));
  const taken: Float32Array[] = [];
  for (const [f, frame] of frames.entries()) {
    const data = await loadFrames([frame], cache);
    for (let cell = f % step; cell < cellsPerFrame; cell += step) {
      taken.push(data.slice(cell * channels, (cell + 1) * channels));
    }
  }
  const cells = new Float32Array(taken.length * channels);
  for (const [i, cell] of taken.entries()) cells.set(cell, i * channels);
  return principalComponents(cells, channels, count);
}

/** The components of the features of all planned frames, in memory: 86 kB per frame of 24×14 cells and 128 components. */
export async function reduceFeatures(
  planned: readonly PlannedEvent[],
  cache: FeatureCache,
  { count, kernel, bias }: Components,
  { onProgress, signal }: { onProgress?: ProgressListener | undefined; signal?: AbortSignal | undefined },
): Promise<FeatureReader> {
  const frames = new Map<string, PlannedFrame>();
  for (const { views } of planned) {
    for (const frame of views.flatMap((view) => view.frames)) frames.set(cache.pathOf(frame), frame);
  }
  const channels = kernel.length / count;
  const length = (cache.length / channels) * count;
  const reduced = new Map<string, Uint16Array>();
  const [projection, offset] = [tf.tensor2d(kernel, [channels, count]), tf.tensor1d(bias)];
  try {
    for (const [path, frame] of frames) {
      throwIfAborted(signal);
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
/** Keeps the starting basis apart from other draws. */
const COMPONENTS_STREAM = 106;
