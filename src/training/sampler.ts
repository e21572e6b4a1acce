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

/** Draws batches with several events per class, as the triplet and N-pair losses need them. */
export class BatchSampler {
  readonly #classes: readonly (readonly PlannedEvent[])[];
  readonly #options: SamplerOptions;

  /** @param events All events; only training events are drawn. */
  constructor(events: readonly PlannedEvent[], options: SamplerOptions) {
    const training = events.filter(({ event }) => event.split === 'train');
    this.#classes = [...groupBy(training, ({ domain, event }) => `${domain}\n${event.label}`).values()];
    this.#options = options;
  }

  /** Events per batch. */
  get batchSize(): number {
    return this.#classesPerBatch * this.#options.eventsPerClass;
  }

  /** The samples of a step, class after class: sample i belongs to class `⌊i / eventsPerClass⌋` (before mirroring). */
  batch(step: number): Sample[] {
    const random = createRandom(this.#options.seed, BATCH_STREAM, step);
    return Array.from({ length: this.#classesPerBatch }, (_, i) =>
      this.#classAt(step * this.#classesPerBatch + i),
    ).flatMap((events) => this.#draw(events, random));
  }

  get #classesPerBatch(): number {
    return Math.min(this.#options.classesPerBatch, this.#classes.length);
  }

  /** The endless sequence of classes: one shuffled round after another, so that all come up equally often. */
  #classAt(position: number): readonly PlannedEvent[] {
    const round = Math.floor(position / this.#classes.length);
    const random = createRandom(this.#options.seed, ROUND_STREAM, round);
    return shuffled(this.#classes, random)[position % this.#classes.length]!;
  }

  #draw(events: readonly PlannedEvent[], random: Random): Sample[] {
    const { eventsPerClass, mirroredLabels } = this.#options;
    const order = shuffled(events, random);
    return Array.from({ length: eventsPerClass }, (_, i) => {
      const { domain, event, views } = order[i % order.length]!;
      const view = views[Math.floor(random.uniform() * views.length)]!;
      const label = view.view.mirrored ? (mirroredLabels.get(event.label) ?? event.label) : event.label;
      return { domain, label, view };
    });
  }
}

/** Keep apart what is drawn for different purposes from one seed. */
const BATCH_STREAM = 102;
const ROUND_STREAM = 103;
