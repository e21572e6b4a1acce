/**
 * The server of a queue: its address, and the connection to it. A server that restarts is waited for, but not for ever, nor
 * is one that takes a connection and never answers.
 */
import type { Redis } from 'ioredis';
import { L2cafError, messageOf } from '../base/errors.ts';
import { fromOptional, QUEUE_PACKAGES } from '../base/optional.ts';

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
  const [username, password] = [decoded(url?.username), decoded(url?.password)];
  const isRead = url && /^rediss?:$/.test(url.protocol) && url.hostname !== '' && /^\d{0,9}$/.test(database);
  if (!isRead || username === undefined || password === undefined) {
    throw new L2cafError('usage', 'the address of the queue cannot be read', {
      hint: 'redis://HOST:6379, or redis://:PASSWORD@HOST:6379/0 (% in a password as %25); rediss:// for an encrypted connection',
    });
  }
  const { hostname, port, protocol } = url;
  return {
    options: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
      ...(username && { username }),
      ...(password && { password }),
      ...(database && { db: Number(database) }),
      ...(protocol === 'rediss:' && { tls: {} }),
      maxRetriesPerRequest: null, // wait for a server that is restarting
    },
    shown: `${protocol}//${hostname}:${port || 6379}${database && `/${database}`}`,
  };
}

function decoded(part = ''): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** How long a server may take to answer for the first time, ms. */
const CONNECT_WITHIN_MS = 15_000;
/** How long a server may leave a command without an answer before it is connected to anew, ms; more than any that waits. */
const ANSWER_WITHIN_MS = 60_000;
/** How often a connection that was lost is tried again: for about five minutes. */
const RETRIES = 72;
/** The same when all that is left to do is to end: for about five seconds. */
const RETRIES_AT_END = 6;

/** How often a server is asked whether it still answers, ms. */
const ASK_EVERY_MS = 1000;
/** Questions without an answer, one after another, after which that is told. */
const SILENT_TO_TELL = 10;
/** The same, after which the server has gone: after about five minutes; when all that is left to do is to end, sooner. */
const SILENT_AT_MOST = 300;
const SILENT_AT_END = 15;

/** How a server is waited for. */
export interface QueueConnectionOptions {
  readonly signal?: AbortSignal | undefined;
  /** How often a connection that was lost is tried again; for about five minutes by default. */
  readonly retries?: number | undefined;
  /** Told when the server does not answer, and when it does again. */
  readonly onNotice?: ((message: string) => void) | undefined;
  /** How often it is asked, ms; default 1 s. */
  readonly askEveryMs?: number | undefined;
}

/** A connection to a server. */
export interface QueueConnection {
  readonly redis: Redis;
  /** Rejects with L2cafError `queue-unavailable` when the server has gone for good; never resolves. */
  readonly lost: Promise<never>;
  /** The error to tell for one that the server, or the connection, has thrown. */
  failureOf(error: unknown): L2cafError;
  /** From now on a server that is away is waited for a few seconds only. */
  hurry(): void;
  /** Ends the connection. */
  end(): void;
}

/**
 * Connects to a server; later losses of the connection are mended by themselves, for as long as `retries` allows. The caller
 * ends the connection.
 *
 * @throws L2cafError `queue-unavailable`; `package-missing`; `aborted`
 */
