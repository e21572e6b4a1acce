/**
 * The localization study: every method's maps of every event, measured against the object that decides the event, and
 * whether the most important frame is one that shows it.
 */
import { type View, viewOf } from '../base/fit.ts';
import { mean } from '../base/matrix.ts';
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';
import { frameImportance } from '../l2caf/importance.ts';
import { type MapSubject, mapsOf, OWN_METHODS } from './baseline-maps.ts';
import type { MapMethod } from './choices.ts';
import type { BinaryImage } from './contours.ts';
import {
  type EventRecords,
  type FigureRowsOptions,
  type FigureTable,
  figureRows,
  measuresOf,
  type Statistic,
} from './figure-table.ts';
import { energyLift, isPointingHit } from './localization.ts';
import { inputOf, measureEvents, type Studied, type StudyContext } from './subjects.ts';
import { type TemporalOutcome, temporalOutcome } from './temporal.ts';
import { objectsOf, type Truth, type VisibleEvent } from './truth.ts';
import { addPixels, countPixels, mapScores, type PixelCounts, pixelAveragePrecision, scaleMask } from './wsol.ts';

/** How one map lies on the object of its frame. */
interface MapScore {
  readonly energyLift: number;
  readonly isHit: boolean;
  /** Whether the map is constant: it shows nothing, misses, and has lift 1. */
  readonly isBlank: boolean;
  readonly pixels: PixelCounts;
}

/** The scores of one event. */
export interface EventScores {
  readonly label: string;
  /** By method, one per measured frame. */
  readonly maps: ReadonlyMap<string, readonly MapScore[]>;
  /** Absent when all frames hold the evidence, or there is one frame only. */
  readonly temporal?: TemporalOutcome;
}

/** How the study is done. */
export interface LocalizationOptions extends StudyContext {
  readonly methods: readonly MapMethod[];
  readonly truth: Truth;
}

/** Measures all methods on all events. Throws as `measureEvents` and `solveFilters`. */
export async function studyLocalization(
  studied: Studied,
  events: readonly VisibleEvent[],
  options: LocalizationOptions,
): Promise<EventScores[]> {
  const planned = events.map((event) => event.planned);
  return measureEvents(studied, planned, options, async (subject) => {
    const { index, slotOf } = subject;
    const event = events[index]!;
    const objects = await objectsOf(event, options.truth);
    const view = viewOf(event.planned.event.clip, inputOf(studied));
    return measureEvent(subject, { event, objects, index, slotOf, view }, options);
  });
}

/** An event with the object of each frame that holds evidence. */
export interface MeasuredEvent {
  readonly event: VisibleEvent;
  /** One per frame with evidence, in order. */
  readonly objects: readonly BinaryImage[];
  /** Its place among the events. */
  readonly index: number;
  /** The slot that shows a frame; default: its own. */
  readonly slotOf?: (frame: number) => number;
  /** Where in the frames the maps lie; default: all over them. */
  readonly view?: View | undefined;
}

/** Measures all methods on one event. Throws as `solveFilters`. */
export async function measureEvent(
  subject: MapSubject,
  { event: { planned, hasEvidence }, objects, index, slotOf = (frame) => frame, view }: MeasuredEvent,
  { methods, seed, signal }: Pick<LocalizationOptions, 'methods' | 'seed' | 'signal'>,
): Promise<EventScores> {
  const slots = hasEvidence.flatMap((has, frame) => (has ? [slotOf(frame)] : []));
  const maps = await mapsOf(subject, methods, { slots, seed, eventIndex: index, ...(signal && { signal }) });
  const isTold = slots.length < hasEvidence.length && subject.tail.slots > 1 && slotOf(1) === 1;
  const importance = isTold ? await frameImportance(subject.tail, subject.objective, seed) : undefined;
  const temporal = importance && temporalOutcome(importance.values, hasEvidence);
  return { label: planned.event.label, maps: scoreMaps(maps, objects, view), ...(temporal && { temporal }) };
}

