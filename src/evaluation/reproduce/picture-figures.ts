/**
 * Figures 10 and 11 of the paper: maps over pictures, of the network re-initialised part by part, or under each constraint, and what
 * they measure over more pictures than are shown.
 */
import type { WorkOptions } from '../../analysis/pipeline.ts';
import { throwIfAborted } from '../../base/errors.ts';
import { evenlyChosen } from '../../base/evenly.ts';
import { type FittedSize, type View, viewOf } from '../../base/fit.ts';
import type { Heatmap } from '../../base/types.ts';
import { type AttentionMap, toHeatmap } from '../../l2caf/heatmap.ts';
import { analyzePicture, type StillOptions } from '../../stills/analyze.ts';
import type { PictureAnalysis, PictureMap } from '../../stills/document.ts';
import { constraintRows, type StillStyle, sanityRows } from '../../stills/drawing.ts';
import { type OpenStill, stillNetwork } from '../../stills/still-network.ts';
import { usualTarget } from '../../stills/targets.ts';
import { drawPanel, type PanelRow } from '../../video/drawing/panel.ts';
import { defaultStyle } from '../../video/drawing/style.ts';
import { openPicture } from '../../video/media/picture.ts';
import { sparseness } from '../complexity.ts';
import { type EventRecords, type FigureRow, figureRows, measuresOf, type Statistic } from '../figure-table.ts';
import { energyLift, isLocalized } from '../localization.ts';
import { type SquareTruth, share, truthOf } from '../still-measure.ts';
import type { StillTruth } from '../still-truth.ts';
import { WSOL_SIDE } from '../wsol.ts';
import type { PaperFigure } from './choices.ts';

/** How a figure is made. */
export interface PictureFigureOptions extends WorkOptions {
  readonly seed: number;
  /** As in the study of stills. */
  readonly level: number;
}

/** A network's part of a figure. */
export interface NetworkFigure {
  /** A row of the table for each column of the picture. */
  readonly rows: readonly FigureRow[];
  /** The picture, a PNG file's bytes. */
  readonly png: Uint8Array;
}

/** Pictures that are shown. */
export const SHOWN = 4;
/** Of a picture, pixels. */
export const MAX_PICTURE_PX = 300;

/**
 * Makes the figure of a network: its most probable class on each picture, or its embedding.
 *
 * @throws L2cafError `usage` for a network whose parts cannot be told apart; as `analyzePicture`; `aborted`
 */
export async function pictureFigure(
  { compares, title }: PaperFigure,
  open: OpenStill,
  stills: readonly StillTruth[],
  { seed, level, signal, onProgress }: PictureFigureOptions,
): Promise<NetworkFigure> {
  const network = stillNetwork(open, {});
  const { id } = network.description;
  const options: StillOptions = {
    target: usualTarget(network.output, 1),
    ...{ method: 'l2caf', constraint: 'l2', solver: 'auto', preset: 'paper', seed },
    ...(compares === 'sanity' ? { sanity: true } : { compareConstraints: true }),
    ...(signal && { signal }),
  };
  const shown = new Set(evenlyChosen(stills, SHOWN, 'starts'));
  const rows: PanelRow[] = [];
  const records: EventRecords<MapFigures>[] = [];
  for (const [done, still] of stills.entries()) {
    throwIfAborted(signal);
    onProgress?.({ stage: id, done, total: stills.length, unit: 'pictures' });
    const analysis = await analyzePicture(open, still.path, options);
    const picture = await openPicture(still.path, analysis.source.sha256);
    const truth = await truthOf(still, picture);
    const view = viewOf(picture, network.inputSize as FittedSize);
    const figures = ({ filter }: Pick<PictureMap, 'filter'>): MapFigures =>
      placeOf({ ...filter, values: Float32Array.from(filter.values, Math.abs) }, truth, view, level).figures;
    records.push({ rows: new Map(columnsOf(analysis, figures)) });
    if (shown.has(still)) {
      rows.push(...(compares === 'sanity' ? sanityRows : constraintRows)(picture, analysis, STYLE));
    }
  }
  onProgress?.({ stage: id, done: stills.length, total: stills.length, unit: 'pictures' });
  const statistics = compares === 'sanity' ? [...LIKENESS, ...PLACE] : PLACE;
  const measured = await figureRows(records, statistics, { seed, signal, onProgress, unit: 'pictures' });
  return {
    rows: measured.map((row) => ({ ...row, group: id })),
    png: drawPanel({ rows, maxPicturePx: MAX_PICTURE_PX, title: `${title} (${id})`, caption: CAPTIONS[compares] }),
  };
}

