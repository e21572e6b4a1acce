/**
 * From feature maps to the analysis of an event, steps 5 and 6 of docs/architecture.md: embedding, one attention filter
 * per frame, importance. No video is read and no trunk is run, so whoever has the maps (from a cache, a batch of several
 * events, a sliding window) goes the same way as a single event.
 */
import { resolve } from 'node:path';
import type { AttentionFilter, GridShape, ProgressListener, TimeSpan, VideoClip } from '../base/types.ts';
import { VERSION } from '../base/version.ts';
import type { Method } from '../l2caf/choices.ts';
import { type EmptiedLoss, type FramePlace, lossesWithout } from '../l2caf/emptied.ts';
import { peakCell } from '../l2caf/heatmap.ts';
import { type FrameImportance, frameImportance } from '../l2caf/importance.ts';
import { type Attention, opposingShare } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { SolveOptions } from '../l2caf/solve.ts';
import { meanFigures } from '../l2caf/verdict.ts';
import type { EngineInfo } from '../models/backend.ts';
import { probabilitiesOf } from '../models/questions.ts';
import {
  type Distance,
  type FeatureMaps,
  scoresOf,
  sliceOfFrame,
  type VideoModel,
  type VideoTail,
} from '../models/video-model.ts';
import type { PlacedObjects } from '../objects/place.ts';
import { readingOf } from '../video/media/probe.ts';
import { describeClasses } from './classes.ts';
import { ANALYSIS_SCHEMA, type Analysis, type AnalysisFrame } from './document.ts';
import { attentionOf, type FrameAttention } from './frame-attention.ts';
import { type ObjectLosses, type ObjectPart, partsOnFrame, withObjects } from './objects.ts';
import { describeVerdict, withVerdicts } from './verdicts.ts';
import { isLong, lengthNote } from './windows.ts';

