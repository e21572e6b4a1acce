/**
 * Several panels in one video: each is a segment of a clip with what is drawn on it, all stand side by side or one above
 * the other, a panel may have a heading, and one whose segment has ended says so. ffmpeg stacks the pictures, this side
 * lays the panels' layers beside each other in one layer for all. A single panel without a heading is the usual video.
 */
import type { PictureSize } from '../../base/types.ts';
import { createCanvas } from './canvas.ts';
import { type LayerContent, LayerPainter, layerSize } from './layer.ts';
import { unitOf } from './overlay.ts';
import { drawText, fitText, heightOf } from './text.ts';
import { type RgbaPixels, YuvaLayer } from './yuva.ts';

/** How panels stand: beside each other, or one below the other. */
export type SceneLayout = 'side' | 'stacked';

/** What is drawn on one panel. */
export interface ScenePanel extends LayerContent {
  /** Written in a bar above the picture. */
  readonly heading?: string | undefined;
}

/** Where a panel lies, pixels; all even. Headings come first, then the picture, then the ribbon. */
export interface PanelPlace extends PictureSize {
  readonly left: number;
  readonly top: number;
  /** Height of the heading's bar. */
  readonly headingPx: number;
}

/** The places of panels; the size of all is the size of the video. */
export interface Scene extends PictureSize {
  readonly layout: SceneLayout;
  readonly places: readonly PanelPlace[];
}

/** What is behind headings and between panels. */
export const SCENE_BACKGROUND = '#15181d';

/** The layout in which the whole comes closer to the shape of a screen, 16:9. */
export function layoutFor(pictures: readonly PictureSize[]): SceneLayout {
  const distance = (layout: SceneLayout): number => {
    const { width, height } = sizeOfAll(fitPictures(pictures, layout), layout);
    return Math.abs(Math.log(width / height / (16 / 9)));
  };
  return distance('side') <= distance('stacked') ? 'side' : 'stacked';
}

/**
 * Sizes with which panels fit beside each other (one height) or below each other (one width): the largest picture's, or
 * less where the video would exceed 3840×2160, which few players can show. Even.
 */
export function fitPictures(pictures: readonly PictureSize[], layout: SceneLayout): PictureSize[] {
  const isSide = layout === 'side';
  const common = Math.max(...pictures.map(({ width, height }) => (isSide ? height : width)));
  const fitted = pictures.map(({ width, height }) => {
    const scale = common / (isSide ? height : width);
    return { width: width * scale, height: height * scale };
  });
  const full = sizeOfAll(fitted, layout);
  const shrink = Math.min(1, LARGEST.width / full.width, LARGEST.height / full.height);
  const even = (length: number): number => Math.max(2, 2 * Math.round((length * shrink) / 2));
  return fitted.map(({ width, height }) => ({ width: even(width), height: even(height) }));
}

function sizeOfAll(pictures: readonly PictureSize[], layout: SceneLayout): PictureSize {
  const [widths, heights] = [pictures.map(({ width }) => width), pictures.map(({ height }) => height)];
  const sum = (lengths: readonly number[]): number => lengths.reduce((total, length) => total + length, 0);
  return layout === 'side'
    ? { width: sum(widths), height: Math.max(...heights) }
    : { width: Math.max(...widths), height: sum(heights) };
}

const LARGEST: PictureSize = { width: 3840, height: 2160 };
const GAP_PX = 8;

/** Places the panels. */
export function layOut(panels: readonly ScenePanel[], layout: SceneLayout): Scene {
  const sizes = panels.map((panel) => {
    const { width, height } = layerSize(panel);
    const headingPx = panel.heading === undefined ? 0 : 2 * Math.ceil(HEADING_PX * unitOf(panel.picture));
    return { width, height: height + headingPx, headingPx };
  });
  const cell = {
    width: Math.max(...sizes.map(({ width }) => width)),
    height: Math.max(...sizes.map(({ height }) => height)),
  };
  let end = 0;
  const places = sizes.map((size, k): PanelPlace => {
    const start = k === 0 ? 0 : end + GAP_PX;
    end = start + (layout === 'side' ? size.width : size.height);
    return { ...size, left: layout === 'side' ? start : 0, top: layout === 'side' ? 0 : start };
  });
  return { layout, places, width: layout === 'side' ? end : cell.width, height: layout === 'side' ? cell.height : end };
}

/** Half the height of a heading's bar on a picture of 1280×720. */
const HEADING_PX = 24;

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
    for (const [k, { heading = '' }] of panels.entries()) {
      const { left, top, headingPx, width } = scene.places[k]!;
      if (headingPx === 0) continue;
      const pixels = drawHeading(heading, { width, height: headingPx });
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

function drawHeading(heading: string, size: PictureSize): RgbaPixels {
  const context = createCanvas(size.width, size.height).getContext('2d');
  const sizePx = size.height * 0.52;
  const text = fitText(context, heading, { widthPx: size.width - sizePx, sizePx, minPx: 8, weight: 'bold' });
  context.fillStyle = '#fff';
  context.textAlign = 'center';
  // A heading that does not fit even when small keeps its first line.
  const line = { ...text, lines: text.lines.slice(0, 1) };
  drawText(context, line, size.width / 2, (size.height - heightOf(line)) / 2);
  return context.getImageData(0, 0, size.width, size.height);
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
