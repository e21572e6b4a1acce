/** `l2caf worker`, as it is asked for. */
import { Command } from 'commander';
import { deviceOption, examples, JOBS_HELP, parseCount, parseNumber } from '../options.ts';
import { queueOption, queuePasswordOption, queueSecretOption } from '../queue-options.ts';
import { interruptible } from '../run.ts';
import type { WorkerFlags } from '../worker.ts';

/** The `worker` command. */
export function workerCommand(): Command {
  return new Command('worker')
    .addOption(queueOption('a Redis or Valkey server, redis://HOST:6379').makeOptionMandatory())
    .addOption(queuePasswordOption())
    .addOption(queueSecretOption())
    .option('--videos <folder>', 'read videos from this folder alone (default: where the batch has them)')
    .option('-o, --output <folder>', "the batch's folder as this machine sees it; nothing is written elsewhere")
    .option('--model <name>', 'the model as this machine has it (default: where the batch has it)')
    .addOption(deviceOption())
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
    .action((flags: WorkerFlags) =>
      interruptible(async (signal) => (await import('../worker.ts')).work(flags, signal)),
    );
}