/** How a map without signs lies in the picture, and on the object. */
export function placeOf(
  map: AttentionMap,
  { boxes, mask }: SquareTruth,
  view: View | undefined,
  level: number,
): { readonly heatmap: Heatmap; readonly figures: MapFigures } {
  const heatmap = toHeatmap(map, { height: WSOL_SIDE, width: WSOL_SIDE, view });
  const object = { width: WSOL_SIDE, height: WSOL_SIDE, pixels: mask };
  return {
    heatmap,
    figures: {
      isFit: isLocalized({ heatmap, level, boxes, isClassCorrect: true }),
      lift: energyLift(heatmap, object),
      sparseness: sparseness(map),
    },
  };
}

/** The measures of a figure's table. */
export function measuresOfFigure({ compares }: PaperFigure) {
  return measuresOf(compares === 'sanity' ? [...LIKENESS, ...PLACE] : PLACE);
}

/** What a figure's table must be read with. */
export function noteOfFigure({ compares }: PaperFigure, level: number): string {
  const box = `Box: that of the largest region above ${level} of the map's range overlaps a true one by half. Lift: energy on the object, 1 is chance. Sparseness: Gini index of the cells.`;
  return `${NOTES[compares]} ${box}`;
}

const NOTES: Readonly<Record<PaperFigure['compares'], string>> = {
  sanity:
    'Weights are drawn at random from the output down, cumulatively; rank correlation (Spearman) and SSIM are with the map of the trained network: high means that the map does not depend on what was learnt.',
  constraints: 'Each filter is the best under its constraint.',
  methods:
    "Maps of the picture's class where the network knows it, else of its most probable one; of a retrieval network, of the embedding. Four pictures are shown for each network, with their true boxes and those of the maps.",
};

/** How maps are drawn in a figure. */
export const STYLE: StillStyle = { overlay: defaultStyle, signed: false };

/** What is written below a figure. */
export const CAPTIONS: Readonly<Record<PaperFigure['compares'], string>> = {
  sanity: 'weights drawn at random from the output down, cumulatively; a map that stays as it is has failed',
  constraints: 'losses can be compared within a row only up to the scale of the constraint',
  methods: 'white: true boxes; dashed: the box of the largest region of the map',
};

/** What is measured of a map. */
export interface MapFigures {
  readonly isFit: boolean;
  readonly lift: number;
  readonly sparseness: number;
  /** With the map of the trained network. */
  readonly rankCorrelation?: number;
  readonly ssim?: number;
}

/** The map of each column by its name. */
function columnsOf(
  { maps: [own], constraints, sanity }: PictureAnalysis,
  figures: (map: Pick<PictureMap, 'filter'>) => MapFigures,
): [string, MapFigures][] {
  if (constraints) return constraints.map(({ constraint, maps: [map] }) => [constraint, figures(map!)]);
  const trained: MapFigures = { ...figures(own!), rankCorrelation: 1, ssim: 1 };
  const steps = (sanity?.steps ?? []).map(({ part, maps: [map] }): [string, MapFigures] => {
    const { rankCorrelation, ssim } = map!;
    return [`+ ${part}`, { ...figures(map!), rankCorrelation, ssim }];
  });
  return [['trained', trained], ...steps];
}

const mean = (of: (figures: MapFigures) => number) => (all: readonly MapFigures[]) =>
  all.reduce((sum, figures) => sum + of(figures), 0) / all.length;

/** How maps lie on objects. */
export const PLACE: readonly Statistic<MapFigures>[] = [
  { key: 'box', title: 'box', digits: 3, of: (all) => share(all, ({ isFit }) => isFit) },
  { key: 'lift', title: 'energy lift', digits: 2, chance: 1, of: mean(({ lift }) => lift) },
  { key: 'sparseness', title: 'sparseness', digits: 3, of: mean((figures) => figures.sparseness) },
];

const LIKENESS: readonly Statistic<MapFigures>[] = [
  {
    key: 'rankCorrelation',
    title: 'rank correlation',
    digits: 2,
    of: mean((own) => own.rankCorrelation ?? Number.NaN),
  },
  { key: 'ssim', title: 'SSIM', digits: 2, of: mean((own) => own.ssim ?? Number.NaN) },
];
