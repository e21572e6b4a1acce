/**
 * Events given out through BullMQ on a Redis or Valkey server, to `l2caf worker` on any machine. The batch remains the only
 * one that writes its journal and results; workers write an event's files, whole or not at all, into the folder that they
 * share with it. A job's name in the queue is the hash of what it makes, so it is never there twice: a batch that was
 * killed finds the jobs that it gave out, also those that ended meanwhile. A worker that dies no longer renews the locks
 * of its jobs, and others take them.
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Job, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { L2cafError } from '../base/errors.ts';
import { fileSize } from '../base/files.ts';
import { figuresIn, fromAnswer } from './answers.ts';
import type { EventMaker } from './batch.ts';
import type { Output } from './choices.ts';
import type { BatchEvent } from './events.ts';
import { type BatchSettings, FILE_NAMES, keysOf } from './outputs.ts';
import { connectQueue, fromQueuePackages, type QueueAddress, type QueueConnection } from './queue-server.ts';
import { fromStored, purposeOfAnswer, QUEUE, readStored, type StoredJob, toStored } from './queued-event.ts';
import { Roster } from './roster.ts';
import { type Signed, Signer } from './signatures.ts';
import type { EventOutcome, MadeEvent } from './tasks.ts';

/** How often to look whether a job is still there, should its server have forgotten it. */
const LOOK_AGAIN_MS = 30_000;
/** How long shared folders may take to show what a worker wrote. */
const VISIBLE_WITHIN_MS = 5000;
/** How long to wait for connections to close. */
const CLOSE_WITHIN_MS = 5000;

/** Events that are in the queue at the same time: enough for many workers. */
const EVENTS_IN_QUEUE = 256;

/** How a batch gives its events out. */
export interface EventQueueOptions {
  /** When it fires, what no worker has begun is taken back. */
  readonly stop?: AbortSignal | undefined;
  /** Signs what is given out and checks what comes back; without a key by default. */
  readonly signer?: Signer | undefined;
  /** Told when nobody is there to take events, or the server does not answer, and when that is over. */
  readonly onNotice?: ((message: string) => void) | undefined;
  /** See {@link connectQueue}. */
  readonly retries?: number | undefined;
  readonly askEveryMs?: number | undefined;
}

/** The batch's end of the queue. Close it when done. */
export class EventQueue implements EventMaker {
  readonly eventsAtOnce = EVENTS_IN_QUEUE;
  readonly #settings: BatchSettings;
  readonly #folder: string;
  readonly #signer: Signer;
  readonly #connection: QueueConnection;
  /** The connection that hears how events end. */
  readonly #listener: Redis;
  readonly #queue: Queue<StoredJob, Signed>;
  readonly #ends: QueueEvents;
  readonly #withdrawn: Promise<void>;
  /** By job: what to call when it has ended. (BullMQ's own waiting ends the process when the connection is closed.) */
  readonly #waiting = new Map<string, () => void>();
  #release: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;

