/** `l2caf batch`: every event of a list, on all cores, to be interrupted and continued at will. */
import { basename, extname, join, resolve } from 'node:path';
import { framesFor } from '../analysis/pipeline.ts';
import { L2cafError } from '../base/errors.ts';
import { withFolder, writeFileAtomically } from '../base/files.ts';
import { noteInput } from '../base/noted-inputs.ts';
import { checkOutputFolder, checkOutputs, removeSealed } from '../base/output.ts';
import { Batch, type EventMaker, type EventPlan, isOpen } from '../batch/batch.ts';
import type { BesideWish } from '../batch/beside.ts';
import type { Output } from '../batch/choices.ts';
import { type BatchEvent, readBatchEvents } from '../batch/events.ts';
import { checkSettings, describeModel } from '../batch/model.ts';
import { type BatchSettings, type BatchTarget, contractOf, slideOf } from '../batch/outputs.ts';
import { EventQueue } from '../batch/queue.ts';
import { RESULT_FILES, statusOf, writeResults } from '../batch/results.ts';
import { defaultJobs, EventRunner } from '../batch/runner.ts';
import type { Videos } from '../batch/videos.ts';
import { BATCH_LIST, batchListJson } from '../events/batch-list.ts';
import { pullTrunk } from '../models/pull.ts';
import type { CropWish, HideWish } from '../video/media/crop.ts';
import { readingOf } from '../video/media/probe.ts';
import { resolveSpan } from '../video/media/sample.ts';
import type { AnalysisFlags } from './analysis-options.ts';
import { type BatchDisplay, createBatchDisplay } from './batch-display.ts';
import { freeName, isOfOther, isSamePath } from './default-folder.ts';
import { cardOf, type NetworkFlags } from './network-options.ts';
import { type ObjectReadingFlags, objectReadingOf } from './object-options.ts';
import { type QueueFlags, queueAccess } from './queue-options.ts';
import { EXIT } from './run.ts';
import { type VideoFlags, videoOptionsOf } from './style-options.ts';
import { seenInWindows, slideWish, type WindowFlags } from './window-options.ts';

