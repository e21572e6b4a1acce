/** A program to be killed: a worker of a queue, with the tiny network. `tiny-queue-worker QUEUE [VIDEOS]`. */
import { parseQueueAddress } from '../../src/batch/queue-server.ts';
import { workQueue } from '../../src/batch/queue-worker.ts';
import { TINY_WORKER, tinyBatchModel } from './tiny-batch.ts';

const [queue, videos] = process.argv.slice(2) as [string, string | undefined];
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
await workQueue(parseQueueAddress(queue), {
  jobs: () => 1,
  workerModule: TINY_WORKER,
  describe: tinyBatchModel,
  lockMs: 2000,
  restMs: 100,
  stop: stop.signal,
  ...(videos !== undefined && { videos }),
  onEnd: ({ id }) => process.stdout.write(`${id}\n`),
  onLack: ({ message }) => process.stderr.write(`${message}\n`),
});
