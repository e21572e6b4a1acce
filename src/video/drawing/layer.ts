/**
 * Paints the transparent layers of a video, one after another. Heatmaps are painted straight into the layer. Text and marks
 * are drawn on a canvas; reading it back costs far more than drawing, so only the areas that were drawn on are read, and
 * what never changes is read once.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import { evenlyChosen } from '../../base/evenly.ts';
import type { Heatmap, PictureSize, TimeSpan } from '../../base/types.ts';
import { type DrawnBoxes, drawBoxes } from './boxes.ts';
import { createCanvas } from './canvas.ts';
import {
  describeScale,
  heatmapAt,
  isInside,
  type Keyframe,
  momentAt,
  momentsAround,
  type NormalizeMode,
  nearness,
} from './keyframes.ts';
import { drawLegend, type LegendSurroundings } from './legend.ts';
import { drawAnswer, drawMoment, drawTimeline, drawTitle, originInWords } from './marks.ts';
import type { Area, DrawnPicture } from './overlay.ts';
import { drawCursor, drawRibbon, ribbonHeight } from './ribbon.ts';
import type { RibbonContent } from './ribbon-rows.ts';
import { drawSigned } from './signed.ts';
import { ContourPainter } from './stroke.ts';
import type { OverlayStyle } from './style.ts';
import { boldFont } from './text.ts';
import { paintTint, type TintTable, tintTable } from './tint.ts';
import { type RgbaPixels, YuvaLayer } from './yuva.ts';

/** What the layers of a video show. */
export interface LayerContent {
  /** The picture, its size even. */
  readonly picture: DrawnPicture;
  readonly span: TimeSpan;
  readonly keyframes: readonly Keyframe[];
  /** Whether keyframes are marked as sampled moments; default true. Too many marks say nothing. */
  readonly marksMoments?: boolean | undefined;
  /** Those of the keyframes' times at which the file is damaged. */
  readonly damagedSec?: readonly number[] | undefined;
  readonly style: OverlayStyle;
  /** How the keyframes were normalised: stated in the legend. */
  readonly normalize: NormalizeMode;
  /** The parts of the span that were not analyzed. */
  readonly gaps: readonly TimeSpan[];
  readonly title?: string | undefined;
  /** What the network answers at a time, seconds from the start of the clip, in a few words; undefined where nothing is known. */
  readonly answerAt?: ((timeSec: number) => string | undefined) | undefined;
  /** Boxes of objects at a time, seconds from the start of the clip. */
  readonly boxesAt?: ((timeSec: number) => DrawnBoxes) | undefined;
  /** Where the footage has edges that stand still, which the legend keeps clear of. */
  readonly edges?: LegendSurroundings['edges'];
  /** Drawn below the picture. */
  readonly ribbon?: RibbonContent | undefined;
  /** ffmpeg's name of the video's colour matrix. */
  readonly matrix?: string | undefined;
}

/** The size of the layers: the picture's and, below it, the ribbon's. */
export function layerSize({ picture, ribbon }: Pick<LayerContent, 'picture' | 'ribbon'>): PictureSize {
  return { width: picture.width, height: picture.height + (ribbon ? ribbonHeight(picture, ribbon) : 0) };
}

/** Draws the layer of any time of a video. */
export class LayerPainter {
  readonly #content: LayerContent;
  readonly #context: SKRSContext2D;
  readonly #layer: YuvaLayer;
  readonly #tint: TintTable;
  readonly #contours: ContourPainter;
  /** The keyframes that are marked. */
  readonly #moments: readonly Keyframe[];
  /** The layer with nothing but the ribbon. */
  readonly #blank: Uint8Array;
  /** Title and legend. */
  readonly #fixed: readonly Patch[];
  /** Where the title ends, pixels from above. */
  readonly #titleEndPx: number;
  /** The heatmap painted last, and the layer with it but without marks: before the first moment it stays the same. */
  #shown: Heatmap | undefined;
  /** How much of it was shown, in steps of {@link NEARNESS_STEPS}. */
  #shownPart = 0;
  /** Times of the keyframes. */
  readonly #timesSec: readonly number[];
  readonly #unmarked: Uint8Array;

