/**
 * Worker processes: each has a backend and a network of its own, and none can take another one, or the batch, down with
 * it. The pool is workerpool's; here it learns what its workers are doing, and which tasks never began.
 */
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import { type ErrorValues, errorFrom, L2cafError } from '../base/errors.ts';
import { SetupError, setupErrorOf } from './setup-error.ts';
import type { WorkerMethods } from './tasks.ts';

/** What a worker is doing. */
export interface WorkerState {
  readonly pid: number;
  /** Such as `trunk, 4 frames`; undefined while it waits. */
  readonly doing: string | undefined;
  /** Most resident memory so far, bytes. */
  readonly peakBytes: number;
}

/** What a worker says of a task before it answers: that it begins, or why it failed; then it waits to be ended. */
export type TaskNotice =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'failed'; readonly pid: number; readonly error: ErrorValues; readonly isSetup: boolean };

/** What a worker answers. */
export interface TaskAnswer<T> {
  readonly value: T;
  readonly pid: number;
  readonly peakBytes: number;
}

/** How often a task is given out again whose worker ended before it began. */
const UNSTARTED_LIMIT = 3;

/** How long to wait for processes to end. */
const STOP_LIMIT_MS = 3000;

/** Worker processes that run one task each at a time. */
export class WorkerPool {
  readonly #pool: workerpool.Pool;
  readonly #states = new Map<number, WorkerState>();
  readonly #onState: () => void;
  #places: number;
  readonly #waiting: (() => void)[] = [];
  /** Why no worker can do anything. */
  #broken: SetupError | undefined;
  /** Whether any task ever began. */
  #hasWorked = false;

  /**
   * @param module file of the worker, which calls `serveWorker`
   * @param workers greatest number of processes; they are started when they are needed
   * @param onState called when a worker begins or ends a task
   */
  constructor(module: URL, workers: number, onState: () => void = () => {}) {
    this.#onState = onState;
    this.#places = workers;
    const path = fileURLToPath(module);
    this.#pool = workerpool.pool(path, {
      workerType: 'process',
      maxWorkers: workers,
      forkOpts: {
        serialization: 'advanced',
        // A group of its own: Ctrl-C reaches the batch only, which lets its workers finish.
        detached: true,
        execArgv: extname(path) === '.ts' ? ['--import', import.meta.resolve('tsx')] : [],
      },
    });
  }

  /** What the workers are doing; processes that ended are not listed. */
  get states(): readonly WorkerState[] {
    return [...this.#states.values()];
  }

  /**
   * Runs a task in a worker that is free, or waits for one.
   *
   * @param doing what to say that the worker does meanwhile
   * @throws L2cafError what the task throws; `worker-lost` when the process ends; SetupError, and from then on at once
   */
  async run<M extends keyof WorkerMethods>(
    method: M,
    task: Parameters<WorkerMethods[M]>[0],
    doing: string,
  ): Promise<Awaited<ReturnType<WorkerMethods[M]>>> {
    await this.#takePlace();
    try {
      for (let round = 1; ; round++) {
        if (this.#broken) throw this.#broken;
        const outcome = await this.#tryTask<Awaited<ReturnType<WorkerMethods[M]>>>(method, task, doing);
        if ('value' in outcome) return outcome.value;
        if (outcome.hasStarted) throw outcome.error;
        if (round === UNSTARTED_LIMIT) throw this.#unstarted(outcome.error);
        await setImmediate(); // until the pool has noticed that the worker is gone
      }
    } finally {
      this.#givePlace();
    }
  }

  /** Where no worker has ever begun a task, none will: the installation is broken, or the machine out of processes. */
  #unstarted(error: Error): Error {
    if (this.#hasWorked) return error;
    this.#broken ??= new SetupError('worker-lost', `no worker process can be started: ${error.message}`, {
      hint: 'its own words stand above; l2caf doctor checks the installation',
      cause: error,
    });
    return this.#broken;
  }

  async #tryTask<T>(
    method: string,
    task: unknown,
    doing: string,
  ): Promise<{ value: T } | { error: Error; hasStarted: boolean }> {
    let pid: number | undefined;
    let failure: Error | undefined;
    const on = (notice: TaskNotice): void => {
      if (notice.kind === 'failed') {
        failure = errorOf(notice);
        if (failure instanceof SetupError) this.#broken ??= failure;
        endWorker(notice.pid);
        return;
      }
      pid = notice.pid;
      this.#hasWorked = true;
      this.#setState(pid, { doing });
    };
    try {
      const answer = (await this.#pool.exec(method, [task], { on })) as TaskAnswer<T>;
      this.#setState(answer.pid, { doing: undefined, peakBytes: answer.peakBytes });
      return { value: answer.value };
    } catch (error) {
      if (pid !== undefined) this.#states.delete(pid);
      this.#onState();
      return { error: failure ?? lostWorker(error), hasStarted: pid !== undefined };
    }
  }

  /** workerpool's own queue is not used: it may forget to go on after a worker has ended. */
  async #takePlace(): Promise<void> {
    if (this.#places > 0) this.#places--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #givePlace(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#places++;
  }

  /** Ends the processes. */
  async stop(): Promise<void> {
    // A process that has ended by itself is never told to have ended.
    await this.#pool.terminate(true, STOP_LIMIT_MS).catch(() => {});
  }

  #setState(pid: number, change: Partial<WorkerState>): void {
    const { doing, peakBytes } = { peakBytes: 0, doing: undefined, ...this.#states.get(pid), ...change };
    this.#states.set(pid, { pid, doing, peakBytes });
    this.#onState();
  }
}

function errorOf({ error, isSetup }: Extract<TaskNotice, { kind: 'failed' }>): Error {
  const failure = errorFrom(error);
  return isSetup && failure instanceof L2cafError ? setupErrorOf(failure) : failure;
}

/** It has just said that it waits for this. */
function endWorker(pid: number): void {
  try {
    process.kill(pid);
  } catch {
    // It has ended meanwhile.
  }
}

/** What workerpool rejects with when a process ends → what to tell. */
function lostWorker(error: unknown): L2cafError {
  const text = error instanceof Error ? error.message : String(error);
  const [, code] = /exitCode: `(\d+)`/.exec(text) ?? [];
  const [, signal] = /signalCode: `(\w+)`/.exec(text) ?? [];
  const how = signal && signal !== 'null' ? `killed by ${signal}` : `exit code ${code ?? 'unknown'}`;
  return new L2cafError('worker-lost', `the worker process ended unexpectedly (${how})`, {
    hint: 'it may have run out of memory: try fewer --jobs',
    cause: error,
  });
}
