/** `l2caf worker`: this machine's part in batches that are given out through a queue. */
import { workQueue } from '../batch/queue-worker.ts';
import { defaultJobs } from '../batch/runner.ts';
import { type QueueFlags, queueAccess } from './queue-options.ts';
import { createTerminal } from './terminal.ts';

/** What commander hands over. */
export interface WorkerFlags extends QueueFlags {
  readonly videos?: string;
  readonly output?: string;
  readonly model?: string;
  readonly jobs?: number;
  readonly cacheLimit: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Takes events until it is stopped. */
export async function work(flags: WorkerFlags, stop: AbortSignal): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet || flags.json });
  const { videos, output, model, jobs, cacheLimit } = flags;
  const { address, signer } = await queueAccess(flags);
  terminal.info(`waiting for events from ${address.shown}; Ctrl-C finishes those under way`);
  await workQueue(address, {
    signer,
    jobs: ({ backend }) => jobs ?? defaultJobs(backend),
    cacheBytes: cacheLimit * 1e9,
    ...(videos !== undefined && { videos }),
    ...(output !== undefined && { output }),
    ...(model !== undefined && { model }),
    onEnd: ({ id, error }) => {
      if (flags.json) terminal.result(JSON.stringify({ event: id, ...(error && { error: error.message }) }));
      else terminal.info(error ? `${id}: failed: ${error.message}` : `${id}: done`);
    },
    onLack: ({ message, hint }) => {
      terminal.warn(`left to other workers: ${message}${hint === undefined ? '' : ` (${hint})`}`);
    },
    onNotice: (message) => terminal.info(message),
    onNote: (note) => terminal.warn(note),
    stop,
  });
  terminal.info('stopped; no event is left half-done');
}
