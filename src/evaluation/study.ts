/**
 * The localization study: every method's maps of every event, measured against the object that decides the event. Keeps
 * numbers per event, from which `summary.ts` makes figures.
 */
import * as tf from '@tensorflow/tfjs';
import { L2cafError, throwIfAborted } from '../errors.ts';
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';
import { frameImportance } from '../l2caf/importance.ts';
import type { BackendInfo } from '../models/backend.ts';
import { createRecurrentHead } from '../models/event-network.ts';
import { featureMapShape, type Head } from '../models/head.ts';
import type { FeatureMaps } from '../models/recurrent-tail.ts';
import type { PlannedEvent } from '../training/dataset.ts';
import { featureTensor, loadFeatures } from '../training/embed.ts';
import type { FeatureCache } from '../training/feature-cache.ts';
import { openFeatureCache, prepareFeatures } from '../training/features.ts';
import { runHead } from '../training/network.ts';
import type { ProgressListener } from '../types.ts';
import { forgetfulHead, type MapMethod, type MapSubject, mapsOf } from './baseline-maps.ts';
import type { BinaryImage } from './contours.ts';
import { energyLift, isPointingHit } from './localization.ts';
import { type TemporalOutcome, temporalOutcome } from './temporal.ts';
import type { TruthFolder, VisibleEvent } from './truth.ts';
import { countPixels, type PixelCounts, scaleMask, scoresOf } from './wsol.ts';

/** How one map lies on the object of its frame. */
export interface MapScore {
  readonly energyLift: number;
  readonly isHit: boolean;
  /** Whether the map is constant: it shows nothing, misses, and has lift 1. */
  readonly isBlank: boolean;
  readonly pixels: PixelCounts;
}

/** The scores of one event. */
export interface EventScores {
  readonly id: string;
  readonly label: string;
  /** Timesteps of the frames that were measured. */
  readonly timesteps: readonly number[];
  /** By method, one per measured frame. */
  readonly maps: ReadonlyMap<MapMethod, readonly MapScore[]>;
  /** Absent when all frames hold the evidence, or there is one frame only. */
  readonly temporal?: TemporalOutcome;
}

/** What the maps explain: the embedding, or the class that is the event's label. */
export const STUDY_TARGETS = ['oblivious', 'label'] as const;
/** See {@link STUDY_TARGETS}. */
export type StudyTarget = (typeof STUDY_TARGETS)[number];

