/**
 * Several panels in one video: each is a segment of a clip with what is drawn on it, all stand in a row, in a column or in several
 * rows, a panel may have a heading, and one whose segment has ended says so. ffmpeg stacks the pictures, this side
 * lays the panels' layers beside each other in one layer for all. A single panel without a heading is the usual video.
 */

import type { SKRSContext2D } from '@napi-rs/canvas';
import type { PictureSize } from '../../base/types.ts';
import { createCanvas } from './canvas.ts';
import { type LayerContent, LayerPainter, layerSize } from './layer.ts';
import { type DrawnPicture, unitOf } from './overlay.ts';
import type { SceneLayout } from './style.ts';
import { drawText, type FittedText, fitText, heightOf } from './text.ts';
import { type RgbaPixels, YuvaLayer } from './yuva.ts';

/** How many panels stand in each row, from above; in order. */
export type SceneRows = readonly number[];

/** What is drawn on one panel. */
export interface ScenePanel extends LayerContent {
  /** Written in a bar above the picture. */
  readonly heading?: string | undefined;
}

/** A rectangle of a video, pixels; all even. */
interface Place extends PictureSize {
  readonly left: number;
  readonly top: number;
}

/** Where a panel lies. Headings come first, then the picture, then the ribbon. */
export interface PanelPlace extends Place {
  /** Height of the heading's bar. */
  readonly headingPx: number;
  /** The part of the video that is the panel's, with what is left around it; all parts together are the video. */
  readonly cell: Place;
}

/** The places of panels; the size of all is the size of the video. */
export interface Scene extends PictureSize {
  readonly rows: SceneRows;
  /** In the order of the panels. */
  readonly places: readonly PanelPlace[];
}

/** What is behind headings and between panels. */
export const SCENE_BACKGROUND = '#15181d';

/** The rows of a layout; without one, and in a grid, those with which the whole comes closest to the shape of a screen, 16:9. */
export function rowsFor(pictures: readonly PictureSize[], layout?: SceneLayout): SceneRows {
  const count = pictures.length;
  if (layout === 'row') return [count];
  if (layout === 'column') return pictures.map(() => 1);
  const isGrid = layout === 'grid' && count > 2;
  const candidates = Array.from({ length: count }, (_, i) => evenRows(count, i + 1)).filter(
    (rows) => !isGrid || (rows.length > 1 && rows.length < count),
  );
  const distances = candidates.map((rows) => {
    const { width, height } = sizeOfAll(fitPictures(pictures, rows), rows);
    return Math.abs(Math.log(width / height / (16 / 9)));
  });
  return candidates[distances.indexOf(Math.min(...distances))]!;
}

/** As many in each row as in the others, or one more. */
function evenRows(count: number, rows: number): SceneRows {
  return Array.from({ length: rows }, (_, row) => Math.ceil((count - row) / rows));
}

/**
 * Sizes with which pictures fit into rows: those of a row have one height, and rows one width, unless that would make a row much
 * higher than another, as an upright picture alone in its row. No picture is made smaller, unless the whole would exceed 3840×2160,
 * which few players can show. Even.
 */
export function fitPictures(pictures: readonly PictureSize[], rows: SceneRows): PictureSize[] {
  // Widths of rows of height 1, and heights of rows of width 1.
  const shapes = perRow(pictures, rows).map((row) => row.reduce((sum, { width, height }) => sum + width / height, 0));
  const most = MOST_HIGHER / Math.max(...shapes);
  const fitted = perRow(pictures, rows).flatMap((row, r) => {
    const height = Math.min(1 / shapes[r]!, most);
    return row.map((picture) => ({ width: (height * picture.width) / picture.height, height }));
  });
  const enlarge = 1 / Math.min(...fitted.map(({ height }, k) => height / pictures[k]!.height));
  const full = sizeOfAll(fitted, rows);
  const scale = Math.min(enlarge, LARGEST.width / full.width, LARGEST.height / full.height);
  const even = (length: number): number => Math.max(2, 2 * Math.round((length * scale) / 2));
  return fitted.map(({ width, height }) => ({ width: even(width), height: even(height) }));
}

