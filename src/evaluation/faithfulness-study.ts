/**
 * The faithfulness study: does the output come back when a frame's cells are inserted in the order of a map, and go when
 * they are deleted; and do cheap measures of a frame's importance rank frames as leaving the frame out does?
 */

import { throwIfAborted } from '../base/errors.ts';
import { createRandom } from '../base/random.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { framesOfEvent } from '../features/frames.ts';
import { activationNorm } from '../l2caf/activation-norm.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import { frameImportance } from '../l2caf/importance.ts';
import { rankCorrelation } from '../l2caf/similarity.ts';
import { solveFilters } from '../l2caf/solve.ts';
import { distanceBetween } from '../l2caf/worth.ts';
import { scoresOf, type VideoModel } from '../models/video-model.ts';
import type { RunEvent } from './altered-frame.ts';
import { type MapSubject, mapsOf, OWN_METHODS } from './baseline-maps.ts';
import type { MapMethod } from './choices.ts';
import { sparseness } from './complexity.ts';
import { faithfulness, randomFaithfulness } from './faithfulness.ts';
import {
  countMaps,
  type EventRecords,
  type FigureTable,
  figureRows,
  type Measure,
  meanOf,
  measuresOf,
  type Sums,
  sumsOf,
} from './figure-table.ts';
import { infidelity, removeAtRandom, sensitivityN } from './removals.ts';
import { REMOVED, type RoadScores, road } from './road.ts';
import { isNetwork, measureEvents, type Studied, type StudyContext, type Subject, withNetwork } from './subjects.ts';

/** How the study is done. */
export interface FaithfulnessStudyOptions extends StudyContext {
  readonly methods: readonly MapMethod[];
  /** Whether pixels are removed from the frames as well (`road.ts`), for which the whole network runs again. */
  readonly withRoad?: boolean | undefined;
}

interface EventFaithfulness {
  readonly spatial: EventRecords<Sums>;
  /** Absent unless pixels are removed. */
  readonly road?: EventRecords<Sums> | undefined;
  /** Absent for events of one frame. */
  readonly temporal?: EventRecords<Sums>;
}

/** Measures all methods on all events; the tables. Throws as `measureEvents`, `withNetwork` and `solveFilters`. */
export async function studyFaithfulness(
  studied: Studied,
  events: readonly PlannedEvent[],
  options: FaithfulnessStudyOptions,
): Promise<FigureTable[]> {
  const measure = (network?: VideoModel): Promise<EventFaithfulness[]> =>
    measureEvents(studied, events, options, async (subject): Promise<EventFaithfulness> => {
      const group = subject.planned.event.label;
      const maps = await mapsOfSlots(subject, subject.index, options);
      const rows = await mapFaithfulness(subject, maps, options.seed + subject.index);
      const temporal = await temporalAgreement(subject, options.seed);
      return {
        spatial: { group, rows },
        ...(temporal && { temporal: { group, rows: temporal } }),
        ...(network && { road: { group, rows: await pixelFaithfulness(network, subject, maps, options) } }),
      };
    });
  const measured = await (options.withRoad ? withNetwork(studied, options, measure) : measure());
  const spatial = measured.map((event) => event.spatial);
  const temporal = measured.flatMap((event) => event.temporal ?? []);
  const statistics = (measures: readonly Measure[]) => measures.map(meanOf);
  const tables: FigureTable[] = [
    {
      title: 'Cells inserted and deleted in the order of a map',
      rowTitle: 'order',
      measures: measuresOf(statistics(AREAS)),
      rows: await figureRows(spatial, statistics(AREAS), { ...options, countsOf: countMaps }),
      highlighted: OWN_METHODS,
      notes: [
        'Insertion: higher is more faithful; deletion: lower.',
        'Sensitivity-n: higher (1: the map adds up to what is lost without random sets of cells); infidelity: lower (0; 1: it foretells nothing of that). Sparseness (Gini): how few cells hold the map; no measure of whether it is right.',
        'random: mean of ten orders, one map.',
        ...(temporal.length === 0 && hasFrames(studied)
          ? ['No frame can be left out of an event of this network, so rankings of frames are not measured.']
          : []),
      ],
    },
  ];
  const road = measured.flatMap((event) => event.road ?? []);
  if (road.length > 0) tables.push(await roadTable(road, options));
  if (temporal.length === 0) return tables;
  return [
    ...tables,
    {
      key: 'temporal',
      title: 'Frames ranked, against leaving each frame out',
      rowTitle: 'frames ranked by',
      measures: measuresOf(statistics(AGREEMENT)),
      rows: await figureRows(temporal, statistics(AGREEMENT), options),
      highlighted: ['importance'],
      notes: ['importance: Shapley values of the frames, as analyze reports them.'],
    },
  ];
}

const AREAS: readonly Measure[] = [
  { key: 'insertion', title: 'insertion AUC', digits: 3 },
  { key: 'deletion', title: 'deletion AUC', digits: 3 },
  { key: 'sensitivityN', title: 'sensitivity-n', digits: 2, chance: 0 },
  { key: 'infidelity', title: 'infidelity', digits: 2, chance: 1 },
  { key: 'sparseness', title: 'sparseness', digits: 2 },
];

const ROAD: readonly Measure[] = [
  { key: 'road', title: 'LeRF − MoRF', digits: 3, chance: 0 },
  { key: 'morf', title: 'without the most relevant (MoRF)', digits: 3 },
  { key: 'lerf', title: 'without the least relevant (LeRF)', digits: 3 },
];

const AGREEMENT: readonly Measure[] = [
  { key: 'rankCorrelation', title: 'rank correlation', digits: 2, chance: 0 },
  { key: 'top1', title: 'same top frame', digits: 2 },
];

