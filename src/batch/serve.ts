/**
 * The worker's side: takes the tasks of a batch, with a network that is opened when the first of them needs it. A worker
 * that fails says why and is ended, so that whatever is tried next is tried in a fresh one.
 */
import { join, resolve } from 'node:path';
import workerpool from 'workerpool';
import { analyzeDense } from '../analysis/dense.ts';
import { type Analysis, type AnalysisFrame, readAnalysis, writeAnalysis } from '../analysis/document.ts';
import { type BoundTarget, explainEvent, type TimedAnalysis } from '../analysis/explain.ts';
import { bindTarget, featuresOf, type OpenModel, type Target } from '../analysis/pipeline.ts';
import { readSignals, withSignals } from '../analysis/signals.ts';
import type { SlideOptions } from '../analysis/windows.ts';
import { valuesOf } from '../base/errors.ts';
import { fileSize, writeFileAtomically } from '../base/files.ts';
import { guardOutputs } from '../base/output.ts';
import type { FrameBatch, RecordedSignals } from '../base/types.ts';
import { type CachePlace, FeatureCache } from '../features/cache.ts';
import type { EngineInfo } from '../models/backend.ts';
import { EventNetwork, FRAMES_PER_BATCH } from '../models/event-network.ts';
import { fromFloat16, toFloat16 } from '../models/float16.ts';
import type { FeatureMaps, VideoModel } from '../models/video-model.ts';
import type { ObjectList } from '../objects/boxes.ts';
import { type PlacedObjects, placeObjects } from '../objects/place.ts';
import { readObjects } from '../objects/read.ts';
import {
  drawAnalysisStrip,
  drawAnalysisThumbnail,
  framesOfStrip,
  mostImportant,
  renderVideo,
} from '../rendering/rendering.ts';
import { writeReport } from '../report/index.ts';
import { recordedSignals } from '../video/media/probe.ts';
import { framesAt } from '../video/media/sample.ts';
import type { Output } from './choices.ts';
import { figuresOf } from './event-figures.ts';
import { type BatchTarget, FILE_NAMES } from './outputs.ts';
import type { TaskAnswer, TaskNotice } from './pool.ts';
import { duringSetup, SetupError } from './setup-error.ts';
import type { EventAnswer, EventTask, FeaturesTask, TaskModel, WorkerMethods } from './tasks.ts';
import type { VideoFacts } from './videos.ts';

/** Width of a thumbnail, pixels. */
const THUMBNAIL_PX = 192;
/** What it shows is no larger (the frames that the network sees); as PNG it would take four times the space and the time. */
const STRIP = { widthPx: 800, format: 'jpeg' } as const;

/**
 * Makes this process a worker of a `WorkerPool`.
 *
 * @param open how to open the batch's network
 */
export function serveWorker(open: (model: TaskModel) => Promise<OpenModel>): void {
  guardOutputs();
  process.on('SIGINT', () => {}); // the batch decides when its workers end
  let opened: Promise<OpenModel> | undefined;
  const network = (model: TaskModel): Promise<OpenModel> => {
    opened ??= duringSetup(open(model));
    return opened;
  };
  const targets = new Map<string, Promise<BoundTarget>>();
  const methods: WorkerMethods = {
    features: async (task) => computeFeatures(await network(task.model), task),
    event: (task) => processEvent(task, () => network(task.model), targets),
  };
  workerpool.worker({ features: answering(methods.features), event: answering(methods.event) });
}

/** A task with its notices around it. */
function answering<T, R>(work: (task: T) => Promise<R>): (task: T) => Promise<TaskAnswer<R>> {
  const notify = (notice: TaskNotice): void => workerpool.workerEmit(notice);
  return async (task) => {
    notify({ kind: 'started', pid: process.pid });
    try {
      return { value: await work(task), pid: process.pid, peakBytes: process.resourceUsage().maxRSS * 1024 };
    } catch (error) {
      // Only who has been told why is to see the end: it ends this process.
      notify({ kind: 'failed', pid: process.pid, error: valuesOf(error), isSetup: error instanceof SetupError });
      return new Promise(() => {});
    }
  };
}

