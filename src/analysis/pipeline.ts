/**
 * The main job on one screen: sample the frames of an event, run the trunk on them, and explain what it saw
 * (`explain.ts`). `rendering.ts` draws it. The steps are those of docs/architecture.md.
 */
import { resolve } from 'node:path';
import { assertNever, L2cafError, throwIfAborted } from '../base/errors.ts';
import { sizeFor } from '../base/fit.ts';
import type { FrameBatch, PictureSize, ProgressListener, TimeSpan, VideoClip } from '../base/types.ts';
import { type EngineInfo, useEngine } from '../models/backend.ts';
import type { Card } from '../models/card.ts';
import type { EngineChoice } from '../models/choices.ts';
import { EventNetwork, withInputSize } from '../models/event-network.ts';
import { type Head, untrainedHead } from '../models/head.ts';
import { isImported, openImported } from '../models/imported.ts';
import { loadModel } from '../models/model-directory.ts';
import { useOnnxThreads } from '../models/onnx/runtime.ts';
import { DEFAULT_MODEL, findModel } from '../models/packaged.ts';
import { findPretrained, type PretrainedTrunk } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { excludedBy } from '../models/questions.ts';
import {
  type FeatureMaps,
  type ModelInput,
  type ModelOutput,
  scoresOf,
  type VideoModel,
} from '../models/video-model.ts';
import { type PictureWish, shownAs } from '../video/media/crop.ts';
import { refuseDamage } from '../video/media/damage.ts';
import { lookAtPicture } from '../video/media/picture-facts.ts';
import { probeClip, type Reading, recordedSignals, sha256OfClip } from '../video/media/probe.ts';
import { resolveSpan, type ShownFrames, sampleFrames } from '../video/media/sample.ts';
import { type BoundTarget, type ExplainOptions, explainEvent, numberNames, type TimedAnalysis } from './explain.ts';
import { featuresOfViews } from './finer.ts';
import { withSignals } from './signals.ts';

/** Long work can be watched and stopped. */
export interface WorkOptions {
  readonly onProgress?: ProgressListener;
  readonly signal?: AbortSignal;
}

/** Which network, on what. */
export interface ModelOptions extends WorkOptions {
  readonly backend: EngineChoice;
  /** Name of a packaged model, folder of a trained or imported one, or file of a network; default: the packaged `driving`. */
  readonly model?: string;
  /** What is known of a file of a network beside its own card. */
  readonly card?: Card;
  /** Size to which frames are resized, a multiple of 32 each way; default: the model's. */
  readonly size?: PictureSize;
  /** Frames of an event, where a file of a network takes any number. */
  readonly frames?: number;
  /** Whether a file of a network was opened before, so that nothing of it needs to be tried again; default false. */
  readonly isSteady?: boolean;
  /** Threads of onnxruntime, which runs ONNX files; default: one for each core. */
  readonly threads?: number;
  /** When given, the head's weights are drawn at random from this seed: something to compare a trained one with. */
  readonly untrainedSeed?: number;
}

/** A network that is ready, and the backend it runs on. */
export interface OpenModel<Network extends VideoModel = VideoModel> {
  readonly network: Network;
  readonly backend: EngineInfo;
  /** What the user must know about this model. */
  readonly warnings: readonly string[];
  /** Of a file of a network: with which it is opened again as it is, with nothing left to guess. */
  readonly card?: Card;
}

/**
 * What the attention explains: the whole embedding (Eq. 1), one class (Eq. 2), what drives one number, such as a steering
 * angle, away from zero, or the similarity to another event (METHOD §2).
 */
export type Target =
  | { readonly kind: 'oblivious' }
  | { readonly kind: 'class'; readonly label: string }
  | { readonly kind: 'output'; readonly label: string }
  | { readonly kind: 'similar'; readonly clip: VideoClip; readonly span: TimeSpan };

/** Which event of which clip, and how its attention is found. */
export interface EventOptions extends Omit<ExplainOptions, 'target'> {
  readonly clip: VideoClip;
  readonly span: TimeSpan;
  /** Frames to sample, the length of the LSTM's sequence. */
  readonly frames: number;
  /** Default `oblivious`. */
  readonly target?: Target;
  /** Whether frames that are damaged or lost are an error, not a warning. */
  readonly strict?: boolean;
}

