/**
 * Events made ready for a study: planned, their features in the cache, and one after another as the feature maps and tails
 * that are measured. All studies of events open them here.
 */
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import type { FittedSize } from '../base/fit.ts';
import type { FrameBatch, ProgressListener } from '../base/types.ts';
import { CachedMaps } from '../features/cached-maps.ts';
import type { PlannedEvent } from '../features/dataset.ts';
import { openFeatureCache, prepareFeatures } from '../features/features.ts';
import { framesOfEvent } from '../features/frames.ts';
import { isMapTail, type MapTail, type Tail } from '../l2caf/tail.ts';
import type { EngineName } from '../models/backend.ts';
import { EventNetwork } from '../models/event-network.ts';
import type { RecurrentTail } from '../models/event-tail.ts';
import type { Head } from '../models/head.ts';
import { createRecurrentHead, forgetfulHead } from '../models/head-tails.ts';
import { findPretrained } from '../models/pretrained.ts';
import { pullTrunk } from '../models/pull.ts';
import { excludedBy } from '../models/questions.ts';
import type { RecurrentOutput } from '../models/recurrent-tail.ts';
import { type FeatureMaps, scoresOf, sliceOfFrame, unlearningOf, type VideoModel } from '../models/video-model.ts';
import type { MapSubject } from './baseline-maps.ts';
import type { StudyTarget } from './choices.ts';

