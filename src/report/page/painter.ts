/** Draws attention on canvases that lie over pictures, by the rules and with the code of the rendered video. */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { Analysis } from '../../analysis.ts';
import { gapsOf, keyframesOf } from '../../timeline.ts';
import type { PictureSize, TimeSpan } from '../../types.ts';
import { heatmapAt, type Keyframe } from '../../video/keyframes.ts';
import { drawHeatmap } from '../../video/overlay.ts';
import type { PictureRegion } from '../../video/regions.ts';
import { drawSigned } from '../../video/signed.ts';
import type { Settings } from './settings.ts';

/** The heatmaps of an analysis, drawn as the settings say. */
export class OverlayPainter {
  readonly gaps: readonly TimeSpan[];
  readonly #analysis: Analysis;
  readonly #ignore: readonly PictureRegion[];
  readonly #keyframes = new Map<string, readonly Keyframe[]>();

  constructor(analysis: Analysis, ignore: readonly PictureRegion[]) {
    this.#analysis = analysis;
    this.#ignore = ignore;
    this.gaps = gapsOf(analysis);
  }

  /** Draws the overlay of any time, seconds from the start of the clip; nothing within a gap. */
  paintTime(canvas: HTMLCanvasElement, timeSec: number, settings: Settings): void {
    const keyframes = this.keyframes(settings);
    const opposing = this.#opposing(keyframes);
    this.#paint(canvas, settings, heatmapAt(keyframes, timeSec, this.gaps), heatmapAt(opposing, timeSec, this.gaps));
  }

  /** Draws the overlay of a sampled frame. */
  paintFrame(canvas: HTMLCanvasElement, frame: number, settings: Settings): void {
    const keyframe = this.keyframes(settings)[frame]!;
    this.#paint(canvas, settings, keyframe.heatmap, keyframe.opposing);
  }

  /** The sampled moments with their heatmaps. */
  keyframes({ mode, normalize }: Pick<Settings, 'mode' | 'normalize'>): readonly Keyframe[] {
    const isSigned = mode === 'signed';
    const key = isSigned ? 'signed' : normalize;
    const made =
      this.#keyframes.get(key) ?? keyframesOf(this.#analysis, { normalize, signed: isSigned, ignore: this.#ignore });
    this.#keyframes.set(key, made);
    return made;
  }

  #opposing(keyframes: readonly Keyframe[]): readonly Keyframe[] {
    const known = this.#keyframes.get('opposing');
    if (known || !keyframes[0]?.opposing) return known ?? [];
    const made = keyframes.map(({ timestampSec, opposing }) => ({ timestampSec, heatmap: opposing! }));
    this.#keyframes.set('opposing', made);
    return made;
  }

  #paint(
    canvas: HTMLCanvasElement,
    { mode, style }: Settings,
    heatmap: Keyframe['heatmap'] | undefined,
    opposing: Keyframe['heatmap'] | undefined,
  ): void {
    const size = fitToScreen(canvas);
    const context = canvas.getContext('2d')!;
    context.clearRect(0, 0, size.width, size.height);
    if (heatmap === undefined || mode === 'none') return;
    // The drawing code is typed for @napi-rs/canvas; both are the canvas API.
    const ink = context as unknown as SKRSContext2D;
    if (mode === 'signed' && opposing) drawSigned(ink, size, heatmap, opposing, style);
    else drawHeatmap(ink, size, heatmap, style);
  }
}

/** Gives a canvas one point per pixel of the screen. */
function fitToScreen(canvas: HTMLCanvasElement): PictureSize {
  const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return { width, height };
}
