/** A thread that answers a number with its double, fails on 0, and ends the process of its own on a negative one. */
import { serveThread } from '../../src/base/threads.ts';

await serveThread<undefined, number, number>(async () => async (job) => {
  if (job < 0) process.exit(1);
  if (job === 0) throw new Error('nothing to double');
  return 2 * job;
});