/** What all studies of events need to know. */
export interface StudyContext {
  readonly target: StudyTarget;
  /** Of everything that is drawn at random. */
  readonly seed: number;
  /** What runs the trunk; of networks of the user's it does not matter. */
  readonly backend?: EngineName | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Told what was wrong with videos and with the cache, one line each. */
  readonly onWarning?: ((note: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What is done to the frames of an event, which has this place among all, before the network sees them; such features are not kept. */
  readonly change?: ((frames: FrameBatch, index: number) => FrameBatch) | undefined;
}

/** What is measured: a head of this project on its trunk, or a network of the user's. */
export type Studied = Head | VideoModel;

/** Whether it is a network of the user's. */
export function isNetwork(studied: Studied): studied is VideoModel {
  return 'features' in studied;
}

/** The names of its classes, if it has any. */
export function classesOf(studied: Studied): readonly string[] {
  return (isNetwork(studied) ? scoresOf(studied.outputs)?.labels : studied.spec.labels) ?? [];
}

/** The size at which it sees frames. */
export function inputOf(studied: Studied): FittedSize {
  return isNetwork(studied) ? studied.input.size : studied.spec.inputSize;
}

/** One event, ready to be measured. */
export interface Subject extends MapSubject {
  readonly planned: PlannedEvent;
  /** Its place among the events. */
  readonly index: number;
  /** The tail's slot that shows a frame: several frames may share one. */
  slotOf(frame: number): number;
  /** Output of the event without a frame; absent where the network needs them all. */
  readonly outputWithout?: (frame: number) => Promise<Float32Array>;
}

/**
 * Measures every event; frames of a head go through the trunk once, into the cache that training uses too.
 *
 * @throws L2cafError `usage` when labels are explained that the model has no class for; as `prepareFeatures`; `aborted`
 */
export function measureEvents<T>(
  studied: Studied,
  events: readonly PlannedEvent[],
  context: StudyContext,
  measure: (subject: Subject) => Promise<T>,
): Promise<T[]> {
  return isNetwork(studied)
    ? measureOnNetwork(studied, events, context, measure)
    : measureOnHead(studied, events, context, measure);
}

/** An event on a head. */
export interface HeadSubject extends Subject {
  readonly tail: RecurrentTail;
}

/** {@link measureEvents} of a head. */
export async function measureOnHead<T>(
  head: Head,
  events: readonly PlannedEvent[],
  context: StudyContext,
  measure: (subject: HeadSubject) => Promise<T>,
): Promise<T[]> {
  const { target, onProgress, signal } = context;
  const objectives = objectivesOf(head, events, target);
  const source = await (context.change ? changedMaps(head, context) : keptMaps(head, events, context));
  const recurrent = createRecurrentHead(head);
  const forgetful = once(() => createRecurrentHead(forgetfulHead(head, context.seed)));
  const output: RecurrentOutput = target === 'label' ? 'logits' : 'embedding';
  const results: T[] = [];
  try {
    for (const [index, planned] of events.entries()) {
      throwIfAborted(signal);
      onProgress?.({ stage: 'measuring', done: index, total: events.length, unit: 'events' });
      const maps = await source.of(planned, index);
      const tail = recurrent.tail(maps, output);
      const reinitialised = once(() => forgetful.get().tail(maps, output));
      try {
        results.push(
          await measure({
            planned,
            index,
            tail,
            objective: objectives[index]!,
            reinitialised: reinitialised.get,
            slotOf: (frame) => frame,
            outputWithout: async (frame) => {
              const shorter = recurrent.tail(withoutFrame(maps, frame), output);
              shorter.dispose();
              return shorter.reference;
            },
          }),
        );
      } finally {
        tail.dispose();
        reinitialised.dispose();
      }
    }
  } finally {
    source.dispose();
    recurrent.dispose();
    forgetful.dispose();
  }
  onProgress?.({ stage: 'measuring', done: events.length, total: events.length, unit: 'events' });
  return results;
}

/** Where the feature maps of events come from. */
interface MapsSource {
  of(event: PlannedEvent, index: number): Promise<FeatureMaps>;
  dispose(): void;
}

/** From features that are kept, computed where they are missing. Throws as `prepareFeatures`. */
async function keptMaps(head: Head, events: readonly PlannedEvent[], context: StudyContext): Promise<MapsSource> {
  const cache = openFeatureCache(head.spec);
  await prepareFeatures(events, head.spec, cache, { ...context, backend: context.backend! });
  return new CachedMaps(head, cache);
}

/** From frames that are changed first. Throws as {@link openHead}. */
async function changedMaps(head: Head, context: StudyContext): Promise<MapsSource> {
  const network = await openHead(head, context);
  return {
    of: async (event, index) => network.features(await changedFrames(event, index, network.input.size, context)),
    dispose: () => network.dispose(),
  };
}

/** The frames of an event, changed if they are to be. */
async function changedFrames(
  event: PlannedEvent,
  index: number,
  size: FittedSize,
  { change, signal, onWarning }: StudyContext,
): Promise<FrameBatch> {
  const frames = await framesOfEvent(event, size, { signal, onNote: onWarning });
  return change ? change(frames, index) : frames;
}

async function openHead(
  head: Head,
  { backend, signal }: Pick<StudyContext, 'backend' | 'signal'>,
): Promise<EventNetwork> {
  const pretrained = findPretrained(head.spec.trunk);
  await pullTrunk(pretrained, { ...(signal && { signal }) });
  return EventNetwork.load(head, pretrained, { ...(backend && { engine: backend }) });
}

/** Opens the network that is studied, trunk and head together, and lends it to `work`. Throws as `pullTrunk` and `EventNetwork.load`. */
export async function withNetwork<T>(
  studied: Studied,
  context: Pick<StudyContext, 'backend' | 'signal'>,
  work: (network: VideoModel) => Promise<T>,
): Promise<T> {
  if (isNetwork(studied)) return work(studied);
  const network = await openHead(studied, context);
  return work(network).finally(() => network.dispose());
}

function withoutFrame({ data, shape: [steps, height, width, channels] }: FeatureMaps, frame: number): FeatureMaps {
  const rest = new Float32Array(data.length - height * width * channels);
  copyWithout(data, frame, rest);
  return { data: rest, shape: [steps - 1, height, width, channels] };
}

/** Every event's frames through a network of the user's. */
async function measureOnNetwork<T>(
  network: VideoModel,
  events: readonly PlannedEvent[],
  context: StudyContext,
  measure: (subject: Subject) => Promise<T>,
): Promise<T[]> {
  const { target, seed, onProgress, signal } = context;
  const objectives = objectivesOf(network, events, target);
  const output = target === 'label' ? scoresOf(network.outputs)!.name : network.outputs[0]!.name;
  let forgetful: Promise<VideoModel> | undefined;
  const results: T[] = [];
  try {
    for (const [index, planned] of events.entries()) {
      throwIfAborted(signal);
      onProgress?.({ stage: 'measuring', done: index, total: events.length, unit: 'events' });
      const frames = await changedFrames(planned, index, network.input.size, context);
      const maps = await network.features(frames);
      const tail = sliced(network.tail(maps, output), maps);
      try {
        results.push(
          await measure({
            ...{ planned, index, tail, objective: objectives[index]! },
            reinitialised: async () => {
              forgetful ??= forgetBehind(network, seed);
              const other = await forgetful;
              return other.tail(await other.features(frames), output);
            },
            slotOf: (frame) => sliceOfFrame(frame, maps),
            ...(network.input.frames === undefined && {
              outputWithout: async (frame: number) => {
                const shorter = network.tail(await network.features(leftOut(frames, frame)), output);
                shorter.dispose();
                return shorter.reference;
              },
            }),
          }),
        );
      } finally {
        tail.dispose();
      }
    }
  } finally {
    (await forgetful?.catch(() => undefined))?.dispose();
  }
  onProgress?.({ stage: 'measuring', done: events.length, total: events.length, unit: 'events' });
  return results;
}

function leftOut({ rgb, shape: [count, height, width], timestampsSec }: FrameBatch, frame: number): FrameBatch {
  const rest = new Uint8Array(rgb.length - rgb.length / count);
  copyWithout(rgb, frame, rest);
  return { rgb: rest, shape: [count - 1, height, width, 3], timestampsSec: timestampsSec.toSpliced(frame, 1) };
}

/** Copies all of `values` but those of one frame to `rest`, which is shorter by so many. */
function copyWithout<T extends Float32Array | Uint8Array>(values: T, frame: number, rest: T): void {
  const size = values.length - rest.length;
  rest.set(values.subarray(0, frame * size));
  rest.set(values.subarray((frame + 1) * size), frame * size);
}

/** @throws L2cafError `usage` for a tail whose filters span all of time: they are no maps of frames */
function sliced(tail: Tail, { shape: [, rows] }: FeatureMaps): MapTail {
  if (tail.grid.height === rows && isMapTail(tail)) return tail;
  tail.dispose();
  throw new L2cafError('usage', 'maps are measured frame by frame, and this filter spans all of them', {
    hint: 'leave --filter volume out',
  });
}

/** The network that has forgotten what lies behind its maps. Throws as `unlearningOf`; `usage` when that is nothing. */
function forgetBehind(network: VideoModel, seed: number): Promise<VideoModel> {
  const { behind, without } = unlearningOf(network);
  if (behind > 0) return without(behind, seed);
  throw new L2cafError('usage', `${network.id} has no weights behind the layer: l2caf-reinit would be l2caf`, {
    hint: 'name the methods with --methods, without l2caf-reinit',
  });
}

/** Something that is made when it is first asked for, and disposed of if it was. */
function once<T extends { dispose(): void }>(make: () => T): { get(): T; dispose(): void } {
  let made: T | undefined;
  return {
    get: () => {
      made ??= make();
      return made;
    },
    dispose: () => made?.dispose(),
  };
}

/** What the maps of each event explain; throws as {@link measureEvents}. */
export function objectivesOf(
  studied: Studied,
  events: readonly PlannedEvent[],
  target: StudyTarget,
): MapSubject['objective'][] {
  const labels = events.map(({ event }) => event.label);
  if (target === 'oblivious') return labels.map(() => ({ kind: target }));
  const classes = classesOf(studied);
  const unknown = [...new Set(labels)].filter((label) => !classes.includes(label));
  if (unknown.length === 0) {
    const questions = isNetwork(studied) ? scoresOf(studied.outputs)?.questions : studied.spec.questions;
    return labels.map((label) => {
      const index = classes.indexOf(label);
      return { kind: 'class', index, excluded: excludedBy(index, questions) };
    });
  }
  throw new L2cafError('usage', `the model has no class named ${unknown.join(', ')}`, {
    hint: `${classes.length > 0 ? `its classes: ${classes.join(', ')}` : 'it has no classifier'}; use --target oblivious`,
  });
}
