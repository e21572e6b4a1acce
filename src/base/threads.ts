/**
 * Worker threads that answer jobs in the order in which they come. Both sides of the conversation are here: a thread is
 * started with data, says when it is ready, and gives one answer or error per job.
 */
import { extname } from 'node:path';
import { parentPort, type TransferListItem, Worker, workerData } from 'node:worker_threads';
import { type ErrorValues, errorFrom, L2cafError, valuesOf } from './errors.ts';

/** A thread that does one kind of job. */
export interface Thread<Job, Answer> {
  /** Does a job after those that were given before; several may wait. Throws what the job throws, or why the thread ended. */
  run(job: Job): Promise<Answer>;
  /** Ends the thread at once; jobs that are under way fail. */
  end(): Promise<void>;
}

/**
 * Starts `module` (an address without its ending, seen from `base`, as `import.meta.url` gives it), which calls
 * {@link serveThread}. From the sources, a loader compiles it on the way (tsx, as in the tests).
 *
 * @param data what the thread's set-up gets; copied
 * @throws L2cafError what its set-up throws
 */
export async function startThread<Job, Answer>(
  module: string,
  base: string,
  data: unknown,
): Promise<Thread<Job, Answer>> {
  const worker = new Worker(threadUrl(module, base), { workerData: data });
  const waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  let ended: { readonly error: unknown } | undefined;
  const nextAnswer = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (ended) reject(ended.error);
      else waiting.push({ resolve, reject });
    });
  const failAll = (error: unknown): void => {
    ended ??= { error };
    for (const { reject } of waiting.splice(0)) reject(ended.error);
  };
  worker.on('message', (message: Message<Answer>) => {
    const next = waiting.shift();
    if ('answer' in message) next?.resolve(message.answer);
    else next?.reject(errorFrom(message.error));
  });
  worker.on('error', failAll);
  worker.on('exit', () =>
    failAll(new L2cafError('worker-lost', 'a worker thread ended early', { hint: 'it may have run out of memory' })),
  );
  await nextAnswer();
  return {
    run: (job) => {
      worker.postMessage(job);
      return nextAnswer();
    },
    end: async () => {
      await worker.terminate();
    },
  };
}

/**
 * The thread's side: sets up once, then does one job after another.
 *
 * @param transfer what of an answer is handed over rather than copied
 */
export async function serveThread<Data, Job, Answer>(
  setUp: (data: Data) => Promise<(job: Job) => Promise<Answer>>,
  transfer: (answer: Answer) => TransferListItem[] = () => [],
): Promise<void> {
  const port = parentPort!;
  const fail = (error: unknown): void => port.postMessage({ error: valuesOf(error) });
  let done: Promise<void>;
  try {
    const work = await setUp(workerData as Data);
    port.on('message', (job: Job) => {
      done = done
        .then(() => work(job))
        .then((answer) => port.postMessage({ answer } satisfies Message<Answer>, transfer(answer)))
        .catch(fail);
    });
    done = Promise.resolve();
    port.postMessage({ answer: undefined });
  } catch (error) {
    fail(error);
  }
}

type Message<Answer> = { readonly answer: Answer } | { readonly error: ErrorValues };

function threadUrl(module: string, base: string): URL {
  const url = new URL(`${module}${extname(base)}`, base);
  if (extname(url.href) === '.js') return url;
  const [tsx, thread] = [import.meta.resolve('tsx/esm/api'), url.href].map((target) => JSON.stringify(target));
  return new URL(`data:text/javascript,import { register } from ${tsx}; register(); await import(${thread});`);
}