/** A network whose trunk is not needed. */
export interface ExplainModel {
  readonly network: Pick<VideoModel, 'input' | 'outputs' | 'tail' | 'describe' | 'distance' | 'redrawn'>;
  readonly backend: Pick<EngineInfo, 'name'>;
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
  /** Whether maps are finer, from frames that are seen several times (`featuresOfViews`); default false. */
  readonly fine?: boolean;
  /** Seed of the filters' starting points. */
  readonly seed: number;
  /** Objects beside attention. */
  readonly objects?: PlacedObjects;
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** What was found out about one event. */
export interface Explanation extends FrameAttention {
  /** `[d]` */
  readonly embedding: readonly number[];
  /** How much of the answer is there because of each frame; absent for a single frame. */
  readonly importance?: {
    readonly values: readonly number[];
    /** Standard errors; absent where every set of frames was evaluated. */
    readonly errors?: readonly number[];
    readonly absent: FrameImportance['absent'];
  };
  /** Class probabilities after each frame, in the order of the head's labels; absent where there is no telling. */
  readonly probabilities?: readonly (readonly number[])[];
  /** Class probabilities of the event; absent without a classifier. */
  readonly scores?: readonly number[];
  /** Numbers of the event, in the order of their names; absent without any. */
  readonly numbers?: readonly number[];
  /** How far the event is from what the network was trained on; absent where that is not known. */
  readonly distance?: Distance;
  /** What emptying objects takes away, per frame; absent without objects. */
  readonly objectLosses?: readonly ObjectLosses[];
}

/**
 * Embeds the frames and finds one filter for each.
 *
 * @param parts of each frame, those that belong to objects
 * @throws L2cafError `shape-mismatch` for maps of another network; else as `findAttention`
 */
export async function explainMaps(
  network: Pick<VideoModel, 'outputs' | 'tail' | 'distance' | 'redrawn'>,
  maps: FeatureMaps,
  { target, method = 'l2caf', fine: _, objects: __, ...options }: ExplainOptions,
  parts?: readonly (readonly ObjectPart[])[],
): Promise<Explanation> {
  const { objective } = target;
  const [first] = network.outputs;
  const scores = scoresOf(network.outputs) ?? first;
  const whole = network.tail(maps);
  const output = objective.kind === 'class' && scores !== first ? scores!.name : undefined;
  const tail = output === undefined ? whole : network.tail(maps, output);
  try {
    const { attention, figures, seconds } = await attentionOf(
      network,
      maps,
      { tail, output },
      { objective, method, ...options },
    );
    const judgedMs = performance.now();
    const probabilities = whole.probabilitiesSoFar?.() ?? [];
    const last = probabilities.at(-1) ?? scoredClasses(network, maps, whole);
    const importance = await frameImportance(tail, objective, options.seed);
    const distance = network.distance?.(maps);
    const objectLosses = parts && (await lossesOfObjects(tail, maps, parts, { objective, seed: options.seed }));
    return {
      embedding: [...whole.reference],
      attention,
      ...(importance && { importance: importanceOfFrames(importance, maps) }),
      ...(probabilities.length > 0 && { probabilities }),
      ...(last && { scores: last }),
      ...(first?.kind === 'numbers' && { numbers: [...whole.reference] }),
      ...(distance && { distance }),
      ...(objectLosses && { objectLosses }),
      figures,
      seconds: { ...seconds, verdict: seconds.verdict + (performance.now() - judgedMs) / 1000 },
    };
  } finally {
    whole.dispose();
    if (tail !== whole) tail.dispose();
  }
}

/** Cells of a frame. */
function gridOf({ shape: [, height, width] }: FeatureMaps): GridShape {
  return { height, width };
}

/** Empties the objects of each frame one after another. */
async function lossesOfObjects(
  tail: VideoTail,
  maps: FeatureMaps,
  parts: readonly (readonly ObjectPart[])[],
  options: Parameters<typeof lossesWithout>[3],
): Promise<ObjectLosses[]> {
  const losses: ObjectLosses[] = [];
  for (const [frame, own] of parts.entries()) {
    const found = await lossesWithout(tail, placeOfFrame(tail, maps, frame), own, options);
    losses.push(new Map(own.map(({ object }, k): [number, EmptiedLoss] => [object, found[k]!])));
  }
  return losses;
}

/** Where a frame lies in a tail: in the slot of its slice of time, or, where one slot holds all of them, in some of its rows. */
function placeOfFrame(tail: VideoTail, maps: FeatureMaps, frame: number): FramePlace {
  const [slices, rows] = maps.shape;
  const slice = sliceOfFrame(frame, maps);
  return tail.slots === slices ? { slot: slice } : { slot: 0, rows: { from: slice * rows, count: rows } };
}

/** Class probabilities of an event, where there are scores of classes, which need not be what is explained. */
function scoredClasses(
  network: Pick<VideoModel, 'outputs' | 'tail'>,
  maps: FeatureMaps,
  whole: VideoTail,
): number[] | undefined {
  const scores = scoresOf(network.outputs);
  if (scores === undefined) return undefined;
  if (scores === network.outputs[0]) return probabilitiesOf(whole.reference, scores.questions);
  const beside = network.tail(maps, scores.name);
  try {
    return probabilitiesOf(beside.reference, scores.questions);
  } finally {
    beside.dispose();
  }
}

/** A slice of time that shows several frames is of equal importance in each: they share what it is worth. */
function importanceOfFrames(
  { values, errors, absent }: FrameImportance,
  maps: FeatureMaps,
): NonNullable<Explanation['importance']> {
  const { shape, frames = shape[0] } = maps;
  const slicesShown = Array.from({ length: frames }, (_, frame) => sliceOfFrame(frame, maps));
  const shared = (ofSlices: Float64Array): number[] =>
    slicesShown.map((slice) => ofSlices[slice]! / slicesShown.filter((other) => other === slice).length);
  return { values: shared(values), ...(errors && { errors: shared(errors) }), absent };
}

/** Explains an event; throws as {@link explainMaps}. */
export async function explainEvent(
  model: ExplainModel,
  event: EventMaps,
  options: ExplainOptions,
): Promise<TimedAnalysis> {
  const { objects } = options;
  const seen = { source: event.clip, model: model.network.describe() };
  const parts = objects && event.timestampsSec.map((time) => partsOnFrame(objects, time, seen, gridOf(event.maps)));
  const found = await explainMaps(model.network, event.maps, options, parts);
  const { embedding, attention, importance, probabilities, scores, numbers, distance, figures, seconds } = found;
  const scored = scoresOf(model.network.outputs);
  const { shape, frames = shape[0] } = event.maps;
  const { eventSec } = model.network.input;
  const described = describeRun(model, event, options, attention);
  const analysis = {
    ...described,
    ...(eventSec !== undefined &&
      isLong(event.span, eventSec) && { warnings: [...described.warnings, lengthNote(event.span, eventSec)] }),
    embedding: [...embedding],
    ...(distance && { familiarity: distance }),
    ...(scores && describeClasses(scored, scores)),
    ...(numbers && { numbers: { names: numberNames(model.network), values: [...numbers] } }),
    ...(importance && { importance: { absent: importance.absent } }),
    verdict: describeVerdict(meanFigures(figures, importance?.values)),
    frames: attention.filters.map((filter, i) => ({
      ...describeFrame(filter, i, event.timestampsSec[i]!),
      ...(frames !== shape[0] && { slice: sliceOfFrame(i, event.maps) }),
      ...(event.damagedSec?.includes(event.timestampsSec[i]!) && { damaged: true as const }),
      ...(importance && { importance: importance.values[i]! }),
      ...(importance?.errors && { importanceError: importance.errors[i]! }),
      verdict: describeVerdict(figures[i]!),
      ...(probabilities && { probabilities: [...probabilities[i]!] }),
    })),
    timingsSec: { ...event.timingsSec, ...seconds },
  };
  return withObjects(withVerdicts(analysis), objects, (frame) => found.objectLosses?.[frame]);
}

/** Names of the numbers that a network gives; empty when it gives none. */
export function numberNames({ outputs }: Pick<VideoModel, 'outputs'>): string[] {
  const numbers = outputs.find(({ kind }) => kind === 'numbers');
  return [...(numbers?.labels ?? Array.from({ length: numbers?.size ?? 0 }, (_, i) => `output ${i + 1}`))];
}

/** The part of a document that says what was analyzed, with what and how. */
export function describeRun(
  model: ExplainModel,
  { clip, sourceSha256, span, notes = [] }: Pick<EventMaps, 'clip' | 'sourceSha256' | 'span' | 'notes'>,
  { target, method = 'l2caf', fine, seed }: ExplainOptions,
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
      ...(fine && { fine }),
      seed,
    },
    warnings: [
      ...model.warnings,
      ...unclear(model.network, target),
      ...(clip.notes ?? []),
      ...cropNotes(clip),
      ...hiddenNotes(clip),
      ...notes,
    ],
  };
}

