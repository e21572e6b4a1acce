/**
 * Localization in still pictures (paper, Sec. 4.1; METHOD §6): do the maps of a classification network cover the object
 * whose class it names? Boxes at one level and at the best one, pixels, with and without asking that the class be right.
 */

import { viewsOf } from '../analysis/finer.ts';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { throwIfAborted } from '../base/errors.ts';
import type { AttentionFilter, PictureSize } from '../base/types.ts';
import { activationNorm } from '../l2caf/activation-norm.ts';
import { classActivation, lifted } from '../l2caf/cam.ts';
import { gradCam } from '../l2caf/gradcam.ts';
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';
import type { Objective } from '../l2caf/objective.ts';
import { PRESET_NAMES, type PresetName } from '../l2caf/presets.ts';
import { solveFilters } from '../l2caf/solve.ts';
import type { FeatureTail } from '../l2caf/tail.ts';
import { wovenFilter } from '../l2caf/woven.ts';
import { classifierTail } from '../models/classifier-tail.ts';
import { imagenetLabels, shortLabel } from '../models/imagenet.ts';
import type { OpenClassifier } from '../stills/still-network.ts';
import { rankOutputs } from '../stills/targets.ts';
import { openPicture, picturePixels } from '../video/media/picture.ts';
import { centredGaussian, randomMap } from './baseline-maps.ts';
import type { BinaryImage } from './contours.ts';
import { type EventRecords, type FigureTable, figureRows, measuresOf, type Statistic } from './figure-table.ts';
import { isLocalized } from './localization.ts';
import type { StillTruth } from './still-datasets.ts';
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
  readonly methods: readonly string[];
  /** Heatmap level, in [0, 1), above which pixels belong to the box of GT-known, top-1 and top-5. */
  readonly level: number;
  /** The layer whose output is filtered; the network's own choice when absent. */
  readonly layer?: string;
  readonly seed: number;
}

/** Measures all methods on all pictures; the table. Throws as `openPicture` and `solveFilters`; `aborted`. */
export async function studyStills(
  model: OpenClassifier,
  stills: readonly StillTruth[],
  options: StillsStudyOptions,
): Promise<FigureTable> {
  const { onProgress, signal, methods, level } = options;
  const records: EventRecords<PictureScore>[] = [];
  for (const [index, still] of stills.entries()) {
    throwIfAborted(signal);
    onProgress?.({ stage: 'measuring', done: index, total: stills.length, unit: 'pictures' });
    records.push({ rows: await measureStill(model, still, index, options) });
  }
  onProgress?.({ stage: 'measuring', done: stills.length, total: stills.length, unit: 'pictures' });
  return {
    title: 'Where the maps of a classification network lie',
    rowTitle: 'method',
    measures: measuresOf(STATISTICS),
    rows: await figureRows(records, STATISTICS, { ...options, unit: 'pictures' }),
    highlighted: methods.filter((method) => method.startsWith('l2caf')),
    notes: [
      `GT-known, top-1, top-5: the box of the largest region above ${level} of the heatmap's range overlaps a true one by half; the map is that of the true class, which for top-1 and top-5 must be among the network's first one or five. MaxBoxAcc: the same at the level that is best for the method; V2: mean over overlaps of 0.3, 0.5, 0.7, any region. ${blankNote(stills)}`.trim(),
    ],
  };
}

function blankNote(stills: readonly StillTruth[]): string {
  const unnamed = stills.filter(({ label }) => classIndex(label) === undefined).length;
  if (unnamed === 0) return '';
  return `Pictures of no class of the network: ${unnamed}; their map is that of its most probable class, and they are left out of top-1 and top-5.`;
}

/** How one map lies on the object of its picture. */
interface PictureScore {
  readonly isLocalized: boolean;
  /** Absent when the network has no such class. */
  readonly isTop1?: boolean;
  readonly isTop5?: boolean;
  /** Per threshold: the IoU of the largest region's box, and of the best region's. */
  readonly largest: Float64Array;
  readonly all: Float64Array;
  readonly pixels: PixelCounts;
}

