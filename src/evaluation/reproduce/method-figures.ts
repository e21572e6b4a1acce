/**
 * Figures 6 and 7 of the paper: what methods show of the same pictures, of classification and of retrieval networks. The pictures that
 * go with Tables 1 to 3, on the same maps.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { throwIfAborted } from '../../base/errors.ts';
import { evenlyChosen } from '../../base/evenly.ts';
import type { View } from '../../base/fit.ts';
import type { PictureSize } from '../../base/types.ts';
import type { AttentionMap } from '../../l2caf/heatmap.ts';
import { filterPainter } from '../../stills/drawing.ts';
import type { StillNetwork } from '../../stills/still-network.ts';
import { unitOf } from '../../video/drawing/overlay.ts';
import { drawPanel, type PanelCell, type PanelRow } from '../../video/drawing/panel.ts';
import { openPicture } from '../../video/media/picture.ts';
import { figureRows } from '../figure-table.ts';
import { largestBox } from '../localization.ts';
import { measureStill, type SquareTruth } from '../still-measure.ts';
import type { StillTruth } from '../still-truth.ts';
import { type Box, WSOL_SIDE } from '../wsol.ts';
import type { PaperFigure } from './choices.ts';
import { usableMethods } from './outcomes.ts';
import {
  CAPTIONS,
  MAX_PICTURE_PX,
  type MapFigures,
  type NetworkFigure,
  type PictureFigureOptions,
  PLACE,
  placeOf,
  SHOWN,
  STYLE,
} from './picture-figures.ts';

/** A map, where it lies, and what was measured of it. */
interface PlacedMap {
  readonly map: AttentionMap;
  readonly view: View | undefined;
  readonly truth: SquareTruth;
  /** Of its largest region, of a square of `WSOL_SIDE`. */
  readonly found: Box;
  readonly figures: MapFigures;
}

/**
 * Makes the figure of a network: a row for each picture, a column for each method that the network has.
 *
 * @returns also why it has not the others
 * @throws L2cafError `usage` for a network that has none; as `measureStill`; `aborted`
 */
export async function methodFigure(
  { title, compares, methods: wanted = [] }: PaperFigure,
  network: StillNetwork,
  stills: readonly StillTruth[],
  { seed, level, signal, onProgress }: PictureFigureOptions,
): Promise<NetworkFigure & { readonly refused: readonly string[] }> {
  const { id } = network.description;
  const score = (map: AttentionMap, truth: SquareTruth, view: View | undefined): PlacedMap => {
    const { heatmap, figures } = placeOf(map, truth, view, level);
    return { map, view, truth, figures, found: largestBox(heatmap, level) };
  };
  const { methods, refused } = await usableMethods(network, stills[0]!, { methods: wanted, seed }, score);
  const shown = new Set(evenlyChosen(stills, SHOWN, 'starts'));
  const rows: PanelRow[] = [];
  const records: { rows: ReadonlyMap<string, MapFigures> }[] = [];
  for (const [index, still] of stills.entries()) {
    throwIfAborted(signal);
    onProgress?.({ stage: id, done: index, total: stills.length, unit: 'pictures' });
    const measured = await measureStill(network, still, { methods, seed, index, ...(signal && { signal }) }, score);
    records.push({ rows: new Map([...measured.rows].map(([method, { figures }]) => [method, figures])) });
    if (shown.has(still)) rows.push(await rowOf(still, measured.rows));
  }
  onProgress?.({ stage: id, done: stills.length, total: stills.length, unit: 'pictures' });
  const measured = await figureRows(records, PLACE, { seed, signal, onProgress, unit: 'pictures' });
  const caption = `${CAPTIONS[compares]} above ${level}`;
  return {
    refused,
    rows: measured.map((row) => ({ ...row, group: id })),
    png: drawPanel({ rows, maxPicturePx: MAX_PICTURE_PX, title: `${title} (${id})`, caption }),
  };
}

async function rowOf(still: StillTruth, maps: ReadonlyMap<string, PlacedMap>): Promise<PanelRow> {
  const picture = await openPicture(still.path);
  const [first] = maps.values();
  const paintTruth = (context: SKRSContext2D, area: PictureSize): void =>
    strokeBoxes(context, area, first!.truth.boxes);
  const cells = [...maps].map(([label, { map, view, found }]): PanelCell => {
    const paintMap = filterPainter(map, STYLE, view);
    return {
      ...{ picture, label },
      paint: (context, area) => {
        paintMap(context, area);
        paintTruth(context, area);
        strokeBoxes(context, area, [found], FOUND_COLOR);
      },
    };
  });
  return { cells: [{ picture, label: still.label ?? '', paint: paintTruth }, ...cells] };
}

/** Of the box that a map gives. */
const FOUND_COLOR = '#ff7f0e';

/** Boxes of a square of `WSOL_SIDE` over a picture; those that a map gives are dashed. */
function strokeBoxes(context: SKRSContext2D, area: PictureSize, boxes: readonly Box[], color?: string): void {
  const [across, down] = [area.width / WSOL_SIDE, area.height / WSOL_SIDE];
  const unit = Math.max(1, 3 * unitOf(area));
  context.save();
  context.setLineDash(color === undefined ? [] : [3 * unit, 2 * unit]);
  for (const [ink, line] of [
    ['#000a', 2 * unit],
    [color ?? '#fff', unit],
  ] as const) {
    context.strokeStyle = ink;
    context.lineWidth = line;
    for (const [left, top, right, bottom] of boxes) {
      context.strokeRect(left * across, top * down, (right - left) * across, (bottom - top) * down);
    }
  }
  context.restore();
}
