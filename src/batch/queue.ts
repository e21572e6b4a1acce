/**
 * Events given out through BullMQ on a Redis or Valkey server, to `l2caf worker` on any machine. The batch remains the only
 * one that writes its journal and results; workers write an event's files, whole or not at all, into the folder that they
 * share with it. A job's name in the queue is the hash of what it makes, so it is never there twice: a batch that was
 * killed finds the jobs that it gave out, also those that ended meanwhile. A worker that dies no longer renews the locks
 * of its jobs, and others take them.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Job, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { L2cafError, messageOf } from '../errors.ts';
import { fileSize } from '../files.ts';
import { fromOptional, QUEUE_PACKAGES } from '../optional.ts';
import type { RegionMask } from '../video/regions.ts';
import { fromAnswer, type QueuedAnswer } from './answers.ts';
import type { EventMaker } from './batch.ts';
import type { BatchEvent } from './events.ts';
import { type BatchModel, type BatchSettings, FILE_NAMES, keysOf, type Output } from './outputs.ts';
import type { EventOutcome, MadeEvent } from './tasks.ts';

/** Name of the queue on its server; changes when workers of another version would go wrong. */
export const QUEUE = 'l2caf-events-1';

/** A batch's settings as they go through the queue: a worker reads the model by its name. */
export interface QueuedSettings extends Omit<BatchSettings, 'model'> {
  readonly choice: BatchModel['choice'];
}

/** One event, as workers get it. */
export interface QueuedEvent {
  readonly event: BatchEvent;
  /** Of the batch, absolute. */
  readonly folder: string;
  readonly outputs: readonly Output[];
  readonly settings: QueuedSettings;
  /** Of the outputs: a worker whose model or version makes others does not fit. */
  readonly keys: Readonly<Record<Output, string>>;
  /** How often workers have tried it in vain. */
  readonly attempts: number;
}

/** Workers that try an event, before it has failed for good. */
export const WORKER_ATTEMPTS = 2;

/** How often to look whether a job is still there, should its server have forgotten it. */
const LOOK_AGAIN_MS = 30_000;
/** How long shared folders may take to show what a worker wrote. */
const VISIBLE_WITHIN_MS = 5000;

/** How a server is reached. */
export interface QueueAddress {
  /** As ioredis takes them. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly username?: string;
    readonly password?: string;
    readonly db?: number;
    readonly tls?: Record<string, never>;
    readonly maxRetriesPerRequest: null;
  };
  /** For people: without the password. */
  readonly shown: string;
}

/**
 * Reads an address, `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]` or `rediss://…` (encrypted).
 *
 * @throws L2cafError `usage`, without repeating what may be a password
 */
export function parseQueueAddress(text: string): QueueAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const database = url?.pathname.replace(/^\//, '') ?? '';
  if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || !/^\d*$/.test(database)) {
    throw new L2cafError('usage', 'the address of the queue cannot be read', {
      hint: 'redis://HOST:6379, or redis://:PASSWORD@HOST:6379/0; rediss:// for an encrypted connection',
    });
  }
  const { hostname, port, username, password, protocol } = url;
  return {
    options: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(database && { db: Number(database) }),
      ...(protocol === 'rediss:' && { tls: {} }),
      maxRetriesPerRequest: null, // wait for a server that is restarting
    },
    shown: `${protocol}//${hostname}:${port || 6379}${database && `/${database}`}`,
  };
}

/**
 * Connects to a server; later losses of the connection are mended by themselves. The caller disconnects.
 *
 * @throws L2cafError `queue-unavailable`; `package-missing`
 */
