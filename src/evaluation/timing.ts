/**
 * Timing (paper, Fig. 12): seconds per map with vanilla endpoints (the whole network runs in every iteration) and with fast
 * ones (the trunk runs once), per backbone and solver. Times are of this machine; ratios are what can be compared.
 */

import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { createRandom } from '../base/random.ts';
import * as tf from '../base/tensorflow.ts';
import type { FrameBatch } from '../base/types.ts';
import type { Method } from '../l2caf/choices.ts';
import { findAttention } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { PresetName } from '../l2caf/presets.ts';
import { type SolveOptions, solveFilters } from '../l2caf/solve.ts';
import type { FeatureTail, Tail } from '../l2caf/tail.ts';
import { tensorTail } from '../l2caf/tensor-tail.ts';
import type { ClassificationNetwork } from '../models/classification-network.ts';
import { classifierTail, vanillaTail } from '../models/classifier-tail.ts';
import type { EventNetwork } from '../models/event-network.ts';
import type { VideoModel } from '../models/video-model.ts';
import type { StillNetwork } from '../stills/still-network.ts';
import type { Estimate } from './bootstrap.ts';
import type { FigureRow, FigureTable, Measure } from './figure-table.ts';

/** A network that can be timed. */
export interface TimedNetwork {
  readonly name: string;
  /** What its maps explain. */
  readonly objectives: readonly ('oblivious' | 'class')[];
  /** Runs the trunk: the tail that fast endpoints use. The caller disposes of it. */
  fast(): Promise<Tail>;
  /** A tail that runs the trunk in every evaluation; absent where the trunk is not of tensors. The caller disposes of it. */
  vanilla?(): Promise<Tail>;
}

/** How times are taken. */
export interface TimingOptions extends WorkOptions {
  /** Maps per row; the first one more is not counted. */
  readonly repeats: number;
  /** Iterations of the vanilla descent that are timed; a whole map is that many times longer as it takes iterations. */
  readonly vanillaIterations: number;
  readonly presets: readonly PresetName[];
  readonly seed: number;
}

/** Times every network; the table. Throws as `solveFilters`; `aborted`. */
export async function measureTimes(networks: readonly TimedNetwork[], options: TimingOptions): Promise<FigureTable> {
  const rows: FigureRow[] = [];
  const { onProgress, repeats, presets, vanillaIterations } = options;
  const total = networks.reduce((sum, { objectives }) => sum + objectives.length * (1 + 2 * presets.length), 0);
  let done = 0;
  const onRow = (): void => onProgress?.({ stage: 'timing', done: done++, total, unit: 'rows' });
  onRow();
  for (const network of networks) rows.push(...(await timesOf(network, options, onRow)));
  return {
    title: 'Seconds per map of one frame or picture',
    rowTitle: 'endpoints, objective, solver',
    measures: MEASURES,
    rows,
    highlighted: rows.map(({ name }) => name).filter((name) => name.startsWith('fast')),
    intervals: 'least and most',
    notes: [
      `Median, least and most of ${repeats} maps, of noise. "Trunk": what comes before the filter, once per map with fast endpoints.`,
      ...(rows.some(({ name }) => name.startsWith('vanilla')) ? [vanillaNote(vanillaIterations)] : []),
    ],
  };
}

function vanillaNote(iterations: number): string {
  return `The vanilla descent was timed over ${iterations} iterations and is given for as many as the fast one took; of a network whose trunk TensorFlow.js does not run, as one run of the trunk and one fast iteration for each.`;
}

const MEASURES: readonly Measure[] = [
  { key: 'seconds', title: 'seconds per map', digits: 3, scale: 'log' },
  { key: 'trunk', title: 'of it trunk', digits: 3, scale: 'log' },
  { key: 'iterations', title: 'iterations', digits: 0 },
  { key: 'slower', title: 'times the fastest', digits: 1, scale: 'log' },
];