  private constructor(
    settings: BatchSettings,
    folder: string,
    signer: Signer,
    connection: QueueConnection,
    listener: Redis,
    queue: Queue<StoredJob, Signed>,
    ends: QueueEvents,
  ) {
    this.#settings = settings;
    this.#folder = folder;
    this.#signer = signer;
    this.#connection = connection;
    this.#listener = listener;
    this.#queue = queue;
    this.#ends = ends;
    const tell = ({ jobId }: { jobId: string }): void => this.#waiting.get(jobId)?.();
    ends.on('completed', tell);
    ends.on('failed', tell);
    this.#withdrawn = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /**
   * Connects to the queue. A server that goes away while this is going on is waited for, too.
   *
   * @param folder of the batch, absolute
   * @throws L2cafError `queue-unavailable`; `aborted`
   */
  static async open(
    address: QueueAddress,
    settings: BatchSettings,
    folder: string,
    { stop, signer = new Signer(undefined), onNotice = () => {}, retries, askEveryMs }: EventQueueOptions = {},
  ): Promise<EventQueue> {
    const connection = await connectQueue(address, { signal: stop, retries, onNotice, askEveryMs });
    const { redis } = connection;
    const { Queue, QueueEvents } = await fromQueuePackages(() => import('bullmq'));
    const queue = new Queue<StoredJob, Signed>(QUEUE, { connection: redis });
    const listener = redis.duplicate();
    const ends = new QueueEvents(QUEUE, { connection: listener });
    // Connections mend themselves; without a listener, their errors would end the process.
    queue.on('error', () => {});
    ends.on('error', () => {});
    listener.on('error', () => {});
    const opened = new EventQueue(settings, folder, signer, connection, listener, queue, ends);
    try {
      await opened.#whileThere(ends.waitUntilReady());
    } catch (error) {
      await opened.close();
      throw error;
    }
    stop?.addEventListener('abort', () => void opened.#withdraw().catch(() => {}), { once: true }); // `run` fails as well
    if (stop?.aborted) await opened.#withdraw();
    opened.#watchWorkers(onNotice);
    return opened;
  }

  /** Gives an event out, and waits until a worker has made its files; undefined when it was taken back. */
  async run(event: BatchEvent, folder: string, outputs: readonly Output[]): Promise<EventOutcome | undefined> {
    const { model, ...rest } = this.#settings;
    const keys = keysOf(event, this.#settings);
    const { choice, backend } = model;
    const settings = { ...rest, choice: { ...choice, backend } };
    const jobId = this.#signer.nameOf([this.#folder, event.id, outputs.map((name) => [name, keys[name]])]);
    const data = toStored({ event, folder: this.#folder, outputs, settings, keys }, this.#signer, jobId);
    const outcome = await this.#whileThere(this.#outcomeOf(data, jobId, outputs));
    this.#waiting.delete(jobId);
    if (outcome === undefined || 'error' in outcome) return outcome;
    try {
      await expectFiles(folder, outcome);
      return outputs.includes('json') ? { ...outcome, figures: await figuresIn(folder, event) } : outcome;
    } catch (error) {
      return { error: error as Error, attempts: outcome.attempts };
    }
  }

  /** Takes back what no worker has begun; what is under way is waited for. */
  async #withdraw(): Promise<void> {
    const release = this.#release;
    this.#release = undefined; // from now on, nothing is given out again
    this.#connection.hurry();
    const waiting = await this.#queue.getJobs(['waiting', 'delayed', 'prioritized']);
    const own = waiting.filter((job) => this.#isOwn(job));
    await Promise.all(own.map((job) => job.remove().catch(() => {}))); // a worker may have been faster
    release?.();
  }

  #isOwn({ id = '', data }: Job): boolean {
    try {
      return fromStored(readStored(data), this.#signer, id).folder === this.#folder;
    } catch (error) {
      if (error instanceof L2cafError) return false; // of another batch, with another key or version
      throw error;
    }
  }

  /** Closes the connections; jobs stay in the queue. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    const closing = Promise.allSettled([this.#ends.close(), this.#queue.close()]);
    // Without its server, BullMQ would wait for it.
    if (this.#connection.redis.status === 'ready') await Promise.race([closing, setTimeout(CLOSE_WITHIN_MS)]);
    this.#connection.end();
    this.#listener.disconnect();
  }

  /** The result of work with the server, unless the server goes for good. */
  async #whileThere<T>(work: Promise<T>): Promise<T> {
    const { lost, failureOf } = this.#connection;
    try {
      return await Promise.race([work, lost]);
    } catch (error) {
      throw failureOf(error);
    }
  }

  #watchWorkers(onNotice: (message: string) => void): void {
    const roster = new Roster(this.#connection.redis, QUEUE);
    let isAnybodyThere = true;
    const look = async (): Promise<void> => {
      if (this.#connection.redis.status !== 'ready') return;
      const { size } = await roster.present();
      if (isAnybodyThere === size > 0) return;
      isAnybodyThere = size > 0;
      onNotice(isAnybodyThere ? 'a worker is there' : 'no worker is at the queue: the batch waits for one');
    };
    const tryLook = (): void => void look().catch(() => {}); // the batch is told of a server that has gone
    tryLook();
    this.#watch = setInterval(tryLook, LOOK_AGAIN_MS);
    this.#watch.unref();
  }

  async #outcomeOf(data: StoredJob, jobId: string, outputs: readonly Output[]): Promise<EventOutcome | undefined> {
    if ((await this.#queue.getJobState(jobId)) === 'failed') await this.#queue.remove(jobId);
    for (;;) {
      const end = new Promise<void>((resolve) => this.#waiting.set(jobId, resolve));
      const isStopped = this.#release === undefined;
      if (isStopped && (await this.#queue.getJob(jobId)) === undefined) return undefined;
      // Adding what is there already changes nothing.
      await this.#queue.add('event', data, { jobId });
      // The state first: a job that ends after it was read does not say how.
      const state = await this.#queue.getJobState(jobId);
      if (state === 'completed' || state === 'failed') {
        const job = await this.#queue.getJob(jobId);
        await job?.remove();
        if (job && state === 'completed') return this.#answerIn(job.returnvalue, jobId, outputs);
        if (job) return fromAnswer({ error: { message: job.failedReason }, attempts: job.attemptsStarted }, outputs);
      }
      const soon = setTimeout(LOOK_AGAIN_MS, undefined, { ref: false });
      await Promise.race(isStopped ? [end, soon] : [end, soon, this.#withdrawn]);
    }
  }

  #answerIn(returned: unknown, jobId: string, outputs: readonly Output[]): EventOutcome {
    try {
      return fromAnswer(this.#signer.open(purposeOfAnswer(jobId), returned), outputs);
    } catch (error) {
      if (error instanceof L2cafError) return { error, attempts: 1 };
      throw error;
    }
  }
}

/** Workers that do not share the batch's folder would leave it empty without anybody noticing. */
async function expectFiles(folder: string, { bytes }: MadeEvent): Promise<void> {
  const deadline = performance.now() + VISIBLE_WITHIN_MS;
  for (const [name, size] of Object.entries(bytes) as [Output, number][]) {
    const path = join(folder, FILE_NAMES[name]);
    while ((await fileSize(path)) !== size) {
      if (performance.now() > deadline) {
        throw new L2cafError('input-not-found', `a worker has made ${path}, but it is not here`, {
          hint: 'workers must write to the same folder: name it as they see it with l2caf worker -o',
        });
      }
      await setTimeout(200);
    }
  }
}
