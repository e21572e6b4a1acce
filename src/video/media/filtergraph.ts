/**
 * The filtergraphs of written videos: decoded frames with new times, squared, scaled and in one set of colours, stacked,
 * with our layers on top; and their sound.
 */
import type { PictureSize, VideoClip } from '../../base/types.ts';
import { SCENE_BACKGROUND, type Scene } from '../drawing/scene.ts';
import { type ColourTags, colourConversion } from './colour-tags.ts';
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
  const labels = panels.map((_, k) => `[panel${k}]`).join('');
  const stack = { side: 'hstack', stacked: 'vstack' }[scene.layout];
  const stacked = panels.length > 1 ? `${labels}${stack}=inputs=${panels.length}[video]` : `${labels}null[video]`;
  const overlay = `[video][${panels.length}:v:0]overlay=format=yuv420,${timing.finish}[out]`;
  return [...pictures, stacked, overlay].join(';');
}

/** A panel's frames, with room for heading, ribbon and the gap to the next panel. */
function panelChain(panels: readonly GraphPanel[], k: number, scene: Scene, timing: Timing): string {
  const panel = panels[k]!;
  const { clip, picture, size } = panel;
  const { colour } = panels[0]!.details;
  const { headingPx, left, top } = scene.places[k]!;
  const next = scene.places[k + 1] ?? { left: scene.width, top: scene.height };
  const room =
    scene.layout === 'side'
      ? { width: next.left - left, height: scene.height }
      : { width: scene.width, height: next.top - top };
  const fit = size ? { size: picture } : { size: clip, crop: picture };
  const isPadded = room.width > picture.width || room.height > picture.height;
  const pad = isPadded ? `,pad=${room.width}:${room.height}:0:${headingPx}:color=${SCENE_BACKGROUND}` : '';
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
