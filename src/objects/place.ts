/**
 * Boxes of a file brought to a clip: frame numbers become times by the clip's own frames, whatever its rate does, sizes those of
 * the picture as shown, and boxes of one id one object.
 */

import { L2cafError } from '../base/errors.ts';
import { groupBy } from '../base/group-by.ts';
import type { TimeSpan, VideoClip } from '../base/types.ts';
import { type FrameList, listFrames, placeUntil } from '../video/media/frame-list.ts';
import type { ObjectBox, ObjectList, Rectangle } from './boxes.ts';
import {
  keyOf,
  type NamedObject,
  namedObjects,
  refuseOtherPictures,
  scaledTo,
  withinPicture,
  withScores,
} from './fitted.ts';
import { refusedObjects } from './refused.ts';

/** How a file is to be read, where it does not say so itself. */
export interface PlaceOptions {
  /** Its frames are not those of the clip, but so many per second. */
  readonly fps?: number;
  /** The number that it gives the first frame. */
  readonly first?: number;
  /** Boxes with a lower score are left out. */
  readonly leastScore?: number;
  /** Whether a span without boxes is a warning, as of an event among many of a drive, and no error. */
  readonly mayBeNone?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A box of one of the objects on a frame. */
export interface BoxOnFrame {
  /** Its place among {@link PlacedObjects.objects}. */
  readonly object: number;
  /** Within the picture, pixels of the clip as shown. */
  readonly box: Rectangle;
}

/** Objects of a clip. */
export interface PlacedObjects {
  readonly path: string;
  /** What the file was taken for, in words. */
  readonly format: string;
  /** None where the span has no boxes, and need not have any. */
  readonly objects: readonly NamedObject[];
  /** How the file was understood, in words. */
  readonly notes: readonly string[];
  /** What must be known before the numbers are trusted. */
  readonly warnings: readonly string[];
  /** The boxes of the frame that is on screen at a time, seconds from the start of the clip. */
  at(timeSec: number): BoxOnFrame[];
}

/**
 * Brings boxes to a clip.
 *
 * @throws L2cafError `input-unreadable` when there are none within the span, when frames are beyond the clip, or boxes of other
 *   pictures; `usage` for options that the file leaves no room for; else as `listFrames`
 */
export async function placeObjects(
  list: ObjectList,
  clip: VideoClip,
  span: TimeSpan,
  options: PlaceOptions = {},
): Promise<PlacedObjects> {
  const { path, format } = list;
  const sized = scaledTo(list, withScores(list, options.leastScore), clip);
  const axis = await axisOf(list, clip, options);
  const boxes = axis.placesOf(sized);
  const beyond = boxes.find(({ at }) => at < axis.first || at >= axis.end);
  if (beyond !== undefined) throw axis.refuse(beyond.at);
  const moments = [...new Set(boxes.flatMap(({ at, movesTo }) => (movesTo ? [] : [at])))].sort((a, b) => a - b);
  const lookup = new BoxLookup(boxes, moments, reachOf(moments, axis));
  const [from, to] = [axis.placeAt(span.startSec), axis.placeAt(span.endSec)];
  const within = lookup.between(from, to);
  if (within.length === 0) {
    const none = noneWithin(path, boxes, axis, span);
    if (options.mayBeNone) return { path, format, objects: [], notes: [], warnings: [none.message], at: () => [] };
    throw none;
  }
  const shown = within.filter((box) => withinPicture(box, clip) !== undefined);
  refuseOtherPictures(path, within, clip);
  const { objects, placeOf } = namedObjects(shown);
  const outside = within.length - shown.length;
  return {
    ...{ path, format, objects },
    notes: [
      `${path} is ${format}: ${boxes.length} boxes; ${axis.words}`,
      ...list.notes,
      ...(objects.some(({ id }) => id === undefined) ? ['boxes without an id are taken together by their label'] : []),
    ],
    warnings:
      outside > 0
        ? [`${outside} of ${within.length} boxes within the span lie outside of the picture, and were left out`]
        : [],
    at: (timeSec) =>
      lookup.at(axis.placeAt(timeSec)).flatMap((own): BoxOnFrame[] => {
        const box = withinPicture(own, clip);
        const object = placeOf.get(keyOf(own));
        return box === undefined || object === undefined ? [] : [{ object, box }];
      }),
  };
}

/** What boxes are counted along: frame numbers, or seconds. */
interface Axis {
  readonly words: string;
  /** The least place there is, and the first that there is not. */
  readonly first: number;
  readonly end: number;
  /** Places in a second. */
  readonly perSecond: number;
  /** The place of the frame that is on screen at a time; between two numbers where frames are not those of the clip. */
  placeAt(timeSec: number): number;
  /** The time of a place, seconds. */
  timeOf(place: number): number;
  placesOf(boxes: readonly ObjectBox[]): readonly ObjectBox[];
  refuse(at: number): L2cafError;
}

async function axisOf(
  { path, axis, boxes, firstFrame, isByPicture = false }: ObjectList,
  clip: VideoClip,
  { fps, first = firstFrame, signal }: PlaceOptions,
): Promise<Axis> {
  const { numerator, denominator } = clip.frameRate;
  const asTheyAre = (all: readonly ObjectBox[]): readonly ObjectBox[] => all;
  const long = `${clip.durationSec.toFixed(2)} s long`;
  if (axis === 'seconds') {
    if (fps !== undefined || first !== firstFrame) {
      throw new L2cafError('usage', `${path} states times, not frames`, {
        hint: 'leave --objects-fps and --objects-first out',
      });
    }
    return {
      ...{ words: 'times in seconds', first: 0, end: clip.durationSec + denominator / numerator, perSecond: 1 },
      ...{ placeAt: (timeSec) => timeSec, timeOf: (place) => place, placesOf: asTheyAre },
      refuse: (at) => refusedObjects(path, `has boxes at ${at} s, and the clip is ${long}`, OTHER_CLIP),
    };
  }
  const counted = `frames counted from ${first}`;
  const hint = `${OTHER_CLIP}; --objects-first says which number its first frame has, --objects-fps how many there are per second`;
  if (fps !== undefined && !isByPicture) {
    return {
      ...{ words: `${counted}, ${fps} per second`, first, end: first + Math.ceil(clip.durationSec * fps) + 1 },
      ...{ perSecond: fps, placeAt: (timeSec) => first + timeSec * fps, timeOf: (place) => (place - first) / fps },
      placesOf: asTheyAre,
      refuse: (at) =>
        refusedObjects(path, `has the frame ${at}, and at ${fps} per second the clip (${long}) has none`, hint),
    };
  }
  const list = await listFrames(clip, { startSec: 0, endSec: clip.durationSec + 1 }, signal);
  const { timesSec, details } = list;
  const places = details.pictures?.pictures;
  const byName = new Map(places?.map(({ name }, i) => [name, first + i]));
  const isNamed = places !== undefined && boxes.every(({ picture }) => byName.has(baseName(picture)));
  if (isByPicture && !isNamed) {
    const named = [...new Set(boxes.map(({ picture }) => picture))].slice(0, 3).join(', ');
    throw refusedObjects(
      path,
      `says of which pictures its boxes are (${named}, …), and those are not the clip's`,
      hint,
    );
  }
  const named = (all: readonly ObjectBox[]): ObjectBox[] =>
    all.map((box) => ({ ...box, at: byName.get(baseName(box.picture))! }));
  return {
    words: isNamed ? 'pictures known by their names' : counted,
    ...{ first, end: first + timesSec.length, perSecond: numerator / denominator },
    placeAt: (timeSec) => first + placeOn(list, timeSec),
    timeOf: (place) => timesSec[Math.min(timesSec.length - 1, Math.max(0, Math.floor(place - first)))]!,
    placesOf: isNamed ? named : asTheyAre,
    refuse: (at) => {
      const last = first + timesSec.length - 1;
      return refusedObjects(path, `has the frame ${at}, and those of the clip are ${first} to ${last}`, hint);
    },
  };
}

const OTHER_CLIP = 'give the boxes of this clip';
/** Times that are sums of fractions miss a frame's by less, seconds. */
const ROUNDING_SEC = 1e-4;

function placeOn(list: FrameList, timeSec: number): number {
  return Math.max(0, placeUntil(list, timeSec + ROUNDING_SEC));
}

function baseName(path = ''): string {
  return path.split(/[\\/]/).at(-1)!;
}

/** How far from a frame its boxes may lie, in places: half the usual step between those that have some, up to half a second. */
function reachOf(moments: readonly number[], { perSecond }: Axis): number {
  const steps = moments.slice(1).map((moment, i) => moment - moments[i]!);
  const usual = steps.sort((a, b) => a - b)[steps.length >> 1] ?? 0;
  return Math.min(Math.max(usual / 2, perSecond === 1 ? FRAME_SEC : 0.5), Math.max(0.5, perSecond) / 2 + ROUNDING_SEC);
}

/** Where boxes have times, and one moment has some: as near as frames of a slow camera, seconds. */
const FRAME_SEC = 0.05;

/** Boxes by their places. */
class BoxLookup {
  readonly #still: ReadonlyMap<number, readonly ObjectBox[]>;
  readonly #moving: readonly ObjectBox[];
  readonly #moments: readonly number[];
  readonly #reach: number;

