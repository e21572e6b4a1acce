/**
 * A machine's part in batches that are given out through a queue: takes events, several at a time, and makes their files.
 * It writes no journal and no results; the batch does. What it cannot do it gives back: others may have the video, or the
 * model, or may do better with an event that has failed here. An event is given up when nobody is left to try it.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Worker as BullWorker, Job } from 'bullmq';
import { L2cafError } from '../base/errors.ts';
import { toAnswer } from './answers.ts';
import type { EventEnd } from './batch.ts';
import { Desk, type DeskOptions, LackError } from './desk.ts';
import { connectQueue, fromQueuePackages, type QueueAddress } from './queue-server.ts';
import { fromStored, purposeOfAnswer, QUEUE, readStored, type StoredJob, type Turns } from './queued-event.ts';
import { Roster } from './roster.ts';
import { SetupError } from './setup-error.ts';
import { type Signed, Signer } from './signatures.ts';
import type { EventOutcome } from './tasks.ts';

/** How a worker works. */
export interface QueueWorkerOptions extends DeskOptions {
  /** Told how each event ended. */
  readonly onEnd?: (end: EventEnd) => void;
  /** Told what this machine lacks, each thing once. */
  readonly onLack?: (lack: L2cafError) => void;
  /** Events under way are finished, then {@link workQueue} returns. */
  readonly stop: AbortSignal;
  /** Checks what is taken and signs what is answered; without a key by default. */
  readonly signer?: Signer;
  /** A lock that is not renewed for so long is taken for that of a worker that has died; default 15 s. */
  readonly lockMs?: number;
  /** How long an event that was given back rests; default 2 s. */
  readonly restMs?: number;
  /** See {@link connectQueue}, as the two below. */
  readonly retries?: number;
  /** Told when the server does not answer, and when that is over. */
  readonly onNotice?: (message: string) => void;
  readonly askEveryMs?: number;
}

/** Long enough for a busy machine to renew its locks. */
const LOCK_MS = 15_000;
const REST_MS = 2000;
/** Workers that may die over one event before it has failed. */
const MAX_DEATHS = 10;
/** Workers that try an event, before it has failed for good; one that is alone tries as often. */
const TRIES = 2;
/** How often a worker finds that it lacks something for an event, while nobody else is left, before it gives the event up. */
const LACKS = 10;
/** Pause before a worker asks again for events when its connection was lost meanwhile. */
const RETRY_MS = 1000;
/** Events that a worker holds: enough to keep its processes busy, few enough to leave some to others. */
const EVENTS_AT_ONCE = 4;
/** Events of the queue whose videos a worker looks for when it starts. */
const PROBED = 16;

/**
 * Takes events until `stop` fires.
 *
 * @throws L2cafError `queue-unavailable`; SetupError when this machine can make no event: others get those that it had
 */
