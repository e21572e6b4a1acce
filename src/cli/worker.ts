/** `l2caf worker`: this machine's part in batches that are given out through a queue. */
import { Command } from 'commander';
import { parseQueueAddress, type QueueAddress } from '../batch/queue.ts';
import { workQueue } from '../batch/queue-worker.ts';
import { defaultJobs } from '../batch/runner.ts';
import { examples, parseCount, parseNumber } from './options.ts';
import { interruptible } from './run.ts';
import { createTerminal } from './terminal.ts';

interface WorkerFlags {
  readonly queue: QueueAddress;
  readonly videos?: string;
  readonly output?: string;
  readonly jobs?: number;
  readonly cacheLimit: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `worker` command. */
export function workerCommand(): Command {
  return new Command('worker')
    .description('analyze events of batches that other machines give out (l2caf batch --queue), until it is stopped')
    .requiredOption('--queue <address>', 'a Redis or Valkey server, redis://HOST:6379', parseQueueAddress)
    .option('--videos <folder>', 'where the videos lie on this machine (default: where the batch has them)')
    .option('-o, --output <folder>', "the batch's folder as this machine sees it (default: as the batch calls it)")
    .option('--jobs <count>', 'worker processes (default: the cores with wasm, one otherwise)', parseCount(1))
    .option('--cache-limit <GB>', 'bound on the cache of trunk features', parseNumber(0.01, 1e6), 20)
    .option('--json', 'say which events ended as JSON, one object a line')
    .option('-q, --quiet', 'say nothing')
    .addHelpText(
      'after',
      examples(
        'l2caf worker --queue redis://server:6379',
        'l2caf worker --queue redis://:PASSWORD@server:6379 --videos /mnt/drives -o /mnt/results --jobs 8',
      ),
    )
    .action((flags: WorkerFlags) => interruptible((stop) => run(flags, stop)));
}

async function run(flags: WorkerFlags, stop: AbortSignal): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet || flags.json });
  const { queue, videos, output, jobs, cacheLimit } = flags;
  terminal.info(`waiting for events from ${queue.shown}; Ctrl-C finishes those under way`);
  await workQueue(queue, {
    jobs: (model) => jobs ?? defaultJobs(model.backend),
    cacheBytes: cacheLimit * 1e9,
    ...(videos !== undefined && { videos }),
    ...(output !== undefined && { output }),
    onEnd: ({ id, error }) => {
      if (flags.json) terminal.result(JSON.stringify({ event: id, ...(error && { error: error.message }) }));
      else terminal.info(error ? `${id}: failed: ${error.message}` : `${id}: done`);
    },
    stop,
  });
  terminal.info('stopped; no event is left half-done');
}
