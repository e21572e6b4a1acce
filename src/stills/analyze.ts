/**
 * Still pictures on classification networks, on one screen: classify the picture, find one attention filter per class (or
 * one for all outputs), and write down what was found. `drawing.ts` draws it.
 */
import { resolve } from 'node:path';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { L2cafError, throwIfAborted } from '../base/errors.ts';
import type * as tf from '../base/tensorflow.ts';
import type { AttentionFilter, PictureSize } from '../base/types.ts';
import { VERSION } from '../base/version.ts';
import { CONSTRAINTS, type Constraint } from '../l2caf/constraint.ts';
import { type AttentionMap, peakCell } from '../l2caf/heatmap.ts';
import { type Attention, findAttention, type Method, opposingShare } from '../l2caf/method.ts';
import type { PresetName } from '../l2caf/presets.ts';
import { checkSanity, type SanityReport } from '../l2caf/sanity.ts';
import type { SolverChoice } from '../l2caf/solve.ts';
import type { FeatureTail } from '../l2caf/tail.ts';
import { BACKEND_CHOICES, type BackendChoice, type BackendInfo, useBackend } from '../models/backend.ts';
import { type ClassificationNetwork, layerIndex } from '../models/classification-network.ts';
import { classifierTail } from '../models/classifier-tail.ts';
import { type Classifier, findClassifier } from '../models/classifiers.ts';
import { reinitialise } from '../models/reinitialise.ts';
import { picturePixels, readPicture } from '../video/media/picture.ts';
import { PICTURE_SCHEMA, type PictureAnalysis, type PictureMap } from './document.ts';
import { type MapTarget, objectiveOf, rankClasses, resolveTargets, type StillTarget } from './targets.ts';

/** Which network, on what. */
export interface ClassifierOptions extends WorkOptions {
  /** `resnet50-imagenet`, or the folder with the .npy files of SqueezeNet 1.1. */
  readonly model: string;
  readonly backend: ClassifierBackend;
  /** The layer that will be filtered, to be told before anything is loaded that there is none such. */
  readonly layer?: string;
}

/** A classification network that is ready, and the backend it runs on. */
export interface OpenClassifier {
  readonly classifier: Classifier;
  readonly network: ClassificationNetwork;
  readonly backend: BackendInfo;
}

/** How a picture's maps are found. */
export interface StillOptions extends WorkOptions {
  readonly target: StillTarget;
  readonly method: Method;
  /** The layer whose output is filtered; the network's own choice when absent. */
  readonly layer?: string;
  readonly constraint: Constraint;
  readonly solver: SolverChoice;
  readonly preset: PresetName;
  /** Of the filters' starting points and of re-initialised weights. */
  readonly seed: number;
  /** Size at which the network sees the picture, multiples of 32; the network's own when absent. */
  readonly size?: PictureSize;
  /** Find the maps under every constraint too (paper, Fig. 11). */
  readonly compareConstraints?: boolean;
  /** Re-initialise the network part by part and see whether the maps change (paper, Fig. 10). */
  readonly sanity?: boolean;
}

/** Backends for classification networks: their tails hold what iterates, which must not run on a GPU. */
export const CLASSIFIER_BACKENDS = BACKEND_CHOICES.filter((name) => name !== 'webgpu');
/** See {@link CLASSIFIER_BACKENDS}. */
export type ClassifierBackend = Exclude<BackendChoice, 'webgpu'>;

/**
 * Makes the network ready; fetches its weights first if they are not in the cache. The caller disposes of it.
 *
 * @throws L2cafError `usage` when there is no such layer; as `findClassifier`, `Classifier.load` and `useBackend`
 */
export async function openStillModel(options: ClassifierOptions): Promise<OpenClassifier> {
  const classifier = await findClassifier(options.model, options);
  if (options.layer !== undefined) layerIndex(classifier.id, classifier.layers, options.layer);
  const backend = await useBackend(options.backend);
  throwIfAborted(options.signal);
  return { classifier, network: await classifier.load(), backend };
}

/**
 * Analyzes one picture, stretched to the network's input size.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`, `usage` for a wrong size, layer or class, `diverged`, `aborted`
 */
export async function analyzePicture(
  model: OpenClassifier,
  path: string,
  options: StillOptions,
): Promise<PictureAnalysis> {
  const { network } = model;
  const { layer = network.defaultLayer, size = network.inputSize, onProgress, signal } = options;
  checkSize(size);
  const { picture, sha256 } = await readPicture(path);
  const source = {
    path: resolve(path),
    sha256,
    width: picture.width,
    height: picture.height,
  };
  throwIfAborted(signal);
  onProgress?.({ stage: 'classifying', done: 0, total: 1, unit: 'pictures' });
  const input = network.preprocess(picturePixels(picture, size));
  try {
    const startedAt = performance.now();
    return await withTail(network, input, layer, async (tail) => {
      const featuresSec = (performance.now() - startedAt) / 1000;
      const { timingsSec, ...found } = await explain(model, input, tail, options);
      const { id } = network;
      const { weightsSha256 } = model.classifier;
      return {
        schema: PICTURE_SCHEMA,
        l2cafVersion: VERSION,
        source,
        model: { id, weightsSha256, layer, inputSize: { ...size }, grid: { ...tail.grid } },
        ...found,
        timingsSec: { features: featuresSec, ...timingsSec },
      };
    });
  } finally {
    input.dispose();
  }
}

/** Classes listed in the document. */
const SHOWN_PREDICTIONS = 5;
const SIZE_MULTIPLE_PX = 32;

