/** A batch with the tiny network: all that `l2caf batch` does but for its options. */
import { resolve } from 'node:path';
import { Batch, type EventEnd, type EventMaker, type EventPlan, isOpen } from '../../src/batch/batch.ts';
import type { Output } from '../../src/batch/choices.ts';
import { readBatchEvents } from '../../src/batch/events.ts';
import type { AnalysisSettings, BatchSettings, DrawSettings, OwnBatchModel } from '../../src/batch/outputs.ts';
import { EventQueue, type EventQueueOptions } from '../../src/batch/queue.ts';
import { parseQueueAddress } from '../../src/batch/queue-server.ts';
import { writeResults } from '../../src/batch/results.ts';
import { EventRunner } from '../../src/batch/runner.ts';
import type { PictureWish } from '../../src/video/media/crop.ts';
import { tinyHead } from '../support/tiny-network.ts';

/** What may differ between runs. */
export interface TinyBatchOptions {
  readonly jobs?: number;
  /** Address of the queue through which events are given out. */
  readonly queue?: string;
  readonly queueOptions?: EventQueueOptions;
  readonly analysis?: Partial<AnalysisSettings>;
  readonly draw?: DrawSettings;
  readonly outputs?: readonly Output[];
  readonly shown?: PictureWish;
  readonly stop?: AbortSignal;
  /** Another worker than the tiny one. */
  readonly workerModule?: URL;
  readonly onEnd?: (end: EventEnd) => void;
  /** Called when a worker begins or ends a task. */
  readonly onWorkers?: (runner: EventRunner) => void;
}

/** What was found to do, and how each event ended. */
export interface TinyBatchRun {
  readonly plans: readonly EventPlan[];
  readonly ends: readonly EventEnd[];
}

/** The worker process with the tiny network. */
export const TINY_WORKER: URL = program('tiny-worker');

/** A program of this folder, as `test/support/build.ts` compiles it. */
export function program(name: string): URL {
  return new URL(`../../.cache/test-programs/${name}.js`, import.meta.url); // from here, and from there
}

/** The tiny network as a batch describes it; its weights go to the cache. */
export async function tinyBatchModel(): Promise<OwnBatchModel> {
  return { choice: { backend: 'wasm' }, backend: 'wasm', ...(await tinyHead()) };
}

/** Runs a batch to its end. */
export async function runTinyBatch(
  list: string,
  folder: string,
  options: TinyBatchOptions = {},
): Promise<TinyBatchRun> {
  const { onEnd, stop } = options;
  const model = await tinyBatchModel();
  const settings: BatchSettings = {
    model,
    analysis: { frames: 3, seed: 0, target: { kind: 'oblivious' }, ...options.analysis },
    draw: options.draw ?? {},
    outputs: options.outputs ?? [],
  };
  const batch = await Batch.open(folder);
  const ends: EventEnd[] = [];
  let maker: EventMaker | undefined;
  try {
    maker = await makerOf(batch, settings, options);
    const { events } = await readBatchEvents(list, batch.videos, { shown: options.shown ?? {} });
    const plans = await batch.plan(events, settings);
    await batch.run(plans.filter(isOpen), maker, {
      onEnd: (end) => {
        ends.push(end);
        onEnd?.(end);
      },
      ...(stop && { stop }),
    });
    await writeResults(batch, plans);
    return { plans, ends };
  } finally {
    await maker?.close();
    await batch.close();
  }
}

async function makerOf(
  batch: Batch,
  settings: BatchSettings,
  { jobs = 1, queue, queueOptions, stop, onWorkers, workerModule = TINY_WORKER }: TinyBatchOptions,
): Promise<EventMaker> {
  if (queue !== undefined) {
    return EventQueue.open(parseQueueAddress(queue), settings, resolve(batch.folder), { stop, ...queueOptions });
  }
  const runner: EventRunner = new EventRunner({
    settings,
    videos: batch.videos,
    jobs,
    workerModule,
    onWorkers: () => onWorkers?.(runner),
  });
  return runner;
}
