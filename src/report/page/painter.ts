/** Draws attention on canvases that lie over pictures, by the rules and with the code of the rendered video. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { Analysis } from '../../analysis/document.ts';
import { objectsAt, objectsOn } from '../../analysis/object-words.ts';
import { gapsOf, keyframesOf } from '../../analysis/timeline.ts';
import type { Heatmap, IgnoredPart, PictureSize, TimeSpan } from '../../base/types.ts';
import { type DrawnBox, drawBoxes } from '../../video/drawing/boxes.ts';
import { heatmapAt, isInside, type Keyframe } from '../../video/drawing/keyframes.ts';
import { drawHeatmap } from '../../video/drawing/overlay.ts';
import { drawSigned } from '../../video/drawing/signed.ts';
import type { Settings } from './command.ts';

/** The heatmaps of an analysis, drawn as the settings say. */
export class OverlayPainter {
  readonly gaps: readonly TimeSpan[];
  readonly #analysis: Analysis;
  readonly #ignore: readonly IgnoredPart[];
  readonly #keyframes = new Map<string, readonly Keyframe[]>();

  constructor(analysis: Analysis, ignore: readonly IgnoredPart[]) {
    this.#analysis = analysis;
    this.#ignore = ignore;
    this.gaps = gapsOf(analysis);
  }

  /** Draws the overlay of any time, seconds from the start of the clip; nothing within a gap. */
  paintTime(canvas: HTMLCanvasElement, timeSec: number, settings: Settings): void {
    const context = blank(canvas);
    const { heatmap, opposing } = this.#mapsAt(timeSec, settings);
    paint(context, canvas, settings, heatmap, opposing);
    this.#paintBoxes(context, canvas, settings, this.#objectsAt(timeSec));
  }

  /** Draws the overlay of a time over a picture that is on a canvas. */
  paintOver(canvas: HTMLCanvasElement, timeSec: number, settings: Settings): void {
    const context = canvas.getContext('2d')!;
    const { heatmap, opposing } = this.#mapsAt(timeSec, settings);
    paint(context, canvas, settings, heatmap, opposing);
    this.#paintBoxes(context, canvas, settings, this.#objectsAt(timeSec));
  }

  /** Draws the overlay of a sampled frame. */
  paintFrame(canvas: HTMLCanvasElement, frame: number, settings: Settings): void {
    const keyframe = this.keyframes(settings)[frame]!;
    const context = blank(canvas);
    paint(context, canvas, settings, keyframe.heatmap, keyframe.opposing);
    this.#paintBoxes(context, canvas, settings, objectsOn(this.#analysis, frame));
  }

  #objectsAt(timeSec: number): DrawnBox[] {
    return isInside(this.gaps, timeSec) ? [] : objectsAt(this.#analysis, timeSec);
  }

  #paintBoxes(
    context: CanvasRenderingContext2D,
    { width, height }: PictureSize,
    { boxes }: Settings,
    objects: readonly DrawnBox[],
  ): void {
    if (!boxes) return;
    const drawn = { picture: this.#analysis.source, boxes: objects };
    drawBoxes(
      context as unknown as SKRSContext2D,
      { width, height },
      drawn,
      (sizePx) => `bold ${sizePx}px system-ui, sans-serif`,
    );
  }

  /** The sampled moments with their heatmaps. */
  keyframes({ mode, normalize, fade }: Pick<Settings, 'mode' | 'normalize' | 'fade'>): readonly Keyframe[] {
    const isSigned = mode === 'signed';
    const key = `${isSigned ? 'signed' : normalize} ${fade}`;
    const made =
      this.#keyframes.get(key) ??
      keyframesOf(this.#analysis, { normalize, fade, signed: isSigned, ignore: this.#ignore });
    this.#keyframes.set(key, made);
    return made;
  }

  #mapsAt(timeSec: number, settings: Settings): Partial<Record<'heatmap' | 'opposing', Heatmap | undefined>> {
    const keyframes = this.keyframes(settings);
    const side = (name: 'heatmap' | 'opposing'): Heatmap | undefined => heatmapAt(keyframes, timeSec, this.gaps, name);
    return { heatmap: side('heatmap'), opposing: side('opposing') };
  }
}

/** An empty canvas of one point per pixel of the screen. */
function blank(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const size = fitToScreen(canvas);
  const context = canvas.getContext('2d')!;
  context.clearRect(0, 0, size.width, size.height);
  return context;
}

function paint(
  context: CanvasRenderingContext2D,
  { width, height }: PictureSize,
  { mode, style }: Settings,
  heatmap: Heatmap | undefined,
  opposing: Heatmap | undefined,
): void {
  if (heatmap === undefined || mode === 'none') return;
  // The drawing code is typed for @napi-rs/canvas; both are the canvas API.
  const ink = context as unknown as SKRSContext2D;
  const size = { width, height };
  if (mode === 'signed' && opposing) drawSigned(ink, size, heatmap, opposing, style);
  else drawHeatmap(ink, size, heatmap, style);
}

/** Gives a canvas one point per pixel of the screen. */
function fitToScreen(canvas: HTMLCanvasElement): PictureSize {
  const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return { width, height };
}