async function timesOf(network: TimedNetwork, options: TimingOptions, onRow: () => void): Promise<FigureRow[]> {
  const probe = await network.fast();
  const slot = probe.slots - 1;
  const index = indexOfMax(probe.reference);
  const ways = waysOf(probe.filtered === undefined ? [] : options.presets);
  probe.dispose();
  const rows: { name: string; seconds: number[]; trunk: number[]; iterations: number }[] = [];
  for (const kind of network.objectives) {
    const objective: Objective = kind === 'class' ? { kind, index } : { kind };
    for (const method of ['gradcam', ...(kind === 'class' ? (['cam'] as const) : [])] as const) {
      const times = await repeatIfHad(options, () =>
        timeMap(() => network.fast(), { objective, slots: [slot] }, method),
      );
      if (times === undefined) continue; // the network is not made for it
      const seconds = times.map((time) => time.trunk + time.filter);
      const trunk = times.map((time) => time.trunk);
      rows.push({ name: `fast, ${kind}, ${METHOD_TITLES[method]}`, seconds, trunk, iterations: 0 });
    }
    for (const { name, options: solve } of ways) {
      const { seed, signal } = options;
      const all = { ...solve, objective, slots: [slot], seed, ...(signal && { signal }) };
      const fast = await repeat(options, () => timeMap(() => network.fast(), all));
      const solver = fast.at(-1)!.solver;
      const seconds = fast.map((time) => time.trunk + time.filter);
      const trunk = fast.map((time) => time.trunk);
      const { iterations } = fast.at(-1)!;
      rows.push({ name: `fast, ${objective.kind}, ${name ?? `auto (${solver})`}`, seconds, trunk, iterations });
      onRow();
      if (solve.solver !== 'gd') continue;
      const ownSteps = fast.map((time) => time.trunk + time.filter / (time.iterations + 1));
      const step = network.vanilla
        ? await vanillaIterationSec(await network.vanilla(), all, options)
        : median(ownSteps);
      rows.push({
        name: `vanilla, ${objective.kind}, ${name}`,
        seconds: [step * (iterations + 1)],
        trunk: [],
        iterations,
      });
      onRow();
    }
  }
  const fastest = Math.min(...rows.map(({ seconds }) => median(seconds)));
  return rows.map(({ name, seconds, trunk, iterations }) => ({
    name,
    group: network.name,
    counts: {},
    figures: {
      seconds: rangeOf(seconds),
      trunk: rangeOf(trunk),
      iterations: { value: iterations, low: Number.NaN, high: Number.NaN },
      slower: { value: median(seconds) / fastest, low: Number.NaN, high: Number.NaN },
    },
  }));
}

function waysOf(presets: readonly PresetName[]): { name?: string; options: SolveOptions }[] {
  const descents = presets.map((preset) => ({ name: `${preset} descent`, options: { solver: 'gd', preset } as const }));
  return [{ options: {} }, ...descents];
}

interface MapTime {
  /** Seconds. */
  readonly trunk: number;
  readonly filter: number;
  readonly iterations: number;
  readonly solver: string;
}

async function timeMap(open: () => Promise<Tail>, options: SolveOptions, method: Method = 'l2caf'): Promise<MapTime> {
  const start = performance.now();
  const tail = await open();
  const opened = performance.now();
  try {
    const { filters, options: chosen } = await findAttention(tail, method, options);
    const filter = (performance.now() - opened) / 1000;
    return { trunk: (opened - start) / 1000, filter, iterations: filters[0]!.iterations, solver: chosen.solver };
  } finally {
    tail.dispose();
  }
}

/** Seconds per iteration of a descent that runs the whole network. */
async function vanillaIterationSec(
  tail: Tail,
  options: SolveOptions,
  { vanillaIterations }: TimingOptions,
): Promise<number> {
  const run = async (maxIterations: number): Promise<number> => {
    const start = performance.now();
    await solveFilters(tail, { ...options, descent: { tolerance: 0, maxIterations } }); // never stops early
    return (performance.now() - start) / 1000;
  };
  try {
    await run(0); // the first evaluation prepares kernels
    return (await run(vanillaIterations)) / (vanillaIterations + 1);
  } finally {
    tail.dispose();
  }
}

