/**
 * Paints the transparent layers of a video, one after another. Reading a canvas back costs far more than drawing on it,
 * so only the part that was drawn on is read.
 */
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { TimeSpan, VideoClip } from '../types.ts';
import { drawHeatmap, drawMarks, heatmapAt, type Keyframe, type OverlayStyle } from './overlay.ts';

/** What the layers of a video show. */
export interface LayerContent {
  readonly clip: VideoClip;
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
    this.#context.clearRect(0, 0, clip.width, clip.height);
    drawHeatmap(this.#context, clip, heatmapAt(keyframes, timeSec), style);
    if (style.showMarks) {
      const momentsSec = keyframes.map(({ timestampSec }) => timestampSec);
      const position = momentsSec.findIndex((moment) => Math.abs(moment - timeSec) < SAME_MOMENT_SEC);
      const moment = position < 0 ? undefined : position;
      drawMarks(this.#context, clip, { span, momentsSec, timeSec, moment, title });
    }
    return new Uint8Array(this.#context.getImageData(0, 0, clip.width, clip.height).data.buffer);
  }
}

/** Times of one frame that took different ways (through JSON, say) differ by less; two frames by more. */
const SAME_MOMENT_SEC = 0.0005;