  constructor(content: LayerContent) {
    const { picture, style, keyframes, normalize, title, answerAt, edges, ribbon } = content;
    const size = layerSize(content);
    this.#content = content;
    this.#context = createCanvas(size.width, size.height).getContext('2d');
    this.#layer = new YuvaLayer(size, content.matrix);
    this.#tint = tintTable(this.#layer, style);
    this.#contours = new ContourPainter(this.#layer, picture, style);
    this.#timesSec = keyframes.map(({ timestampSec }) => timestampSec);
    this.#moments = content.marksMoments === false ? [] : keyframes;
    if (ribbon) this.#lay(this.#take([drawRibbon(this.#context, picture, content, ribbon)]));
    this.#blank = this.#layer.bytes.slice();
    const scale = describeScale(keyframes, normalize);
    const surroundings = {
      heatmaps: evenlyChosen(keyframes, HEATMAPS_LOOKED_AT, 'middles').map(({ heatmap }) => heatmap),
      ...{ edges, isTitled: Boolean(title ?? answerAt) },
    };
    const titles = title ? [drawTitle(this.#context, picture, title)] : [];
    this.#titleEndPx = titles[0]?.bottom ?? 0;
    this.#fixed = this.#take([
      ...(style.showLegend ? [drawLegend(this.#context, picture, style, scale, surroundings)] : []),
      ...titles,
    ]);
    this.#unmarked = this.#blank.slice();
    this.#paintHeatmap();
  }

  /** The layer at `timeSec`, seconds from the start of the clip; the next call writes it again. */
  paint(timeSec: number): YuvaLayer {
    const { keyframes, gaps } = this.#content;
    const around = momentsAround(keyframes, timeSec, gaps);
    const near = nearness(
      timeSec,
      around.map((place) => this.#timesSec[place]!),
    );
    const part = Math.ceil(near * NEARNESS_STEPS) / NEARNESS_STEPS;
    const heatmap = part > 0 ? heatmapAt(keyframes, timeSec, gaps) : undefined;
    if (heatmap !== this.#shown || part !== this.#shownPart) {
      this.#paintHeatmap(heatmap, heatmap && heatmapAt(keyframes, timeSec, gaps, 'opposing'), part);
    }
    this.#layer.bytes.set(this.#unmarked);
    this.#lay(this.#take(this.#drawMarks(timeSec, around, part)));
    return this.#layer;
  }

  #paintHeatmap(heatmap?: Heatmap, opposing?: Heatmap, part = 1): void {
    const { picture, style } = this.#content;
    this.#layer.bytes.set(this.#blank);
    if (heatmap && opposing) {
      drawSigned(this.#context, picture, heatmap, opposing, style);
      this.#lay(this.#take([{ left: 0, top: 0, right: picture.width, bottom: picture.height }]));
    } else if (heatmap) {
      if (style.kind !== 'contour') paintTint(this.#layer, picture, heatmap, this.#tint);
      if (style.kind !== 'heatmap') this.#contours.paint(heatmap);
    }
    if (heatmap && part < 1) this.#fade(part);
    this.#lay(this.#fixed);
    this.#unmarked.set(this.#layer.bytes);
    this.#shown = heatmap;
    this.#shownPart = part;
  }

  /** Makes what is painted on the picture more transparent. */
  #fade(part: number): void {
    const { alpha, width } = this.#layer;
    const end = this.#content.picture.height * width;
    for (let i = 0; i < end; i++) alpha[i] = Math.round(alpha[i]! * part);
  }

  #drawMarks(timeSec: number, around: readonly number[], part: number): Area[] {
    const {
      picture,
      span,
      style,
      gaps,
      ribbon,
      answerAt,
      boxesAt,
      marksMoments = true,
      damagedSec = [],
    } = this.#content;
    const moment = momentAt(this.#moments, timeSec);
    const marks = {
      span,
      momentsSec: this.#moments.map(({ timestampSec }) => timestampSec),
      gaps,
      timeSec,
      moment,
      origin: originInWords(around, this.#timesSec, marksMoments, part),
      isDamaged: moment !== undefined && damagedSec.includes(this.#moments[moment]!.timestampSec),
    };
    const areas: Area[] = [];
    if (boxesAt && !isInside(gaps, timeSec)) areas.push(...this.#drawBoxes(boxesAt(timeSec)));
    if (style.showMarks && !ribbon) areas.push(drawTimeline(this.#context, picture, marks));
    if (style.showMarks) areas.push(...drawMoment(this.#context, picture, marks, style.showBadge));
    const answer = answerAt?.(timeSec);
    if (answer !== undefined) areas.push(drawAnswer(this.#context, picture, answer, this.#titleEndPx));
    if (ribbon) areas.push(drawCursor(this.#context, picture, { span, gaps, timeSec, ribbon }));
    return areas;
  }

  /** Draws boxes within the picture: a ribbon may lie below it. */
  #drawBoxes(boxes: DrawnBoxes): Area[] {
    const { picture } = this.#content;
    const context = this.#context;
    context.save();
    context.beginPath();
    context.rect(0, 0, picture.width, picture.height);
    context.clip();
    const areas = drawBoxes(context, picture, boxes, boldFont);
    context.restore();
    return areas;
  }

  /** Takes what was drawn from the canvas, which is blank again. */
  #take(areas: readonly Area[]): Patch[] {
    const patches = tileRuns(areas, this.#layer).map(({ left, top, width, height }) => ({
      ...{ left, top },
      pixels: this.#context.getImageData(left, top, width, height),
    }));
    this.#context.clearRect(0, 0, this.#layer.width, this.#layer.height);
    return patches;
  }

  #lay(patches: readonly Patch[]): void {
    for (const { pixels, left, top } of patches) this.#layer.blend(pixels, left, top);
  }
}

/** Those of a long drive are made when they are read. */
const HEATMAPS_LOOKED_AT = 12;

/** Steps in which a map fades: it is painted anew for each. */
const NEARNESS_STEPS = 16;

/** A part of a picture and where it lies. */
interface Patch {
  readonly left: number;
  readonly top: number;
  readonly pixels: RgbaPixels;
}

/** Size of the tiles in which areas are read, so that none is read twice; even. */
const TILE = { width: 32, height: 8 };

/** The tiles that areas touch, neighbours in a row together, cut at the border. */
function tileRuns(
  areas: readonly Area[],
  size: PictureSize,
): (PictureSize & { readonly left: number; readonly top: number })[] {
  const columns = Math.ceil(size.width / TILE.width);
  const rows = Math.ceil(size.height / TILE.height);
  const isTouched = new Uint8Array(columns * rows);
  for (const area of areas) {
    const [left, top] = [
      Math.max(0, Math.floor(area.left / TILE.width)),
      Math.max(0, Math.floor(area.top / TILE.height)),
    ];
    const [right, bottom] = [Math.min(columns, area.right / TILE.width), Math.min(rows, area.bottom / TILE.height)];
    for (let row = top; row < bottom; row++) isTouched.fill(1, row * columns + left, row * columns + Math.ceil(right));
  }
  const runs = [];
  for (let start = isTouched.indexOf(1); start >= 0; start = isTouched.indexOf(1, start)) {
    const row = Math.floor(start / columns);
    const column = start % columns;
    let end = start;
    while (end < (row + 1) * columns && isTouched[end]) end++;
    const left = column * TILE.width;
    const top = row * TILE.height;
    const width = Math.min((end - start) * TILE.width, size.width - left);
    runs.push({ left, top, width, height: Math.min(TILE.height, size.height - top) });
    start = end;
  }
  return runs;
}
