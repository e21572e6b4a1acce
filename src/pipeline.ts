/**
 * The main job on one screen: sample the frames of an event, embed them, find one attention filter per frame, and write
 * down what was found. `rendering.ts` draws it. The steps are those of docs/architecture.md.
 */
import { resolve } from 'node:path';
import { ANALYSIS_SCHEMA, type Analysis, type AnalysisFrame } from './analysis.ts';
import { throwIfAborted } from './errors.ts';
import { sha256OfFile } from './files.ts';
import type { PresetName } from './l2caf/presets.ts';
import { type SolverChoice, solveFilters } from './l2caf/solve.ts';
import { type BackendChoice, type BackendInfo, useBackend } from './models/backend.ts';
import { EventNetwork, trunkSide } from './models/event-network.ts';
import { DEFAULT_HEAD, featureMapShape, headSha256, untrainedHead } from './models/head.ts';
import { RESNET50_IMAGENET } from './models/pretrained.ts';
import { pullTrunk } from './models/pull.ts';
import type { Stage } from './models/resnet.ts';
import type { AttentionFilter, PictureSize, ProgressListener, TimeSpan, VideoClip } from './types.ts';
import { VERSION } from './version.ts';
import { probeClip } from './video/probe.ts';
import { resolveSpan, sampleFrames } from './video/sample.ts';

/** Long work can be watched and stopped. */
export interface WorkOptions {
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** Which network, on what. */
export interface ModelOptions extends WorkOptions {
  readonly backend: BackendChoice;
  readonly stage: Stage;
  /** Size to which frames are resized, a multiple of 32 each way. */
  readonly size: PictureSize;
  /** Seed of the untrained head. */
  readonly seed: number;
}

/** A network that is ready, and the backend it runs on. */
export interface OpenModel {
  readonly network: EventNetwork;
  readonly backend: BackendInfo;
  /** What the user must know about this model. */
  readonly warnings: readonly string[];
}

/** Which event of which clip, and how its filters are found. */
export interface EventOptions extends WorkOptions {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** Frames to sample, the length of the LSTM's sequence. */
  readonly frames: number;
  readonly solver: SolverChoice;
  readonly preset: PresetName;
  /** Seed of the filters' starting points. */
  readonly seed: number;
}

/** Steps 1: what the clip is, and the span of it that is meant. */
export async function openClip(
  path: string,
  wanted: { readonly startSec?: number; readonly endSec?: number },
  signal?: AbortSignal,
): Promise<{ clip: VideoClip; span: TimeSpan }> {
  const clip = await probeClip(path, signal);
  return { clip, span: resolveSpan(clip, wanted) };
}

/** Makes the network ready; fetches the trunk's weights first if they are not in the cache. The caller disposes of it. */
export async function openModel(options: ModelOptions): Promise<OpenModel> {
  const side = trunkSide(RESNET50_IMAGENET, options.stage, options.size);
  const backend = await useBackend(options.backend);
  await pullTrunk(RESNET50_IMAGENET, options);
  throwIfAborted(options.signal);
  const head = untrainedHead({ ...side, ...DEFAULT_HEAD }, options.seed);
  return {
    network: await EventNetwork.load(head, RESNET50_IMAGENET),
    backend,
    warnings: [
      `the head is UNTRAINED (random weights, seed ${options.seed}): the maps show what a random network responds to, not what matters in driving`,
    ],
  };
}

/** Steps 2 to 6: frames → feature maps → embedding → one filter per frame. */
export async function analyzeEvent(model: OpenModel, options: EventOptions): Promise<Analysis> {
  const { clip, span, signal, onProgress } = options;
  const { network } = model;
  const clock = stopwatch();
  onProgress?.({ stage: 'decoding', done: 0, total: options.frames, unit: 'frames' });
  const [sha256, frames] = await Promise.all([
    sha256OfFile(clip.path),
    sampleFrames(clip, { span, count: options.frames, size: network.head.spec.inputSize, ...(signal && { signal }) }),
  ]);
  const decode = clock();
  onProgress?.({ stage: 'embedding', done: 0, total: options.frames, unit: 'frames' });
  throwIfAborted(signal);
  const maps = network.featureMaps(frames);
  const trunk = clock();
  const tail = network.tail(maps);
  try {
    const solution = await solveFilters(tail, { ...options, objective: { kind: 'oblivious' } });
    return {
      schema: ANALYSIS_SCHEMA,
      l2cafVersion: VERSION,
      source: { ...describeSource(clip), sha256 },
      span,
      model: describeModel(network),
      options: { backend: model.backend.name, seed: options.seed, ...solution.options },
      warnings: [...model.warnings],
      embedding: [...tail.reference],
      frames: solution.filters.map((filter, timestep) =>
        describeFrame(filter, timestep, frames.timestampsSec[timestep]!),
      ),
      timingsSec: { decode, trunk, filters: clock() },
    };
  } finally {
    tail.dispose();
  }
}

function describeSource(clip: VideoClip): Omit<Analysis['source'], 'sha256'> {
  const { width, height, frameRate, durationSec, rotationDeg } = clip;
  return { path: resolve(clip.path), width, height, frameRate, durationSec, rotationDeg };
}

function describeModel({ head, pretrained }: EventNetwork): Analysis['model'] {
  const { height, width } = featureMapShape(head.spec);
  return {
    trunk: pretrained.id,
    trunkSha256: pretrained.weightsSha256,
    stage: head.spec.stage,
    head: { ...head.origin, sha256: headSha256(head) },
    inputSize: head.spec.inputSize,
    grid: { height, width },
  };
}

function describeFrame(filter: AttentionFilter, timestep: number, timestampSec: number): AnalysisFrame {
  const { height, width, values, loss, lossHistory, iterations, status } = filter;
  const peak = values.reduce((best, value, i) => (Math.abs(value) > Math.abs(values[best]!) ? i : best), 0);
  return {
    timestep,
    timestampSec,
    filter: { height, width, values: [...values] },
    loss,
    lossHistory: [...lossHistory],
    iterations,
    status,
    peakCell: { row: Math.floor(peak / width), column: peak % width },
  };
}

/** Seconds since the last call, or since it was made. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
