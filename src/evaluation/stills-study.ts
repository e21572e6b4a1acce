/**
 * Localization in still pictures (paper, Sec. 4.1 and 4.2; METHOD §6): do the maps of a classification network cover the
 * object whose class it names, and those of a retrieval network the object whose like it finds? Boxes at one level and at the
 * best one, pixels, with and without asking that the class be right.
 */

import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { toHeatmap } from '../l2caf/heatmap.ts';
import type { StillNetwork, StillOutput } from '../stills/still-network.ts';
import { DEFAULT_STILL_METHODS } from './choices.ts';
import { type EventRecords, type FigureTable, figureRows, measuresOf, type Statistic } from './figure-table.ts';
import { isLocalized } from './localization.ts';
import {
  type Answer,
  type Answers,
  answersOf,
  type MeasuredStill,
  measureStill,
  type StillScore,
  share,
  withNeighbours,
} from './still-measure.ts';
import type { StillTruth } from './still-truth.ts';
import {
  addPixels,
  boxOverlaps,
  countPixels,
  mapScores,
  maxBoxAccuracy,
  type PixelCounts,
  pixelAveragePrecision,
  WSOL_SIDE,
} from './wsol.ts';

/** How the study is done. */
export interface StillsStudyOptions extends WorkOptions {
  /** Default: {@link stillMethodsFor} the network. */
  readonly methods?: readonly string[] | undefined;
  /** Heatmap level, in [0, 1), above which pixels belong to the box of GT-known, top-1, top-5 and R@1. */
  readonly level: number;
  readonly seed: number;
}

/** What the study found. */
export interface StillsStudy {
  readonly table: FigureTable;
  readonly answers: Answers;
}

/** The methods that are compared unless others are asked for: those that the kind of network has. */
export function stillMethodsFor({ kind }: Pick<StillOutput, 'kind'>): readonly string[] {
  return kind === 'scores' ? DEFAULT_STILL_METHODS : DEFAULT_STILL_METHODS.filter((method) => !isOfClass(method));
}

function isOfClass(method: string): boolean {
  return method === 'cam' || method === 'acol' || method.startsWith('l2caf-class');
}

/**
 * Measures all methods on all pictures.
 *
 * @throws L2cafError `usage` for a network of numbers, and for maps of a class of one that knows none; as `openPicture` and
 *   `solveFilters`; `aborted`
 */
export async function studyStills(
  network: StillNetwork,
  stills: readonly StillTruth[],
  options: StillsStudyOptions,
): Promise<StillsStudy> {
  const { onProgress, signal, level } = options;
  const { kind } = network.output;
  const methods = methodsOf(network.output, options);
  const measured: MeasuredStill<PictureScore>[] = [];
  const score = scoreAt(level);
  for (const [index, still] of stills.entries()) {
    throwIfAborted(signal);
    onProgress?.({ stage: 'measuring', done: index, total: stills.length, unit: 'pictures' });
    measured.push(await measureStill(network, still, { ...options, index, methods }, score));
  }
  onProgress?.({ stage: 'measuring', done: stills.length, total: stills.length, unit: 'pictures' });
  const statistics: Statistic<PictureScore>[] = STATISTICS.filter(({ only = kind }) => only === kind).map(
    ({ only: _, ...own }) => own,
  );
  const answered = kind === 'embedding' ? withNeighbours(measured, stills) : measured;
  const records: EventRecords<PictureScore>[] = answered.map(({ rows, answer }) => ({
    rows: new Map([...rows].map(([method, score]) => [method, { ...score, ...answer }])),
  }));
  const answers = answersOf(answered.map(({ answer }) => answer));
  return {
    answers,
    table: {
      title:
        kind === 'embedding'
          ? 'Where the maps of a retrieval network lie'
          : 'Where the maps of a classification network lie',
      rowTitle: 'method',
      measures: measuresOf(statistics),
      rows: await figureRows(records, statistics, { ...options, unit: 'pictures' }),
      highlighted: methods.filter((method) => method.startsWith('l2caf')),
      notes: [kind === 'embedding' ? retrievalNote(level, answers) : classNote(level, answers, network.output, stills)],
    },
  };
}

/** @throws L2cafError `usage` */
function methodsOf(output: StillOutput, { methods = stillMethodsFor(output) }: StillsStudyOptions): readonly string[] {
  if (output.kind === 'numbers') {
    throw new L2cafError('usage', "the network's outputs are numbers: there is no class whose object could be found", {
      hint: 'if they are scores of classes, say so: --kind scores',
    });
  }
  const wrong = output.kind === 'embedding' ? methods.filter(isOfClass) : [];
  if (wrong.length === 0) return methods;
  throw new L2cafError('usage', `an embedding has no classes, which ${wrong.join(', ')} would explain`, {
    hint: `choose among ${stillMethodsFor(output).join(', ')}`,
  });
}