export async function workQueue(address: QueueAddress, options: QueueWorkerOptions): Promise<void> {
  const {
    lockMs = LOCK_MS,
    restMs = REST_MS,
    signer = new Signer(undefined),
    stop,
    retries,
    onNotice,
    askEveryMs,
  } = options;
  const connection = await connectQueue(address, { signal: stop, retries, onNotice, askEveryMs });
  const { redis } = connection;
  const { DelayedError, Queue, WaitingError, Worker } = await fromQueuePackages(() => import('bullmq'));
  const desk = new Desk(options);
  const roster = new Roster(redis, QUEUE);
  const me = `${hostname()} ${randomUUID()}`;
  const tellLack = onceEach(options.onLack ?? (() => {}));
  let failure: SetupError | undefined;
  const broken = new AbortController();
  const over = AbortSignal.any([stop, broken.signal]);
  over.addEventListener('abort', () => connection.hurry(), { once: true }); // also while it begins
  if (over.aborted) connection.hurry();

  /** For others, after a rest. */
  const giveBack = async (job: Job<StoredJob>, token: string | undefined, turns?: Turns): Promise<never> => {
    if (turns) await job.updateData({ ...job.data, turns });
    await job.moveToDelayed(Date.now() + restMs, token);
    throw new DelayedError();
  };
  const answer = (job: Job<StoredJob>, id: string, outcome: EventOutcome): Signed => {
    const { attempts } = outcome;
    options.onEnd?.({ id, ...('error' in outcome && { error: outcome.error }), attempts });
    return signer.sign(purposeOfAnswer(job.id!), toAnswer(outcome));
  };
  const take = async (job: Job<StoredJob>, token?: string): Promise<Signed> => {
    const stored = readStored(job.data);
    const { turns } = stored;
    const hadTurn = new Set([...turns.tried, ...Object.keys(turns.lacking)]);
    const others = [...(await roster.present())].filter((worker) => worker !== me && !hadTurn.has(worker));
    if (hadTurn.has(me) && others.length > 0) return giveBack(job, token);
    let id = job.id!;
    let outcome: EventOutcome;
    try {
      const queued = fromOthers(stored, signer, id);
      id = queued.event.id;
      outcome = await desk.run(queued);
    } catch (error) {
      if (error instanceof LackError) {
        tellLack(error);
        const lacks = (turns.lacking[me] ?? 0) + 1;
        const now = { ...turns, lacking: { ...turns.lacking, [me]: lacks } };
        if (lacks < LACKS || others.length > 0) return giveBack(job, token, now);
        return answer(job, id, { error, attempts: Math.max(1, turns.attempts) });
      }
      if (!(error instanceof SetupError)) throw error;
      failure ??= error;
      broken.abort();
      await job.moveToWait(token); // for others
      throw new WaitingError();
    }
    const attempts = turns.attempts + outcome.attempts;
    const tried = [...turns.tried, me];
    if ('error' in outcome && tried.length < TRIES) return giveBack(job, token, { ...turns, tried, attempts });
    return answer(job, id, { ...outcome, attempts });
  };

  const queue = new Queue<StoredJob>(QUEUE, { connection: redis });
  queue.on('error', () => {});
  let leave = async (): Promise<void> => {};
  let worker: BullWorker<StoredJob, Signed> | undefined;
  try {
    await Promise.race([connection.lost, begin()]);
    await Promise.race([connection.lost, ended(over)]);
    await Promise.race([connection.lost, worker!.close(redis.status !== 'ready')]); // without its server it cannot wait
    await Promise.race([connection.lost, leave()]);
  } catch (error) {
    await Promise.race([worker?.close(true), setTimeout(CLOSE_WITHIN_MS)]);
    await leave();
    throw connection.failureOf(error);
  } finally {
    await desk.close();
    connection.end();
  }
  if (failure) throw failure;

  async function begin(): Promise<void> {
    leave = await roster.enter(me, lockMs);
    await sayLacks(await queue.getJobs(['waiting', 'delayed', 'active'], 0, PROBED - 1, true));
    const taking = new Worker<StoredJob, Signed>(QUEUE, take, {
      connection: redis,
      concurrency: EVENTS_AT_ONCE,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: MAX_DEATHS,
      runRetryDelay: RETRY_MS,
    });
    taking.on('error', () => {}); // the connection mends itself
    worker = taking;
  }

  /** What is in the queue when a worker starts tells whether its folders are the right ones. */
  async function sayLacks(jobs: readonly (Job<StoredJob> | undefined)[]): Promise<void> {
    for (const job of jobs) {
      if (job === undefined) continue; // it has ended meanwhile
      try {
        await desk.expectPlaces(fromOthers(readStored(job.data), signer, job.id!));
      } catch (error) {
        if (error instanceof L2cafError) tellLack(error);
        else throw error;
      }
    }
  }
}

/** How long to wait for what is closed by force. */
const CLOSE_WITHIN_MS = 5000;

/** An event that this worker may not take, another may: it may have the key. */
function fromOthers(...[stored, signer, jobId]: Parameters<typeof fromStored>): ReturnType<typeof fromStored> {
  try {
    return fromStored(stored, signer, jobId);
  } catch (error) {
    if (!(error instanceof L2cafError)) throw error;
    const { code, message, hint } = error;
    throw new LackError(code, message, { ...(hint !== undefined && { hint }), cause: error });
  }
}

function onceEach(tell: (lack: L2cafError) => void): (lack: L2cafError) => void {
  const told = new Set<string>();
  return (lack) => {
    if (told.has(lack.message)) return;
    told.add(lack.message);
    tell(lack);
  };
}

async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
