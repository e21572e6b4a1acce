/**
 * The filtergraphs of written videos: decoded frames with new times, squared, scaled and in one set of colours, stacked,
 * with our layers on top; and their sound.
 */
import type { PictureSize, VideoClip } from '../../base/types.ts';
import { SCENE_BACKGROUND, type Scene } from '../drawing/scene.ts';
import { type ColourTags, colourConversion, scaleMatrixOf } from './colour-tags.ts';
import { framesFrom, type WantedFrames } from './seek.ts';
import type { Timing } from './timing.ts';

/** A clip of which some frames are shown. */
export interface GraphClip extends WantedFrames {
  readonly clip: VideoClip;
  readonly timesSec: Float64Array;
}

/** A clip with its place in a scene. */
export interface GraphPanel extends GraphClip {
  /** Even numbers. */
  readonly picture: PictureSize;
  /** Absent: the clip's size, which loses a pixel where it is odd. */
  readonly size?: PictureSize;
}

/** The frames of an input at their new times, in limited-range yuv420p with square pixels. */
export function pictureChain(
  input: number,
  frames: GraphClip,
  { size, crop, colour }: { readonly size: PictureSize; readonly crop?: PictureSize; readonly colour: ColourTags },
  timing: Timing,
): string {
  const scale = `scale=${size.width}:${size.height}:flags=bicubic${colourConversion(frames.details.colour, colour)}`;
  const cropped = crop ? [`crop=${crop.width}:${crop.height}:0:0`] : [];
  return [framesFrom(input, frames), timing.clock, scale, ...cropped, 'setsar=1', 'format=yuv420p'].join(',');
}

/** The panels' frames at their places, below the layers, which are the input after them: `[out]`. */
export function sceneGraph(panels: readonly GraphPanel[], scene: Scene, timing: Timing): string {
  const pictures = panels.map((_, k) => `${panelChain(panels, k, scene, timing)}[panel${k}]`);
  const overlay = `[video][${panels.length}:v:0]overlay=format=yuv420,${timing.finish}[out]`;
  return [...pictures, ...stackChains(scene), overlay].join(';');
}

/** The video, `[out]`, in colours of the screen: `[rgb]`. */
export function rgbGraph(colour: ColourTags): string {
  return `[out]scale=flags=bicubic+accurate_rnd+full_chroma_int:in_range=tv:out_range=pc:in_color_matrix=${scaleMatrixOf(colour)},format=rgb24[rgb]`;
}

/** Stacks the panels to rows, and those to the video: `[video]`. */
function stackChains({ rows }: Scene): string[] {
  const stack = (labels: readonly string[], filter: string, out: string): string =>
    labels.length > 1 ? `${labels.join('')}${filter}=inputs=${labels.length}${out}` : `${labels[0]}null${out}`;
  let first = 0;
  const inRows = rows.map((count, r) => {
    const labels = Array.from({ length: count }, () => `[panel${first++}]`);
    return stack(labels, 'hstack', `[row${r}]`);
  });
  const labels = rows.map((_, r) => `[row${r}]`);
  return [...inRows, stack(labels, 'vstack', '[video]')];
}

/** A panel's frames in its cell, with room for heading, ribbon and what is left around it. */
function panelChain(panels: readonly GraphPanel[], k: number, scene: Scene, timing: Timing): string {
  const panel = panels[k]!;
  const { clip, picture, size } = panel;
  const { colour } = panels[0]!.details;
  const { headingPx, left, top, cell } = scene.places[k]!;
  const fit = size ? { size: picture } : { size: clip, crop: picture };
  const isPadded = cell.width > picture.width || cell.height > picture.height;
  const place = `${left - cell.left}:${top - cell.top + headingPx}`;
  const pad = isPadded ? `,pad=${cell.width}:${cell.height}:${place}:color=${SCENE_BACKGROUND}` : '';
  return `${pictureChain(k, panel, { ...fit, colour }, timing)}${pad}`;
}

/**
 * The sound of an input from the clip's first frame to its end, then silence until the end of the video, also where it has
 * none: `[sound]`.
 */
export function soundGraph(input: number, { details, timesSec, clip }: GraphClip, { durationSec }: Timing): string {
  const startSec = details.originSec + timesSec[0]!;
  const endSec = details.originSec + timesSec.at(-1)! + clip.frameRate.denominator / clip.frameRate.numerator;
  const start = startSec.toFixed(6);
  const own = `atrim=start=${start}:end=${endSec.toFixed(6)},asetpts=PTS-${start}/TB,aresample=async=1:first_pts=0`;
  return `[${input}:a:0]${own},apad,atrim=end=${durationSec.toFixed(6)}[sound]`;
}
