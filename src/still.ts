/**
 * Still pictures on classification networks, on one screen: classify the picture, find one attention filter per class (or
 * one for all outputs), and write down what was found. `still-figures.ts` draws it.
 */
import { resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { L2cafError, throwIfAborted } from './errors.ts';
import { sha256OfFile } from './files.ts';
import { CONSTRAINTS, type Constraint } from './l2caf/constraint.ts';
import { type Attention, findAttention, type Method, opposingShare } from './l2caf/method.ts';
import type { Objective } from './l2caf/objective.ts';
import type { PresetName } from './l2caf/presets.ts';
import type { SolverChoice } from './l2caf/solve.ts';
import type { FeatureTail } from './l2caf/tail.ts';
import { type BackendChoice, type BackendInfo, useBackend } from './models/backend.ts';
import type { ClassificationNetwork } from './models/classification-network.ts';
import { classifierTail } from './models/classifier-tail.ts';
import { type Classifier, findClassifier } from './models/classifiers.ts';
import { shortLabel } from './models/imagenet.ts';
import { reinitialise } from './models/reinitialise.ts';
import { PICTURE_SCHEMA, type PictureAnalysis, type PictureMap } from './picture-analysis.ts';
import type { WorkOptions } from './pipeline.ts';
import { checkSanity, type SanityReport } from './sanity.ts';
import type { AttentionFilter, PictureSize } from './types.ts';
import { VERSION } from './version.ts';
import { openPicture, picturePixels } from './video/picture.ts';

/** Which network, on what. */
export interface ClassifierOptions extends WorkOptions {
  /** `resnet50-imagenet`, or the folder with the .npy files of SqueezeNet 1.1. */
  readonly model: string;
  readonly backend: BackendChoice;
}

/** A classification network that is ready, and the backend it runs on. */
export interface OpenClassifier {
  readonly classifier: Classifier;
  readonly network: ClassificationNetwork;
  readonly backend: BackendInfo;
}

/** What a picture's maps explain: its most probable classes, classes of one's choice, or all outputs (paper, Eq. 1). */
export type StillTarget =
  | { readonly kind: 'top'; readonly count: number }
  | { readonly kind: 'classes'; readonly indices: readonly number[] }
  | { readonly kind: 'oblivious' };

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

/**
 * Makes the network ready; fetches its weights first if they are not in the cache. The caller disposes of it.
 *
 * @throws L2cafError as `findClassifier` and `useBackend`
 */
export async function openStillModel(options: ClassifierOptions): Promise<OpenClassifier> {
  const backend = await useBackend(options.backend);
  const classifier = await findClassifier(options.model, options);
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
  const { network, backend } = model;
  const { layer = network.defaultLayer, size = network.inputSize, onProgress, signal } = options;
  checkSize(size);
  const picture = await openPicture(path);
  const sha256 = await sha256OfFile(path);
  throwIfAborted(signal);
  onProgress?.({ stage: 'classifying', done: 0, total: 1, unit: 'pictures' });
  const startedAt = performance.now();
  const input = network.preprocess(picturePixels(picture, size));
  const tail = classifierTail(network, input, layer);
  try {
    const predictions = classProbabilities(tail);
    const classifiedAt = performance.now();
    const targets = resolveTargets(options.target, predictions);
    const found = await findMaps(tail, targets, options);
    const mappedAt = performance.now();
    const constraints = options.compareConstraints && (await compareConstraints(tail, targets, options));
    const sanity = options.sanity && (await checkPicture(model, input, found, options));
    const { solver, preset, method, constraint } = found.choices;
    return {
      schema: PICTURE_SCHEMA,
      l2cafVersion: VERSION,
      source: { path: resolve(path), sha256, width: picture.width, height: picture.height },
      model: {
        id: network.id,
        weightsSha256: model.classifier.weightsSha256,
        layer,
        inputSize: { ...size },
        grid: { ...tail.grid },
      },
      options: {
        backend: backend.name,
        method,
        solver,
        solverReason: found.reason,
        preset,
        constraint,
        seed: options.seed,
      },
      predictions: predictions
        .slice(0, SHOWN_PREDICTIONS)
        .map(({ index, probability }) => describe(index, probability)),
      maps: found.maps,
      ...(constraints && { constraints }),
      ...(sanity && { sanity: describeSanity(sanity) }),
      timingsSec: { features: (classifiedAt - startedAt) / 1000, maps: (mappedAt - classifiedAt) / 1000 },
    };
  } finally {
    tail.dispose();
    input.dispose();
  }
}

/** Classes listed in the document. */
const SHOWN_PREDICTIONS = 5;
const SIZE_MULTIPLE_PX = 32;

type MapTarget = PictureMap['target'];

interface FoundMaps {
  readonly maps: PictureMap[];
  readonly choices: Attention['options'];
  readonly reason: string;
}

function checkSize({ width, height }: PictureSize): void {
  const fits = (side: number): boolean => side > 0 && side % SIZE_MULTIPLE_PX === 0;
  if (fits(width) && fits(height)) return;
  throw new L2cafError('usage', `the network cannot take pictures of ${width}x${height}`, {
    hint: `choose a width and a height that are multiples of ${SIZE_MULTIPLE_PX}, such as 224x224`,
  });
}

/** All classes, most probable first. */
function classProbabilities({ reference }: FeatureTail): { readonly index: number; readonly probability: number }[] {
  const probabilities = tf.tidy(() => tf.softmax(tf.tensor1d(reference)).dataSync());
  return Array.from(probabilities, (probability, index) => ({ index, probability })).sort(
    (a, b) => b.probability - a.probability,
  );
}

function resolveTargets(
  target: StillTarget,
  predictions: readonly { readonly index: number; readonly probability: number }[],
): MapTarget[] {
  if (target.kind === 'oblivious') return [{ kind: 'oblivious' }];
  const chosen =
    target.kind === 'top'
      ? predictions.slice(0, target.count)
      : target.indices.map((index) => predictions.find((prediction) => prediction.index === index)!);
  return chosen.map(({ index, probability }) => ({ kind: 'class', ...describe(index, probability) }));
}

function describe(index: number, probability: number): { index: number; label: string; probability: number } {
  return { index, label: shortLabel(index), probability };
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

function objectiveOf(target: MapTarget): Objective {
  return target.kind === 'class' ? { kind: 'class', index: target.index } : { kind: 'oblivious' };
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
  { maps }: FoundMaps,
  options: StillOptions,
): Promise<SanityReport> {
  const { onProgress, ...quiet } = options;
  return checkSanity({
    trained: maps.map(({ filter }) => ({ ...filter, values: Float32Array.from(filter.values) })),
    parts: classifier.parts.map(({ name }) => name),
    mapsWithout: async (count) => {
      const unlearnt = classifier.parts.slice(0, count);
      const network = await classifier.load((weights) => reinitialise(weights, unlearnt, options.seed));
      const tail = classifierTail(network, input, options.layer ?? network.defaultLayer);
      try {
        const found = await findMaps(
          tail,
          maps.map(({ target }) => target),
          quiet,
        );
        return found.maps.map(({ filter }) => ({ ...filter, values: Float32Array.from(filter.values) }));
      } finally {
        tail.dispose();
        network.dispose();
      }
    },
    ...(onProgress && { onProgress }),
    ...(options.signal && { signal: options.signal }),
  });
}

function describeMap(target: MapTarget, filter: AttentionFilter): PictureMap {
  const { height, width, values, loss, iterations, status } = filter;
  const peak = values.reduce((best, value, i) => (Math.abs(value) > Math.abs(values[best]!) ? i : best), 0);
  return {
    target,
    filter: { height, width, values: [...values] },
    loss,
    iterations,
    status,
    peakCell: { row: Math.floor(peak / width), column: peak % width },
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
