/** Boxes of objects beside the maps of a still picture. */
import { basename, resolve } from 'node:path';
import { partsOf, sharesOf } from '../analysis/objects.ts';
import { type View, viewOf } from '../base/fit.ts';
import { type EmptiedLoss, withoutParts } from '../l2caf/emptied.ts';
import type { Tail } from '../l2caf/tail.ts';
import type { ObjectList } from '../objects/boxes.ts';
import { objectsOnPicture } from '../objects/on-picture.ts';
import type { PictureAnalysis, PictureMap } from './document.ts';
import type { StillOutput } from './still-network.ts';
import { objectiveOf } from './targets.ts';

/** Boxes of objects, and how they are read. */
export interface StillObjects {
  readonly list: ObjectList;
  /** Boxes with a lower score are left out. */
  readonly leastScore?: number;
  /** Whether a single picture is analyzed, so that boxes which name none are of it. */
  readonly isOnly: boolean;
}

/** What is lost without an object, by its place among them. */
type ObjectLoss = EmptiedLoss & { readonly object: number };

/** Where in a picture the network's input lies; undefined where that is all of it. */
export function viewOfInput({ source, model }: Pick<PictureAnalysis, 'source' | 'model'>): View | undefined {
  const { inputSize, resize } = model;
  return resize && viewOf(source, { ...inputSize, resize });
}

/**
 * The document with objects: what they share of each map, and what of the answer is lost without them. Of a picture that the file has
 * no boxes of, with a warning.
 *
 * @param seen the picture's tail, and what its outputs are
 * @throws L2cafError as `objectsOnPicture`
 */
export async function withStillObjects(
  analysis: PictureAnalysis,
  objects: StillObjects | undefined,
  { tail, output }: { readonly tail: Tail; readonly output: StillOutput },
): Promise<PictureAnalysis> {
  if (objects === undefined) return analysis;
  const { source, maps, warnings = [] } = analysis;
  const { list, leastScore, isOnly } = objects;
  const found = objectsOnPicture(list, { ...source, isOnly }, leastScore);
  if (found.length === 0) {
    return { ...analysis, warnings: [...warnings, `${list.path} has no boxes of ${basename(source.path)}`] };
  }
  const view = viewOfInput(analysis);
  const shares = maps.map(({ filter }) => sharesOf(filter, source, view));
  const all = found.flatMap(({ boxes }) => boxes);
  const parts = partsOf(
    found.map(({ boxes }, object) => [object, boxes]),
    source,
    tail.grid,
    view,
  );
  const losses = await withoutParts(tail, { slot: 0 }, parts, analysis.options.seed);
  const without = ({ target }: PictureMap): ObjectLoss[] =>
    losses(objectiveOf(target, output)).map((loss, i) => ({ object: parts[i]!.object, ...loss }));
  return {
    ...analysis,
    objects: {
      ...{ path: resolve(list.path), format: list.format, area: shares[0]!(all).area },
      list: found.map((object) => ({
        ...object,
        area: shares[0]!(object.boxes).area,
        boxes: object.boxes.map((box) => ({ ...box })),
      })),
    },
    maps: maps.map((map, i) => ({
      ...map,
      objects: {
        share: shares[i]!(all).share,
        each: found.map(({ boxes }) => shares[i]!(boxes).share),
        ...(parts.length > 0 && { without: without(map) }),
      },
    })),
  };
}