/** How the study is done. */
export interface StudyOptions {
  readonly methods: readonly MapMethod[];
  readonly target: StudyTarget;
  /** Of starting points, random maps and the re-initialised head. */
  readonly seed: number;
  readonly truth: TruthFolder;
  /** The backend that runs in this process. */
  readonly backend: BackendInfo['name'];
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures all methods on all events. Frames go through the trunk once, into the cache that training uses too.
 *
 * @throws L2cafError `usage` when labels are explained that the model has no class for; as `prepareFeatures` and
 *   `solveFilters`; `aborted`
 */
export async function studyLocalization(
  head: Head,
  events: readonly VisibleEvent[],
  options: StudyOptions,
): Promise<EventScores[]> {
  const { target, onProgress, signal } = options;
  const objectives = objectivesOf(
    head,
    events.map(({ planned }) => planned.event.label),
    target,
  );
  const cache = openFeatureCache(head.spec);
  await prepareFeatures(
    events.map(({ planned }) => planned),
    head.spec,
    cache,
    options,
  );
  const subjects = openSubjects(head, cache, options);
  const scores: EventScores[] = [];
  try {
    for (const [index, event] of events.entries()) {
      throwIfAborted(signal);
      onProgress?.({ stage: 'measuring', done: index, total: events.length, unit: 'events' });
      const objects = await objectsOf(event, options.truth);
      const subject = await subjects.open(event.planned, objectives[index]!);
      try {
        scores.push(await measureEvent(subject, { event, objects, index }, options));
      } finally {
        subject.tail.dispose();
        subject.reinitialised.dispose();
      }
    }
  } finally {
    subjects.dispose();
  }
  onProgress?.({ stage: 'measuring', done: events.length, total: events.length, unit: 'events' });
  return scores;
}

/** An event with the object of each frame that holds evidence. */
export interface MeasuredEvent {
  readonly event: VisibleEvent;
  /** One per frame with evidence, in order. */
  readonly objects: readonly BinaryImage[];
  /** Its place among the events. */
  readonly index: number;
}

/** Measures all methods on one event. Throws as `solveFilters`. */
export async function measureEvent(
  subject: MapSubject,
  { event: { planned, hasEvidence }, objects, index }: MeasuredEvent,
  { methods, seed, signal }: Pick<StudyOptions, 'methods' | 'seed' | 'signal'>,
): Promise<EventScores> {
  const slots = hasEvidence.flatMap((has, slot) => (has ? [slot] : []));
  const maps = await mapsOf(subject, methods, { slots, seed, eventIndex: index, ...(signal && { signal }) });
  const masks = objects.map(scaleMask);
  const scored = [...maps].map(
    ([method, own]) => [method, own.map((map, i) => scoreMap(map, objects[i]!, masks[i]!))] as const,
  );
  const temporal =
    slots.length < hasEvidence.length ? temporalOutcome(frameImportance(subject.tail), hasEvidence) : undefined;
  const { id, label } = planned.event;
  return { id, label, timesteps: slots, maps: new Map(scored), ...(temporal && { temporal }) };
}

function scoreMap(map: AttentionMap, object: BinaryImage, mask: Uint8Array): MapScore {
  const heatmap = toHeatmap(map, object);
  return {
    energyLift: energyLift(heatmap, object),
    isHit: isPointingHit(heatmap, object),
    isBlank: heatmap.max <= heatmap.min,
    pixels: countPixels(scoresOf(map), mask),
  };
}

/** What the maps of each event explain. */
function objectivesOf({ spec }: Head, labels: readonly string[], target: StudyTarget): MapSubject['objective'][] {
  if (target === 'oblivious') return labels.map(() => ({ kind: target }));
  const { labels: classes = [] } = spec;
  const unknown = [...new Set(labels)].filter((label) => !classes.includes(label));
  if (unknown.length === 0) return labels.map((label) => ({ kind: 'class', index: classes.indexOf(label) }));
  throw new L2cafError('usage', `the model has no class named ${unknown.join(', ')}`, {
    hint: `${classes.length > 0 ? `its classes: ${classes.join(', ')}` : 'it has no classifier'}; use --target oblivious`,
  });
}

/** Makes subjects of events; the caller disposes of each subject's tails, then of this. */
interface Subjects {
  open(planned: PlannedEvent, objective: MapSubject['objective']): Promise<MapSubject>;
  dispose(): void;
}

/** The head, its re-initialised twin, and the weights of the shallow CNN that they share. */
function openSubjects(
  head: Head,
  cache: FeatureCache,
  { seed, target }: Pick<StudyOptions, 'seed' | 'target'>,
): Subjects {
  const trained = createRecurrentHead(head);
  const forgetful = createRecurrentHead(forgetfulHead(head, seed));
  const weights = Object.fromEntries(
    [...head.weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const output = target === 'label' ? 'logits' : 'embedding';
  return {
    open: async (planned, objective) => {
      const maps = await featureMapsOf(head, weights, planned, cache);
      return { tail: trained.tail(maps, output), reinitialised: forgetful.tail(maps, output), objective };
    },
    dispose: () => {
      tf.dispose(weights);
      trained.dispose();
      forgetful.dispose();
    },
  };
}

/** The shallow CNN's maps of an event, from the cached features of its frames. */
async function featureMapsOf(
  { spec }: Head,
  weights: Readonly<Record<string, tf.Tensor>>,
  { views }: PlannedEvent,
  cache: FeatureCache,
): Promise<FeatureMaps> {
  const view = views[0]!;
  const features = await loadFeatures([view], cache);
  const steps = view.frames.length;
  const { height, width, channels } = featureMapShape(spec);
  const data = tf.tidy(() => runHead(spec, weights, featureTensor(features, spec), steps).maps.dataSync<'float32'>());
  return { data, shape: [steps, height, width, channels] };
}

async function objectsOf({ planned, hasEvidence }: VisibleEvent, truth: TruthFolder): Promise<BinaryImage[]> {
  const frames = planned.views[0]!.frames.filter((_, slot) => hasEvidence[slot]);
  const objects = await Promise.all(frames.map((frame) => truth.read(planned.event, frame)));
  return objects.filter((object) => object !== undefined);
}
