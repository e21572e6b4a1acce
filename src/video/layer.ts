/**
 * Paints the transparent layers of a video, one after another. Reading a canvas back costs far more than drawing on it,
 * so only the part that was drawn on is read.
 */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { PictureSize, TimeSpan } from '../types.ts';
import { type Area, drawHeatmap, drawMarks, heatmapAt, type Keyframe, type OverlayStyle } from './overlay.ts';

/** What the layers of a video show. */
export interface LayerContent {
  /** The picture's size as shown. */
  readonly clip: PictureSize;
  readonly span: TimeSpan;
  readonly keyframes: readonly Keyframe[];
  readonly style: OverlayStyle;
  readonly title?: string;
}

/** Draws the layer of any time of a video on one canvas. */
export class LayerPainter {
  readonly #content: LayerContent;
  readonly #context: SKRSContext2D;

  constructor(content: LayerContent) {
    this.#content = content;
    this.#context = createCanvas(content.clip.width, content.clip.height).getContext('2d');
  }

  /** The layer at `timeSec`, seconds from the start of the clip: RGBA, not premultiplied, row by row, a new array. */
  paint(timeSec: number): Uint8Array {
    const { clip, span, keyframes, style, title } = this.#content;
    const momentsSec = keyframes.map(({ timestampSec }) => timestampSec);
    const position = momentsSec.findIndex((moment) => Math.abs(moment - timeSec) < SAME_MOMENT_SEC);
    const moment = position < 0 ? undefined : position;
    this.#context.clearRect(0, 0, clip.width, clip.height);
    const drawn = [drawHeatmap(this.#context, clip, heatmapAt(keyframes, timeSec), style)];
    if (style.showMarks) drawn.push(...drawMarks(this.#context, clip, { span, momentsSec, timeSec, moment, title }));
    return this.#read(drawn);
  }

  /** Copies areas of the canvas into an otherwise transparent picture. */
  #read(areas: readonly Area[]): Uint8Array {
    const { width, height } = this.#content.clip;
    const layer = new Uint8Array(width * height * 4);
    for (const area of areas) {
      const left = Math.max(0, Math.floor(area.left));
      const top = Math.max(0, Math.floor(area.top));
      const columns = Math.min(width, Math.ceil(area.right)) - left;
      const rows = Math.min(height, Math.ceil(area.bottom)) - top;
      if (columns <= 0 || rows <= 0) continue;
      const { data } = this.#context.getImageData(left, top, columns, rows);
      for (let row = 0; row < rows; row++) {
        layer.set(data.subarray(row * columns * 4, (row + 1) * columns * 4), ((top + row) * width + left) * 4);
      }
    }
    return layer;
  }
}

/** Times of one frame that took different ways (through JSON, say) differ by less; two frames by more. */
const SAME_MOMENT_SEC = 0.0005;
