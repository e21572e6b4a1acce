/** Puts together what overlapping windows found: per frame the mean of its windows, and a row per window. */

import type { TimeSpan } from '../base/types.ts';
import { obeying, worstOf } from '../l2caf/combined.ts';
import type { EmptiedLoss } from '../l2caf/emptied.ts';
import { meanCorrelations } from '../l2caf/map-figures.ts';
import type { Attention } from '../l2caf/method.ts';
import { meanFigures, type VerdictFigures } from '../l2caf/verdict.ts';
import type { ModelOutput } from '../models/video-model.ts';
import type { FrameTroubles } from '../video/media/damage.ts';
import { describeClasses } from './classes.ts';
import type { Analysis, AnalysisFrame, AnalysisWindow } from './document.ts';
import { describeFrame, type Explanation } from './explain.ts';
import type { ObjectLosses } from './objects.ts';
import { describeVerdict } from './verdicts.ts';

/** A window and the places of its frames in the list of all. */
export interface PlannedWindow extends TimeSpan {
  readonly frames: readonly number[];
}

/** What was found in the windows so far. */
export class DenseResult {
  readonly #timesSec: readonly number[];
  /** Per frame, the windows that contain it, and its place in each. */
  readonly #views: { readonly explanation: Explanation; readonly window: number; readonly slot: number }[][];
  readonly #windows: AnalysisWindow[] = [];
  /** Of the windows. */
  readonly #explanations: Explanation[] = [];
  #attention: Attention | undefined;
  #importance: Analysis['importance'];
  /** Distance up to which a window is taken for what the network was trained on. */
  #limit: number | undefined;

  /** @param timesSec of all frames, seconds from the start of the clip */
  constructor(timesSec: readonly number[]) {
    this.#timesSec = timesSec;
    this.#views = timesSec.map(() => []);
  }

  /** How the filters were found; there must be a window. */
  get attention(): Attention {
    return this.#attention!;
  }

