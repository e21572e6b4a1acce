/**
 * Boxes of objects beside attention: which share of a frame's map lies on each object, how that compares with its share of the
 * picture, and what of the answer is lost without it. Documents hold it for the frames that were analyzed.
 */

import { resolve } from 'node:path';
import type { View } from '../base/fit.ts';
import { groupBy } from '../base/group-by.ts';
import { mean, sum } from '../base/matrix.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import type { EmptiedLoss, EmptiedPart } from '../l2caf/emptied.ts';
import { coverage } from '../objects/coverage.ts';
import type { BoxOnFrame, PlacedObjects } from '../objects/place.ts';
import type { Analysis, AnalysisFrame, ObjectOnFrame, ObjectSummary } from './document.ts';
import { inputView, type SeenPicture } from './timeline.ts';

/** Objects of a frame that are emptied, at most: those with the largest boxes. */
const MAX_EMPTIED = 20;

/** A part of a frame's feature map that belongs to an object. */
export interface ObjectPart extends EmptiedPart {
  /** Its place among the objects. */
  readonly object: number;
}

/** What emptying the objects of a frame takes away, by their places among the objects. */
export type ObjectLosses = ReadonlyMap<number, EmptiedLoss>;

/** Which cells of the network's maps objects cover on a frame, those that are to be emptied one after another. */
export function partsOnFrame(
  objects: PlacedObjects,
  timeSec: number,
  { source, model }: SeenPicture,
  grid: GridShape,
): ObjectPart[] {
  return partsOf(byObject(objects.at(timeSec)), source, grid, inputView({ source, model }));
}

/** Which cells of a map objects cover on a picture, those that are to be emptied one after another. */
export function partsOf(
  objects: Iterable<readonly [object: number, boxes: readonly BoxOnFrame['box'][]]>,
  source: PictureSize,
  grid: GridShape,
  view: View | undefined,
): ObjectPart[] {
  return Array.from(objects, ([object, boxes]) => {
    const covered = coverage(boxes, source, grid, view);
    return { object, covered, area: sum(covered) };
  })
    .filter(({ area }) => area > 0)
    .sort((a, b) => b.area - a.area)
    .slice(0, MAX_EMPTIED)
    .map(({ object, covered }) => ({ object, covered }));
}

/**
 * The document with objects: on each frame, and over all of them.
 *
 * @param lossesOf what emptying the objects of a frame takes away, where that is known
 */
export function withObjects<Document extends Analysis>(
  analysis: Document,
  objects: PlacedObjects | undefined,
  lossesOf: (frame: number) => ObjectLosses | undefined,
): Document {
  if (objects === undefined) return analysis;
  if (objects.objects.length === 0) return { ...analysis, warnings: [...analysis.warnings, ...objects.warnings] };
  const view = inputView(analysis);
  const frames = analysis.frames.map((frame, i): AnalysisFrame => {
    const boxes = objects.at(frame.timestampSec);
    const shares = sharesOf(frame.filter, analysis.source, view);
    const each = [...byObject(boxes)].map(([object, own]): ObjectOnFrame => {
      const loss = lossesOf(i)?.get(object);
      return {
        ...{ object, boxes: own.map((box) => ({ ...box })), ...shares(own) },
        ...(loss && { lost: loss.lost, lostElsewhere: loss.elsewhere }),
      };
    });
    return { ...frame, objects: { ...shares(boxes.map(({ box }) => box)), each } };
  });
  const seen = frames.filter((frame) => frame.objects!.each.length > 0).length;
  const warnings = [
    ...objects.warnings,
    ...(seen === frames.length ? [] : [`${frames.length - seen} of ${frames.length} frames have no boxes of objects`]),
  ];
  return {
    ...analysis,
    warnings: [...analysis.warnings, ...warnings],
    objects: {
      ...{ path: resolve(objects.path), format: objects.format },
      ...meanShares(frames.map((frame) => frame.objects!)),
      list: objects.objects.map((object, place) => ({ ...object, ...summaryOf(place, frames) })),
    },
    frames,
  };
}

function byObject(boxes: readonly BoxOnFrame[]): Map<number, BoxOnFrame['box'][]> {
  return new Map(
    [...groupBy(boxes, ({ object }) => object)].map(([object, own]) => [object, own.map(({ box }) => box)]),
  );
}

/**
 * Of one filter: the share of its energy, and of its area, within some boxes; what lies beside the picture does not count.
 *
 * @param source size of the picture, pixels
 * @param view where in it the network's input lies; undefined where that is all of it
 */
export function sharesOf(
  { height, width, values }: GridShape & { readonly values: readonly number[] },
  source: PictureSize,
  view: View | undefined,
): (boxes: readonly BoxOnFrame['box'][]) => { share: number; area: number } {
  const grid = { height, width };
  const picture = coverage([{ x: 0, y: 0, width: source.width, height: source.height }], source, grid, view);
  const within = (covered: Float64Array): number => covered.reduce((all, part, i) => all + part * values[i]! ** 2, 0);
  const [energy, cells] = [within(picture), sum(picture)];
  return (boxes) => {
    const covered = coverage(boxes, source, grid, view);
    const atMost = (part: number): number => Math.min(1, part); // rounding
    return { share: energy > 0 ? atMost(within(covered) / energy) : 0, area: atMost(sum(covered) / cells) };
  };
}

/** Means over the frames that show an object. */
function summaryOf(place: number, frames: readonly AnalysisFrame[]): Omit<ObjectSummary, 'name' | 'id' | 'label'> {
  const own = frames.flatMap(({ objects }) => objects!.each.filter(({ object }) => object === place));
  const emptied = own.filter(({ lost }) => lost !== undefined);
  const meanOf = (read: (one: ObjectOnFrame) => number | undefined): number => mean(emptied.map((one) => read(one)!));
  return {
    frames: own.length,
    ...meanShares(own),
    ...(emptied.length > 0 && { lost: meanOf(({ lost }) => lost), lostElsewhere: meanOf((one) => one.lostElsewhere) }),
  };
}

function meanShares(all: readonly { readonly share: number; readonly area: number }[]): {
  share: number;
  area: number;
} {
  const meanOf = (values: readonly number[]): number => (values.length > 0 ? Math.min(1, mean(values)) : 0);
  return { share: meanOf(all.map(({ share }) => share)), area: meanOf(all.map(({ area }) => area)) };
}