/**
 * Steps 1: what the clip is, and the span of it that is meant.
 *
 * @param wanted `crop`, `hide`: what of its picture networks are shown; default all of it
 * @throws L2cafError as `probeClip`, `resolveSpan` and `shownAs`
 */
export async function openClip(
  path: string,
  wanted: { readonly startSec?: number; readonly endSec?: number } & PictureWish & Reading,
  signal?: AbortSignal,
): Promise<{ clip: VideoClip; span: TimeSpan }> {
  const clip = await probeClip(path, signal, wanted);
  const span = resolveSpan(clip, wanted);
  return { clip: await shownAs(clip, wanted, () => lookAtPicture(clip, signal)), span };
}

/**
 * Makes a network ready, one of this project or one of the user's. The caller disposes of it.
 *
 * @throws L2cafError as {@link openEventNetwork} or `openImported`
 */
export async function openModel(options: ModelOptions): Promise<OpenModel> {
  if (options.threads !== undefined) useOnnxThreads(options.threads);
  if (!(await isImported(options.model))) {
    if (options.card !== undefined) {
      throw new L2cafError('usage', `${options.model ?? DEFAULT_MODEL} knows itself how it wants its frames`, {
        hint: '--norm, --layer and the like are for the files of other networks',
      });
    }
    return openEventNetwork(options);
  }
  if (options.untrainedSeed !== undefined) {
    throw new L2cafError('usage', `random weights are those of l2caf's own networks, not of ${options.model}`, {
      hint: 'leave --untrained out',
    });
  }
  return openImported(options.model!, options);
}

/** Frames of an event where neither user nor network says. */
const USUAL_FRAMES = 3;

/**
 * How many frames of an event a network sees: as many as are asked for, or as it takes.
 *
 * @throws L2cafError `usage` when it takes another number
 */
export function framesFor({ frames, usualFrames = USUAL_FRAMES }: Partial<ModelInput>, wanted?: number): number {
  if (frames !== undefined && wanted !== undefined && wanted !== frames) {
    throw new L2cafError('usage', `the network takes ${frames} frames of an event, not ${wanted}`, {
      hint: 'leave --frames out',
    });
  }
  return wanted ?? frames ?? usualFrames;
}

/**
 * Makes a network of this project ready; fetches the trunk's weights, and onnxruntime (`useEngine`), first if they are not there. The caller disposes
 * of it.
 *
 * @throws L2cafError for a model that is damaged or does not fit, weights that cannot be had, a backend that is not there
 */
export async function openEventNetwork(options: ModelOptions): Promise<OpenModel<EventNetwork>> {
  const { head, pretrained } = await readHead(options);
  const backend = await useEngine(options.backend, options);
  await pullTrunk(pretrained, options);
  throwIfAborted(options.signal);
  const network = await EventNetwork.load(head, pretrained, { engine: backend.name });
  const warnings = [
    ...(backend.warning === undefined ? [] : [backend.warning]),
    ...(options.untrainedSeed === undefined ? [] : [UNTRAINED_WARNING]),
  ];
  return { network, backend, warnings };
}

/**
 * The head that a model has, and the trunk that it belongs to; nothing is run.
 *
 * @throws L2cafError for a model that is unknown, damaged or does not fit
 */
export async function readHead({
  model = DEFAULT_MODEL,
  size,
  untrainedSeed,
}: Pick<ModelOptions, 'model' | 'size' | 'untrainedSeed'>): Promise<{ head: Head; pretrained: PretrainedTrunk }> {
  const { head: saved } = await loadModel(await findModel(model));
  const pretrained = findPretrained(saved.spec.trunk);
  const trained = size === undefined ? saved : withInputSize(saved, pretrained, size);
  const head = untrainedSeed === undefined ? trained : untrainedHead(trained.spec, untrainedSeed);
  return { head, pretrained };
}

const UNTRAINED_WARNING = 'UNTRAINED HEAD: its weights are random, and so is what it looks at';

/** Step 2: the frames of an event that the network sees, at its input size. */
export function sampleEvent(
  { network }: OpenModel,
  { clip, span, frames: count, signal }: Pick<EventOptions, 'clip' | 'span' | 'frames' | 'signal'>,
): Promise<ShownFrames> {
  const size = sizeFor(network.input.size, clip);
  return sampleFrames(clip, { span, count, size, ...(signal && { signal }) });
}

