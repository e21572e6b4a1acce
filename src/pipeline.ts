/**
 * The main job on one screen: sample the frames of an event, embed them, find one attention filter per frame, and write
 * down what was found. `rendering.ts` draws it. The steps are those of docs/architecture.md.
 */
import { resolve } from 'node:path';
import { ANALYSIS_SCHEMA, type Analysis, type AnalysisFrame } from './analysis.ts';
import { assertNever, L2cafError, throwIfAborted } from './errors.ts';
import { sha256OfFile } from './files.ts';
import { frameImportance } from './l2caf/importance.ts';
import { findAttention, type Method, opposingShare } from './l2caf/method.ts';
import type { Objective } from './l2caf/objective.ts';
import type { SolveOptions } from './l2caf/solve.ts';
import { type BackendChoice, type BackendInfo, useBackend } from './models/backend.ts';
import { EventNetwork, withInputSize } from './models/event-network.ts';
import { featureMapShape, headSha256 } from './models/head.ts';
import { loadModel } from './models/model-directory.ts';
import { DEFAULT_MODEL, findModel } from './models/packaged.ts';
import { findPretrained } from './models/pretrained.ts';
import { pullTrunk } from './models/pull.ts';
import type { FeatureMaps } from './models/recurrent-tail.ts';
import type { AttentionFilter, FrameBatch, PictureSize, ProgressListener, TimeSpan, VideoClip } from './types.ts';
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
  /** Name of a packaged model or folder of a trained one; default: the packaged `driving`. */
  readonly model?: string;
  /** Size to which frames are resized, a multiple of 32 each way; default: the model's. */
  readonly size?: PictureSize;
}

/** A network that is ready, and the backend it runs on. */
export interface OpenModel {
  readonly network: EventNetwork;
  readonly backend: BackendInfo;
  /** What the user must know about this model. */
  readonly warnings: readonly string[];
}

/**
 * What the attention explains: the whole embedding (Eq. 1), one class (Eq. 2), or the similarity to another event
 * (METHOD §2).
 */
export type Target =
  | { readonly kind: 'oblivious' }
  | { readonly kind: 'class'; readonly label: string }
  | { readonly kind: 'similar'; readonly clip: VideoClip; readonly span: TimeSpan };

