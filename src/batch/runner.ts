/**
 * One event from its video to its files, whoever asks for it: a batch on this machine, or a queue. Several may be under
 * way at once, and should be: their frames share decoding and batches of the trunk, and while one is in the trunk the
 * frames of the next are decoded.
 */
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { cacheFolder, DEFAULT_CACHE_BYTES } from '../base/cache-folder.ts';
import { makeFolder } from '../base/files.ts';
import type { FrameBatch } from '../base/types.ts';
import { FeatureCache, type FrameVariant } from '../features/cache.ts';
import type { EngineName } from '../models/backend.ts';
import { refuseDamage } from '../video/media/damage.ts';
import { chooseFrames, type ShownFrames } from '../video/media/sample.ts';
import type { EventMaker } from './batch.ts';
import type { Output } from './choices.ts';
import type { BatchEvent } from './events.ts';
import { FrameStore } from './frame-store.ts';
import { type BatchSettings, contractOf, featureSource, slideOf } from './outputs.ts';
import { WorkerPool, type WorkerState } from './pool.ts';
import { throwIfShared } from './setup-error.ts';
import type { EventAnswer, EventOutcome, EventTask, TaskModel } from './tasks.ts';
import { TrunkQueue } from './trunk-queue.ts';
import type { Videos } from './videos.ts';

/** Worker processes unless asked otherwise: native backends of TensorFlow.js use all cores by themselves. */
export function defaultJobs(backend: EngineName): number {
  return backend === 'wasm' || backend === 'onnxruntime' ? availableParallelism() : 1;
}

/** What events share. */
export interface RunnerOptions {
  readonly settings: BatchSettings;
  readonly videos: Videos;
  /** Worker processes with a network. */
  readonly jobs: number;
  /** Bound on cached features; {@link DEFAULT_CACHE_BYTES} when absent. */
  readonly cacheBytes?: number;
  /** Called when a worker begins or ends a task. */
  readonly onWorkers?: () => void;
  /** Told of files of the cache that are damaged, and so computed again, and of a cache that cannot be written to. */
  readonly onNote?: (note: string) => void;
  /** The worker's file, when it is not the packaged one. */
  readonly workerModule?: URL;
}

/** An event is tried once more, by itself and in a fresh worker. */
const ATTEMPTS = 2;

/** See the top of this file. Close it when done. */
export class EventRunner implements EventMaker {
  readonly eventsAtOnce: number;
  readonly #options: RunnerOptions;
  readonly #model: TaskModel;
  /** The trunk's features; those of a user's network are not kept, as they may be of all frames at once, and any size. */
  readonly #trunk: { readonly cache: FeatureCache; readonly queue: TrunkQueue } | undefined;
  readonly #networks: WorkerPool;
  /** Encoding waits for ffmpeg most of the time: it has processes of its own, so that networks go on meanwhile. */
  readonly #encoders: WorkerPool;
  /** Frames as the network reads them, and as they are drawn: all of them. */
  readonly #frames: FrameStore;
  readonly #drawn: FrameStore;

  constructor(options: RunnerOptions) {
    const { settings, videos, jobs, cacheBytes = DEFAULT_CACHE_BYTES, onWorkers } = options;
    const module = options.workerModule ?? new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
    const { model } = settings;
    const { size } = contractOf(model).input;
    this.#options = options;
    this.#model = { choice: model.choice, threads: Math.max(1, Math.floor(availableParallelism() / jobs)) };
    this.eventsAtOnce = 2 * jobs + 2;
    this.#networks = new WorkerPool(module, jobs, onWorkers);
    this.#encoders = new WorkerPool(module, jobs, onWorkers);
    this.#frames = new FrameStore(videos, size);
    const { width, height, resize } = size;
    this.#drawn = resize === undefined ? this.#frames : new FrameStore(videos, { width, height });
    if ('imported' in model || settings.analysis.fine) return; // views are not kept
    const cache = new FeatureCache(join(cacheFolder(), 'features'), featureSource(model), cacheBytes);
    // One batch more than there are workers, so that none waits for the next to be put together.
    this.#trunk = { cache, queue: new TrunkQueue(this.#networks, this.#model, cache, size, jobs + 1) };
  }

  /** What the worker processes are doing. */
  get workers(): readonly WorkerState[] {
    return [...this.#networks.states, ...this.#encoders.states];
  }

  /** See {@link EventMaker.run}. A failure is that of the last attempt. */
  async run(event: BatchEvent, folder: string, outputs: readonly Output[]): Promise<EventOutcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return { ...(await this.#attempt(event, folder, outputs, attempt > 1)), attempts: attempt };
      } catch (error) {
        throwIfShared(error);
        if (attempt === ATTEMPTS) return { error: error as Error, attempts: attempt };
      }
    }
  }

