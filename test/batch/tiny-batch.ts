/**
 * A batch with the tiny network: all that `l2caf batch` does but for its options. Also a program, to be killed:
 * `tiny-batch.ts EVENTS FOLDER JOBS` prints a line per event.
 */
import { pathToFileURL } from 'node:url';
import { Batch, type EventEnd, type EventPlan } from '../../src/batch/batch.ts';
import { readEventList } from '../../src/batch/events.ts';
import type { AnalysisSettings, BatchSettings, DrawSettings, Output } from '../../src/batch/outputs.ts';
import { writeResults } from '../../src/batch/results.ts';
import { EventRunner } from '../../src/batch/runner.ts';
import { tinyHead } from '../tiny-network.ts';

/** What may differ between runs. */
export interface TinyBatchOptions {
  readonly jobs?: number;
  readonly analysis?: Partial<AnalysisSettings>;
  readonly draw?: DrawSettings;
  readonly outputs?: readonly Output[];
  readonly stop?: AbortSignal;
  readonly onEnd?: (end: EventEnd) => void;
  /** Called when a worker begins or ends a task. */
  readonly onWorkers?: (runner: EventRunner) => void;
}

/** What was found to do, and how each event ended. */
export interface TinyBatchRun {
  readonly plans: readonly EventPlan[];
  readonly ends: readonly EventEnd[];
}

/** Runs a batch to its end. */
export async function runTinyBatch(
  list: string,
  folder: string,
  options: TinyBatchOptions = {},
): Promise<TinyBatchRun> {
  const { jobs = 1, onWorkers, onEnd, stop } = options;
  const model = { choice: { backend: 'wasm' as const }, backend: 'wasm' as const, ...(await tinyHead()) };
  const settings: BatchSettings = {
    model,
    analysis: { frames: 3, seed: 0, target: { kind: 'oblivious' }, ...options.analysis },
    draw: options.draw ?? {},
    outputs: options.outputs ?? [],
  };
  const batch = await Batch.open(folder);
  const runner: EventRunner = new EventRunner({
    settings,
    videos: batch.videos,
    jobs,
    workerModule: new URL('./tiny-worker.ts', import.meta.url),
    onWorkers: () => onWorkers?.(runner),
  });
  const ends: EventEnd[] = [];
  try {
    const { events } = await readEventList(list, batch.videos);
    const plans = await batch.plan(events, settings);
    await batch.run(plans, {
      run: (event, where, outputs) => runner.run(event, where, outputs),
      eventsAtOnce: runner.eventsAtOnce,
      onEnd: (end) => {
        ends.push(end);
        onEnd?.(end);
      },
      ...(stop && { stop }),
    });
    await writeResults(batch, plans);
    return { plans, ends };
  } finally {
    await runner.stop();
    await batch.close();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [list, folder, jobs] = process.argv.slice(2) as [string, string, string];
  await runTinyBatch(list, folder, {
    jobs: Number(jobs),
    outputs: ['strip'],
    onEnd: ({ id }) => process.stdout.write(`${id}\n`),
  });
}
