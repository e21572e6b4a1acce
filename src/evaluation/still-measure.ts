/** One picture, measured: whether the network is right about it, and what a score makes of each of its maps. */
import { viewsOf } from '../analysis/finer.ts';
import { type View, viewOf } from '../base/fit.ts';
import type { PictureSize } from '../base/types.ts';
import type { AttentionMap } from '../l2caf/heatmap.ts';
import type { Tail } from '../l2caf/tail.ts';
import { excludedBy } from '../models/questions.ts';
import { unitVectors } from '../retrieval/metrics.ts';
import { squaredDistance, type Vector } from '../retrieval/vector.ts';
import type { StillNetwork } from '../stills/still-network.ts';
import { rankOutputs } from '../stills/targets.ts';
import { openPicture, picturePixels } from '../video/media/picture.ts';
import type { BinaryImage } from './contours.ts';
import { type StillMapOptions, stillMap } from './still-maps.ts';
import type { StillTruth } from './still-truth.ts';
import { paintBoxes } from './truth.ts';
import { type Box, boxesOf, scaleMask, WSOL_SIDE } from './wsol.ts';

/** What a network answers, whatever its maps are; shares of the pictures whose class it can know. */
export interface Answers {
  /** Of a classification network: how often the class is the first it names, and among the first five. */
  readonly top1?: number;
  readonly top5?: number;
  /** Of a retrieval network: how often the nearest other picture (by cosine) is of the same class. */
  readonly recallAt1?: number;
}

/** Whether the answer to a picture was right; absent when it cannot be. */
export interface Answer {
  readonly isTop1?: boolean;
  readonly isTop5?: boolean;
  readonly isNearestRight?: boolean;
}

/** What was measured of a picture. */
export interface MeasuredStill<T> {
  /** By method. */
  readonly rows: ReadonlyMap<string, T>;
  readonly answer: Answer;
  /** Of a retrieval network. */
  readonly embedding?: Vector;
}

/** Where the object is, at the size of the protocol. */
export interface SquareTruth {
  readonly boxes: readonly Box[];
  readonly mask: Uint8Array;
}

/** A map with the truth, and where in the picture it lies unless all over it. */
export type StillScore<T> = (map: AttentionMap, truth: SquareTruth, view: View | undefined) => T;

/** Scores the maps of a picture. Throws as `openPicture` and `stillMap`. */
export async function measureStill<T>(
  network: StillNetwork,
  still: StillTruth,
  options: Omit<StillMapOptions, 'viewed'> & { readonly methods: readonly string[] },
  score: StillScore<T>,
): Promise<MeasuredStill<T>> {
  const { output, inputSize } = network;
  const picture = await openPicture(still.path);
  const truth = await truthOf(still, picture);
  const view = viewOf(picture, inputSize);
  const pixels = picturePixels(picture, inputSize);
  const tail = await network.tail(pixels);
  const views: Tail[] = [];
  const viewed = async (): Promise<readonly Tail[]> => {
    if (views.length === 0) for (const seen of viewsOf(pixels, tail.grid)) views.push(await network.tail(seen));
    return views;
  };
  try {
    const isScores = output.kind === 'scores';
    const ranked = isScores ? rankOutputs(tail, output).map((prediction) => prediction.index) : [];
    const known = still.label === undefined ? undefined : output.indexOf(still.label);
    const isIn = (count: number) => ranked.slice(0, count).includes(known!);
    const index = known ?? ranked[0]!;
    const target = isScores
      ? ({ kind: 'class', index, excluded: excludedBy(index, output.questions) } as const)
      : undefined;
    const rows = new Map<string, T>();
    for (const method of options.methods) {
      rows.set(method, score(await stillMap(tail, method, target, { ...options, viewed }), truth, view));
    }
    return {
      rows,
      answer: isScores && known !== undefined ? { isTop1: isIn(1), isTop5: isIn(5) } : {},
      ...(!isScores && { embedding: tail.reference }),
    };
  } finally {
    for (const own of [tail, ...views]) own.dispose();
  }
}

/** How often the answers were right. */
export function answersOf(answers: readonly Answer[]): Answers {
  const rate = (key: keyof Answer): number | undefined => {
    const own = answers.filter((answer) => answer[key] !== undefined);
    return own.length > 0 ? share(own, (answer) => answer[key] === true) : undefined;
  };
  const [top1, top5, recallAt1] = [rate('isTop1'), rate('isTop5'), rate('isNearestRight')];
  return {
    ...(top1 !== undefined && { top1 }),
    ...(top5 !== undefined && { top5 }),
    ...(recallAt1 !== undefined && { recallAt1 }),
  };
}

/** The share of things that are so; not a number of none. */
export function share<T>(all: readonly T[], isHit: (one: T) => boolean): number {
  return all.filter(isHit).length / all.length;
}

/** Whether the nearest other picture is of the same class, for those of which there is another. */
export function withNeighbours<T>(
  measured: readonly MeasuredStill<T>[],
  stills: readonly StillTruth[],
): MeasuredStill<T>[] {
  const units = unitVectors(measured.map(({ embedding }) => embedding!));
  return measured.map((own, a) => {
    const { label } = stills[a]!;
    const hasOther = stills.some((other, b) => b !== a && other.label === label);
    if (label === undefined || !hasOther) return own;
    let [nearest, least] = [-1, Number.POSITIVE_INFINITY];
    for (const [b, unit] of units.entries()) {
      const distance = b === a ? Number.POSITIVE_INFINITY : squaredDistance(units[a]!, unit);
      if (distance < least) [nearest, least] = [b, distance];
    }
    return { ...own, answer: { isNearestRight: stills[nearest]?.label === label } };
  });
}

/** Where the object of a picture is. Throws as `openPicture`. */
export async function truthOf({ boxes, maskPath }: StillTruth, size: PictureSize): Promise<SquareTruth> {
  const mask = maskPath === undefined ? paintBoxes(size, boxes) : await readMask(maskPath);
  const own = boxes.length > 0 ? boxes : boxesOf(mask);
  const from = boxes.length > 0 ? size : mask;
  const scaled = own.map(
    (box) => box.map((value, i) => (value * WSOL_SIDE) / (i % 2 === 0 ? from.width : from.height)) as unknown as Box,
  );
  return { boxes: scaled, mask: scaleMask(mask) };
}

async function readMask(path: string): Promise<BinaryImage> {
  const picture = await openPicture(path);
  const { width, height } = picture;
  const { rgb } = picturePixels(picture);
  return { width, height, pixels: Uint8Array.from({ length: width * height }, (_, i) => Number(rgb[3 * i]! > 0)) };
}