/** Steps 3 and 4: frames of one event, through the trunk and the shallow CNN; for finer maps several times. */
export function featuresOf(
  { network }: OpenModel,
  frames: FrameBatch,
  { fine }: Pick<ExplainOptions, 'fine'> = {},
): Promise<FeatureMaps> {
  return fine ? featuresOfViews(network, frames) : network.features(frames);
}

/** Steps 2 to 6: frames → feature maps → embedding → one filter per frame. */
export async function analyzeEvent(model: OpenModel, options: EventOptions): Promise<TimedAnalysis> {
  const { clip, span, signal, onProgress } = options;
  const target = await bindTarget(model, options);
  const clock = stopwatch();
  onProgress?.({ stage: 'decoding', done: 0, total: options.frames, unit: 'frames' });
  const [sourceSha256, frames] = await Promise.all([sha256OfClip(clip, options.signal), sampleEvent(model, options)]);
  if (options.strict) refuseDamage(clip, frames.troubles);
  const decode = clock();
  onProgress?.({ stage: 'embedding', done: 0, total: options.frames, unit: 'frames' });
  throwIfAborted(signal);
  const maps = await featuresOf(model, frames, options);
  const timingsSec = { decode, trunk: clock() };
  const { timestampsSec, troubles } = frames;
  const damagedSec = timestampsSec.filter((time) => troubles.isTouched(time));
  const event = { clip, sourceSha256, span, maps, timestampsSec, damagedSec, notes: troubles.notes, timingsSec };
  return withSignals(await explainEvent(model, event, { ...options, target }), await recordedSignals(clip, signal));
}

/**
 * Makes a target ready for a network; another event is embedded first, from as many frames.
 *
 * @throws L2cafError `usage` for a class that the model does not have
 */
export async function bindTarget(
  model: OpenModel,
  { target = { kind: 'oblivious' }, ...event }: Pick<EventOptions, 'target' | 'frames' | 'signal'>,
): Promise<BoundTarget> {
  switch (target.kind) {
    case 'oblivious':
      return { objective: target, name: target.kind };
    case 'class': {
      const scores = scoresOf(model.network.outputs);
      const index = classIndex(scores?.labels, target.label);
      const excluded = excludedBy(index, scores?.questions);
      return { objective: { kind: 'class', index, excluded }, name: `class:${target.label}` };
    }
    case 'output': {
      const index = numberIndex(model.network, target.label);
      return { objective: { kind: 'output', index }, name: `output:${target.label}` };
    }
    case 'similar': {
      const maps = await featuresOf(model, await sampleEvent(model, { ...event, ...target }));
      const tail = model.network.tail(maps);
      const other = tail.reference;
      tail.dispose();
      return { objective: { kind: 'similarity', other }, name: `similar:${nameOf(target)}` };
    }
    default:
      return assertNever(target);
  }
}

/** The clip and, unless it is all of it, the span: `/path/clip.mp4@12-15`. */
function nameOf({ clip, span }: { readonly clip: VideoClip; readonly span: TimeSpan }): string {
  const isWhole = span.startSec === 0 && span.endSec === clip.durationSec;
  return `${resolve(clip.path)}${isWhole ? '' : `@${span.startSec}-${span.endSec}`}`;
}

/** What to do where a model has no classes. */
const NO_CLASSES = 'it has no classifier; if the outputs of a network file are scores of classes: --kind scores';

/**
 * Which of a model's classes has a name.
 *
 * @throws L2cafError `usage`
 */
export function classIndex(labels: readonly string[] | undefined, label: string): number {
  const index = labels?.indexOf(label) ?? -1;
  if (index >= 0) return index;
  throw new L2cafError('usage', `the model has no class named "${label}"`, {
    hint: labels?.length ? `its classes: ${labels.join(', ')}` : NO_CLASSES,
  });
}

/**
 * Which of a model's numbers has a name.
 *
 * @throws L2cafError `usage`
 */
export function numberIndex(network: { readonly outputs: readonly ModelOutput[] }, label: string): number {
  const names = numberNames(network);
  const index = names.indexOf(label);
  if (index >= 0) return index;
  throw new L2cafError('usage', `the model has no number named "${label}"`, {
    hint:
      names.length > 0
        ? `its numbers: ${names.join(', ')}`
        : 'it gives none; if the outputs of a network file are numbers: --kind numbers',
  });
}

/** Seconds since the last call, or since it was made. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