export async function connectQueue(
  { options, shown }: QueueAddress,
  { signal, retries = RETRIES, onNotice = () => {}, askEveryMs = ASK_EVERY_MS }: QueueConnectionOptions = {},
): Promise<QueueConnection> {
  const { Redis } = await fromQueuePackages(() => import('ioredis'));
  let left = 0;
  // Not lazily: BullMQ takes a first connection that fails for the last, in all that it makes after the example of this one.
  const redis = new Redis({
    ...options,
    connectTimeout: CONNECT_WITHIN_MS,
    socketTimeout: ANSWER_WITHIN_MS,
    retryStrategy: (times) => (times > left ? null : Math.min(200 * times, 5000)),
  });
  let problem: unknown;
  redis.on('error', (error: unknown) => {
    problem = error;
  });
  const failureOf = (cause: unknown): L2cafError => {
    if (cause instanceof L2cafError) return cause;
    return new L2cafError('queue-unavailable', `the queue ${shown} has gone: ${messageOf(problem ?? cause)}`, {
      hint: 'nothing is lost: start the server, then the same command again',
      cause,
    });
  };
  try {
    await withinLimits(greet(redis, options.db), signal);
  } catch (cause) {
    redis.disconnect();
    if (cause instanceof L2cafError && cause.code === 'aborted') throw cause;
    const why = isReply(cause) ? cause : (problem ?? cause);
    throw new L2cafError('queue-unavailable', `cannot reach the queue ${shown}: ${messageOf(why)}`, {
      hint: 'is a Redis or Valkey server running there, and are the password and the number of the database right?',
      cause,
    });
  }
  left = retries;
  problem = undefined;
  let isEnding = false;
  let silentAtMost = SILENT_AT_MOST;
  let stopAsking = (): void => {};
  const lost = new Promise<never>((_, reject) => {
    redis.on('end', () => {
      if (!isEnding) reject(failureOf(new Error('it does not come back')));
    });
    stopAsking = keepAsking(redis, askEveryMs, (silent, before) => {
      if (silent === SILENT_TO_TELL) onNotice(`the queue ${shown} does not answer: it is waited for`);
      if (silent === 0 && before >= SILENT_TO_TELL) onNotice(`the queue ${shown} answers again`);
      if (silent < silentAtMost) return;
      stopAsking();
      reject(failureOf(new Error('it does not answer')));
      redis.disconnect();
    });
  });
  lost.catch(() => {}); // whoever waits for something hears of it
  return {
    redis,
    lost,
    failureOf,
    hurry: () => {
      left = Math.min(left, RETRIES_AT_END);
      silentAtMost = SILENT_AT_END;
    },
    end: () => {
      isEnding = true;
      stopAsking();
      redis.disconnect();
    },
  };
}

/**
 * Asks a server again and again whether it is there: one that has stopped, or a network that swallows everything, keeps a
 * connection open and every command waiting. Returns how to end that.
 *
 * @param onAnswer told how many questions in a row have had no answer, and how many it were before
 */
function keepAsking(redis: Redis, everyMs: number, onAnswer: (silent: number, before: number) => void): () => void {
  let silent = 0;
  let isWaiting = false;
  const set = (now: number): void => {
    const before = silent;
    silent = now;
    onAnswer(silent, before);
  };
  const ask = async (): Promise<void> => {
    isWaiting = true;
    await redis.ping().then(
      () => set(0),
      () => {}, // the connection was lost: it is made anew
    );
    isWaiting = false;
  };
  // Questions are counted rather than seconds: a process that was busy or asleep has not been left without an answer.
  const timer = setInterval(() => {
    if (isWaiting) set(silent + 1);
    else void ask();
  }, everyMs);
  return () => clearInterval(timer);
}

/** Loads one of the packages that a queue needs; throws `package-missing`, naming all, when one is not there. */
export function fromQueuePackages<T>(load: () => Promise<T>): Promise<T> {
  return fromOptional('a queue', QUEUE_PACKAGES, load);
}

/** ioredis would go on with database 0 where the one that was asked for is not there. */
async function greet(redis: Redis, database: number | undefined): Promise<void> {
  if (database !== undefined) await redis.select(database);
  await redis.ping();
}

/** Whether it is the server's own answer. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** @throws Error when `work` takes longer than a server may; L2cafError `aborted` */
async function withinLimits<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  work.catch(() => {}); // it may fail when nobody waits for it any more
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  const limits = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not answer')), CONNECT_WITHIN_MS);
    onAbort = () => reject(new L2cafError('aborted', 'interrupted', { cause: signal?.reason }));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
  });
  try {
    return await Promise.race([work, limits]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