/** What commander hands over. */
export interface BatchFlags
  extends Omit<VideoFlags, 'ignore'>,
    AnalysisFlags,
    NetworkFlags,
    WindowFlags,
    ObjectReadingFlags,
    Partial<QueueFlags> {
  readonly videos?: string;
  readonly fps?: number;
  readonly crop: CropWish;
  readonly ignore: HideWish;
  readonly objects?: BesideWish;
  readonly signals?: BesideWish;
  readonly output?: string;
  readonly jobs?: number;
  readonly only?: string;
  readonly limit?: number;
  readonly outputs: readonly Output[];
  readonly strict?: boolean;
  readonly frames?: number;
  readonly cacheLimit: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Analyzes what is missing of a list of events, and writes its tables. */
export async function runBatch(path: string, flags: BatchFlags, stop: AbortSignal): Promise<void> {
  slideWish(flags); // before anything else
  objectReadingOf(flags);
  const display = createBatchDisplay(flags);
  try {
    for (let isDone = false; !isDone; ) {
      const folder = flags.output ?? (await freeName(defaultFolder(path), (name) => isOfOtherList(name, path)));
      await checkOutputFolder(folder);
      await checkOutputs([...Object.values(RESULT_FILES), WRONG_ROWS, BATCH_LIST].map((name) => join(folder, name)));
      isDone = await withFolder(folder, async () => {
        const batch = await Batch.open(folder);
        try {
          // Another run may have been faster, and have ended meanwhile.
          if (flags.output === undefined && (await isOfOtherList(folder, path))) return false;
          await runIn(batch, path, flags, display, stop);
          return true;
        } finally {
          await batch.close();
        }
      });
    }
  } finally {
    display.close();
  }
}

/** What is wrong with rows that were left out. */
const WRONG_ROWS = 'wrong-rows.txt';

/** The list's name in l2caf-out; another list of that name has another folder. */
function defaultFolder(list: string): string {
  return join('l2caf-out', basename(resolve(list), extname(list)));
}

function isOfOtherList(folder: string, list: string): Promise<boolean> {
  return isOfOther(join(folder, BATCH_LIST), (document) =>
    isSamePath((document as { readonly list: string }).list, list),
  );
}

async function runIn(
  batch: Batch,
  path: string,
  flags: BatchFlags,
  display: BatchDisplay,
  stop: AbortSignal,
): Promise<void> {
  const { folder } = batch;
  for (const warning of batch.warnings) display.warn(warning);
  const { videos, only, limit, objects, signals } = flags;
  const { events, problems, notes } = await readBatchEvents(path, batch.videos, {
    videos,
    pictures: readingOf(flags),
    shown: { crop: flags.crop, hide: flags.ignore },
    beside: { ...(objects && { objects }), ...(signals && { signals }) },
    only,
    limit,
    onProgress: display.onProgress,
    signal: stop,
  });
  for (const note of notes) display.warn(`${path}: ${note}`);
  for (const { facts, objects: boxes, signals: recorded } of events) {
    for (const path of [facts.clip.path, boxes?.path, recorded?.path]) if (path !== undefined) noteInput(path);
  }
  await writeFileAtomically(join(folder, BATCH_LIST), batchListJson(path));
  await reportProblems(path, batch, problems, flags, display);
  if (events.length === 0) {
    const why = problems.length > 0 ? 'see what is wrong with its rows' : 'it has no rows';
    throw new L2cafError('input-unreadable', `${path} holds no event that can be analyzed`, {
      hint: flags.only === undefined ? why : `no row has the label ${flags.only}`,
    });
  }
  const others = only === undefined && limit === undefined ? batch.others(events).length : 0;
  const kept = others === 1 ? '1 event that it had before is' : `${others} events that it had before are`;
  if (others > 0) display.warn(`${path}: ${kept} kept in ${folder}, but in no table`);
  const settings = await settingsOf(flags, batch.videos, display, stop);
  sayWindows(events, settings, display);
  const plans = await batch.plan(events, settings);
  await make(batch, flags, { plans, settings, display, stop });
  await writeResults(batch, plans, problems);
  const count = (status: string): number => plans.filter((plan) => statusOf(batch, plan) === status).length;
  const summary = {
    events: plans.length,
    done: count('done'),
    failed: count('failed'),
    pending: count('pending'),
    wrongRows: problems.length,
    folder,
  };
  display.finish(
    summary,
    [RESULT_FILES.csv, RESULT_FILES.index].map((name) => join(folder, name)),
  );
  if (stop.aborted) process.exitCode = EXIT.interrupted;
  else if (summary.failed > 0 || summary.wrongRows > 0) process.exitCode = EXIT.partly;
}

/** Problems shown at once; all of them are written down. */
const MAX_SHOWN = 20;

async function reportProblems(
  path: string,
  batch: Batch,
  problems: readonly string[],
  { strict }: BatchFlags,
  display: BatchDisplay,
): Promise<void> {
  const file = join(batch.folder, WRONG_ROWS);
  if (problems.length === 0) {
    await removeSealed([file]);
    return;
  }
  await writeFileAtomically(file, problems.map((problem) => `${problem}\n`).join(''));
  const shown = problems.slice(0, MAX_SHOWN).map((problem) => `\n  ${problem}`);
  const rest = problems.length > MAX_SHOWN ? `\n  and ${problems.length - MAX_SHOWN} more, see ${file}` : '';
  const rows = problems.length === 1 ? '1 row is' : `${problems.length} rows are`;
  const message = `${path}: ${rows} wrong${strict ? '' : ' and left out'}:${shown.join('')}${rest}`;
  if (strict) {
    throw new L2cafError('input-unreadable', message, { hint: 'mend the rows, or leave --strict out to skip them' });
  }
  display.warn(message);
}

async function settingsOf(
  flags: BatchFlags,
  videos: Videos,
  display: BatchDisplay,
  stop: AbortSignal,
): Promise<BatchSettings> {
  const { outputs } = flags;
  const { backend, size, seed, method, constraint, solver, preset, starts, trace = false, fine } = flags;
  const card = await cardOf(flags);
  const model = await describeModel(
    {
      backend,
      model: flags.model,
      ...(card && { card }),
      ...(size && { size }),
      ...(flags.frames && { frames: flags.frames }),
      ...(flags.untrained && { untrainedSeed: seed }),
    },
    { onProgress: display.onProgress, signal: stop, onWarning: (text) => display.warn(text) },
  );
  if ('imported' in model) for (const warning of model.imported.warnings) display.warn(warning);
  const frames = framesFor(contractOf(model).input, flags.frames);
  const target = await targetOf(flags, videos, stop);
  const analysis = {
    frames,
    seed,
    method,
    constraint,
    solver,
    preset,
    starts,
    trace,
    target,
    windows: slideWish(flags),
    objectsRead: objectReadingOf(flags),
    ...(fine && { fine }),
    ...(flags.strict && { strict: true }),
  };
  const draw = videoOptionsOf({ ...flags, ignore: flags.ignore.parts });
  const settings = { model, analysis, draw, outputs };
  checkSettings(settings);
  return settings;
}

/** Says which events are seen in windows without having been asked for. */
function sayWindows(events: readonly BatchEvent[], settings: BatchSettings, display: BatchDisplay): void {
  const { eventSec } = contractOf(settings.model).input;
  const slides = events.flatMap((event) => slideOf(event, settings) ?? []);
  const [first] = slides;
  if (settings.analysis.windows?.isDense || first === undefined) return;
  const count = slides.length === 1 ? '1 is' : `${slides.length} are`;
  display.info(
    `of ${events.length} events, ${count} more than twice as long as those of ${eventSec} s that the model was trained on: ${seenInWindows(first)}`,
  );
}

async function targetOf(
  { target, crop, ignore }: Pick<BatchFlags, 'target' | 'crop' | 'ignore'>,
  videos: Videos,
  stop: AbortSignal,
): Promise<BatchTarget> {
  if (target.kind !== 'similar') return target;
  // A part of the events' videos is none of another's.
  const wish = { crop: crop === 'auto' ? crop : ('none' as const), hide: { isAuto: ignore.isAuto, parts: [] } };
  const facts = await videos.shown(await videos.facts(resolve(target.path), {}, stop), wish, stop);
  return { kind: target.kind, facts, span: resolveSpan(facts.clip, target.span) };
}

interface Making {
  readonly plans: readonly EventPlan[];
  readonly settings: BatchSettings;
  readonly display: BatchDisplay;
  readonly stop: AbortSignal;
}

/** Makes what is missing. */
async function make(batch: Batch, flags: BatchFlags, making: Making): Promise<void> {
  const { plans, display, stop } = making;
  const open = plans.filter(isOpen);
  if (open.length === 0) return;
  const { queue } = flags;
  const maker = await (queue === undefined
    ? thisMachine(batch, flags, making)
    : workersOf({ ...flags, queue }, batch, making));
  stop.addEventListener('abort', () => display.stopping(), { once: true });
  display.begin(plans.length, plans.length - open.length);
  try {
    await batch.run(open, maker, {
      onStart: ({ id }) => display.eventStarted(id),
      onEnd: (end) => display.eventEnded(end),
      stop,
    });
  } finally {
    await maker.close();
  }
}

async function workersOf(flags: QueueFlags, batch: Batch, { settings, display, stop }: Making): Promise<EventMaker> {
  const { address, signer } = await queueAccess(flags);
  const { shown } = address;
  display.info(`events are given out through ${shown}, to l2caf worker --queue ${shown}`);
  const onNotice = (message: string): void => display.info(message);
  return EventQueue.open(address, settings, resolve(batch.folder), { stop, signer, onNotice });
}

async function thisMachine(
  batch: Batch,
  { jobs, cacheLimit }: BatchFlags,
  { plans, settings, display, stop }: Making,
): Promise<EventMaker> {
  const { model } = settings;
  if (!('imported' in model) && plans.some(({ outputs }) => outputs.includes('json'))) {
    await pullTrunk(model.pretrained, { onProgress: display.onProgress, signal: stop });
  }
  const runner: EventRunner = new EventRunner({
    settings,
    videos: batch.videos,
    jobs: jobs ?? defaultJobs(model.backend),
    cacheBytes: cacheLimit * 1e9,
    onWorkers: () => display.workers(runner.workers),
    onNote: (note) => display.warn(note),
  });
  return runner;
}