  /** @param moments places of boxes that do not move, ascending */
  constructor(boxes: readonly ObjectBox[], moments: readonly number[], reach: number) {
    this.#still = groupBy(
      boxes.filter(({ movesTo }) => movesTo === undefined),
      ({ at }) => at,
    );
    this.#moving = boxes.filter(({ movesTo }) => movesTo !== undefined);
    this.#moments = moments;
    this.#reach = reach;
  }

  /** Boxes at a place: those that move, where they are then; of the others, those of the nearest place that has some. */
  at(place: number): (Rectangle & Pick<ObjectBox, 'id' | 'label'>)[] {
    const moved = this.#moving.flatMap((box) => {
      const { at, movesTo } = box;
      return at <= place && place < movesTo!.at
        ? [{ ...box, ...between(box, movesTo!, (place - at) / (movesTo!.at - at)) }]
        : [];
    });
    const nearest = this.#moments.reduce(
      (best, moment) => (Math.abs(moment - place) < Math.abs(best - place) ? moment : best),
      Number.POSITIVE_INFINITY,
    );
    const still = Math.abs(nearest - place) <= this.#reach ? (this.#still.get(nearest) ?? []) : [];
    return [...moved, ...still];
  }

  /** Boxes that frames between two places may show. */
  between(from: number, to: number): ObjectBox[] {
    const [low, high] = [from - this.#reach, to + this.#reach];
    return [
      ...this.#moving.filter(({ at, movesTo }) => at <= high && movesTo!.at > low),
      ...[...this.#still].flatMap(([at, boxes]) => (at >= low && at <= high ? boxes : [])),
    ];
  }
}

function between(a: Rectangle, b: Rectangle, share: number): Rectangle {
  const mix = (name: keyof Rectangle): number => a[name] + (b[name] - a[name]) * share;
  return { x: mix('x'), y: mix('y'), width: mix('width'), height: mix('height') };
}

function noneWithin(path: string, boxes: readonly ObjectBox[], axis: Axis, { startSec, endSec }: TimeSpan): L2cafError {
  const times = boxes.map(({ at }) => axis.timeOf(at));
  const [first, last] = times.reduce(
    ([low, high], time) => [Math.min(low, time), Math.max(high, time)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const theirs = `its boxes are of ${first.toFixed(2)}–${last.toFixed(2)} s`;
  return refusedObjects(
    path,
    `has no boxes within ${startSec.toFixed(2)}–${endSec.toFixed(2)} s: ${theirs}`,
    OTHER_CLIP,
  );
}
