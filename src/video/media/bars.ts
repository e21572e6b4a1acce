/**
 * Black bars: where a picture lies within its frame that was filmed in another shape. A network that was trained without
 * bars sees them as part of the scene. ffmpeg's cropdetect proposes a rectangle; each of its sides is taken only if it is a
 * bar beyond doubt, for what is black at night, or between two shots, must stay.
 */
import { Readable, Writable } from 'node:stream';
import type { PictureRegion, PictureSize, VideoClip } from '../../base/types.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { type Glance, glanceAt } from './glance.ts';

/** A line whose brightness is at most this, of 255, may belong to a bar. */
const BLACK = 16;
/** Pixels of a bar are at most this bright at any time, but for a few that a codec has made brighter. */
const BAR_MAX = 24;
const BAR_BRIGHTER_SHARE = 0.005;
/** Brightness from a bar to the picture beside it: so much more, in most of a border, in some of the frames. */
const STEP = 16;
const BORDER_SHARE = 0.6;
const FRAMES_SHARE = 0.25;
/** Thinner bars, as a share of the side, are not worth it; what is left is no picture if it is smaller than that. */
const THINNEST = 0.015;
const SMALLEST = 0.3;

/**
 * The picture within the black bars of a clip, pixels of the clip as shown; undefined where it has none. Bars that change, as
 * between two films in one, are those that are always there.
 *
 * @throws L2cafError `input-changed`, `aborted`; a clip that cannot be decoded has none
 */
export async function findBars(clip: VideoClip, signal?: AbortSignal): Promise<PictureRegion | undefined> {
  return barsIn(await glanceAt(clip, signal), clip, signal);
}

/** {@link findBars} in frames that are at hand. */
export async function barsIn(
  glance: Glance | undefined,
  clip: VideoClip,
  signal?: AbortSignal,
): Promise<PictureRegion | undefined> {
  if (glance === undefined) return undefined;
  const { frames, size } = glance;
  const proposed = await cropDetected(frames, size, signal);
  return proposed && enlarged(confirmed(proposed, frames, size), size, clip);
}

/** What ffmpeg's cropdetect says of some frames, all in all; undefined where all of them are black. */
async function cropDetected(
  frames: readonly Uint8Array[],
  { width, height }: PictureSize,
  signal: AbortSignal | undefined,
): Promise<PictureRegion | undefined> {
  const first = frames[0]!; // it leaves out two frames at the start
  let found: PictureRegion | undefined;
  await runFfmpeg({
    inputs: [
      {
        source: Readable.from([first, first, ...frames].map((frame) => Buffer.from(frame))),
        options: ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${width}x${height}`, '-r', '25'],
      },
    ],
    filtergraph: `[0:v]cropdetect=limit=${BLACK}:round=2:reset=0[out]`,
    options: ['-map', '[out]', '-f', 'null'],
    output: new Writable({ emitClose: false, write: (_chunk, _encoding, done) => done() }),
    signal,
    onLine: (line) => {
      const [, w, h, x, y] = /crop=(\d+):(\d+):(\d+):(\d+)/.exec(line) ?? [];
      if (w !== undefined) found = { x: Number(x), y: Number(y), width: Number(w), height: Number(h) };
    },
  });
  return found;
}

/** The proposed rectangle with only those of its sides that are bars. */
function confirmed(
  { x, y, width, height }: PictureRegion,
  frames: readonly Uint8Array[],
  size: PictureSize,
): PictureRegion {
  const rows = sideways(size.height, size.width, (line, i) => line * size.width + i);
  const columns = sideways(size.width, size.height, (line, i) => i * size.width + line);
  const top = rows.bar(frames, y, false);
  const bottom = rows.bar(frames, size.height - y - height, true);
  const left = columns.bar(frames, x, false);
  const right = columns.bar(frames, size.width - x - width, true);
  return { x: left, y: top, width: size.width - left - right, height: size.height - top - bottom };
}

/** The lines of a picture from one side to the other, and whether the first of them, from either side, are a bar. */
function sideways(
  lines: number,
  length: number,
  pixel: (line: number, i: number) => number,
): { bar(frames: readonly Uint8Array[], thickness: number, isFar: boolean): number } {
  return {
    bar: (frames, proposed, isFar) => {
      const at = (line: number, i: number): number => pixel(isFar ? lines - 1 - line : line, i);
      // Lines are averages: the border may lie a little further in or out.
      for (const thickness of [proposed, proposed + 1, proposed - 1, proposed + 2, proposed - 2]) {
        if (thickness < Math.max(2, THINNEST * lines)) continue;
        if (isBar(frames, thickness, length, at)) return thickness;
      }
      return 0;
    },
  };
}

function isBar(
  frames: readonly Uint8Array[],
  thickness: number,
  length: number,
  at: (line: number, i: number) => number,
): boolean {
  const inBar = thickness - 1; // the outermost line may be mixed with the picture's
  let brighter = 0;
  for (let line = 0; line < inBar; line++) {
    for (let i = 0; i < length; i++) if (frames.some((frame) => frame[at(line, i)]! > BAR_MAX)) brighter++;
  }
  if (brighter > BAR_BRIGHTER_SHARE * inBar * length) return false;
  const bordered = frames.filter((frame) => {
    let steps = 0;
    for (let i = 0; i < length; i++) {
      if (frame[at(thickness + 1, i)]! - frame[at(Math.max(0, thickness - 2), i)]! >= STEP) steps++;
    }
    return steps >= BORDER_SHARE * length;
  });
  return bordered.length >= FRAMES_SHARE * frames.length;
}

/** In pixels of the clip, one of the looked at further in: a border is not sharp. */
function enlarged(region: PictureRegion, size: PictureSize, clip: PictureSize): PictureRegion | undefined {
  const along = (from: number, length: number, all: number, full: number): [number, number] => {
    const scale = full / all;
    const inwards = scale > 1 ? 1 : 0;
    const start = from === 0 ? 0 : Math.ceil((from + inwards) * scale);
    const end = from + length === all ? full : Math.floor((from + length - inwards) * scale);
    return [start, end - start];
  };
  const [x, width] = along(region.x, region.width, size.width, clip.width);
  const [y, height] = along(region.y, region.height, size.height, clip.height);
  const isAll = width === clip.width && height === clip.height;
  const isTooSmall = width < SMALLEST * clip.width || height < SMALLEST * clip.height;
  return isAll || isTooSmall ? undefined : { x, y, width, height };
}