async function computeFeatures(
  { backend, network }: OpenModel,
  { cache, pictures, frames }: FeaturesTask,
): Promise<number> {
  const startMs = performance.now();
  const features = await own(network).trunkFeatures(isExact(backend) ? pictures : padded(pictures));
  const seconds = (performance.now() - startMs) / 1000;
  const store = FeatureCache.at(cache);
  const { length } = cache.source;
  for (const [i, frame] of frames.entries()) {
    await store.write(frame, toFloat16(features.subarray(i * length, (i + 1) * length)));
  }
  return seconds;
}

/** Only networks of this project have features that are kept. */
function own(network: VideoModel): EventNetwork {
  if (network instanceof EventNetwork) return network;
  throw new Error(`the features of ${network.id} are not kept`);
}

/** Whether a frame's features are the same bits in any batch: these add in the same order. */
function isExact({ name }: EngineInfo): boolean {
  return name === 'wasm' || name === 'cpu' || name === 'onnxruntime';
}

/**
 * Other kernels round differently for batches of different sizes, so batches are filled up with black pictures: features
 * must not depend on what else was in a batch.
 */
function padded({ rgb, shape: [, height, width] }: FeaturesTask['pictures']): FeaturesTask['pictures'] {
  const full = new Uint8Array(FRAMES_PER_BATCH * height * width * 3);
  full.set(rgb);
  return { rgb: full, shape: [FRAMES_PER_BATCH, height, width, 3] };
}

async function processEvent(
  task: EventTask,
  network: () => Promise<OpenModel>,
  targets: Map<string, Promise<BoundTarget>>,
): Promise<EventAnswer> {
  const { outputs, folder, draw, pictures, facts } = task;
  const pathOf = (output: Output): string => join(folder, FILE_NAMES[output]);
  const timingsSec: Record<string, number> = {};
  const timed = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    const result = await work();
    timingsSec[step] = (timingsSec[step] ?? 0) + (performance.now() - startMs) / 1000;
    return result;
  };
  const explainWhole = async (model: OpenModel): Promise<Analysis> => {
    const maps = task.cache
      ? await timed('filters', () => cachedMaps(model, task, task.cache!))
      : await timed('trunk', () => featuresOf(model, task.input ?? pictures!, task.analysis));
    return timed('filters', () => explain(model, task, maps, targets));
  };
  const isNew = outputs.includes('json');
  let analysis: Analysis;
  if (isNew) {
    const model = await network();
    if (task.slide) {
      const { timingsSec: seconds, ...document } = await explainWindows(model, task, task.slide);
      Object.assign(timingsSec, seconds);
      analysis = document;
    } else analysis = await explainWhole(model);
    await writeAnalysis(pathOf('json'), analysis);
  } else {
    analysis = await readAnalysis(pathOf('json'));
  }
  // Documents call the video as the batch does; here it may lie elsewhere.
  const here = (): Analysis => ({ ...analysis, source: { ...analysis.source, path: facts.clip.path } });
  const { fade: _, ...still } = draw; // maps fade in videos
  const makers: Readonly<Record<Exclude<Output, 'json'>, () => Promise<unknown>>> = {
    thumbnail: async () => {
      const frames = pictures ?? (await picturesAt(facts, analysis, [mostImportant(analysis)]));
      await writeFileAtomically(pathOf('thumbnail'), drawAnalysisThumbnail(analysis, frames, still, THUMBNAIL_PX));
    },
    strip: async () => {
      const frames = pictures ?? (await picturesAt(facts, analysis, framesOfStrip(analysis)));
      await writeFileAtomically(pathOf('strip'), drawAnalysisStrip(analysis, frames, still, STRIP));
    },
    mp4: () => renderVideo(here(), pathOf('mp4'), draw),
    report: () => writeReport(here(), pathOf('report'), draw.ignore ? { ignore: draw.ignore } : {}),
  };
  for (const output of outputs) if (output !== 'json') await timed(output, makers[output]);
  const sizes = await Promise.all(outputs.map(async (output) => [output, await fileSize(pathOf(output))] as const));
  return { ...(isNew && { figures: figuresOf(analysis) }), bytes: Object.fromEntries(sizes), timingsSec };
}

