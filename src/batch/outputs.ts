/**
 * The files of an event, and when they are up to date. Each has a key: the hash of everything that its content depends on.
 * A file whose key is in the journal is done, so an option redoes the files whose keys it changes and no others.
 */
import { createHash } from 'node:crypto';
import type { EventOptions, ModelOptions } from '../analysis/pipeline.ts';
import { VERSION } from '../base/version.ts';
import type { FeatureSource } from '../features/cache.ts';
import type { BackendInfo } from '../models/backend.ts';
import { type Head, headSha256 } from '../models/head.ts';
import type { PretrainedTrunk } from '../models/pretrained.ts';
import type { VideoOptions } from '../rendering/rendering.ts';
import type { BatchEvent } from './events.ts';
import type { VideoFacts } from './videos.ts';

/** What can be made of an event. The first two always are. */
export const OUTPUTS = ['json', 'thumbnail', 'strip', 'mp4', 'report'] as const;
/** See {@link OUTPUTS}. */
export type Output = (typeof OUTPUTS)[number];

/** The file of each output, in the event's folder. */
export const FILE_NAMES: Readonly<Record<Output, string>> = {
  json: 'analysis.json',
  thumbnail: 'thumbnail.jpg',
  strip: 'strip.jpg',
  mp4: 'overlay.mp4',
  report: 'report.html',
};

/** The network of a batch: how workers open it, and what is known about it without running it. */
export interface BatchModel {
  readonly choice: Pick<ModelOptions, 'backend' | 'model' | 'size' | 'untrainedSeed'>;
  readonly backend: BackendInfo['name'];
  readonly head: Head;
  readonly pretrained: PretrainedTrunk;
}

/** What the attention explains; another event is given with what is known about its video. */
export type BatchTarget =
  | { readonly kind: 'oblivious' }
  | { readonly kind: 'class'; readonly label: string }
  | { readonly kind: 'similar'; readonly facts: VideoFacts; readonly span: BatchEvent['span'] };

/** How the attention of every event is found. */
export interface AnalysisSettings
  extends Pick<
    EventOptions,
    'frames' | 'seed' | 'strict' | 'method' | 'solver' | 'preset' | 'constraint' | 'starts' | 'trace'
  > {
  readonly target: BatchTarget;
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

/** The key of every output of an event. */
export function keysOf({ facts, span, listed }: BatchEvent, settings: BatchSettings): Record<Output, string> {
  const { model, analysis, draw } = settings;
  const { target, ...how } = analysis;
  const { ribbon, audio, scale, ...style } = draw; // what pictures depend on
  const explained = target.kind === 'similar' ? [identityOf(target.facts), target.span] : target;
  const network = { ...featureSource(model), head: headSha256(model.head), backend: model.backend };
  const json = hashOf(['json', VERSION, identityOf(facts), span, listed, network, how, explained]);
  return {
    json,
    thumbnail: hashOf(['thumbnail', json, style]),
    strip: hashOf(['strip', json, style]),
    mp4: hashOf(['mp4', json, draw]),
    report: hashOf(['report', json, draw.ignore]),
  };
}

/** What the trunk features of a model depend on, beside the frame. */
export function featureSource({ head, pretrained }: Pick<BatchModel, 'head' | 'pretrained'>): FeatureSource {
  const { stage, inputSize, trunkGrid, trunkChannels } = head.spec;
  const length = trunkGrid.height * trunkGrid.width * trunkChannels;
  return { trunkSha256: pretrained.weightsSha256, stage, ...inputSize, length };
}

/** The path is part of what an analysis says, so a video that moved is written down anew (its features are not). */
function identityOf({ sha256, clip }: VideoFacts): readonly string[] {
  return [sha256, clip.path];
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
