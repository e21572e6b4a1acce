/**
 * Still pictures on classification networks, on one screen: classify the picture, find one attention filter per class (or
 * one for all outputs), and write down what was found. `drawing.ts` draws it.
 */
import { resolve } from 'node:path';
import { viewsOf } from '../analysis/finer.ts';
import type { WorkOptions } from '../analysis/pipeline.ts';
import { throwIfAborted } from '../base/errors.ts';
import type { AttentionFilter, GridShape, PictureSize } from '../base/types.ts';
import { VERSION } from '../base/version.ts';
import { CONSTRAINTS, type Constraint, type Method, type SolverChoice } from '../l2caf/choices.ts';
import { type AttentionMap, peakCell } from '../l2caf/heatmap.ts';
import { type Attention, findAttention, opposingShare } from '../l2caf/method.ts';
import type { PresetName } from '../l2caf/presets.ts';
import { checkSanity, type SanityReport } from '../l2caf/sanity.ts';
import type { Tail } from '../l2caf/tail.ts';
import { wovenFilter } from '../l2caf/woven.ts';
import { useBackend } from '../models/backend.ts';
import type { ClassifierBackend } from '../models/choices.ts';
import { layerIndex } from '../models/classification-network.ts';
import { findClassifier } from '../models/classifiers.ts';
import { type ImportedOptions, type OpenImported, openImported } from '../models/imported.ts';
import { picturePixels, readPicture } from '../video/media/picture.ts';
import { PICTURE_SCHEMA, type PictureAnalysis, type PictureMap } from './document.ts';
import { type StillObjects, withStillObjects } from './objects.ts';
import {
  checkReadsPictures,
  type OpenClassifier,
  type OpenStill,
  type Pixels,
  type StillNetwork,
  type StillOutput,
  stillNetwork,
} from './still-network.ts';
import { type MapTarget, objectiveOf, rankOutputs, resolveTargets, type StillTarget } from './targets.ts';

/** Which network, on what. */
export interface ClassifierOptions extends WorkOptions {
  /** `resnet50-imagenet`, or the folder with the .npy files of SqueezeNet 1.1. */
  readonly model: string;
  readonly backend: ClassifierBackend;
  /** The layer that will be filtered, to be told before anything is loaded that there is none such. */
  readonly layer?: string;
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
  /** Size at which a network of this project sees the picture, multiples of 32; the network's own when absent. */
  readonly size?: PictureSize;
  /** Find the maps under every constraint too (paper, Fig. 11). */
  readonly compareConstraints?: boolean;
  /** Whether maps have twice the rows and columns of the network's cells, woven from those of four views of the picture. */
  readonly fine?: boolean;
  /** Boxes of objects, whose share of each map is stated. */
  readonly objects?: StillObjects;
  /** Re-initialise the network part by part and see whether the maps change (paper, Fig. 10). */
  readonly sanity?: boolean;
}

/**
 * Makes a network of this project ready; fetches its weights first if they are not in the cache. The caller disposes of it.
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
 * Makes the file of a network of single pictures ready. The caller disposes of it.
 *
 * @throws L2cafError `usage` for a network of several frames; else as `openImported`
 */
export async function openImportedStill(model: string, options: ImportedOptions): Promise<OpenImported> {
  const open = await openImported(model, options);
  try {
    checkReadsPictures(open.network);
    return open;
  } catch (error) {
    open.network.dispose();
    throw error;
  }
}

/**
 * Analyzes one picture, brought to the network's input size.
 *
 * @throws L2cafError `input-not-found`, `input-unreadable`, `usage` for a wrong size, layer or class, `diverged`, `aborted`; as
 *   `objectsOnPicture`
 */
export async function analyzePicture(model: OpenStill, path: string, options: StillOptions): Promise<PictureAnalysis> {
  const network = stillNetwork(model, options);
  const { onProgress, signal } = options;
  const { picture, sha256 } = await readPicture(path);
  const source = { path: resolve(path), sha256, width: picture.width, height: picture.height };
  throwIfAborted(signal);
  onProgress?.({ stage: 'classifying', done: 0, total: 1, unit: 'pictures' });
  const pixels = picturePixels(picture, network.inputSize);
  const startedAt = performance.now();
  const tail = await network.tail(pixels);
  const featuresSec = (performance.now() - startedAt) / 1000;
  try {
    const { timingsSec, ...found } = await explain(network, pixels, tail, options);
    const warnings = 'warnings' in model ? model.warnings : [];
    const analysis: PictureAnalysis = {
      schema: PICTURE_SCHEMA,
      l2cafVersion: VERSION,
      source,
      model: { ...network.description, grid: { ...tail.grid } },
      ...(warnings.length > 0 && { warnings: [...warnings] }),
      ...found,
      timingsSec: { features: featuresSec, ...timingsSec },
    };
    return await withStillObjects(analysis, options.objects, { tail, output: network.output });
  } finally {
    tail.dispose();
  }
}

/** Classes listed in the document. */
const SHOWN_PREDICTIONS = 5;