const STATISTICS: readonly Statistic<PictureScore>[] = [
  { key: 'gtKnown', title: 'GT-known', digits: 3, of: (all) => share(all, (score) => score.isLocalized) },
  { key: 'top1', title: 'top-1', digits: 3, of: (all) => share(all, (own) => own.isTop1 && own.isLocalized, named) },
  { key: 'top5', title: 'top-5', digits: 3, of: (all) => share(all, (own) => own.isTop5 && own.isLocalized, named) },
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

const named = ({ isTop1 }: PictureScore): boolean => isTop1 !== undefined;

function share(
  scores: readonly PictureScore[],
  isHit: (score: PictureScore) => boolean | undefined,
  counts: (score: PictureScore) => boolean = () => true,
): number {
  const counted = scores.filter(counts);
  return counted.filter(isHit).length / counted.length;
}

async function measureStill(
  { network }: OpenClassifier,
  still: StillTruth,
  index: number,
  options: StillsStudyOptions,
): Promise<ReadonlyMap<string, PictureScore>> {
  const tailOf = (seen: Parameters<typeof network.preprocess>[0]): FeatureTail => {
    const input = network.preprocess(seen);
    try {
      return classifierTail(network, input, options.layer);
    } finally {
      input.dispose();
    }
  };
  const picture = await openPicture(still.path);
  const truth = await truthOf(still, picture);
  const pixels = picturePixels(picture, network.inputSize);
  const tail = tailOf(pixels);
  const views: FeatureTail[] = [];
  const viewed = (): readonly FeatureTail[] => {
    if (views.length === 0) for (const view of viewsOf(pixels, tail.grid)) views.push(tailOf(view));
    return views;
  };
  try {
    const ranked = rankOutputs(tail, shortLabel).map((prediction) => prediction.index);
    const known = classIndex(still.label);
    const isIn = (count: number) => known !== undefined && ranked.slice(0, count).includes(known);
    const rows = new Map<string, PictureScore>();
    for (const method of options.methods) {
      const map = await mapOf(tail, method, known ?? ranked[0]!, { ...options, index, viewed });
      const score = scoreMap(map, truth, options.level);
      rows.set(method, { ...score, ...(known !== undefined && { isTop1: isIn(1), isTop5: isIn(5) }) });
    }
    return rows;
  } finally {
    for (const own of [tail, ...views]) own.dispose();
  }
}

/** The class of this name among ImageNet's, by all its synonyms or any of them. */
function classIndex(label: string | undefined): number | undefined {
  if (label === undefined) return undefined;
  const whole = imagenetLabels().indexOf(label);
  const index = whole >= 0 ? whole : imagenetLabels().findIndex((own) => own.split(', ').includes(label));
  return index >= 0 ? index : undefined;
}

async function mapOf(
  tail: FeatureTail,
  method: string,
  classOf: number,
  {
    seed,
    index,
    signal,
    viewed,
  }: StillsStudyOptions & { readonly index: number; readonly viewed: () => readonly FeatureTail[] },
): Promise<AttentionMap> {
  const target = { kind: 'class', index: classOf } as const;
  switch (method) {
    case 'gradcam':
      return gradCam(tail, target, 'relu')[0]!;
    case 'gradcam-abs':
      return gradCam(tail, target, 'abs')[0]!;
    case 'cam':
      return lifted((await classActivation(tail, target))[0]!);
    case 'activation-norm':
      return activationNorm(tail, 0);
    case 'centre':
      return centredGaussian(tail.grid);
    case 'random':
      return randomMap(tail.grid, seed, RANDOM_STREAM, index);
    default: {
      const [, kind, variant = 'size'] = /^l2caf-(class|oblivious)(?:-(.+))?$/.exec(method)!;
      const objective: Objective = kind === 'class' ? target : { kind: 'oblivious' };
      const preset = PRESET_NAMES.find((name): name is PresetName => name === variant);
      const descent = preset && ({ solver: 'gd', preset } as const);
      const filters: AttentionFilter[] = [];
      for (const seen of variant === 'fine' ? viewed() : [tail]) {
        const solved = await solveFilters(seen, { objective, seed, ...descent, ...(signal && { signal }) });
        filters.push(solved.filters[0]!);
      }
      const { height, width, values } = variant === 'fine' ? wovenFilter(filters, 'l2') : filters[0]!;
      const part = variant === 'positive' ? (value: number) => Math.max(0, value) : Math.abs;
      return { height, width, values: values.map(part) };
    }
  }
}

/** Keeps the random maps apart from other draws of the same seed. */
const RANDOM_STREAM = 306;

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

function scoreMap(map: AttentionMap, { boxes, mask }: SquareTruth, level: number): PictureScore {
  const scores = mapScores(map);
  const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE });
  return {
    isLocalized: isLocalized({ heatmap, level, boxes, isClassCorrect: true }),
    ...boxOverlaps(scores, boxes),
    pixels: countPixels(scores, mask),
  };
}