/** How many times higher than another a row may be. */
const MOST_HIGHER = 1.5;

function perRow<T>(things: readonly T[], rows: SceneRows): T[][] {
  let first = 0;
  return rows.map((count) => {
    first += count;
    return things.slice(first - count, first);
  });
}

function sizeOfAll(pictures: readonly PictureSize[], rows: SceneRows): PictureSize {
  const sum = (lengths: readonly number[]): number => lengths.reduce((total, length) => total + length, 0);
  const inRows = perRow(pictures, rows);
  return {
    width: Math.max(...inRows.map((row) => sum(row.map(({ width }) => width)))),
    height: sum(inRows.map((row) => Math.max(...row.map(({ height }) => height)))),
  };
}

const LARGEST: PictureSize = { width: 3840, height: 2160 };
const GAP_PX = 8;

/**
 * Pictures of a scene, whose lines and text get one scale, so that those on a narrow picture can be read as well as those on a
 * wide one beside it. A picture alone keeps its own.
 */
export function withOneUnit(pictures: readonly PictureSize[], rows: SceneRows): DrawnPicture[] {
  if (pictures.length < 2) return [...pictures];
  const unit = Math.max(...pictures.map(unitOf), LEAST_OF_ALL * unitOf(sizeOfAll(pictures, rows)));
  return pictures.map((picture) => ({ ...picture, unit }));
}

/** Scale of the text of many small pictures, at least, to what it would be on one that is as large as all. */
const LEAST_OF_ALL = 0.5;

/** Places the panels: rows in the middle of the video. */
export function layOut(panels: readonly ScenePanel[], rows: SceneRows): Scene {
  const context = createCanvas(1, 1).getContext('2d');
  const inRows = perRow(panels, rows).map((row) => {
    // Pictures of a row begin at one height.
    const headings = row.map(({ heading, picture }) => {
      if (heading === undefined) return 0;
      const oneLinePx = 2 * HEADING_PX * unitOf(picture);
      const { lines, lineHeightPx } = fitHeading(context, heading, picture);
      return 2 * Math.ceil((oneLinePx + (lines.length - 1) * lineHeightPx) / 2);
    });
    const headingPx = Math.max(...headings);
    const sizes = row.map((panel) => {
      const { width, height } = layerSize(panel);
      return { width, height: height + headingPx };
    });
    const width = sizes.reduce((sum, size) => sum + size.width + GAP_PX, -GAP_PX);
    return { headingPx, sizes, width, height: Math.max(...sizes.map(({ height }) => height)) };
  });
  const width = Math.max(...inRows.map((row) => row.width));
  let top = 0;
  const places = inRows.flatMap((row, r) => {
    const rowHeight = row.height + (r + 1 < inRows.length ? GAP_PX : 0);
    let left = 2 * Math.floor((width - row.width) / 4);
    let cellLeft = 0;
    const inRow = row.sizes.map((size, k): PanelPlace => {
      const cellEnd = k + 1 < row.sizes.length ? left + size.width + GAP_PX : width;
      const cell = { left: cellLeft, top, width: cellEnd - cellLeft, height: rowHeight };
      const place = { ...size, left, top, headingPx: row.headingPx, cell };
      cellLeft = cellEnd;
      left += size.width + GAP_PX;
      return place;
    });
    top += rowHeight;
    return inRow;
  });
  return { rows, places, width, height: top };
}

/** Half the height of a heading's bar of one line, for a unit of 1. */
const HEADING_PX = 24;
/** Most lines of a heading. */
const HEADING_LINES = 4;

