/**
 * Frames on their way through the trunk. Those of several events share batches, and a frame that several events hold goes
 * through once.
 */

import type { PictureSize } from '../base/types.ts';
import type { FeatureCache, FrameVariant } from '../features/cache.ts';
import { FRAMES_PER_BATCH } from '../models/event-network.ts';
import type { WorkerPool } from './pool.ts';
import type { TaskModel } from './tasks.ts';

interface Waiting {
  readonly frame: FrameVariant;
  readonly rgb: Uint8Array;
  /** Frames of events that must not share a batch with others. */
  readonly group: string | undefined;
  readonly done: (seconds: number) => void;
  readonly failed: (error: unknown) => void;
}

/** New frames after which the cache is kept within its bounds. */
const FRAMES_PER_CLEANING = 512;

/** See the top of this file. */
export class TrunkQueue {
  readonly #pool: WorkerPool;
  readonly #model: TaskModel;
  readonly #cache: FeatureCache;
  readonly #size: PictureSize;
  readonly #atOnce: number;
  readonly #waiting: Waiting[] = [];
  readonly #underWay = new Map<string, Promise<number>>();
  #batches = 0;
  #sinceCleaning = FRAMES_PER_CLEANING;

  /** @param atOnce batches that are given to the pool at the same time */
  constructor(pool: WorkerPool, model: TaskModel, cache: FeatureCache, size: PictureSize, atOnce: number) {
    this.#pool = pool;
    this.#model = model;
    this.#cache = cache;
    this.#size = size;
    this.#atOnce = atOnce;
  }

  /**
   * Sees to it that the cache has the features of these frames.
   *
   * @param rgb the pixels of each
   * @param alone Keeps them out of batches with frames of other events, so that nobody else fails with them.
   * @returns the seconds of trunk time that were spent on them
   * @throws L2cafError as the worker
   */
  async ensure(frames: readonly FrameVariant[], rgb: readonly Uint8Array[], alone: boolean): Promise<number> {
    const group = alone ? this.#cache.pathOf(frames[0]!) : undefined;
    const parts = frames.map((frame, i) => {
      const key = this.#cache.pathOf(frame);
      const earlier = this.#underWay.get(key);
      if (earlier !== undefined) return earlier.then(() => 0);
      const computed = new Promise<number>((done, failed) => {
        this.#waiting.push({ frame, rgb: rgb[i]!, group, done, failed });
      }).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, computed);
      return computed;
    });
    this.#pump();
    const outcomes = await Promise.allSettled(parts);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
    return outcomes.reduce((sum, outcome) => sum + (outcome.status === 'fulfilled' ? outcome.value : 0), 0);
  }

  #pump(): void {
    while (this.#batches < this.#atOnce && this.#waiting.length > 0) {
      const { group } = this.#waiting[0]!;
      const batch: Waiting[] = [];
      while (batch.length < FRAMES_PER_BATCH && this.#waiting[0] && this.#waiting[0].group === group) {
        batch.push(this.#waiting.shift()!);
      }
      this.#batches++;
      void this.#run(batch).finally(() => {
        this.#batches--;
        this.#pump();
      });
    }
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    const { width, height } = this.#size;
    const frames = batch.map(({ frame }) => frame);
    try {
      await this.#keepBounds(frames);
      const seconds = await this.#pool.run(
        'features',
        {
          model: this.#model,
          cache: this.#cache.place,
          pictures: { rgb: Buffer.concat(batch.map(({ rgb }) => rgb)), shape: [batch.length, height, width, 3] },
          frames,
        },
        batch.length === 1 ? 'trunk, 1 frame' : `trunk, ${batch.length} frames`,
      );
      for (const { done } of batch) done(seconds / batch.length);
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }

  async #keepBounds(frames: readonly FrameVariant[]): Promise<void> {
    this.#sinceCleaning += frames.length;
    if (this.#sinceCleaning < FRAMES_PER_CLEANING) return;
    this.#sinceCleaning = 0;
    await this.#cache.makeRoom(
      [],
      Math.min(FRAMES_PER_CLEANING, Math.floor(this.#cache.maxBytes / this.#cache.frameBytes)),
    );
  }
}