/** The maps of every slot, by method. Throws as `mapsOf`. */
function mapsOfSlots(
  subject: MapSubject,
  index: number,
  { methods, seed, signal }: Pick<FaithfulnessStudyOptions, 'methods' | 'seed' | 'signal'>,
): Promise<Map<MapMethod, AttentionMap[]>> {
  const slots = Array.from({ length: subject.tail.slots }, (_, slot) => slot);
  return mapsOf(subject, methods, { slots, seed, eventIndex: index, ...(signal && { signal }) });
}

/**
 * What removing cells says of every slot's maps, added up by method.
 *
 * @param seed of the cells that are removed at random
 */
async function mapFaithfulness(
  { tail, objective }: MapSubject,
  maps: ReadonlyMap<MapMethod, readonly AttentionMap[]>,
  seed: number,
): Promise<ReadonlyMap<string, Sums>> {
  const slots = Array.from({ length: tail.slots }, (_, slot) => slot);
  const removals = await Promise.all(slots.map((slot) => removeAtRandom(tail, { slot, objective, seed })));
  const rows = new Map<string, Sums>();
  for (const [method, own] of maps) {
    const readings = own.map(async (map, slot) => ({
      ...(method === 'random'
        ? await randomFaithfulness(tail, { slot, objective, seed })
        : await faithfulness(tail, map, { slot, objective })),
      sensitivityN: sensitivityN(map, removals[slot]!),
      infidelity: infidelity(map, removals[slot]!),
      sparseness: sparseness(map),
    }));
    rows.set(method, sumsOf(await Promise.all(readings)));
  }
  return rows;
}

/** What removing pixels says of every frame's maps, added up by method. */
async function pixelFaithfulness(
  network: VideoModel,
  { planned, tail, objective, slotOf, index }: Subject,
  maps: ReadonlyMap<MapMethod, readonly AttentionMap[]>,
  { seed, signal }: FaithfulnessStudyOptions,
): Promise<ReadonlyMap<string, Sums>> {
  const frames = await framesOfEvent(planned, network.input.size, { signal });
  const output = objective.kind === 'class' ? scoresOf(network.outputs)!.name : network.outputs[0]!.name;
  const event: RunEvent = { network, frames, maps: await network.features(frames), output };
  const places = Array.from({ length: frames.shape[0] }, (_, frame) => ({ frame, slot: slotOf(frame) }));
  const cells = tail.grid.height * tail.grid.width;
  const empty = await tail.evaluate(
    new Float32Array(tail.slots * cells),
    Array.from({ length: tail.slots }, (_, slot) => slot),
  ); // [slots, d]
  const rows = new Map<string, Sums>();
  for (const [method, own] of maps) {
    const readings: RoadScores[] = [];
    for (const { frame, slot } of places) {
      throwIfAborted(signal);
      const nothing = empty.subarray(slot * tail.outputSize, (slot + 1) * tail.outputSize);
      const options = { frame, objective, reference: tail.reference, nothing, seed: seed + index };
      readings.push(await road(event, own[slot]!, options));
    }
    rows.set(method, sumsOf(readings.map((of) => ({ ...of }))));
  }
  return rows;
}

async function roadTable(
  events: readonly EventRecords<Sums>[],
  options: FaithfulnessStudyOptions,
): Promise<FigureTable> {
  return {
    key: 'road',
    title: 'Pixels removed from the frame in the order of a map (ROAD)',
    rowTitle: 'order',
    measures: ROAD,
    rows: await figureRows(events, ROAD.map(meanOf), { ...options, countsOf: countMaps }),
    highlighted: OWN_METHODS,
    notes: [
      `What the whole network's output keeps without ${REMOVED.map((share) => `${100 * share}`).join(', ')} % of the pixels, on average: most relevant removed first, lower is more faithful; least relevant first, higher.`,
    ],
  };
}

/** Whether it is a network whose events have several frames. */
function hasFrames(studied: Studied): boolean {
  return isNetwork(studied) && (studied.input.frames ?? 1) > 1;
}

/**
 * How far several rankings of the frames agree with what leaving a frame out does to the output; undefined where there is one
 * frame only, or none can be left out.
 */
async function temporalAgreement(subject: Subject, seed: number): Promise<ReadonlyMap<string, Sums> | undefined> {
  const { tail, outputWithout, objective, index } = subject;
  if (tail.slots === 1 || outputWithout === undefined) return undefined;
  const slots = Array.from({ length: tail.slots }, (_, slot) => slot);
  const moved: number[] = [];
  for (const slot of slots) {
    const output = await outputWithout(slot);
    moved.push(distanceBetween(output, tail.reference));
  }
  const random = createRandom(seed, TEMPORAL_STREAM, index);
  const { filters } = await solveFilters(tail, { objective, seed });
  const importance = await frameImportance(tail, objective, seed);
  const rankings: Readonly<Record<string, readonly number[]>> = {
    ...(importance && { importance: [...importance.values] }),
    'l2caf loss': filters.map(({ loss }) => loss),
    'activation norm': slots.map((slot) => Math.hypot(...activationNorm(tail, slot).values)),
    'latest first': slots,
    random: slots.map(() => random.uniform()),
  };
  return new Map(
    Object.entries(rankings).map(([name, ranking]) => [
      name,
      sumsOf([{ rankCorrelation: rankCorrelation(ranking, moved), top1: Number(top(ranking) === top(moved)) }]),
    ]),
  );
}

/** Keeps the draws apart from other draws of the same seed. */
const TEMPORAL_STREAM = 304;

function top(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
