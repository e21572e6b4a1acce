/**
 * A machine's part in batches that are given out through a queue: takes events, several at a time, and makes their files.
 * It writes no journal and no results; the batch does.
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { L2cafError, messageOf } from '../errors.ts';
import { removeLeftovers } from './batch.ts';
import { type BatchEvent, findVideo, folderOf } from './events.ts';
import { describeModel } from './model.ts';
import { type BatchModel, type BatchSettings, keysOf } from './outputs.ts';
import {
  connectQueue,
  fromStored,
  QUEUE,
  type QueueAddress,
  type QueuedAnswer,
  type QueuedEvent,
  type QueuedSettings,
  WORKER_ATTEMPTS,
} from './queue.ts';
import { type EventOutcome, EventRunner, type RunnerOptions } from './runner.ts';
import { Videos } from './videos.ts';

/** How a worker works. */
export interface QueueWorkerOptions extends Pick<RunnerOptions, 'cacheBytes' | 'workerModule'> {
  /** Worker processes with a network. */
  readonly jobs: (model: BatchModel) => number;
  /** Folder of the videos on this machine; default: where the batch has them. */
  readonly videos?: string;
  /** The batch's folder as this machine sees it; default: as the batch calls it. */
  readonly output?: string;
  /** How a model is described; the packaged way unless a test has another. */
  readonly describe?: (choice: BatchModel['choice']) => Promise<BatchModel>;
  /** Told how each event ended, by its id. */
  readonly onEvent?: (id: string, outcome: EventOutcome | Error) => void;
  /** Events under way are finished, then {@link workQueue} returns. */
  readonly stop: AbortSignal;
  /** A lock that is not renewed for so long is taken for that of a worker that has died; default 15 s. */
  readonly lockMs?: number;
}

/** Long enough for a busy machine to renew its locks. */
const LOCK_MS = 15_000;
/** Workers that may die over one event before it has failed. */
const MAX_DEATHS = 10;

/**
 * Takes events until `stop` fires.
 *
 * @throws L2cafError `queue-unavailable`; `model-invalid` when a batch's model is not the same here
 */
export async function workQueue(address: QueueAddress, options: QueueWorkerOptions): Promise<void> {
  const { lockMs = LOCK_MS } = options;
  const redis = await connectQueue(address);
  const { Worker } = await import('bullmq');
  const desk = new Desk(options);
  let failure: unknown;
  const unfit = new AbortController();
  const process = async (job: Job): Promise<QueuedAnswer> => {
    const queued = fromStored(job.data);
    try {
      const outcome = await desk.run(queued);
      options.onEvent?.(queued.event.id, outcome);
      return outcome;
    } catch (error) {
      if (error instanceof L2cafError && error.code === 'model-invalid') {
        failure ??= error;
        unfit.abort();
      }
      if (job.attemptsMade + 1 < WORKER_ATTEMPTS) throw error; // another worker may do better
      const known = error instanceof Error ? error : new Error(String(error));
      options.onEvent?.(queued.event.id, known);
      const { code, hint } = known as Partial<L2cafError>;
      return {
        error: { message: messageOf(known), ...(code && { code }), ...(hint && { hint }) },
        attempts: WORKER_ATTEMPTS,
      };
    }
  };
  const worker = new Worker(QUEUE, process, {
    connection: redis,
    concurrency: EVENTS_AT_ONCE,
    lockDuration: lockMs,
    stalledInterval: lockMs,
    maxStalledCount: MAX_DEATHS,
  });
  worker.on('error', () => {}); // the connection mends itself
  try {
    await ended(AbortSignal.any([options.stop, unfit.signal]));
    await worker.close(redis.status !== 'ready'); // without its server it cannot wait for what is under way
  } finally {
    await desk.close();
    redis.disconnect();
  }
  if (failure) throw failure;
}

/** Events that a worker holds: enough to keep its processes busy, few enough to leave some to others. */
const EVENTS_AT_ONCE = 4;

/** Runs events of any batch, with the runner of their batch's settings. */
class Desk {
  readonly #options: QueueWorkerOptions;
  readonly #videos = new Videos();
  readonly #runners = new Map<string, Promise<SettingsRunner>>();

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
  }

  async run({ event, folder: batchFolder, outputs, settings, keys }: QueuedEvent): Promise<EventOutcome> {
    const shared = await this.#runnerOf(settings);
    const own = keysOf(event, shared.settings);
    if (outputs.some((name) => own[name] !== keys[name])) {
      throw new L2cafError('model-invalid', 'this worker would make other files than the batch expects', {
        hint: 'batch and workers need the same version of l2caf, and the same model under the same name',
      });
    }
    const folder = join(this.#options.output ?? batchFolder, 'events', folderOf(event.id));
    await removeLeftovers(folder);
    shared.active++;
    try {
      return await shared.runner.run(await this.#here(event), folder, outputs);
    } finally {
      shared.active--;
    }
  }

  async close(): Promise<void> {
    const runners = await Promise.allSettled(this.#runners.values());
    await Promise.all(
      runners.map((result) => (result.status === 'fulfilled' ? result.value.runner.stop() : undefined)),
    );
  }

  /** The event with its video where this machine has it; documents go on calling it as the batch does. */
  async #here(event: BatchEvent): Promise<BatchEvent> {
    const { videos: folder } = this.#options;
    const { path: sourcePath } = event.facts.clip;
    const path = folder === undefined ? sourcePath : await findVideo({ videos: [event.video] }, folder, folder);
    const facts = await this.#videos.facts(path);
    if (facts.sha256 === event.facts.sha256) return { ...event, facts, sourcePath };
    throw new L2cafError('input-changed', `${path} is not the video that the batch has: its content differs`);
  }

  #runnerOf(settings: QueuedSettings): Promise<SettingsRunner> {
    const name = JSON.stringify(settings);
    const runner = this.#runners.get(name) ?? this.#makeRunner(settings);
    runner.catch(() => this.#runners.delete(name));
    this.#runners.set(name, runner);
    return runner;
  }

  async #makeRunner({ choice, ...rest }: QueuedSettings): Promise<SettingsRunner> {
    const { describe = describeModel, jobs, cacheBytes, workerModule } = this.#options;
    await this.#dropIdle();
    const model = await describe(choice);
    const settings = { ...rest, model };
    const runner = new EventRunner({
      settings,
      videos: this.#videos,
      jobs: jobs(model),
      ...(cacheBytes !== undefined && { cacheBytes }),
      ...(workerModule && { workerModule }),
    });
    return { settings, runner, active: 0 };
  }

  /** Networks of batches that are over make room for others. */
  async #dropIdle(): Promise<void> {
    // A copy: the runner that waits for this is among them by the time that the first is looked at.
    for (const [name, runner] of [...this.#runners]) {
      const made = await runner.catch(() => undefined);
      if (made?.active !== 0) continue;
      this.#runners.delete(name);
      await made.runner.stop();
    }
  }
}

interface SettingsRunner {
  readonly settings: BatchSettings;
  readonly runner: EventRunner;
  active: number;
}

function ended(signal: AbortSignal): Promise<void> {
  return setTimeout(2 ** 31 - 1, undefined, { signal }).catch(() => {});
}