  /** Adds a window; by increasing start. */
  add({ startSec, endSec, frames }: PlannedWindow, explanation: Explanation): void {
    const { embedding, attention, importance, scores, numbers, distance } = explanation;
    this.#attention ??= attention;
    this.#importance ??= importance && { absent: importance.absent };
    for (const [slot, frame] of frames.entries())
      this.#views[frame]!.push({ explanation, window: this.#windows.length, slot });
    this.#windows.push({
      ...{ startSec, endSec, frames: [...frames], embedding: [...embedding] },
      losses: attention.filters.map(({ loss }) => loss),
      ...(scores && { probabilities: [...scores] }),
      ...(numbers && { numbers: [...numbers] }),
      ...(distance && { distance: distance.distance }),
    });
    this.#explanations.push(explanation);
    this.#limit ??= distance?.limit;
  }

  /** Its part of the document; every frame must belong to a window. */
  describe(
    scored: ModelOutput | undefined,
    names: readonly string[],
    troubles: FrameTroubles,
  ): Pick<
    Analysis,
    | 'embedding'
    | 'familiarity'
    | 'classes'
    | 'labels'
    | 'questions'
    | 'numbers'
    | 'importance'
    | 'verdict'
    | 'frames'
    | 'windows'
  > {
    const steady = steadinessOf(this.#explanations);
    const judged = this.#explanations.map(({ figures }, w) =>
      figures.map((own, slot) => ({ ...own, ...(steady[w] && { steady: steady[w][slot]! }) })),
    );
    const ofWindows = this.#explanations.map(({ importance }, w) => meanFigures(judged[w]!, importance?.values));
    const probabilities = this.#windows.flatMap((window) => (window.probabilities ? [window.probabilities] : []));
    const distances = this.#windows.flatMap(({ distance }) => (distance === undefined ? [] : [distance]));
    return {
      ...(this.#limit !== undefined && { familiarity: { distance: median(distances), limit: this.#limit } }),
      embedding: mean(this.#windows.map(({ embedding }) => embedding)),
      ...(names.length > 0 && {
        numbers: { names: [...names], values: mean(this.#windows.map(({ numbers = [] }) => numbers)) },
      }),
      ...(probabilities.length > 0 && describeClasses(scored, mean(probabilities))),
      ...(this.#importance && { importance: this.#importance }),
      frames: this.#timesSec.map((time, place) => ({
        ...this.#describeFrame(place, judged),
        ...((troubles.isTouched(time) || troubles.lost.has(time)) && { damaged: true as const }),
      })),
      verdict: describeVerdict(meanFigures(ofWindows)),
      windows: this.#windows.map((window, w) => ({ ...window, verdict: describeVerdict(ofWindows[w]!) })),
    };
  }

  /** What emptying the objects of a frame takes away, the mean of its windows; undefined without objects. */
  objectLossesOf(frame: number): ObjectLosses | undefined {
    const losses = this.#views[frame]!.flatMap(({ explanation, slot }) => explanation.objectLosses?.[slot] ?? []);
    if (losses.length === 0) return undefined;
    const meanOf = (read: (loss: EmptiedLoss) => number, object: number): number =>
      mean(losses.map((one) => [read(one.get(object)!)]))[0]!;
    return new Map(
      [...losses[0]!.keys()].map((object) => [
        object,
        { lost: meanOf(({ lost }) => lost, object), elsewhere: meanOf(({ elsewhere }) => elsewhere, object) },
      ]),
    );
  }

  /** @param judged by window and slot */
  #describeFrame(place: number, judged: readonly (readonly VerdictFigures[])[]): AnalysisFrame {
    const views = this.#views[place]!;
    const figures = views.map(({ window, slot }) => judged[window]![slot]!);
    const filters = views.map(({ explanation, slot }) => explanation.attention.filters[slot]!);
    const { height, width } = filters[0]!;
    const blended = Float32Array.from(mean(filters.map(({ values }) => values)));
    const filter = {
      ...{ height, width, values: obeying(blended, this.attention.options.constraint), lossHistory: [] },
      loss: mean(filters.map(({ loss }) => [loss]))[0]!,
      iterations: filters.reduce((sum, { iterations }) => sum + iterations, 0),
      status: worstOf(filters.map(({ status }) => status)),
    };
    const importance = views.flatMap(({ explanation, slot }) => explanation.importance?.values[slot] ?? []);
    const errors = views.flatMap(({ explanation, slot }) => explanation.importance?.errors?.[slot] ?? []);
    const probabilities = views.flatMap(({ explanation }) => {
      return explanation.scores ? [explanation.scores] : [];
    });
    const distances = views.flatMap(({ explanation: { distance } }) => (distance ? [[distance.distance]] : []));
    return {
      ...describeFrame(filter, place, this.#timesSec[place]!),
      windows: views.length,
      verdict: describeVerdict(meanFigures(figures)),
      ...(importance.length > 0 && { importance: mean(importance.map((value) => [value]))[0]! }),
      ...(errors.length > 0 && { importanceError: Math.hypot(...errors) / errors.length }),
      ...(probabilities.length > 0 && { probabilities: mean(probabilities) }),
      ...(distances.length > 0 && { distance: mean(distances)[0]! }),
    };
  }
}

/** How far the maps of each window agree with those of the windows before and after it, by slot; none of a single window. */
function steadinessOf(explanations: readonly Explanation[]): (readonly number[] | undefined)[] {
  const maps = explanations.map(({ attention }) => attention.filters);
  return maps.map((own, w) => {
    const beside = [maps[w - 1], maps[w + 1]].filter((other) => other !== undefined);
    return meanCorrelations(own, beside);
  });
}

/** The middle of some numbers, the higher of two. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Element by element. */
function mean(rows: readonly ArrayLike<number>[]): number[] {
  return Array.from(rows[0]!, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
}