/** A moment of one panel. */
export interface PanelMoment {
  /** Seconds from the start of the panel's clip. */
  readonly timeSec: number;
  /** Whether the panel's segment is over. */
  readonly isOver: boolean;
}

/** Draws the layers of all panels. */
export class ScenePainter {
  readonly #scene: Scene;
  readonly #painters: readonly LayerPainter[];
  /** The marks of panels that are over. */
  readonly #endings: readonly RgbaPixels[];
  readonly #handedOut: YuvaLayer[];

  /** @param matrix ffmpeg's name of the video's colour matrix */
  constructor(panels: readonly ScenePanel[], scene: Scene, matrix: string | undefined) {
    this.#scene = scene;
    this.#painters = panels.map((panel) => new LayerPainter(panel));
    this.#endings = panels.map(drawEnding);
    this.#handedOut = Array.from({ length: LAYERS_HELD }, () => new YuvaLayer(scene, matrix));
    for (const [k, { heading, picture }] of panels.entries()) {
      const { left, top, headingPx } = scene.places[k]!;
      if (heading === undefined) continue;
      const pixels = drawHeading(heading, picture, headingPx);
      for (const layer of this.#handedOut) layer.blend(pixels, left, top);
    }
  }

  /**
   * The layer with each panel at its moment: raw `yuva420p`. The array belongs to the painter and is written again
   * `LAYERS_HELD` calls later: new ones would keep the garbage collector busy for longer than the painting takes.
   */
  paint(moments: readonly PanelMoment[]): Uint8Array {
    const layer = this.#handedOut.shift()!;
    this.#handedOut.push(layer);
    for (const [k, { timeSec, isOver }] of moments.entries()) {
      const { left, top, headingPx } = this.#scene.places[k]!;
      layer.copy(this.#painters[k]!.paint(timeSec), left, top + headingPx);
      if (isOver) layer.blend(this.#endings[k]!, left, top + headingPx);
    }
    return layer.bytes;
  }
}

/** How many layers exist at a time: one being written to a pipe, one waiting for it, one being painted, and one to spare. */
const LAYERS_HELD = 4;

/** A heading as it stands above a picture: a little smaller to fit, else in several lines, else smaller and cut. */
function fitHeading(context: SKRSContext2D, heading: string, picture: DrawnPicture): FittedText {
  const sizePx = Math.round(1.04 * HEADING_PX * unitOf(picture));
  const widthPx = picture.width - sizePx;
  for (let minPx = Math.ceil(0.6 * sizePx); ; minPx--) {
    const text = fitText(context, heading, { widthPx, sizePx, minPx, weight: 'bold' });
    if (text.lines.length <= HEADING_LINES || minPx <= 8) return { ...text, lines: text.lines.slice(0, HEADING_LINES) };
  }
}

function drawHeading(heading: string, picture: DrawnPicture, height: number): RgbaPixels {
  const { width } = picture;
  const context = createCanvas(width, height).getContext('2d');
  const text = fitHeading(context, heading, picture);
  context.fillStyle = '#fff';
  context.textAlign = 'center';
  drawText(context, text, width / 2, (height - heightOf(text)) / 2);
  return context.getImageData(0, 0, width, height);
}

/** Darkens the picture, whose last frame stays, and says why. */
function drawEnding({ picture, span }: ScenePanel): RgbaPixels {
  const { width, height } = picture;
  const context = createCanvas(width, height).getContext('2d');
  context.fillStyle = 'rgba(0, 0, 0, 0.6)';
  context.fillRect(0, 0, width, height);
  const sizePx = 34 * unitOf(picture);
  const ended = `ended at ${span.endSec.toFixed(2)} s`;
  const text = fitText(context, ended, { widthPx: width - 2 * sizePx, sizePx, minPx: 9, weight: 'bold' });
  context.fillStyle = '#fff';
  context.textAlign = 'center';
  drawText(context, text, width / 2, (height - heightOf(text)) / 2);
  return context.getImageData(0, 0, width, height);
}