/** Which event of which clip, and how its attention is found. */
export interface EventOptions
  extends WorkOptions,
    Pick<SolveOptions, 'solver' | 'preset' | 'constraint' | 'starts' | 'trace'> {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** Frames to sample, the length of the LSTM's sequence. */
  readonly frames: number;
  /** Seed of the filters' starting points. */
  readonly seed: number;
  /** Default `l2caf`. */
  readonly method?: Method;
  /** Default `oblivious`. */
  readonly target?: Target;
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

/**
 * Makes the network ready; fetches the trunk's weights first if they are not in the cache. The caller disposes of it.
 *
 * @throws L2cafError for a model that is damaged or does not fit, weights that cannot be had, a backend that is not there
 */
export async function openModel(options: ModelOptions): Promise<OpenModel> {
  const { head: saved } = await loadModel(await findModel(options.model ?? DEFAULT_MODEL));
  const pretrained = findPretrained(saved.spec.trunk);
  const head = options.size === undefined ? saved : withInputSize(saved, pretrained, options.size);
  const backend = await useBackend(options.backend);
  await pullTrunk(pretrained, options);
  throwIfAborted(options.signal);
  const network = await EventNetwork.load(head, pretrained);
  return { network, backend, warnings: [] };
}

/** Steps 2 to 6: frames → feature maps → embedding → one filter per frame. */
export async function analyzeEvent(model: OpenModel, options: EventOptions): Promise<Analysis> {
  const { clip, span, signal, onProgress, target = { kind: 'oblivious' }, method = 'l2caf' } = options;
  const { network } = model;
  const clock = stopwatch();
  onProgress?.({ stage: 'decoding', done: 0, total: options.frames, unit: 'frames' });
  const [sha256, frames] = await Promise.all([sha256OfFile(clip.path), sampleFor(network, options, clip, span)]);
  const decode = clock();
  onProgress?.({ stage: 'embedding', done: 0, total: options.frames, unit: 'frames' });
  throwIfAborted(signal);
  const maps = network.featureMaps(frames);
  const trunk = clock();
  const objective = await objectiveOf(network, target, options);
  const embedding = referenceOf(network, maps, 'embedding');
  const tail = network.tail(maps, target.kind === 'class' ? 'logits' : 'embedding');
  try {
    clock(); // the filters' time begins here
    const attention = await findAttention(tail, method, { ...options, objective });
    const filters = clock();
    const importance = tail.slots > 1 ? frameImportance(tail) : undefined;
    const { solver, preset, constraint } = attention.options;
    return {
      schema: ANALYSIS_SCHEMA,
      l2cafVersion: VERSION,
      source: { ...describeSource(clip), sha256 },
      span,
      model: describeModel(network),
      options: {
        backend: model.backend.name,
        method,
        target: describeTarget(target),
        solver,
        solverReason: attention.reason,
        preset,
        constraint,
        seed: options.seed,
      },
      warnings: [...model.warnings],
      embedding: [...embedding],
      ...(network.head.spec.labels && { classes: classesOf(network, maps, network.head.spec.labels) }),
      frames: attention.filters.map((filter, i) => ({
        ...describeFrame(filter, i, frames.timestampsSec[i]!),
        ...(importance && { importance: importance[i]! }),
      })),
      timingsSec: { decode, trunk, filters },
    };
  } finally {
    tail.dispose();
  }
}

function sampleFor(network: EventNetwork, options: EventOptions, clip: VideoClip, span: TimeSpan): Promise<FrameBatch> {
  const { frames: count, signal } = options;
  return sampleFrames(clip, { span, count, size: network.head.spec.inputSize, ...(signal && { signal }) });
}

/** The objective that a target means for this network; another event is embedded first. */
async function objectiveOf(network: EventNetwork, target: Target, options: EventOptions): Promise<Objective> {
  switch (target.kind) {
    case 'oblivious':
      return target;
    case 'class': {
      const labels = network.head.spec.labels ?? [];
      const index = labels.indexOf(target.label);
      if (index >= 0) return { kind: 'class', index };
      throw new L2cafError('usage', `the model has no class named "${target.label}"`, {
        hint: labels.length > 0 ? `its classes: ${labels.join(', ')}` : 'it was trained without a classifier',
      });
    }
    case 'similar': {
      const maps = network.featureMaps(await sampleFor(network, options, target.clip, target.span));
      return { kind: 'similarity', other: referenceOf(network, maps, 'embedding') };
    }
    default:
      return assertNever(target);
  }
}

/** The output of an event with no filter, `[d]`. */
function referenceOf(network: EventNetwork, maps: FeatureMaps, output: 'embedding' | 'logits'): Float32Array {
  const tail = network.tail(maps, output);
  tail.dispose();
  return tail.reference;
}

/** Softmax of the logits, most probable first. */
function classesOf(
  network: EventNetwork,
  maps: FeatureMaps,
  labels: readonly string[],
): NonNullable<Analysis['classes']> {
  const logits = referenceOf(network, maps, 'logits');
  const largest = Math.max(...logits);
  const weights = [...logits].map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return labels
    .map((label, i) => ({ label, probability: weights[i]! / total }))
    .sort((a, b) => b.probability - a.probability);
}

function describeTarget(target: Target): string {
  if (target.kind === 'class') return `class:${target.label}`;
  return target.kind === 'similar' ? `similar:${resolve(target.clip.path)}` : target.kind;
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
  const { height, width, values, loss, lossHistory, iterations, status, starts, trace } = filter;
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
    opposingShare: opposingShare(values),
    ...(starts && { starts: starts.map((outcome) => ({ ...outcome })) }),
    ...(trace && { trace: trace.map((step) => [...step]) }),
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
