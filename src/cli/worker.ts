/** `l2caf worker`: this machine's part in batches that are given out through a queue. */
import { Command } from 'commander';
import { workQueue } from '../batch/queue-worker.ts';
import { defaultJobs } from '../batch/runner.ts';
import { examples, JOBS_HELP, parseCount, parseNumber } from './options.ts';
import { type QueueFlags, queueAccess, queueOption, queuePasswordOption, queueSecretOption } from './queue-options.ts';
import { interruptible } from './run.ts';
import { createTerminal } from './terminal.ts';

interface WorkerFlags extends QueueFlags {
  readonly videos?: string;
  readonly output?: string;
  readonly model?: string;
  readonly jobs?: number;
  readonly cacheLimit: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The `worker` command. */
export function workerCommand(): Command {
  return new Command('worker')
    .description('analyze events of batches that other machines give out (l2caf batch --queue), until it is stopped')
    .addOption(queueOption('a Redis or Valkey server, redis://HOST:6379').makeOptionMandatory())
    .addOption(queuePasswordOption())
    .addOption(queueSecretOption())
    .option('--videos <folder>', 'read videos from this folder alone (default: where the batch has them)')
    .option('-o, --output <folder>', "the batch's folder as this machine sees it; nothing is written elsewhere")
    .option('--model <name>', 'the model as this machine has it (default: where the batch has it)')
    .option('--jobs <count>', JOBS_HELP, parseCount(1))
    .option('--cache-limit <GB>', 'bound on the cache of trunk features', parseNumber(0.01, 1e6), 20)
    .option('--json', 'say which events ended as JSON, one object a line')
    .option('-q, --quiet', 'say nothing')
    .addHelpText(
      'after',
      examples(
        'l2caf worker --queue redis://server:6379',
        'l2caf worker --queue redis://server:6379 --queue-password word.txt --queue-secret key.txt',
        'l2caf worker --queue redis://server:6379 --videos /mnt/drives -o /mnt/results --jobs 8',
        'l2caf worker --queue redis://server:6379 --model /mnt/networks/net.onnx',
      ),
    )
    .action((flags: WorkerFlags) => interruptible((stop) => run(flags, stop)));
}

async function run(flags: WorkerFlags, stop: AbortSignal): Promise<void> {
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