/** Scores maps by method, one per object. */
export function scoreMaps(
  maps: ReadonlyMap<string, readonly AttentionMap[]>,
  objects: readonly BinaryImage[],
  view?: View,
): EventScores['maps'] {
  const masks = objects.map(scaleMask);
  return new Map(
    [...maps].map(([method, own]) => [method, own.map((map, i) => scoreMap(map, objects[i]!, masks[i]!, view))]),
  );
}

function scoreMap(map: AttentionMap, object: BinaryImage, mask: Uint8Array, view: View | undefined): MapScore {
  const heatmap = toHeatmap(map, { height: object.height, width: object.width, view });
  return {
    energyLift: energyLift(heatmap, object),
    isHit: isPointingHit(heatmap, object),
    isBlank: heatmap.max <= heatmap.min,
    pixels: countPixels(mapScores(map, view), mask),
  };
}

/** Sums over the frames of an event. */
interface EventSums {
  readonly maps: number;
  readonly lift: number;
  readonly hits: number;
  readonly blank: number;
  readonly pixels: PixelCounts;
}

const STATISTICS: readonly Statistic<EventSums>[] = [
  { key: 'energyLift', title: 'energy lift', digits: 2, chance: 1, of: (all) => perMap(all, ({ lift }) => lift) },
  { key: 'pointing', title: 'pointing', digits: 2, of: (all) => perMap(all, ({ hits }) => hits) },
  {
    key: 'pxAP',
    title: 'PxAP',
    digits: 3,
    of: (all) => pixelAveragePrecision(addPixels(all.map(({ pixels }) => pixels))),
  },
];

const TEMPORAL: readonly Statistic<TemporalOutcome>[] = [
  { key: 'hitRate', title: 'temporal hits', digits: 2, of: (all) => mean(all.map(({ isHit }) => Number(isHit))) },
  { key: 'guessing', title: 'hits by guessing', digits: 2, of: (all) => mean(all.map(({ chance }) => chance)) },
];

/**
 * The figures: per method, over all events and per label; and how often the most important frame shows the object. Throws
 * as `figureRows`.
 */
export async function localizationTables(
  events: readonly EventScores[],
  options: FigureRowsOptions,
): Promise<FigureTable[]> {
  const records = events.map(
    ({ label, maps }): EventRecords<EventSums> => ({
      group: label,
      rows: new Map([...maps].map(([method, scores]) => [method, sumsOf(scores)])),
    }),
  );
  const countsOf = (all: readonly EventSums[]): Record<string, number> => ({
    maps: all.reduce((sum, { maps }) => sum + maps, 0),
    blank: all.reduce((sum, { blank }) => sum + blank, 0),
  });
  const spatial: FigureTable = {
    title: 'Where the maps lie',
    rowTitle: 'method',
    measures: measuresOf(STATISTICS),
    rows: await figureRows(records, STATISTICS, { ...options, countsOf }),
    highlighted: OWN_METHODS,
  };
  const timed = events.flatMap(({ label, temporal }) =>
    temporal ? [{ group: label, rows: new Map([['importance', temporal]]) }] : [],
  );
  if (timed.length === 0) return [spatial];
  const temporal: FigureTable = {
    key: 'temporal',
    title: 'Does the most important frame show the object?',
    rowTitle: 'frames ranked by',
    measures: measuresOf(TEMPORAL),
    rows: await figureRows(timed, TEMPORAL, options),
    highlighted: ['importance'],
    notes: [
      'Importance: the Shapley value of a frame. Events of which some sampled frames show the object and others do not.',
    ],
  };
  return [spatial, temporal];
}

function perMap(all: readonly EventSums[], of: (own: EventSums) => number): number {
  return all.reduce((sum, own) => sum + of(own), 0) / all.reduce((sum, { maps }) => sum + maps, 0);
}

function sumsOf(scores: readonly MapScore[]): EventSums {
  return {
    maps: scores.length,
    lift: scores.reduce((sum, score) => sum + score.energyLift, 0),
    hits: scores.filter(({ isHit }) => isHit).length,
    blank: scores.filter(({ isBlank }) => isBlank).length,
    pixels: addPixels(scores.map(({ pixels }) => pixels)),
  };
}