export async function connectQueue({ options, shown }: QueueAddress): Promise<Redis> {
  const { Redis } = await fromQueuePackages(() => import('ioredis'));
  let isConnected = false;
  const retryStrategy = (times: number): number | null => (isConnected ? Math.min(200 * times, 5000) : null);
  const redis = new Redis({ ...options, lazyConnect: true, retryStrategy });
  let problem: unknown;
  redis.on('error', (error: unknown) => {
    problem = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    isConnected = true;
    return redis;
  } catch (cause) {
    redis.disconnect();
    throw new L2cafError('queue-unavailable', `cannot reach the queue ${shown}: ${messageOf(problem ?? cause)}`, {
      hint: 'is a Redis or Valkey server running there, and the password right?',
      cause,
    });
  }
}

/** Loads one of the packages that a queue needs; throws `package-missing`, naming all, when one is not there. */
export function fromQueuePackages<T>(load: () => Promise<T>): Promise<T> {
  return fromOptional('a queue', QUEUE_PACKAGES, load);
}

/** Events that are in the queue at the same time: enough for many workers. */
const EVENTS_IN_QUEUE = 256;

/** The batch's end of the queue. Close it when done. */
export class EventQueue implements EventMaker {
  readonly eventsAtOnce = EVENTS_IN_QUEUE;
  readonly #settings: BatchSettings;
  readonly #folder: string;
  readonly #redis: Redis;
  readonly #queue: Queue<StoredEvent, QueuedAnswer>;
  readonly #ends: QueueEvents;
  readonly #withdrawn: Promise<void>;
  #release: (() => void) | undefined;

  private constructor(
    settings: BatchSettings,
    folder: string,
    redis: Redis,
    queue: Queue<StoredEvent, QueuedAnswer>,
    ends: QueueEvents,
  ) {
    this.#settings = settings;
    this.#folder = folder;
    this.#redis = redis;
    this.#queue = queue;
    this.#ends = ends;
    this.#withdrawn = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /**
   * Connects to the queue.
   *
   * @param folder of the batch, absolute
   * @param stop when it fires, what no worker has begun is taken back
   * @throws L2cafError `queue-unavailable`
   */
  static async open(
    address: QueueAddress,
    settings: BatchSettings,
    folder: string,
    stop?: AbortSignal,
  ): Promise<EventQueue> {
    const redis = await connectQueue(address);
    const { Queue, QueueEvents } = await fromQueuePackages(() => import('bullmq'));
    const queue = new Queue<StoredEvent, QueuedAnswer>(QUEUE, { connection: redis });
    const ends = new QueueEvents(QUEUE, { connection: redis.duplicate() });
    // Connections mend themselves; without a listener, their errors would end the process.
    queue.on('error', () => {});
    ends.on('error', () => {});
    for (const emitter of [queue, ends]) emitter.setMaxListeners(0); // one per event under way
    await ends.waitUntilReady();
    const opened = new EventQueue(settings, folder, redis, queue, ends);
    stop?.addEventListener('abort', () => void opened.#withdraw(), { once: true });
    return opened;
  }

  /** Gives an event out, and waits until a worker has made its files; undefined when it was taken back. */
  async run(event: BatchEvent, folder: string, outputs: readonly Output[]): Promise<EventOutcome | undefined> {
    const { model, ...rest } = this.#settings;
    const keys = keysOf(event, this.#settings);
    const settings = { ...rest, choice: { ...model.choice, backend: model.backend } };
    const data = toStored({ event, folder: this.#folder, outputs, settings, keys, attempts: 0 });
    const jobId = hashOf([this.#folder, event.id, outputs.map((name) => [name, keys[name]])]);
    const answer = await this.#answerOf(data, jobId);
    if (answer === undefined) return undefined;
    const outcome = fromAnswer(answer, outputs);
    if ('error' in outcome) return outcome;
    const error = await missingFile(folder, outcome);
    return error ? { error, attempts: outcome.attempts } : outcome;
  }

  /** Takes back what no worker has begun; what is under way is waited for. */
  async #withdraw(): Promise<void> {
    const release = this.#release;
    this.#release = undefined; // from now on, nothing is given out again
    const waiting = await this.#queue.getJobs(['waiting', 'delayed', 'prioritized']);
    const own = waiting.filter((job) => job.data.folder === this.#folder);
    await Promise.all(own.map((job) => job.remove().catch(() => {}))); // a worker may have been faster
    release?.();
  }

  /** Closes the connections; jobs stay in the queue. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#ends.close(), this.#queue.close()]);
    this.#redis.disconnect();
  }

  async #answerOf(data: StoredEvent, jobId: string): Promise<QueuedAnswer | undefined> {
    const options = { jobId, attempts: WORKER_ATTEMPTS, backoff: { type: 'fixed', delay: 1000 } };
    const earlier = await this.#queue.getJob(jobId);
    if (await earlier?.isFailed()) await earlier!.remove();
    for (;;) {
      const isStopped = this.#release === undefined;
      if (isStopped && (await this.#queue.getJob(jobId)) === undefined) return undefined;
      // Adding what is there already changes nothing.
      const job: Job<StoredEvent, QueuedAnswer> = await this.#queue.add('event', data, options);
      const end = job.waitUntilFinished(this.#ends, LOOK_AGAIN_MS);
      await (isStopped ? end : Promise.race([end, this.#withdrawn])).catch(() => {}); // its state tells more
      const ended = await this.#queue.getJob(jobId);
      if (await ended?.isCompleted()) {
        await ended!.remove();
        return ended!.returnvalue;
      }
      if (await ended?.isFailed()) {
        await ended!.remove();
        return { error: { message: ended!.failedReason }, attempts: ended!.attemptsStarted };
      }
    }
  }
}

/** Workers that do not share the batch's folder would leave it empty without anybody noticing. */
async function missingFile(folder: string, { bytes }: MadeEvent): Promise<L2cafError | undefined> {
  const deadline = performance.now() + VISIBLE_WITHIN_MS;
  for (const [name, size] of Object.entries(bytes) as [Output, number][]) {
    const path = join(folder, FILE_NAMES[name]);
    while ((await fileSize(path)) !== size) {
      if (performance.now() > deadline) {
        return new L2cafError('input-not-found', `a worker has made ${path}, but it is not here`, {
          hint: 'workers must write to the same folder: name it as they see it with l2caf worker -o',
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  return undefined;
}

/** As JSON can hold it. */
interface StoredEvent extends Omit<QueuedEvent, 'settings'> {
  readonly settings: unknown;
}

function toStored(queued: QueuedEvent): StoredEvent {
  const settings = JSON.parse(
    JSON.stringify(queued.settings, (_, value: unknown) =>
      value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
    ),
  ) as unknown;
  return { ...queued, settings };
}

/** A job as it was given out. */
export function fromStored(stored: StoredEvent): QueuedEvent {
  const settings = stored.settings as QueuedSettings;
  const { ignore } = settings.draw;
  if (!ignore) return { ...stored, settings };
  const parts = ignore.map((part) => ('values' in part ? restoredMask(part) : part));
  return { ...stored, settings: { ...settings, draw: { ...settings.draw, ignore: parts } } };
}

function restoredMask({ height, width, values }: RegionMask): RegionMask {
  const { base64 } = values as unknown as { base64: string };
  return { height, width, values: new Uint8Array(Buffer.from(base64, 'base64')) };
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
