/** Objects beside attention in tables, plots and pages: which come first, and what their shares say. */
import type { Rectangle } from '../objects/boxes.ts';
import type { DrawnBox } from '../video/drawing/boxes.ts';
import { classColor } from '../video/drawing/palette.ts';
import type { Analysis, ObjectSummary } from './document.ts';

/** An object, and how it compares with the others. */
export interface RankedObject extends ObjectSummary {
  /** Its place in the document's list. */
  readonly place: number;
  /** Mean share over all frames, 0 where it is not. */
  readonly overall: number;
}

/** The objects of a document by the share of the attention that is theirs over all frames, the largest first. */
export function rankedObjects({ objects, frames }: Pick<Analysis, 'objects' | 'frames'>): RankedObject[] {
  return (objects?.list ?? [])
    .map((object, place) => ({ ...object, place, overall: (object.share * object.frames) / frames.length }))
    .filter(({ frames: shown }) => shown > 0)
    .sort((a, b) => b.overall - a.overall);
}

/** Share of the attention over share of the picture; undefined for what is not in the picture that the network sees. */
export function liftOf({ share, area }: { readonly share: number; readonly area: number }): number | undefined {
  return area > 0 ? share / area : undefined;
}

/**
 * The boxes of objects at a time: of a sampled frame as they are; between two of them that are near each other where an object has
 * one box on both, on the straight line between; else none.
 */
export function objectsAt(analysis: Pick<Analysis, 'objects' | 'frames'>, timeSec: number): DrawnBox[] {
  const { frames } = analysis;
  const next = frames.findIndex(({ timestampSec }) => timestampSec > timeSec - SAME_MOMENT_SEC);
  if (next < 0) return [];
  const after = frames[next]!;
  if (Math.abs(after.timestampSec - timeSec) < SAME_MOMENT_SEC) return objectsOn(analysis, next);
  const before = frames[next - 1];
  if (before === undefined || after.timestampSec - before.timestampSec > NEAR_SEC) return [];
  const share = (timeSec - before.timestampSec) / (after.timestampSec - before.timestampSec);
  const later = new Map(after.objects?.each.map(({ object, boxes }) => [object, boxes]));
  return (before.objects?.each ?? []).flatMap(({ object, boxes }) => {
    const others = later.get(object) ?? [];
    const [box, other] = [boxes[0]!, others[0]];
    if (boxes.length !== 1 || others.length !== 1 || other === undefined) return [];
    const mix = (name: keyof Rectangle): number => box[name] + (other[name] - box[name]) * share;
    const between = { x: mix('x'), y: mix('y'), width: mix('width'), height: mix('height') };
    return [{ ...between, ...drawnAs(analysis, object) }];
  });
}

/** The boxes of objects on a sampled frame. */
export function objectsOn(analysis: Pick<Analysis, 'objects' | 'frames'>, frame: number): DrawnBox[] {
  const each = analysis.frames[frame]?.objects?.each ?? [];
  return each.flatMap(({ object, boxes, share }) =>
    boxes.map((box) => ({ ...box, ...drawnAs(analysis, object), share })),
  );
}

/** The colour of an object, the same wherever it is drawn. */
export function objectColor(place: number): string {
  return classColor(place);
}

function drawnAs({ objects }: Pick<Analysis, 'objects'>, place: number): Pick<DrawnBox, 'name' | 'color'> {
  return { name: objects!.list[place]!.name, color: objectColor(place) };
}

/** Times that are rounded differ by less, seconds. */
const SAME_MOMENT_SEC = 1e-3;
/** Between frames further apart than this, an object may have been anywhere; seconds. */
const NEAR_SEC = 0.75;
