/** The process that `WorkerPool` starts: a network of its own, and the two tasks of a batch. */
import { openDescribed } from './model.ts';
import { serveWorker } from './serve.ts';

serveWorker(({ choice, threads }) => openDescribed(choice, threads));
