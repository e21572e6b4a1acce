/**
 * Remove and debias (ROAD; Rong et al. 2022, https://arxiv.org/abs/2202.00449): a share of a frame's pixels is removed from the picture, in
 * the order of a map, most relevant or least relevant first, such that little of the shape of the hole is left to see; the
 * whole network runs again.
 */
import { mean } from '../base/matrix.ts';
import { createRandom, type Random, shuffled } from '../base/random.ts';
import type { GridShape } from '../base/types.ts';
import { type AttentionMap, toHeatmap } from '../l2caf/heatmap.ts';
import type { Objective } from '../l2caf/objective.ts';
import { bindWorth } from '../l2caf/worth.ts';
import { outputsWithFrame, pictureOf, type RunEvent } from './altered-frame.ts';
import { imputed } from './imputation.ts';

/** What is left of the output's worth (`bindWorth`), mean over {@link REMOVED}. */
export interface RoadScores {
  /** Without the most relevant pixels; low is faithful. */
  readonly morf: number;
  /** Without the least relevant; high is faithful. */
  readonly lerf: number;
  /** `lerf − morf`: high is faithful, 0 what guessing gives. */
  readonly road: number;
}

/** Shares of the pixels that are removed. */
export const REMOVED: readonly number[] = [0.2, 0.4, 0.6, 0.8];
/** Keeps the noise and the order of equal pixels apart from other draws of the same seed. */
const ROAD_STREAM = 310;

/** What is measured. */
export interface RoadOptions {
  readonly frame: number;
  readonly objective: Objective;
  /** The event's output without a filter and when nothing of the frame is let through, both `[d]`. */
  readonly reference: Float32Array;
  readonly nothing: Float32Array;
  readonly seed: number;
}

/** Measures one map of one frame. Of pixels whose heatmap is equal, random ones come first. */
export async function road(event: RunEvent, map: AttentionMap, options: RoadOptions): Promise<RoadScores> {
  const { frame, objective, reference, nothing, seed } = options;
  const [, height, width] = event.frames.shape;
  const picture = pictureOf(event.frames, frame);
  const random = createRandom(seed, ROAD_STREAM, frame);
  const order = pixelsByRelevance(map, { height, width }, random);
  const without = (ordered: readonly number[]): Uint8Array[] =>
    REMOVED.map((share) => {
      const removed = new Uint8Array(ordered.length);
      for (const pixel of ordered.slice(0, Math.round(share * ordered.length))) removed[pixel] = 1;
      return imputed(picture, removed, { height, width }, random);
    });
  const worth = bindWorth(objective, reference, nothing);
  const outputs = await outputsWithFrame(event, frame, [...without(order), ...without(order.toReversed())]);
  const meanWorth = (own: readonly Float32Array[]): number => mean(own.map(worth));
  const [morf, lerf] = [outputs.slice(0, REMOVED.length), outputs.slice(REMOVED.length)].map(meanWorth) as [
    number,
    number,
  ];
  return { morf, lerf, road: lerf - morf };
}

/** Pixels of a picture, those first on which the heatmap is highest. */
export function pixelsByRelevance(map: AttentionMap, size: GridShape, random: Random): number[] {
  const { values } = toHeatmap(map, size);
  const pixels = Array.from(values, (_, pixel) => pixel);
  return shuffled(pixels, random).sort((a, b) => values[b]! - values[a]!); // a stable sort: equal ones stay shuffled
}
