/** Batches of events: the journal that makes them go on, processes or other machines that make them, the tables. */
export {
  Batch,
  type EventEnd,
  type EventMaker,
  type EventPlan,
  isOpen,
  type JournalRecord,
  type RunOptions,
} from './batch.ts';
export type { BesideFile, BesideKind, BesideWish, BesideWishes, FilesBeside } from './beside.ts';
export { OUTPUTS, type Output } from './choices.ts';
export { type EventFigures, figuresOf } from './event-figures.ts';
export { type BatchEvent, type BatchEventOptions, type BatchEvents, readBatchEvents } from './events.ts';
export type { MadeFile } from './journal.ts';
export { type DescribeOptions, describeModel } from './model.ts';
export {
  type AnalysisSettings,
  type BatchModel,
  type BatchSettings,
  type BatchTarget,
  type DrawSettings,
  FILE_NAMES,
  type ImportedBatchModel,
  type ModelChoice,
  type ObjectsRead,
  type OwnBatchModel,
} from './outputs.ts';
export type { WorkerState } from './pool.ts';
export { EventQueue, type EventQueueOptions } from './queue.ts';
export { parseQueueAddress, type QueueAddress } from './queue-server.ts';
export { type QueueWorkerOptions, workQueue } from './queue-worker.ts';
export { type DoneEvent, readDoneEvents, writeResults } from './results.ts';
export { defaultJobs, EventRunner, type RunnerOptions } from './runner.ts';
export { Signer } from './signatures.ts';
export type { EventOutcome, FailedEvent, MadeEvent } from './tasks.ts';
export { type VideoFacts, Videos } from './videos.ts';
