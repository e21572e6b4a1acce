/**
 * Burnt-in text and logos: what stands still in front of a scene that moves. A network sees a time stamp as part of the street. It is
 * told from what else stands still, the bonnet above all, by its many sharp strokes side by side that never move by a pixel.
 */
import type { PictureRegion, PictureSize, VideoClip } from '../../base/types.ts';
import { type Glance, glanceAt } from './glance.ts';

/** At a stroke the brightness differs by at least so much, of 255, from one side of a pixel to the other, in every frame. */
const CONTRAST = 28;
/** Brightness of what stands still changes by no more than this (standard deviation), that of what moves by at least so much. */
const [STILL, MOVING] = [5, 5];
/** Of a scene that moves, at least this share of the pixels does: where all stands still, nothing can be told. */
const MOVING_SHARE = 0.2;
/** Height of text and logos, as a share of the picture's; more than the area's share is no text. */
const [LOWEST, HIGHEST, LARGEST] = [0.012, 0.14, 0.08];
/** Share of the pixels of text that are strokes, at least; and strokes that a row of pixels crosses, on average. */
const [DENSITY, CROSSINGS] = [0.1, 3];
/** Strokes that lie so close, as shares of width and height, are of one text. */
const [ACROSS, DOWN] = [0.02, 0.008];

/** Around what is found, times its height: digits beside it change, and outlines are soft. */
const [MARGIN_ACROSS, MARGIN_DOWN] = [1.3, 0.4];

/**
 * Text and logos that are burnt into a clip, pixels of the clip as shown.
 *
 * @throws L2cafError `input-changed`, `aborted`; in a clip that cannot be decoded there are none
 */
export async function findOverlays(clip: VideoClip, signal?: AbortSignal): Promise<PictureRegion[]> {
  return overlaysOf(await glanceAt(clip, signal), clip);
}

/** {@link findOverlays} in frames that are at hand. */
export function overlaysOf(glance: Glance | undefined, clip: PictureSize): PictureRegion[] {
  if (glance === undefined) return [];
  const { frames, size } = glance;
  return overlaysIn(frames, size).map(({ x, y, width, height }) => {
    const [across, down] = [MARGIN_ACROSS * height, MARGIN_DOWN * height];
    const along = (from: number, until: number, all: number, full: number): [number, number] => {
      const start = Math.max(0, Math.floor((from * full) / all));
      return [start, Math.min(full, Math.ceil((until * full) / all)) - start];
    };
    const [left, wide] = along(x - across, x + width + across, size.width, clip.width);
    const [top, high] = along(y - down, y + height + down, size.height, clip.height);
    return { x: left, y: top, width: wide, height: high };
  });
}

/**
 * What is burnt into pictures that were filmed: rectangles, pixels of the frames.
 *
 * @param frames brightness `[h, w]` of frames that are spread over the clip
 */
function overlaysIn(frames: readonly Uint8Array[], size: PictureSize): PictureRegion[] {
  const spread = spreadOf(frames);
  const moving = spread.reduce((count, value) => count + Number(value >= MOVING), 0);
  if (moving < MOVING_SHARE * spread.length) return [];
  const strokes = new Uint8Array(spread.length).map((_, i) => Number(isStroke(i, frames, spread, size)));
  const sums = summed(strokes, size);
  return clusters(strokes, sums, size).filter((region) => isText(region, strokes, sums, size));
}

/** Standard deviation of each pixel's brightness over the frames. */
function spreadOf(frames: readonly Uint8Array[]): Float32Array {
  const spread = new Float32Array(frames[0]!.length);
  for (let i = 0; i < spread.length; i++) {
    let sum = 0;
    let squares = 0;
    for (const frame of frames) {
      sum += frame[i]!;
      squares += frame[i]! ** 2;
    }
    spread[i] = Math.sqrt(Math.max(0, squares / frames.length - (sum / frames.length) ** 2));
  }
  return spread;
}

/** Whether a pixel lies on an edge in every frame, and itself or one beside it never changes. */
function isStroke(
  i: number,
  frames: readonly Uint8Array[],
  spread: Float32Array,
  { width, height }: PictureSize,
): boolean {
  const [x, y] = [i % width, Math.floor(i / width)];
  if (x === 0 || y === 0 || x === width - 1 || y === height - 1) return false;
  if (Math.min(spread[i]!, spread[i - 1]!, spread[i + 1]!, spread[i - width]!, spread[i + width]!) > STILL)
    return false;
  return frames.every((frame) => {
    const across = Math.abs(frame[i + 1]! - frame[i - 1]!);
    const down = Math.abs(frame[i + width]! - frame[i - width]!);
    return Math.max(across, down) >= CONTRAST;
  });
}

/** Sums over the rectangles from the left upper corner, `[h + 1, w + 1]`. */
function summed(marks: Uint8Array, { width, height }: PictureSize): Float64Array {
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      row += marks[y * width + x]!;
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1]! + row;
    }
  }
  return sums;
}

/** Marks in a rectangle, what lies outside of the picture left out. */
function countIn(sums: Float64Array, { x, y, width, height }: PictureRegion, size: PictureSize): number {
  const [left, right] = [Math.max(0, x), Math.min(size.width, x + width)];
  const [top, bottom] = [Math.max(0, y), Math.min(size.height, y + height)];
  const at = (row: number, column: number): number => sums[row * (size.width + 1) + column]!;
  return at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
}

/** Rectangles around strokes that lie close together. */
function clusters(strokes: Uint8Array, sums: Float64Array, size: PictureSize): PictureRegion[] {
  const { width, height } = size;
  const [across, down] = [Math.max(3, Math.round(ACROSS * width)), Math.max(2, Math.round(DOWN * height))];
  const isNear = (at: number): boolean => {
    const region = {
      x: (at % width) - across,
      y: Math.floor(at / width) - down,
      width: 2 * across + 1,
      height: 2 * down + 1,
    };
    return countIn(sums, region, size) > 0;
  };
  const seen = new Uint8Array(strokes.length);
  const regions: PictureRegion[] = [];
  for (let start = 0; start < strokes.length; start++) {
    if (strokes[start] === 0 || seen[start] === 1) continue;
    let [left, top, right, bottom] = [width, height, -1, -1];
    const queue = [start];
    seen[start] = 1;
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)];
      if (strokes[at] === 1) {
        [left, top] = [Math.min(left, x), Math.min(top, y)];
        [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
      }
      const beside = [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width];
      for (const next of beside) {
        if (next < 0 || next >= seen.length || seen[next] === 1 || !isNear(next)) continue;
        seen[next] = 1;
        queue.push(next);
      }
    }
    regions.push({ x: left, y: top, width: right - left + 1, height: bottom - top + 1 });
  }
  return regions;
}

function isText(region: PictureRegion, strokes: Uint8Array, sums: Float64Array, size: PictureSize): boolean {
  const { x, y, width, height } = region;
  if (height < LOWEST * size.height || height > HIGHEST * size.height) return false;
  if (width * height > LARGEST * size.width * size.height) return false;
  if (countIn(sums, region, size) < DENSITY * width * height) return false;
  let crossings = 0;
  for (let row = y; row < y + height; row++) {
    for (let column = x + 1; column < x + width; column++) {
      const at = row * size.width + column;
      if (strokes[at] === 1 && strokes[at - 1] === 0) crossings++;
    }
  }
  return crossings >= CROSSINGS * height;
}
