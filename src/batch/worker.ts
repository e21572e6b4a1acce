/** The process that `WorkerPool` starts: a network of its own, and the two tasks of a batch. */
import { openEventNetwork } from '../analysis/pipeline.ts';
import { serveWorker } from './serve.ts';

serveWorker(openEventNetwork);
