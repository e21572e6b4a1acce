/** The figures of a localization study: per method, over all events and per label, with 95 % intervals over events. */
import { groupBy } from '../training/group-by.ts';
import type { MapMethod } from './baseline-maps.ts';
import { bootstrap, type Estimate } from './bootstrap.ts';
import type { EventScores, MapScore } from './study.ts';
import { noPixels, type PixelCounts, pixelAveragePrecision } from './wsol.ts';

/** The figures of one method on the events of one label, or on all. */
export interface MethodFigures {
  readonly method: MapMethod;
  /** Absent: all labels. */
  readonly label?: string;
  readonly events: number;
  readonly frames: number;
  /** Mean over frames; 1 is chance. */
  readonly energyLift: Estimate;
  /** Share of frames, in [0, 1]. */
  readonly pointing: Estimate;
  /** Over the pixels of all frames, in [0, 1]. */
  readonly pxAP: Estimate;
  /** Frames whose map is constant. */
  readonly blank: number;
}

/** How often the most important frame holds the evidence, over events in which it can be one that does not. */
export interface TemporalFigures {
  readonly events: number;
  readonly hitRate: Estimate;
  /** Hit rate of guessing. */
  readonly chance: number;
}

/** All figures of a study. */
export interface StudySummary {
  readonly methods: readonly MethodFigures[];
  /** Absent when there is no event that it can be measured on. */
  readonly temporal?: TemporalFigures;
}

/** Makes the figures; the intervals of all methods come from the same resamples. */
export function summarise(events: readonly EventScores[], seed: number): StudySummary {
  const methods = [...(events[0]?.maps.keys() ?? [])];
  const byLabel = [...groupBy(events, ({ label }) => label)].sort(([a], [b]) => (a < b ? -1 : 1));
  const timed = events.flatMap(({ temporal }) => (temporal ? [temporal] : []));
  return {
    methods: [
      ...methods.map((method) => figuresOf(method, events, seed)),
      ...byLabel.flatMap(([label, own]) => methods.map((method) => ({ ...figuresOf(method, own, seed), label }))),
    ],
    ...(timed.length > 0 && {
      temporal: {
        events: timed.length,
        hitRate: bootstrap(timed.length, (indices) => mean(indices.map((i) => Number(timed[i]!.isHit))), { seed }),
        chance: mean(timed.map(({ chance }) => chance)),
      },
    }),
  };
}

/** Sums over the frames of an event. */
interface EventSums {
  readonly frames: number;
  readonly lift: number;
  readonly hits: number;
  readonly pixels: PixelCounts;
}

function figuresOf(method: MapMethod, events: readonly EventScores[], seed: number): MethodFigures {
  const scores = events.map(({ maps }) => maps.get(method) ?? []);
  const sums = scores.map(sumsOf);
  const total = (of: (sums: EventSums) => number, indices: readonly number[]): number =>
    indices.reduce((sum, i) => sum + of(sums[i]!), 0);
  const frames = (indices: readonly number[]): number => total((own) => own.frames, indices);
  const estimate = (statistic: (indices: readonly number[]) => number): Estimate =>
    bootstrap(events.length, statistic, { seed });
  return {
    method,
    events: events.length,
    frames: frames([...sums.keys()]),
    energyLift: estimate((indices) => total(({ lift }) => lift, indices) / frames(indices)),
    pointing: estimate((indices) => total(({ hits }) => hits, indices) / frames(indices)),
    pxAP: estimate((indices) => pixelAveragePrecision(addPixels(indices.map((i) => sums[i]!.pixels)))),
    blank: scores.flat().filter(({ isBlank }) => isBlank).length,
  };
}

function sumsOf(scores: readonly MapScore[]): EventSums {
  return {
    frames: scores.length,
    lift: scores.reduce((sum, score) => sum + score.energyLift, 0),
    hits: scores.filter(({ isHit }) => isHit).length,
    pixels: addPixels(scores.map(({ pixels }) => pixels)),
  };
}

function addPixels(counts: readonly PixelCounts[]): PixelCounts {
  const sum = noPixels();
  for (const { inside, outside } of counts) {
    for (let bin = 0; bin < inside.length; bin++) {
      sum.inside[bin]! += inside[bin]!;
      sum.outside[bin]! += outside[bin]!;
    }
  }
  return sum;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