  /** Ends the worker processes. */
  async close(): Promise<void> {
    await Promise.all([this.#networks.stop(), this.#encoders.stop()]);
  }

  async #attempt(event: BatchEvent, folder: string, outputs: readonly Output[], alone: boolean): Promise<EventAnswer> {
    const { facts, span, listed, id, objects, signals, sourcePath = facts.clip.path } = event;
    const beside = { ...(objects && { objects }), ...(signals && { signals }) };
    const { settings, videos } = this.#options;
    const { analysis, draw } = settings;
    await makeFolder(folder);
    const slide = slideOf(event, settings);
    if (slide) {
      const place = { cache: undefined, facts, sourcePath, span, listed, ...beside, frames: [], folder };
      const nothing = { notes: [], damagedSec: [], pictures: undefined, input: undefined };
      return this.#make({ ...place, ...nothing, model: this.#model, analysis, slide, draw, outputs }, id);
    }
    const timingsSec: Record<string, number> = {};
    const { crop, hidden } = facts.clip;
    const { timesSec } = await videos.frames(facts);
    const times = chooseFrames(facts.clip, span, analysis.frames, timesSec);
    const variantOf = (timestampSec: number, isDamaged = false): FrameVariant => {
      return {
        videoSha256: facts.sha256,
        timestampSec,
        mirrored: false,
        gain: 1,
        ...(isDamaged && { isDamaged }),
        ...(crop && { part: crop }),
        ...(hidden && { hidden }),
      };
    };
    const isNew = outputs.includes('json');
    // Frames that are damaged, or in place of others, are never found here, and so are spoken of again.
    const missing = isNew ? await this.#missing(times.map((time) => variantOf(time))) : [];
    const areDrawn = outputs.includes('thumbnail') || outputs.includes('strip');
    const areSeen = areDrawn || (isNew && !this.#trunk);
    const startMs = performance.now();
    const shown = areSeen || missing.length > 0 ? await this.#frames.get(facts, times, { crop, hidden }) : undefined;
    if (shown) timingsSec['decode'] = (performance.now() - startMs) / 1000;
    if (shown && analysis.strict) refuseDamage(facts.clip, shown.troubles);
    const takenSec = shown?.timestampsSec ?? times;
    const frames = takenSec.map((time) => variantOf(time, shown?.troubles.damagedSec.includes(time)));
    const damagedSec = takenSec.filter((time) => shown?.troubles.isTouched(time));
    const missingNow = isNew && shown ? await this.#missing(frames) : [];
    if (shown && missingNow.length > 0) {
      const frameBytes = shown.rgb.length / frames.length;
      const rgb = missingNow.map((i) => shown.rgb.subarray(i * frameBytes, (i + 1) * frameBytes));
      const wanted = missingNow.map((i) => frames[i]!);
      const { cache, queue } = this.#trunk!;
      const note = await cache.prepare();
      if (note !== undefined) this.#options.onNote?.(note);
      timingsSec['trunk'] = await queue.ensure(wanted, rgb, alone);
    }
    const place = { cache: this.#trunk?.cache.place, facts, sourcePath, span, listed, ...beside, frames, folder };
    const notes = shown?.troubles.notes ?? [];
    const areOthers = this.#drawn !== this.#frames || crop !== undefined || hidden !== undefined;
    const drawn = areOthers && areDrawn ? await this.#drawn.get(facts, times) : shown;
    const pictures = areSeen ? plain(drawn) : undefined;
    const input = areOthers && isNew ? plain(shown) : undefined;
    const task = { ...place, notes, damagedSec, model: this.#model, analysis, draw, pictures, input, outputs };
    const made = await this.#make(task, id);
    return { ...made, timingsSec: { ...timingsSec, ...made.timingsSec } };
  }

  /** Has the files made by the workers. */
  async #make(task: EventTask, id: string): Promise<EventAnswer> {
    const some = (isVideo: boolean): Output[] => task.outputs.filter((name) => (name === 'mp4') === isVideo);
    const made = await this.#inWorker(this.#networks, { ...task, outputs: some(false) }, id);
    const encoding = { ...task, pictures: undefined, input: undefined, outputs: some(true) };
    const encoded = await this.#inWorker(this.#encoders, encoding, `${id}, encoding`);
    return {
      ...made,
      bytes: { ...made.bytes, ...encoded.bytes },
      timingsSec: { ...made.timingsSec, ...encoded.timingsSec },
    };
  }

  /** Which of the frames the cache, if there is one, has no features of. */
  async #missing(frames: readonly FrameVariant[]): Promise<number[]> {
    if (this.#trunk === undefined) return [];
    const { cache } = this.#trunk;
    const arePresent = await Promise.all(frames.map((frame) => cache.touch(frame)));
    for (const path of cache.damaged) {
      this.#options.onNote?.(`a cached file is damaged and computed again: ${path}`);
    }
    cache.damaged.clear();
    return frames.flatMap((_, i) => (arePresent[i] ? [] : [i]));
  }

  async #inWorker(pool: WorkerPool, task: EventTask, doing: string): Promise<EventAnswer> {
    return task.outputs.length === 0 ? { bytes: {}, timingsSec: {} } : pool.run('event', task, doing);
  }
}

/** Frames without what is wrong with them. */
function plain(shown: ShownFrames | undefined): FrameBatch | undefined {
  return shown && { rgb: shown.rgb, shape: shown.shape, timestampsSec: shown.timestampsSec };
}
