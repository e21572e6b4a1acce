/**
 * Draws the batches of a training run. A batch depends on the seed and the step alone, so a resumed run sees the batches
 * that an uninterrupted one would have seen.
 */

import { groupBy } from '../base/group-by.ts';
import { createRandom, type Random, shuffled } from '../base/random.ts';
import type { PlannedEvent, PlannedView } from '../features/dataset.ts';

/** An event in a batch, shown as one of its views. */
export interface Sample {
  readonly domain: string;
  /** The label of the view: mirrored events have the mirrored label. */
  readonly label: string;
  readonly view: PlannedView;
}

/** Settings of a {@link ClassSampler}. */
export interface ClassOptions {
  readonly seed: number;
  /** Different classes per batch; all of them if there are fewer. */
  readonly classesPerBatch: number;
  /** Things per class and batch. */
  readonly perClass: number;
}

/** Settings of a {@link BatchSampler}. */
export interface SamplerOptions {
  readonly seed: number;
  /** Different classes (labels of one domain) per batch; all of them if there are fewer. */
  readonly classesPerBatch: number;
  /** Events per class and batch. */
  readonly eventsPerClass: number;
  /** Labels that change when a picture is mirrored, both ways: `left_turn` ↔ `right_turn`. */
  readonly mirroredLabels: ReadonlyMap<string, string>;
}

/** Draws batches of several things of each of several classes. */
export class ClassSampler<T> {
  readonly #classes: readonly (readonly T[])[];
  readonly #options: ClassOptions;

  constructor(classes: readonly (readonly T[])[], options: ClassOptions) {
    this.#classes = classes;
    this.#options = options;
  }

  /** Classes per batch: all of them if there are fewer than asked for. */
  get classesPerBatch(): number {
    return Math.min(this.#options.classesPerBatch, this.#classes.length);
  }

  /** What `pick` makes of the things of a step, class after class: thing i belongs to class `⌊i / perClass⌋`. */
  batch<R>(step: number, pick: (thing: T, random: Random) => R): R[] {
    const random = createRandom(this.#options.seed, BATCH_STREAM, step);
    return Array.from({ length: this.classesPerBatch }, (_, i) =>
      this.#classAt(step * this.classesPerBatch + i),
    ).flatMap((things) => {
      const order = shuffled(things, random);
      return Array.from({ length: this.#options.perClass }, (_, i) => pick(order[i % order.length]!, random));
    });
  }

  /** The endless sequence of classes: one shuffled round after another, so that all come up equally often. */
  #classAt(position: number): readonly T[] {
    const round = Math.floor(position / this.#classes.length);
    const random = createRandom(this.#options.seed, ROUND_STREAM, round);
    return shuffled(this.#classes, random)[position % this.#classes.length]!;
  }
}

/** Draws batches with several events per class, as the triplet and N-pair losses need them. */
export class BatchSampler {
  readonly #sampler: ClassSampler<PlannedEvent>;
  readonly #options: SamplerOptions;

  /** @param events All events; only training events are drawn. */
  constructor(events: readonly PlannedEvent[], options: SamplerOptions) {
    const training = events.filter(({ event }) => event.split === 'train');
    const classes = [...groupBy(training, ({ domain, event }) => `${domain}\n${event.label}`).values()];
    this.#sampler = new ClassSampler(classes, { ...options, perClass: options.eventsPerClass });
    this.#options = options;
  }

  /** Events per batch. */
  get batchSize(): number {
    return this.#sampler.classesPerBatch * this.#options.eventsPerClass;
  }

  /** The samples of a step, class after class: sample i belongs to class `⌊i / eventsPerClass⌋` (before mirroring). */
  batch(step: number): Sample[] {
    const { mirroredLabels } = this.#options;
    return this.#sampler.batch(step, ({ domain, event, views }, random) => {
      const view = views[Math.floor(random.uniform() * views.length)]!;
      const label = view.view.mirrored ? (mirroredLabels.get(event.label) ?? event.label) : event.label;
      return { domain, label, view };
    });
  }
}

/** Draws two different views of each of several events, whose labels do not matter. */
export class PairSampler {
  readonly #events: readonly PlannedEvent[];
  readonly #options: { readonly seed: number; readonly pairs: number };

  /** @param events of at least two views each */
  constructor(events: readonly PlannedEvent[], options: { readonly seed: number; readonly pairs: number }) {
    this.#events = events;
    this.#options = options;
  }

  /** The first and the second views of the events of a step; fewer than asked for where there are fewer events. */
  batch(step: number): readonly [PlannedView[], PlannedView[]] {
    const { seed, pairs } = this.#options;
    const random = createRandom(seed, PAIR_STREAM, step);
    const drawn = shuffled(this.#events, random)
      .slice(0, pairs)
      .map(({ views }) => shuffled(views, random));
    return [drawn.map(([first]) => first!), drawn.map(([, second]) => second!)];
  }
}

/** Keep apart what is drawn for different purposes from one seed. */
const BATCH_STREAM = 102;
const ROUND_STREAM = 103;
const PAIR_STREAM = 107;
