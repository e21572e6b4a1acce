/**
 * The faithfulness study: does the output come back when a frame's cells are inserted in the order of a map, and go when
 * they are deleted; and do cheap measures of a frame's importance rank frames as leaving the frame out does?
 */

import { createRandom } from '../base/random.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { activationNorm } from '../l2caf/activation-norm.ts';
import { frameImportance } from '../l2caf/importance.ts';
import { rankCorrelation } from '../l2caf/similarity.ts';
import { solveFilters } from '../l2caf/solve.ts';
import { distanceBetween } from '../l2caf/worth.ts';
import { type MapSubject, mapsOf, OWN_METHODS } from './baseline-maps.ts';
import type { MapMethod } from './choices.ts';
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
import { isNetwork, measureEvents, type Studied, type StudyContext, type Subject } from './subjects.ts';

/** How the study is done. */
export interface FaithfulnessStudyOptions extends StudyContext {
  readonly methods: readonly MapMethod[];
}

interface EventFaithfulness {
  readonly spatial: EventRecords<Sums>;
  /** Absent for events of one frame. */
  readonly temporal?: EventRecords<Sums>;
}

/** Measures all methods on all events; the tables. Throws as `measureEvents` and `solveFilters`. */
export async function studyFaithfulness(
  studied: Studied,
  events: readonly PlannedEvent[],
  options: FaithfulnessStudyOptions,
): Promise<FigureTable[]> {
  const measured = await measureEvents(studied, events, options, async (subject): Promise<EventFaithfulness> => {
    const group = subject.planned.event.label;
    const rows = await mapFaithfulness(subject, subject.index, options);
    const temporal = await temporalAgreement(subject, options.seed);
    return { spatial: { group, rows }, ...(temporal && { temporal: { group, rows: temporal } }) };
  });
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
        'Insertion: higher is more faithful; deletion: lower. random: mean of ten orders.',
        ...(temporal.length === 0 && hasFrames(studied)
          ? ['No frame can be left out of an event of this network, so rankings of frames are not measured.']
          : []),
      ],
    },
  ];
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
];

const AGREEMENT: readonly Measure[] = [
  { key: 'rankCorrelation', title: 'rank correlation', digits: 2, chance: 0 },
  { key: 'top1', title: 'same top frame', digits: 2 },
];

/** Areas of every frame, added up by method. */
export async function mapFaithfulness(
  subject: MapSubject,
  index: number,
  { methods, seed, signal }: Pick<FaithfulnessStudyOptions, 'methods' | 'seed' | 'signal'>,
): Promise<ReadonlyMap<string, Sums>> {
  const { tail, objective } = subject;
  const slots = Array.from({ length: tail.slots }, (_, slot) => slot);
  const informed = methods.filter((method) => method !== 'random');
  const maps = await mapsOf(subject, informed, { slots, seed, eventIndex: index, ...(signal && { signal }) });
  const rows = new Map<string, Sums>();
  for (const [method, own] of maps) {
    const areas = await Promise.all(own.map((map, slot) => faithfulness(tail, map, { slot, objective })));
    rows.set(method, sumsOf(areas.map((of) => ({ ...of }))));
  }
  if (!methods.includes('random')) return rows;
  const random = await Promise.all(
    slots.map((slot) => randomFaithfulness(tail, { slot, objective, seed: seed + index })),
  );
  return rows.set('random', sumsOf(random.map((of) => ({ ...of }))));
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
