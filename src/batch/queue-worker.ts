/**
 * A machine's part in batches that are given out through a queue: takes events, several at a time, and makes their files.
 * It writes no journal and no results; the batch does.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { L2cafError } from '../errors.ts';
import { folderOf } from '../events/row.ts';
import { findVideo } from '../events/video-files.ts';
import { type QueuedAnswer, toAnswer } from './answers.ts';
import { type EventEnd, removeLeftovers } from './batch.ts';
import type { BatchEvent } from './events.ts';
import { describeModel } from './model.ts';
import { type BatchModel, type BatchSettings, keysOf } from './outputs.ts';
import {
  connectQueue,
  fromQueuePackages,
  fromStored,
  QUEUE,
  type QueueAddress,
  type QueuedEvent,
  type QueuedSettings,
  WORKER_ATTEMPTS,
} from './queue.ts';
import { EventRunner, type RunnerOptions } from './runner.ts';
import { duringSetup, SetupError } from './setup-error.ts';
import type { EventOutcome } from './tasks.ts';
import { type VideoFacts, Videos } from './videos.ts';

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
  /** Told how each event ended. */
  readonly onEnd?: (end: EventEnd) => void;
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
 * @throws L2cafError `queue-unavailable`; SetupError when a batch's model cannot be opened here, or is not the same: others
 *   get the events
 */
export async function workQueue(address: QueueAddress, options: QueueWorkerOptions): Promise<void> {
  const { lockMs = LOCK_MS } = options;
  const redis = await connectQueue(address);
  const { WaitingError, Worker } = await fromQueuePackages(() => import('bullmq'));
  const desk = new Desk(options);
  let failure: SetupError | undefined;
  const unfit = new AbortController();
  const process = async (job: Job, token?: string): Promise<QueuedAnswer> => {
    const queued = fromStored(job.data);
    let outcome: EventOutcome;
    try {
      outcome = await desk.run(queued);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      failure ??= error;
      unfit.abort();
      await job.moveToWait(token); // for others
      throw new WaitingError();
    }
    const attempts = queued.attempts + outcome.attempts;
    if ('error' in outcome && job.attemptsMade + 1 < WORKER_ATTEMPTS) {
      await job.updateData({ ...job.data, attempts });
      throw outcome.error; // another worker may do better
    }
    options.onEnd?.({ id: queued.event.id, ...('error' in outcome && { error: outcome.error }), attempts });
    return toAnswer({ ...outcome, attempts });
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

  /** @throws SetupError */
  async run({ event, folder: batchFolder, outputs, settings, keys }: QueuedEvent): Promise<EventOutcome> {
    const shared = await this.#runnerOf(settings);
    const own = keysOf(event, shared.settings);
    if (outputs.some((name) => own[name] !== keys[name])) {
      throw new SetupError('model-invalid', 'this worker would make other files than the batch expects', {
        hint: 'batch and workers need the same version of l2caf, and the same model under the same name',
      });
    }
    const folder = join(this.#options.output ?? batchFolder, 'events', folderOf(event.id));
    await removeLeftovers(folder);
    shared.active++;
    try {
      return await shared.runner.run(await this.#here(event), folder, outputs);
    } catch (error) {
      if (error instanceof SetupError) throw error;
      return { error: error as Error, attempts: 1 };
    } finally {
      shared.active--;
    }
  }

  async close(): Promise<void> {
    const runners = await Promise.allSettled(this.#runners.values());
    await Promise.all(
      runners.map((result) => (result.status === 'fulfilled' ? result.value.runner.close() : undefined)),
    );
  }

  /** The event with its video where this machine has it; documents go on calling it as the batch does. */
  async #here(event: BatchEvent): Promise<BatchEvent> {
    const { videos: folder } = this.#options;
    const { path: sourcePath } = event.facts.clip;
    const wanted = { videos: [{ name: event.video }] };
    const path = folder === undefined ? sourcePath : (await findVideo(wanted, folder, folder)).path;
    return { ...event, facts: await this.#sameVideo(path, event.facts), sourcePath };
  }

  /** What is known here about a video that the batch has. */
  async #sameVideo(path: string, { sha256 }: VideoFacts): Promise<VideoFacts> {
    const facts = await this.#videos.facts(path);
    if (facts.sha256 === sha256) return facts;
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
    const model = await duringSetup(describe(choice));
    const { target } = rest.analysis;
    const here =
      target.kind === 'similar'
        ? { ...target, facts: await duringSetup(this.#sameVideo(target.facts.clip.path, target.facts)) }
        : target;
    const settings = { ...rest, analysis: { ...rest.analysis, target: here }, model };
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
      await made.runner.close();
    }
  }
}

interface SettingsRunner {
  readonly settings: BatchSettings;
  readonly runner: EventRunner;
  active: number;
}

async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