/** That the network is shown a part of the picture. */
function cropNotes({ crop, width, height }: VideoClip): string[] {
  if (crop === undefined) return [];
  const part = `${crop.width}x${crop.height} from ${crop.x},${crop.y}`;
  return [`the network sees ${part} of the picture of ${width}x${height}: the rest is left out (--crop)`];
}

/** That the network does not see parts of the picture. */
function hiddenNotes({ hidden = [] }: VideoClip): string[] {
  if (hidden.length === 0) return [];
  const named = hidden.slice(0, NAMED_PARTS).map(({ x, y, width, height }) => `${width}x${height} from ${x},${y}`);
  const more = hidden.length > named.length ? ` and ${hidden.length - named.length} more` : '';
  return [`the network does not see ${named.join(', ')}${more}: filled from around there (--ignore)`];
}

const NAMED_PARTS = 4;

/** That to keep a few numbers has no unique answer: many filters of many cells do so. */
function unclear(network: ExplainModel['network'], { objective }: BoundTarget): string[] {
  const [first] = network.outputs;
  const [name] = numberNames(network);
  if (first?.kind !== 'numbers' || first.size > FEW_NUMBERS || objective.kind !== 'oblivious') return [];
  return [
    `many filters keep ${first.size === 1 ? 'a single number' : `${first.size} numbers`} equally well: --target "output:${name}" shows what drives one`,
  ];
}

const FEW_NUMBERS = 8;

function describeSource(clip: VideoClip): Omit<Analysis['source'], 'sha256'> {
  const { width, height, frameRate, durationSec, rotationDeg, crop, hidden } = clip;
  const picture = {
    ...{ width, height, frameRate, durationSec, rotationDeg },
    ...(crop && { crop: { ...crop } }),
    ...(hidden && { hidden: hidden.map((region) => ({ ...region })) }),
  };
  return { path: resolve(clip.path), ...picture, ...readingOf(clip) };
}

/** A frame's part of a document. */
export function describeFrame(filter: AttentionFilter, timestep: number, timestampSec: number): AnalysisFrame {
  const { height, width, values, loss, lossHistory, iterations, status, starts, trace } = filter;
  return {
    timestep,
    timestampSec,
    filter: { height, width, values: [...values] },
    loss,
    lossHistory: [...lossHistory],
    iterations,
    status,
    peakCell: peakCell(filter),
    opposingShare: opposingShare(values),
    ...(starts && { starts: starts.map((outcome) => ({ ...outcome })) }),
    ...(trace && { trace: trace.map((step) => [...step]) }),
  };
}
