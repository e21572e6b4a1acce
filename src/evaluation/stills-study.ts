/**
 * Localization in still pictures (paper, Sec. 4.1 and 4.2; METHOD §6): do the maps of a classification network cover the
 * object whose class it names, and those of a retrieval network the object whose like it finds? Boxes at one level and at the
 * best one, pixels, with and without asking that the class be right.
 */

import { viewsOf } from '../analysis/finer.ts';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import { type View, viewOf } from '../base/fit.ts';
import type { PictureSize } from '../base/types.ts';
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';
import type { Tail } from '../l2caf/tail.ts';
import { unitVectors } from '../retrieval/metrics.ts';
import { squaredDistance, type Vector } from '../retrieval/vector.ts';
import type { StillNetwork, StillOutput } from '../stills/still-network.ts';
import { rankOutputs } from '../stills/targets.ts';
import { openPicture, picturePixels } from '../video/media/picture.ts';
import { DEFAULT_STILL_METHODS } from './choices.ts';
import type { BinaryImage } from './contours.ts';
import { type EventRecords, type FigureTable, figureRows, measuresOf, type Statistic } from './figure-table.ts';
import { isLocalized } from './localization.ts';
import { stillMap } from './still-maps.ts';
import type { StillTruth } from './still-truth.ts';
import { paintBoxes } from './truth.ts';
import {
  addPixels,
  type Box,
  boxesOf,
  boxOverlaps,
  countPixels,
  mapScores,
  maxBoxAccuracy,
  type PixelCounts,
  pixelAveragePrecision,
  scaleMask,
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

/** What a network answers, whatever its maps are; shares of the pictures whose class it can know. */
export interface Answers {
  /** Of a classification network: how often the class is the first it names, and among the first five. */
  readonly top1?: number;
  readonly top5?: number;
  /** Of a retrieval network: how often the nearest other picture (by cosine) is of the same class. */
  readonly recallAt1?: number;
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
  return method === 'cam' || method.startsWith('l2caf-class');
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
  const measured: MeasuredStill[] = [];
  for (const [index, still] of stills.entries()) {
    throwIfAborted(signal);
    onProgress?.({ stage: 'measuring', done: index, total: stills.length, unit: 'pictures' });
    measured.push(await measureStill(network, still, index, { ...options, methods }));
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

/** Whether the answer to a picture was right; absent when it cannot be. */
interface Answer {
  readonly isTop1?: boolean;
  readonly isTop5?: boolean;
  readonly isNearestRight?: boolean;
}

/** How one map lies on the object of its picture. */
interface PictureScore extends Answer {
  readonly isLocalized: boolean;
  /** Per threshold: the IoU of the largest region's box, and of the best region's. */
  readonly largest: Float64Array;
  readonly all: Float64Array;
  readonly pixels: PixelCounts;
}

interface MeasuredStill {
  readonly rows: ReadonlyMap<string, PictureScore>;
  readonly answer: Answer;
  readonly embedding?: Vector;
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

function share<T>(all: readonly T[], isHit: (one: T) => boolean): number {
  return all.filter(isHit).length / all.length;
}

function answersOf(answers: readonly Answer[]): Answers {
  const rate = (key: keyof Answer): number | undefined => {
    const own = answers.filter((answer) => answer[key] !== undefined);
    return own.length > 0 ? share(own, (answer) => answer[key] === true) : undefined;
  };
  const [top1, top5, recallAt1] = [rate('isTop1'), rate('isTop5'), rate('isNearestRight')];
  return {
    ...(top1 !== undefined && { top1 }),
    ...(top5 !== undefined && { top5 }),
    ...(recallAt1 !== undefined && { recallAt1 }),
  };
}

/** Whether the nearest other picture is of the same class, for those of which there is another. */
function withNeighbours(measured: readonly MeasuredStill[], stills: readonly StillTruth[]): MeasuredStill[] {
  const units = unitVectors(measured.map(({ embedding }) => embedding!));
  return measured.map((own, a) => {
    const { label } = stills[a]!;
    const hasOther = stills.some((other, b) => b !== a && other.label === label);
    if (label === undefined || !hasOther) return own;
    let [nearest, least] = [-1, Number.POSITIVE_INFINITY];
    for (const [b, unit] of units.entries()) {
      const distance = b === a ? Number.POSITIVE_INFINITY : squaredDistance(units[a]!, unit);
      if (distance < least) [nearest, least] = [b, distance];
    }
    return { ...own, answer: { isNearestRight: stills[nearest]?.label === label } };
  });
}

async function measureStill(
  network: StillNetwork,
  still: StillTruth,
  index: number,
  options: StillsStudyOptions & { readonly methods: readonly string[] },
): Promise<MeasuredStill> {
  const { output, inputSize } = network;
  const picture = await openPicture(still.path);
  const truth = await truthOf(still, picture);
  const view = viewOf(picture, inputSize);
  const pixels = picturePixels(picture, inputSize);
  const tail = await network.tail(pixels);
  const views: Tail[] = [];
  const viewed = async (): Promise<readonly Tail[]> => {
    if (views.length === 0) for (const seen of viewsOf(pixels, tail.grid)) views.push(await network.tail(seen));
    return views;
  };
  try {
    const isScores = output.kind === 'scores';
    const ranked = isScores ? rankOutputs(tail, output.labelOf).map((prediction) => prediction.index) : [];
    const known = still.label === undefined ? undefined : output.indexOf(still.label);
    const isIn = (count: number) => ranked.slice(0, count).includes(known!);
    const target = isScores ? ({ kind: 'class', index: known ?? ranked[0]! } as const) : undefined;
    const rows = new Map<string, PictureScore>();
    for (const method of options.methods) {
      const map = await stillMap(tail, method, target, { ...options, index, viewed });
      rows.set(method, scoreMap(map, truth, options.level, view));
    }
    return {
      rows,
      answer: isScores && known !== undefined ? { isTop1: isIn(1), isTop5: isIn(5) } : {},
      ...(!isScores && { embedding: tail.reference }),
    };
  } finally {
    for (const own of [tail, ...views]) own.dispose();
  }
}

/** Where the object is, at the size of the protocol. */
interface SquareTruth {
  readonly boxes: readonly Box[];
  readonly mask: Uint8Array;
}

async function truthOf({ boxes, maskPath }: StillTruth, size: PictureSize): Promise<SquareTruth> {
  const mask = maskPath === undefined ? paintBoxes(size, boxes) : await readMask(maskPath);
  const own = boxes.length > 0 ? boxes : boxesOf(mask);
  const from = boxes.length > 0 ? size : mask;
  const scaled = own.map(
    (box) => box.map((value, i) => (value * WSOL_SIDE) / (i % 2 === 0 ? from.width : from.height)) as unknown as Box,
  );
  return { boxes: scaled, mask: scaleMask(mask) };
}

async function readMask(path: string): Promise<BinaryImage> {
  const picture = await openPicture(path);
  const { width, height } = picture;
  const { rgb } = picturePixels(picture);
  return { width, height, pixels: Uint8Array.from({ length: width * height }, (_, i) => Number(rgb[3 * i]! > 0)) };
}

function scoreMap(
  map: AttentionMap,
  { boxes, mask }: SquareTruth,
  level: number,
  view: View | undefined,
): PictureScore {
  const scores = mapScores(map, view);
  const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE, view });
  return {
    isLocalized: isLocalized({ heatmap, level, boxes, isClassCorrect: true }),
    ...boxOverlaps(scores, boxes),
    pixels: countPixels(scores, mask),
  };
}
