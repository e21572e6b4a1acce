/**
 * From feature maps to the analysis of an event, steps 5 and 6 of docs/architecture.md: embedding, one attention filter
 * per frame, importance. No video is read and no trunk is run, so whoever has the maps (from a cache, a batch of several
 * events, a sliding window) goes the same way as a single event.
 */
import { resolve } from 'node:path';
import { ANALYSIS_SCHEMA, type Analysis, type AnalysisFrame } from './analysis.ts';
import { frameImportance } from './l2caf/importance.ts';
import { findAttention, type Method, opposingShare } from './l2caf/method.ts';
import type { Objective } from './l2caf/objective.ts';
import type { SolveOptions } from './l2caf/solve.ts';
import type { BackendInfo } from './models/backend.ts';
import type { EventNetwork } from './models/event-network.ts';
import { featureMapShape, headSha256 } from './models/head.ts';
import type { FeatureMaps } from './models/recurrent-tail.ts';
import type { AttentionFilter, ProgressListener, TimeSpan, VideoClip } from './types.ts';
import { VERSION } from './version.ts';

/** A network whose trunk is not needed. */
export interface ExplainModel {
  readonly network: Pick<EventNetwork, 'head' | 'pretrained' | 'tail' | 'probabilities'>;
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

/**
 * Embeds the event and finds one filter per frame.
 *
 * @throws L2cafError `shape-mismatch` for maps of another network; else as {@link findAttention}
 */
export async function explainEvent(
  model: ExplainModel,
  event: EventMaps,
  options: ExplainOptions,
): Promise<TimedAnalysis> {
  const { network } = model;
  const { clip, maps, span, timestampsSec } = event;
  const { objective, name } = options.target;
  const { method = 'l2caf', seed } = options;
  const { labels } = network.head.spec;
  const whole = network.tail(maps, 'embedding');
  const tail = objective.kind === 'class' ? network.tail(maps, 'logits') : whole;
  try {
    const startMs = performance.now();
    const attention = await findAttention(tail, method, { ...options, objective });
    const filters = (performance.now() - startMs) / 1000;
    const importance = tail.slots > 1 ? frameImportance(tail) : undefined;
    const probabilities = whole.outputsSoFar().map((embedding) => network.probabilities(embedding));
    const { solver, preset, constraint } = attention.options;
    return {
      schema: ANALYSIS_SCHEMA,
      l2cafVersion: VERSION,
      source: { ...describeSource(clip), sha256: event.sourceSha256 },
      span,
      model: describeModel(network),
      options: {
        backend: model.backend.name,
        method,
        target: name,
        solver,
        solverReason: attention.reason,
        preset,
        constraint,
        seed,
      },
      warnings: [...model.warnings],
      embedding: [...whole.reference],
      ...(labels && { classes: rankClasses(labels, probabilities.at(-1)!), labels: [...labels] }),
      frames: attention.filters.map((filter, i) => ({
        ...describeFrame(filter, i, timestampsSec[i]!),
        ...(importance && { importance: importance[i]! }),
        ...(probabilities[i] && { probabilities: probabilities[i] }),
      })),
      timingsSec: { ...event.timingsSec, filters },
    };
  } finally {
    whole.dispose();
    if (tail !== whole) tail.dispose();
  }
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
  return { path: resolve(clip.path), width, height, frameRate, durationSec, rotationDeg };
}

function describeModel({ head, pretrained }: ExplainModel['network']): Analysis['model'] {
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