interface FoundMaps {
  readonly maps: PictureMap[];
  readonly choices: Attention['options'];
  readonly reason: string;
}

/** What depends on the tail: predictions, maps, and the comparisons that were asked for. */
async function explain(model: OpenClassifier, input: tf.Tensor4D, tail: FeatureTail, options: StillOptions) {
  const ranked = rankClasses(tail);
  const targets = resolveTargets(options.target, ranked);
  const startedAt = performance.now();
  const { maps, choices, reason } = await findMaps(tail, targets, options);
  const mapsSec = (performance.now() - startedAt) / 1000;
  const constraints = options.compareConstraints && (await compareConstraints(tail, targets, options));
  const sanity = options.sanity && (await checkPicture(model, input, maps, options));
  const { method, solver, preset, constraint } = choices;
  return {
    options: {
      backend: model.backend.name,
      method,
      solver,
      solverReason: reason,
      preset,
      constraint,
      seed: options.seed,
    },
    predictions: ranked.slice(0, SHOWN_PREDICTIONS),
    maps,
    ...(constraints && { constraints }),
    ...(sanity && { sanity: describeSanity(sanity) }),
    timingsSec: { maps: mapsSec },
  };
}

/** Cuts the network at a layer for as long as `work` takes. */
async function withTail<T>(
  network: ClassificationNetwork,
  input: tf.Tensor4D,
  layer: string,
  work: (tail: FeatureTail) => Promise<T>,
): Promise<T> {
  const tail = classifierTail(network, input, layer);
  try {
    return await work(tail);
  } finally {
    tail.dispose();
  }
}

/** @throws L2cafError `usage` for a size that no network here takes */
export function checkSize({ width, height }: PictureSize): void {
  const fits = (side: number): boolean => side > 0 && side % SIZE_MULTIPLE_PX === 0;
  if (fits(width) && fits(height)) return;
  throw new L2cafError('usage', `the network cannot take pictures of ${width}x${height}`, {
    hint: `choose a width and a height that are multiples of ${SIZE_MULTIPLE_PX}, such as 224x224`,
  });
}

async function findMaps(tail: FeatureTail, targets: readonly MapTarget[], options: StillOptions): Promise<FoundMaps> {
  const { constraint, solver, preset, seed, method, signal } = options;
  const maps: PictureMap[] = [];
  let last: Attention | undefined;
  for (const [done, target] of targets.entries()) {
    throwIfAborted(signal);
    options.onProgress?.({ stage: `maps, ${constraint}`, done, total: targets.length, unit: 'maps' });
    const objective = objectiveOf(target);
    last = await findAttention(tail, method, {
      objective,
      constraint,
      solver,
      preset,
      seed,
      ...(signal && { signal }),
    });
    maps.push(describeMap(target, last.filters[0]!));
  }
  options.onProgress?.({ stage: `maps, ${constraint}`, done: targets.length, total: targets.length, unit: 'maps' });
  return { maps, choices: last!.options, reason: last!.reason };
}

/** The same targets under each constraint; a solver that was asked for by name stays with the constraint it fits. */
async function compareConstraints(
  tail: FeatureTail,
  targets: readonly MapTarget[],
  options: StillOptions,
): Promise<NonNullable<PictureAnalysis['constraints']>> {
  const compared: NonNullable<PictureAnalysis['constraints']> = [];
  for (const constraint of CONSTRAINTS) {
    const solver = constraint === 'l2' || options.solver === 'gd' ? options.solver : 'auto';
    compared.push({ constraint, maps: (await findMaps(tail, targets, { ...options, constraint, solver })).maps });
  }
  return compared;
}

function checkPicture(
  { classifier }: OpenClassifier,
  input: tf.Tensor4D,
  trained: readonly PictureMap[],
  options: StillOptions,
): Promise<SanityReport> {
  const { onProgress, ...quiet } = options;
  const targets = trained.map(({ target }) => target);
  return checkSanity({
    trained: trained.map(attentionOf),
    parts: classifier.parts.map(({ name }) => name),
    mapsWithout: async (count) => {
      const unlearnt = classifier.parts.slice(0, count);
      const network = await classifier.load((weights) => reinitialise(weights, unlearnt, options.seed));
      try {
        const { maps } = await withTail(network, input, options.layer ?? network.defaultLayer, (tail) =>
          findMaps(tail, targets, quiet),
        );
        return maps.map(attentionOf);
      } finally {
        network.dispose();
      }
    },
    ...(onProgress && { onProgress }),
    ...(options.signal && { signal: options.signal }),
  });
}

function attentionOf({ filter }: PictureMap): AttentionMap {
  return { ...filter, values: Float32Array.from(filter.values) };
}

function describeMap(target: MapTarget, filter: AttentionFilter): PictureMap {
  const { height, width, values, loss, iterations, status } = filter;
  return {
    target,
    filter: { height, width, values: [...values] },
    loss,
    iterations,
    status,
    peakCell: peakCell(filter),
    opposingShare: opposingShare(values),
  };
}

function describeSanity({ steps, meanRankCorrelations, verdict }: SanityReport): PictureAnalysis['sanity'] {
  return {
    steps: steps.map(({ part, maps, similarities }) => ({
      part,
      maps: maps.map(({ height, width, values }, i) => ({
        filter: { height, width, values: [...values] },
        ...similarities[i]!,
      })),
    })),
    meanRankCorrelations: [...meanRankCorrelations],
    verdict,
  };
}