/** The options of a picture, and what the network answers. */
type MapOptions = StillOptions & { readonly output: StillOutput };

interface FoundMaps {
  readonly maps: PictureMap[];
  readonly choices: Attention['options'];
  readonly reason: string;
}

/** What depends on the tail: predictions, maps, and the comparisons that were asked for. */
async function explain(network: StillNetwork, pixels: Pixels, tail: Tail, wanted: StillOptions) {
  const { output } = network;
  const options = { ...wanted, output };
  const targets = resolveTargets(options.target, tail, output);
  const startedAt = performance.now();
  const views = options.fine ? viewsOf(pixels, tail.grid) : undefined;
  const find = async (tails: readonly Tail[]) => ({
    ...(await findMaps(tails, targets, options)),
    constraints: options.compareConstraints && (await compareConstraints(tails, targets, options)),
  });
  const { maps, choices, reason, constraints } = await (views
    ? onTails(network, views, options.signal, find)
    : find([tail]));
  const mapsSec = (performance.now() - startedAt) / 1000;
  const sanity = options.sanity && (await checkPicture(network, pixels, maps, options, tail.grid));
  const { method, solver, preset, constraint } = choices;
  return {
    options: {
      backend: network.backend,
      method,
      solver,
      solverReason: reason,
      preset,
      constraint,
      ...(options.fine && { fine: true as const }),
      seed: options.seed,
    },
    predictions: output.kind === 'scores' ? rankOutputs(tail, output).slice(0, SHOWN_PREDICTIONS) : [],
    ...(output.kind === 'numbers' && { numbers: numbersOf(tail, output) }),
    maps,
    ...(constraints && { constraints }),
    ...(sanity && { sanity: describeSanity(sanity) }),
    timingsSec: { maps: mapsSec },
  };
}

function numbersOf({ reference }: Tail, { labelOf }: StillOutput): NonNullable<PictureAnalysis['numbers']> {
  return { names: Array.from(reference, (_, index) => labelOf(index)), values: [...reference] };
}

/** Calls `use` with the tails of pictures. */
async function onTails<T>(
  network: StillNetwork,
  pictures: Iterable<Pixels>,
  signal: AbortSignal | undefined,
  use: (tails: readonly Tail[]) => Promise<T>,
): Promise<T> {
  const tails: Tail[] = [];
  try {
    for (const view of pictures) {
      throwIfAborted(signal);
      tails.push(await network.tail(view));
    }
    return await use(tails);
  } finally {
    for (const own of tails) own.dispose();
  }
}

/** One map for each target, woven from those of the views where there are several. */
async function findMaps(
  tails: readonly Tail[],
  targets: readonly MapTarget[],
  options: MapOptions,
): Promise<FoundMaps> {
  const { constraint, solver, preset, seed, method, signal } = options;
  const maps: PictureMap[] = [];
  let last: Attention | undefined;
  for (const [done, target] of targets.entries()) {
    throwIfAborted(signal);
    options.onProgress?.({ stage: `maps, ${constraint}`, done, total: targets.length, unit: 'maps' });
    const objective = objectiveOf(target, options.output);
    const filters: AttentionFilter[] = [];
    for (const tail of tails) {
      last = await findAttention(tail, method, {
        objective,
        constraint,
        solver,
        preset,
        seed,
        ...(signal && { signal }),
      });
      filters.push(last.filters[0]!);
    }
    maps.push(describeMap(target, filters.length === 1 ? filters[0]! : wovenFilter(filters, last!.options.constraint)));
  }
  options.onProgress?.({ stage: `maps, ${constraint}`, done: targets.length, total: targets.length, unit: 'maps' });
  return { maps, choices: last!.options, reason: last!.reason };
}

/** The same targets under each constraint; a solver that was asked for by name stays with the constraint it fits. */
async function compareConstraints(
  tails: readonly Tail[],
  targets: readonly MapTarget[],
  options: MapOptions,
): Promise<NonNullable<PictureAnalysis['constraints']>> {
  const compared: NonNullable<PictureAnalysis['constraints']> = [];
  for (const constraint of CONSTRAINTS) {
    const solver = constraint === 'l2' || options.solver === 'gd' ? options.solver : 'auto';
    compared.push({ constraint, maps: (await findMaps(tails, targets, { ...options, constraint, solver })).maps });
  }
  return compared;
}

function checkPicture(
  network: StillNetwork,
  pixels: Pixels,
  trained: readonly PictureMap[],
  options: MapOptions,
  grid: GridShape,
): Promise<SanityReport> {
  const { onProgress, ...quiet } = options;
  const targets = trained.map(({ target }) => target);
  return checkSanity({
    trained: trained.map(attentionOf),
    parts: network.parts(),
    mapsWithout: async (count) => {
      const forgetful = await network.without(count, options.seed);
      try {
        const seen = options.fine ? viewsOf(pixels, grid) : [pixels];
        const { maps } = await onTails(forgetful, seen, options.signal, (tails) => findMaps(tails, targets, quiet));
        return maps.map(attentionOf);
      } finally {
        forgetful.dispose();
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