/** Those of the last event: a worker has one event at a time, and garbage of this size costs more than it is worth. */
let cachedFeatures = new Float32Array(0);

/** Feature maps from cached features of the trunk. */
async function cachedMaps({ network }: OpenModel, { frames }: EventTask, cache: CachePlace): Promise<FeatureMaps> {
  const store = FeatureCache.at(cache);
  const { length } = cache.source;
  if (cachedFeatures.length !== frames.length * length) cachedFeatures = new Float32Array(frames.length * length);
  for (const [i, frame] of frames.entries()) {
    fromFloat16(await store.read(frame), cachedFeatures.subarray(i * length, (i + 1) * length));
  }
  return own(network).mapsOf(cachedFeatures);
}

/** Frames of an analysis that is of many, at the size at which the network saw them, but whole. */
function picturesAt({ clip }: VideoFacts, { model }: Analysis, frames: readonly AnalysisFrame[]): Promise<FrameBatch> {
  const times = frames.map(({ timestampSec }) => timestampSec);
  return framesAt(clip, times, { size: model.inputSize, decoderThreads: 1 });
}

/** The analysis of an event in windows, just as `l2caf analyze --dense` finds it. */
async function explainWindows(model: OpenModel, task: EventTask, slide: SlideOptions): Promise<TimedAnalysis> {
  const { facts, sourcePath, span, listed, analysis } = task;
  const { target, windows: _, trace: __, ...how } = analysis;
  const { clip } = facts;
  const objects = await objectsOf(task);
  const event = { ...how, ...slide, clip, span, target: targetOf(target), ...(objects && { objects }) };
  const found = withSignals(await analyzeDense(model, event), await signalsOf(task));
  const source = { ...found.source, path: resolve(sourcePath) };
  return { ...found, source, ...(listed.length > 0 && { events: [...listed] }) };
}

function targetOf(target: BatchTarget): Target {
  return target.kind === 'similar' ? { kind: target.kind, clip: target.facts.clip, span: target.span } : target;
}

/** The analysis, without timings: a document is the same whenever it is made. */
async function explain(
  model: OpenModel,
  task: EventTask,
  maps: FeatureMaps,
  targets: Map<string, Promise<BoundTarget>>,
): Promise<Analysis> {
  const { frames, facts, sourcePath, span, listed, notes, damagedSec, analysis } = task;
  const { target } = analysis;
  const name = JSON.stringify(target);
  const bound =
    targets.get(name) ?? duringSetup(bindTarget(model, { target: targetOf(target), frames: analysis.frames }));
  targets.set(name, bound);
  const timestampsSec = frames.map(({ timestampSec }) => timestampSec);
  const objects = await objectsOf(task);
  const { timingsSec: _, ...document } = await explainEvent(
    model,
    {
      clip: { ...facts.clip, path: sourcePath },
      sourceSha256: facts.sha256,
      span,
      notes,
      damagedSec,
      maps,
      timestampsSec,
      timingsSec: { decode: 0, trunk: 0 },
    },
    { ...analysis, ...(objects && { objects }), target: await bound },
  );
  const recorded = withSignals(document, (await signalsOf(task)) ?? (await recordedSignals(facts.clip)));
  return { ...recorded, ...(listed.length > 0 && { events: [...listed] }) };
}

/** The file of objects that was read last: the next event is often of the same video. */
let lastRead: { readonly sha256: string; readonly path: string; readonly list: Promise<ObjectList> } | undefined;

/** The objects of an event, where a file of them lies beside its video. */
async function objectsOf({ objects, facts, span, analysis }: EventTask): Promise<PlacedObjects | undefined> {
  if (objects === undefined) return undefined;
  const { path, sha256, calledPath = path } = objects;
  if (lastRead?.sha256 !== sha256 || lastRead.path !== path) lastRead = { path, sha256, list: readObjects(path) };
  const list = { ...(await lastRead.list), path: calledPath };
  return placeObjects(list, facts.clip, span, { ...analysis.objectsRead, mayBeNone: true });
}

async function signalsOf({ signals }: EventTask): Promise<RecordedSignals | undefined> {
  return signals && readSignals(signals.path);
}
