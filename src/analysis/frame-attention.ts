/**
 * One attention filter for each frame of an event, and what the verdict on it goes by: filters act on slices of time, of which
 * a network may have fewer than frames, and finer maps are woven from those of several views (`l2caf/woven.ts`).
 */
import type { AttentionFilter, ProgressListener } from '../base/types.ts';
import type { Method } from '../l2caf/choices.ts';
import { deletionFigures, meanCorrelations } from '../l2caf/map-figures.ts';
import { type Attention, findAttention } from '../l2caf/method.ts';
import type { Objective } from '../l2caf/objective.ts';
import type { SolveOptions } from '../l2caf/solve.ts';
import { meanFigures, type VerdictFigures } from '../l2caf/verdict.ts';
import { wovenFilter } from '../l2caf/woven.ts';
import { type FeatureMaps, sliceOfFrame, type VideoModel, type VideoTail } from '../models/video-model.ts';

/** What was found of the frames of an event. */
export interface FrameAttention {
  /** Filters of the frames, in order. */
  readonly attention: Attention;
  /** What the verdict on each frame's filter goes by. */
  readonly figures: readonly VerdictFigures[];
  /** How long it took to find the filters, and to judge them. */
  readonly seconds: { readonly filters: number; readonly verdict: number };
}

/** How the frames of an event are seen, and what of it is explained. */
interface Seen {
  readonly tail: VideoTail;
  readonly output: string | undefined;
}

/** How filters are found, and what for. */
type FindOptions = SolveOptions & { readonly objective: Objective; readonly method: Method; readonly seed: number };

/** One filter for each frame, and what the verdict on it goes by; where maps have views, woven from theirs. */
export async function attentionOf(
  network: Pick<VideoModel, 'tail' | 'redrawn'>,
  maps: FeatureMaps,
  { tail, output }: Seen,
  options: FindOptions,
): Promise<FrameAttention> {
  if (maps.views === undefined) return attentionTo(network, maps, { tail, output }, options);
  const found: FrameAttention[] = [];
  const { onProgress, ...rest } = options;
  const count = maps.views.length;
  for (const [i, view] of maps.views.entries()) {
    const own = network.tail(view, output);
    const onView: ProgressListener = ({ done, total, ...what }) =>
      onProgress?.({ ...what, done: i * (total ?? 0) + done, ...(total !== undefined && { total: count * total }) });
    try {
      found.push(await attentionTo(network, view, { tail: own, output }, { ...rest, onProgress: onView }));
    } finally {
      own.dispose();
    }
  }
  const [{ attention, figures }] = found as [FrameAttention];
  const ofFrame = <T>(of: (one: FrameAttention) => readonly T[], frame: number): T[] =>
    found.map((one) => of(one)[frame]!);
  return {
    attention: {
      ...attention,
      filters: attention.filters.map((_, frame) =>
        wovenFilter(
          ofFrame((one) => one.attention.filters, frame),
          attention.options.constraint,
        ),
      ),
    },
    figures: figures.map((_, frame) => meanFigures(ofFrame((one) => one.figures, frame))),
    seconds: {
      filters: found.reduce((sum, { seconds }) => sum + seconds.filters, 0),
      verdict: found.reduce((sum, { seconds }) => sum + seconds.verdict, 0),
    },
  };
}

/** One filter for each frame of maps. */
async function attentionTo(
  network: Pick<VideoModel, 'redrawn'>,
  maps: FeatureMaps,
  { tail, output }: Seen,
  options: FindOptions,
): Promise<FrameAttention> {
  const startMs = performance.now();
  const attention = await findAttention(tail, options.method, options);
  const foundMs = performance.now();
  const figures = await figuresOf(network, maps, { tail, output, attention }, options);
  return {
    attention: { ...attention, filters: filtersOfFrames(attention.filters, maps) },
    figures: perFrame(perSlice(figures, maps), maps),
    seconds: { filters: (foundMs - startMs) / 1000, verdict: (performance.now() - foundMs) / 1000 },
  };
}

/** What filters of slots are judged by. */
async function figuresOf(
  network: Pick<VideoModel, 'redrawn'>,
  maps: FeatureMaps,
  { tail, output, attention }: Seen & { readonly attention: Attention },
  { objective, method, seed, trace: _, onProgress: __, ...options }: FindOptions,
): Promise<VerdictFigures[]> {
  const { filters } = attention;
  const deleted = await deletionFigures(tail, filters, { objective, seed });
  const tails = network.redrawn?.(maps, output) ?? [];
  try {
    const others: (readonly AttentionFilter[])[] = [];
    // One step: a network drawn at random is so nearly linear that others hardly change the map.
    const quick = { ...options, objective, seed, starts: 1, maxIterations: 1 };
    for (const other of tails) others.push((await findAttention(other, method, quick)).filters);
    const redrawn = meanCorrelations(filters, others);
    return deleted.map((figures, slot) => ({ ...figures, ...(redrawn && { redrawn: redrawn[slot]! }) }));
  } finally {
    for (const other of tails) other.dispose();
  }
}

/** What the slots of a tail have, for each slice of time: one slot for all of them shares it. */
function perSlice<T>(ofSlots: readonly T[], { shape: [slices] }: FeatureMaps): readonly T[] {
  return ofSlots.length === slices ? ofSlots : new Array<T>(slices).fill(ofSlots[0]!);
}

/** One filter for each frame of an event, in order: those that share a slice of time have the same. */
export function filtersOfFrames(filters: readonly AttentionFilter[], maps: FeatureMaps): AttentionFilter[] {
  return perFrame(slices(filters, maps), maps);
}

/** A filter over all slices of time as one for each; filters of single slices as they are. */
function slices(filters: readonly AttentionFilter[], { shape: [, rows] }: FeatureMaps): readonly AttentionFilter[] {
  return filters.flatMap((filter) => {
    const { height, width, values, trace } = filter;
    if (height === rows) return [filter];
    const part = (all: Float32Array, i: number): Float32Array => all.slice(i * rows * width, (i + 1) * rows * width);
    return Array.from({ length: height / rows }, (_, i) => ({
      ...{ ...filter, height: rows, values: part(values, i) },
      ...(trace && { trace: trace.map((step) => part(step, i)) }),
    }));
  });
}

/** What slices of time have, for each of the frames that they show. */
function perFrame<T>(ofSlices: readonly T[], maps: FeatureMaps): T[] {
  return Array.from({ length: maps.frames ?? ofSlices.length }, (_, frame) => ofSlices[sliceOfFrame(frame, maps)]!);
}
