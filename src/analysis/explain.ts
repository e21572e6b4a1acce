/**
 * From feature maps to the analysis of an event, steps 5 and 6 of docs/architecture.md: embedding, one attention filter
 * per frame, importance. No video is read and no trunk is run, so whoever has the maps (from a cache, a batch of several
 * events, a sliding window) goes the same way as a single event.
 */
import { resolve } from 'node:path';
import type { AttentionFilter, ProgressListener, TimeSpan, VideoClip } from '../base/types.ts';
import { VERSION } from '../base/version.ts';
import { frameImportance } from '../l2caf/importance.ts';
import { type Attention, findAttention, type Method, opposingShare } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { SolveOptions } from '../l2caf/solve.ts';
import { isMapTail } from '../l2caf/tail.ts';
import type { BackendInfo } from '../models/backend.ts';
import { type FeatureMaps, scoresOf, type VideoModel } from '../models/video-model.ts';
import { readingOf } from '../video/media/probe.ts';
import { ANALYSIS_SCHEMA, type Analysis, type AnalysisFrame } from './document.ts';

/** A network whose trunk is not needed. */
export interface ExplainModel {
  readonly network: Pick<VideoModel, 'outputs' | 'tail' | 'describe'>;
  readonly backend: Pick<BackendInfo, 'name'>;
  /** What the user must know about this model. */
  readonly warnings: readonly string[];
}

/** An analysis that says how long its steps took. */
export type TimedAnalysis = Analysis & { readonly timingsSec: NonNullable<Analysis['timingsSec']> };

/** An event whose frames have been through the trunk and the shallow CNN. */
export interface EventMaps {
  readonly clip: VideoClip;
  readonly sourceSha256: string;
  readonly span: TimeSpan;
  /** Of the t frames, `[t, h, w, c]`. */
  readonly maps: FeatureMaps;
  /** Real presentation times of the t frames, seconds from the start of the clip. */
  readonly timestampsSec: readonly number[];
  /** What is wrong with the frames, in words. */
  readonly notes?: readonly string[];
  /** Those of the times whose frames are damaged, or stand in for lost ones. */
  readonly damagedSec?: readonly number[];
  /** How long the steps up to the maps took. */
  readonly timingsSec: Pick<TimedAnalysis['timingsSec'], 'decode' | 'trunk'>;
}

/** What the attention explains, made ready for a network: the objective, and how documents name it. */
export interface BoundTarget {
  readonly objective: Objective;
  readonly name: string;
}

/** How the attention of an event is found. */
export interface ExplainOptions extends Pick<SolveOptions, 'solver' | 'preset' | 'constraint' | 'starts' | 'trace'> {
  readonly target: BoundTarget;
  /** Default `l2caf`. */
  readonly method?: Method;
  /** Seed of the filters' starting points. */
  readonly seed: number;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What was found out about one event. */
export interface Explanation {
  /** `[d]` */
  readonly embedding: readonly number[];
  /** Filters of the frames, in order. */
  readonly attention: Attention;
  /** How far the output moves without each frame; absent for a single frame. */
  readonly importance?: readonly number[];
  /** Class probabilities after each frame, in the order of the head's labels; absent without a classifier. */
  readonly probabilities?: readonly (readonly number[])[];
  /** How long it took. */
  readonly seconds: number;
}

/**
 * Embeds the frames and finds one filter for each.
 *
 * @throws L2cafError `shape-mismatch` for maps of another network; else as {@link findAttention}
 */
export async function explainMaps(
  network: Pick<VideoModel, 'outputs' | 'tail'>,
  maps: FeatureMaps,
  { target, method = 'l2caf', ...options }: ExplainOptions,
): Promise<Explanation> {
  const { objective } = target;
  const startMs = performance.now();
  const [first] = network.outputs;
  const scores = scoresOf(network.outputs) ?? first;
  const whole = network.tail(maps);
  const tail = objective.kind === 'class' && scores !== first ? network.tail(maps, scores!.name) : whole;
  try {
    const attention = await findAttention(tail, method, { ...options, objective });
    const probabilities = whole.probabilitiesSoFar?.() ?? [];
    return {
      embedding: [...whole.reference],
      attention,
      ...(tail.slots > 1 && isMapTail(tail) && { importance: [...(await frameImportance(tail))] }),
      ...(probabilities.length > 0 && { probabilities }),
      seconds: (performance.now() - startMs) / 1000,
    };
  } finally {
    whole.dispose();
    if (tail !== whole) tail.dispose();
  }
}

/** Explains an event; throws as {@link explainMaps}. */
export async function explainEvent(
  model: ExplainModel,
  event: EventMaps,
  options: ExplainOptions,
): Promise<TimedAnalysis> {
  const { embedding, attention, importance, probabilities, seconds } = await explainMaps(
    model.network,
    event.maps,
    options,
  );
  const labels = scoresOf(model.network.outputs)?.labels;
  return {
    ...describeRun(model, event, options, attention),
    embedding: [...embedding],
    ...(labels && probabilities && { classes: rankClasses(labels, probabilities.at(-1)!), labels: [...labels] }),
    frames: attention.filters.map((filter, i) => ({
      ...describeFrame(filter, i, event.timestampsSec[i]!),
      ...(event.damagedSec?.includes(event.timestampsSec[i]!) && { damaged: true as const }),
      ...(importance && { importance: importance[i]! }),
      ...(probabilities && { probabilities: [...probabilities[i]!] }),
    })),
    timingsSec: { ...event.timingsSec, filters: seconds },
  };
}

/** The part of a document that says what was analyzed, with what and how. */
export function describeRun(
  model: ExplainModel,
  { clip, sourceSha256, span, notes = [] }: Pick<EventMaps, 'clip' | 'sourceSha256' | 'span' | 'notes'>,
  { target, method = 'l2caf', seed }: ExplainOptions,
  { reason, options: { solver, preset, constraint } }: Pick<Attention, 'reason' | 'options'>,
): Pick<Analysis, 'schema' | 'l2cafVersion' | 'source' | 'span' | 'model' | 'options' | 'warnings'> {
  return {
    schema: ANALYSIS_SCHEMA,
    l2cafVersion: VERSION,
    source: { ...describeSource(clip), sha256: sourceSha256 },
    span,
    model: { ...model.network.describe() },
    options: {
      backend: model.backend.name,
      method,
      target: target.name,
      solver,
      solverReason: reason,
      preset,
      constraint,
      seed,
    },
    warnings: [...model.warnings, ...(clip.notes ?? []), ...notes],
  };
}

/** The classes with their probabilities, most probable first. */
export function rankClasses(
  labels: readonly string[],
  probabilities: readonly number[],
): NonNullable<Analysis['classes']> {
  return labels
    .map((label, i) => ({ label, probability: probabilities[i]! }))
    .sort((a, b) => b.probability - a.probability);
}

function describeSource(clip: VideoClip): Omit<Analysis['source'], 'sha256'> {
  const { width, height, frameRate, durationSec, rotationDeg } = clip;
  return { path: resolve(clip.path), width, height, frameRate, durationSec, rotationDeg, ...readingOf(clip) };
}

/** A frame's part of a document. */
export function describeFrame(filter: AttentionFilter, timestep: number, timestampSec: number): AnalysisFrame {
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