const METHOD_TITLES = { gradcam: 'Grad-CAM', cam: 'CAM' } as const;

/** The results of {@link repeat}; undefined where a network has no such map. */
async function repeatIfHad<T>(options: TimingOptions, work: () => Promise<T>): Promise<T[] | undefined> {
  try {
    return await repeat(options, work);
  } catch (error) {
    if (error instanceof L2cafError && error.code === 'usage') return undefined;
    throw error;
  }
}

async function repeat<T>({ repeats, signal }: TimingOptions, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i <= repeats; i++) {
    throwIfAborted(signal);
    results.push(await work());
  }
  return results.slice(1);
}

/** A classification network on a picture of noise at its input size. */
export function timedClassifier(network: ClassificationNetwork, seed: number): TimedNetwork {
  const { height, width } = network.inputSize;
  const picture = noise(1, height, width, seed);
  const open = async <T>(make: (input: tf.Tensor4D) => T): Promise<T> => {
    const input = network.preprocess(picture);
    const made = make(input);
    input.dispose();
    return made;
  };
  return {
    name: network.id,
    objectives: ['class', 'oblivious'],
    fast: () => open((input) => classifierTail(network, input)),
    vanilla: () => open((input) => vanillaTail(network, input)),
  };
}

/** A network of the user's on frames of noise, as it takes them. */
export function timedImported(network: VideoModel, seed: number): TimedNetwork {
  const { input, outputs } = network;
  const noisy = noise(input.frames ?? 1, input.size.height, input.size.width, seed);
  return {
    name: network.id,
    objectives: outputs[0]?.kind === 'scores' ? ['class', 'oblivious'] : ['oblivious'],
    fast: async () => network.tail(await network.features(noisy)),
  };
}

/** Any network of pictures, on one of noise. */
export function timedStill({ description, inputSize, output, tail }: StillNetwork, seed: number): TimedNetwork {
  const noisy = noise(1, inputSize.height, inputSize.width, seed);
  return {
    name: description.id,
    objectives: output.kind === 'scores' ? ['class', 'oblivious'] : ['oblivious'],
    fast: () => tail(noisy),
  };
}

/** An event network on frames of noise. */
export function timedEvents(network: EventNetwork, frames: number, seed: number): TimedNetwork {
  const { height, width } = network.head.spec.inputSize;
  const noisy = noise(frames, height, width, seed);
  const fast = async (): Promise<FeatureTail> => network.tail(await network.features(noisy));
  return {
    name: `${network.pretrained.id} + ${network.head.origin.kind === 'trained' ? network.head.origin.id : 'head'} (events)`,
    objectives: ['oblivious'],
    fast,
    vanilla: async () => {
      const tail = await fast();
      return tensorTail({
        ...pick(tail),
        filtered: (filters, slots) =>
          tf.tidy(() => {
            const maps = tf.gather(network.featureMapsTensor(noisy), [...slots]);
            return tail.outputsOf(tf.mul(maps, tf.expandDims(filters, 3)), slots);
          }),
        dispose: () => tail.dispose(),
      });
    },
  };
}

function pick({ slots, grid, outputSize, reference }: Tail): Pick<Tail, 'slots' | 'grid' | 'outputSize' | 'reference'> {
  return { slots, grid, outputSize, reference };
}

function noise(frames: number, height: number, width: number, seed: number): FrameBatch {
  const random = createRandom(seed, NOISE_STREAM);
  return {
    rgb: Uint8Array.from({ length: frames * height * width * 3 }, () => 256 * random.uniform()),
    shape: [frames, height, width, 3],
    timestampsSec: Array.from({ length: frames }, (_, i) => i),
  };
}

/** Keeps the noise apart from other draws of the same seed. */
const NOISE_STREAM = 307;

/** The median and, as the ends of the interval, least and most; a single time has no interval. */
function rangeOf(values: readonly number[]): Estimate {
  if (values.length < 2) return { value: values[0] ?? Number.NaN, low: Number.NaN, high: Number.NaN };
  return { value: median(values), low: Math.min(...values), high: Math.max(...values) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function indexOfMax(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}
