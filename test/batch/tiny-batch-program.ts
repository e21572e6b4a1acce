/** A program to be killed: a batch with the tiny network. `EVENTS FOLDER JOBS [QUEUE]`; prints a line per event. */
import { runTinyBatch } from './tiny-batch.ts';

const [list, folder, jobs, queue] = process.argv.slice(2) as [string, string, string, string | undefined];
await runTinyBatch(list, folder, {
  jobs: Number(jobs),
  ...(queue !== undefined && { queue }),
  outputs: ['strip'],
  onEnd: ({ id }) => process.stdout.write(`${id}\n`),
});
