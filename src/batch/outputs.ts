/**
 * The files of an event, and when they are up to date. Each has a key: the hash of everything that its content depends on.
 * A file whose key is in the journal is done, so an option redoes the files whose keys it changes and no others.
 */
import { createHash } from 'node:crypto';
import type { EventOptions, ModelOptions } from '../analysis/pipeline.ts';
import { fitsIn, type SlideOptions, type SlideWish, slideOver } from '../analysis/windows.ts';
import { VERSION } from '../base/version.ts';
import type { FeatureSource } from '../features/cache.ts';
import type { EngineName } from '../models/backend.ts';
import { eventOutputs, type Head, headSha256, inputOf } from '../models/head.ts';
import type { PretrainedTrunk } from '../models/pretrained.ts';
import type { ModelDescription, VideoModel } from '../models/video-model.ts';
import type { PlaceOptions } from '../objects/place.ts';
import type { VideoOptions } from '../rendering/rendering.ts';
import type { Output } from './choices.ts';
import type { BatchEvent } from './events.ts';
import type { VideoFacts } from './videos.ts';

/** The file of each output, in the event's folder. */
export const FILE_NAMES: Readonly<Record<Output, string>> = {
  json: 'analysis.json',
  thumbnail: 'thumbnail.jpg',
  strip: 'strip.jpg',
  mp4: 'overlay.mp4',
  report: 'report.html',
};

/** How workers open the network of a batch. */
export interface ModelChoice
  extends Pick<ModelOptions, 'backend' | 'model' | 'card' | 'size' | 'frames' | 'untrainedSeed'> {
  /** Of a network of the user's, as the batch has found it: what it must be, and what was guessed of it. */
  readonly found?: { readonly sha256: string; readonly warnings: readonly string[] };
}

/** The network of a batch: how workers open it, and what is known about it without running it. */
export type BatchModel = OwnBatchModel | ImportedBatchModel;

interface AnyBatchModel {
  readonly choice: ModelChoice;
  readonly backend: EngineName;
}

/** A network of this project. */
export interface OwnBatchModel extends AnyBatchModel {
  readonly head: Head;
  readonly pretrained: PretrainedTrunk;
}

/** One of the user's. */
export interface ImportedBatchModel extends AnyBatchModel {
  readonly imported: Pick<VideoModel, 'input' | 'outputs'> & {
    /** As documents describe it. */
    readonly description: ModelDescription;
    /** What was guessed, and what a person should know: part of every document. */
    readonly warnings: readonly string[];
  };
}

/** What a network reads, and what can be explained of it. */
export function contractOf(model: BatchModel): Pick<VideoModel, 'input' | 'outputs'> {
  if ('imported' in model) return model.imported;
  const { spec } = model.head;
  return { input: inputOf(spec), outputs: eventOutputs(spec) };
}

/** What the attention explains; another event is given with what is known about its video. */
export type BatchTarget =
  | { readonly kind: 'oblivious' }
  | { readonly kind: 'class'; readonly label: string }
  | { readonly kind: 'output'; readonly label: string }
  | { readonly kind: 'similar'; readonly facts: VideoFacts; readonly span: BatchEvent['span'] };

/** How files of objects are read, where they do not say so themselves. */
export type ObjectsRead = Pick<PlaceOptions, 'fps' | 'first' | 'leastScore'>;

/** How the attention of every event is found. */
export interface AnalysisSettings
  extends Pick<
    EventOptions,
    'frames' | 'seed' | 'strict' | 'method' | 'fine' | 'solver' | 'preset' | 'constraint' | 'starts' | 'trace'
  > {
  readonly target: BatchTarget;
  /** How files of objects are read. */
  readonly objectsRead?: ObjectsRead;
  /** Which events are seen in windows; default: those that are long for the network. */
  readonly windows?: SlideWish;
}

/** How events are drawn. */
export type DrawSettings = Omit<VideoOptions, 'signal' | 'onProgress'>;

/** Everything that the files of a batch depend on, beside its events. */
export interface BatchSettings {
  readonly model: BatchModel;
  readonly analysis: AnalysisSettings;
  readonly draw: DrawSettings;
  readonly outputs: readonly Output[];
}

/** How a window slides over an event; undefined for one that is taken as a whole, as one in which no window fits. */
export function slideOf(
  { span }: Pick<BatchEvent, 'span'>,
  { model, analysis }: Pick<BatchSettings, 'model' | 'analysis'>,
): SlideOptions | undefined {
  const slide = slideOver(span, analysis.frames, contractOf(model).input, analysis.windows);
  return slide && fitsIn(span, slide) ? slide : undefined;
}

/** The key of every output of an event. */
export function keysOf(event: BatchEvent, settings: BatchSettings): Record<Output, string> {
  const { facts, span, listed } = event;
  const { model, analysis, draw } = settings;
  const { target, windows: _, objectsRead, ...how } = analysis;
  const { objects, signals } = event;
  const slide = slideOf(event, settings);
  const { ribbon, audio, scale, fade, ...style } = draw; // what pictures depend on
  const explained = target.kind === 'similar' ? [identityOf(target.facts), target.span] : target;
  const made = ['json', VERSION, identityOf(facts), span, listed, identityOfModel(model), how, explained];
  const beside = { ...(objects && { objects, objectsRead }), ...(signals && { signals }) };
  const json = hashOf([...made, ...(slide ? [slide] : []), ...(objects || signals ? [{ beside }] : [])]);
  return {
    json,
    thumbnail: hashOf(['thumbnail', json, style]),
    strip: hashOf(['strip', json, style]),
    mp4: hashOf(['mp4', json, draw]),
    report: hashOf(['report', json, draw.ignore]),
  };
}

const identities = new WeakMap<BatchModel, string>();

/** Found once for each model: what a head knows of its training events is long. */
function identityOfModel(model: BatchModel): string {
  const known = identities.get(model);
  if (known !== undefined) return known;
  const identity = hashOf(contentOfModel(model));
  identities.set(model, identity);
  return identity;
}

function contentOfModel(model: BatchModel): object {
  const { backend } = model;
  if ('imported' in model) {
    const { description, warnings } = model.imported;
    return { ...description, warnings, backend };
  }
  const { facts = null, spec } = model.head; // documents say them
  const { questions } = spec;
  return { ...featureSource(model), head: headSha256(model.head), facts, ...(questions && { questions }), backend };
}

/** What the trunk features of a network of this project depend on, beside the frame. */
export function featureSource({ head, pretrained }: Pick<OwnBatchModel, 'head' | 'pretrained'>): FeatureSource {
  const { stage, inputSize, trunkGrid, trunkChannels } = head.spec;
  const length = trunkGrid.height * trunkGrid.width * trunkChannels;
  return { trunkSha256: pretrained.weightsSha256, stage, ...inputSize, length };
}

/** The path is part of what an analysis says, so a video that moved is written down anew (its features are not). */
function identityOf({ sha256, clip: { path, crop, hidden } }: VideoFacts): readonly unknown[] {
  const seen = crop ? [crop.x, crop.y, crop.width, crop.height] : [];
  return [sha256, path, ...seen, ...(hidden ? [{ hidden }] : [])];
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
