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
  readonly network: Pick<EventNetwork, 'head' | 'pretrained' | 'tail'>;
  readonly backend: Pick<BackendInfo, 'name'>;
  /** What the user must know about this model. */
  readonly warnings: readonly string[];
}

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
  readonly timingsSec: Pick<Analysis['timingsSec'], 'decode' | 'trunk'>;
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
export async function explainEvent(model: ExplainModel, event: EventMaps, options: ExplainOptions): Promise<Analysis> {
  const { network } = model;
  const { clip, maps, span, timestampsSec } = event;
  const { objective, name } = options.target;
  const { method = 'l2caf', seed } = options;
  const { labels } = network.head.spec;
  const embedding = referenceOf(network, maps, 'embedding');
  const tail = network.tail(maps, objective.kind === 'class' ? 'logits' : 'embedding');
  try {
    const startMs = performance.now();
    const attention = await findAttention(tail, method, { ...options, objective });
    const filters = (performance.now() - startMs) / 1000;
    const importance = tail.slots > 1 ? frameImportance(tail) : undefined;
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
      embedding: [...embedding],
      ...(labels && { classes: classesOf(network, maps, labels) }),
      frames: attention.filters.map((filter, i) => ({
        ...describeFrame(filter, i, timestampsSec[i]!),
        ...(importance && { importance: importance[i]! }),
      })),
      timingsSec: { ...event.timingsSec, filters },
    };
  } finally {
    tail.dispose();
  }
}

/** The output of an event with no filter, `[d]`. */
export function referenceOf(
  network: ExplainModel['network'],
  maps: FeatureMaps,
  output: 'embedding' | 'logits',
): Float32Array {
  const tail = network.tail(maps, output);
  tail.dispose();
  return tail.reference;
}

/** Softmax of the logits, most probable first. */
function classesOf(
  network: ExplainModel['network'],
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