const BOX_NOTE = "the box of the largest region above LEVEL of the heatmap's range overlaps a true one by half";
const ALL_LEVELS_NOTE =
  'MaxBoxAcc: the same at the level that is best for the method; V2: mean over overlaps of 0.3, 0.5, 0.7, any region.';

function classNote(level: number, { top1, top5 }: Answers, { indexOf }: StillOutput, stills: readonly StillTruth[]) {
  const unnamed = stills.filter(({ label }) => label === undefined || indexOf(label) === undefined).length;
  const named = `The network names the class first in ${shown(top1)}, among its first five in ${shown(top5)} of them.`;
  const blank = `Pictures of no class of the network: ${unnamed}; their map is that of its most probable class, and they are left out of top-1 and top-5.`;
  return [
    `GT-known, top-1, top-5: ${BOX_NOTE.replace('LEVEL', String(level))}; the map is that of the true class, which for top-1 and top-5 must be among the network's first one or five.`,
    ALL_LEVELS_NOTE,
    ...(unnamed < stills.length ? [named] : []),
    ...(unnamed > 0 ? [blank] : []),
  ].join(' ');
}

function retrievalNote(level: number, { recallAt1 }: Answers): string {
  return [
    `Box: ${BOX_NOTE.replace('LEVEL', String(level))}. R@1: also, the nearest other picture, by the cosine of the embeddings, is of the same class. Maps explain the raw embedding.`,
    ALL_LEVELS_NOTE,
    `The nearest picture is of the same class in ${shown(recallAt1)}.`,
  ].join(' ');
}

function shown(share: number | undefined): string {
  return share === undefined || Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)} %`;
}

/** How one map lies on the object of its picture. */
interface PictureScore extends Answer {
  readonly isLocalized: boolean;
  /** Per threshold: the IoU of the largest region's box, and of the best region's. */
  readonly largest: Float64Array;
  readonly all: Float64Array;
  readonly pixels: PixelCounts;
}

/** A statistic, and the kind of network that alone has it. */
type OwnStatistic = Statistic<PictureScore> & { readonly only?: StillOutput['kind'] };

const rightAnd = (key: keyof Answer) => (all: readonly PictureScore[]) =>
  share(
    all.filter((score) => score[key] !== undefined),
    (score) => score[key] === true && score.isLocalized,
  );
const boxes = (all: readonly PictureScore[]): number => share(all, (score) => score.isLocalized);

const STATISTICS: readonly OwnStatistic[] = [
  { key: 'gtKnown', title: 'GT-known', digits: 3, only: 'scores', of: boxes },
  { key: 'top1', title: 'top-1', digits: 3, only: 'scores', of: rightAnd('isTop1') },
  { key: 'top5', title: 'top-5', digits: 3, only: 'scores', of: rightAnd('isTop5') },
  { key: 'box', title: 'box', digits: 3, only: 'embedding', of: boxes },
  { key: 'recallAt1', title: 'R@1', digits: 3, only: 'embedding', of: rightAnd('isNearestRight') },
  {
    key: 'maxBoxAcc',
    title: 'MaxBoxAcc',
    digits: 3,
    of: (all) =>
      maxBoxAccuracy(
        all.map(({ largest }) => largest),
        0.5,
      ),
  },
  {
    key: 'maxBoxAccV2',
    title: 'MaxBoxAccV2',
    digits: 3,
    of: (all) => {
      const overlaps = all.map((score) => score.all);
      return (maxBoxAccuracy(overlaps, 0.3) + maxBoxAccuracy(overlaps, 0.5) + maxBoxAccuracy(overlaps, 0.7)) / 3;
    },
  },
  {
    key: 'pxAP',
    title: 'PxAP',
    digits: 3,
    of: (all) => pixelAveragePrecision(addPixels(all.map(({ pixels }) => pixels))),
  },
];

/** @param level above which pixels belong to the box */
function scoreAt(level: number): StillScore<PictureScore> {
  return (map, { boxes: own, mask }, view) => {
    const scores = mapScores(map, view);
    const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE, view });
    return {
      isLocalized: isLocalized({ heatmap, level, boxes: own, isClassCorrect: true }),
      ...boxOverlaps(scores, own),
      pixels: countPixels(scores, mask),
    };
  };
}
