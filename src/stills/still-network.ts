/**
 * A network of still pictures as their analysis sees it, whoever's it is: one of this project, whose steps are known, or one
 * of the user's, which is a network of events that consist of one frame.
 */
import { L2cafError } from '../base/errors.ts';
import type { FittedSize } from '../base/fit.ts';
import type { FrameBatch, PictureSize } from '../base/types.ts';
import type { Tail } from '../l2caf/tail.ts';
import { type BackendInfo, type EngineName, onBackend } from '../models/backend.ts';
import { type ClassificationNetwork, layerIndex, withoutClasses } from '../models/classification-network.ts';
import { classifierTail } from '../models/classifier-tail.ts';
import type { Classifier } from '../models/classifiers.ts';
import { imagenetLabels, shortLabel } from '../models/imagenet.ts';
import type { OpenImported } from '../models/imported.ts';
import { reinitialise } from '../models/reinitialise.ts';
import type { OpenStillHead } from '../models/still-head-network.ts';
import { type ModelOutput, readsPictures, unlearningOf, type VideoModel } from '../models/video-model.ts';
import type { PictureAnalysis } from './document.ts';

/** A classification network that is ready, and the backend it runs on. */
export interface OpenClassifier {
  readonly classifier: Classifier;
  readonly network: ClassificationNetwork;
  readonly backend: BackendInfo;
}

/** A network of still pictures that is ready: one of this project, a head that was trained, or one of the user's. */
export type OpenStill = OpenClassifier | OpenStillHead | OpenImported;

/** Pixels of one picture, `[1, h, w, 3]`. */
export type Pixels = Pick<FrameBatch, 'rgb' | 'shape'>;

/** What its outputs are. */
export interface StillOutput extends Pick<ModelOutput, 'kind' | 'size' | 'questions'> {
  /** What each of them is called. */
  labelOf(index: number): string;
  /** Which of them is the class of this name; undefined when none is. */
  indexOf(label: string): number | undefined;
}

/** See the head of the file. */
export interface StillNetwork {
  /** Size at which it sees the picture. */
  readonly inputSize: FittedSize;
  readonly output: StillOutput;
  readonly backend: EngineName;
  /** What a document says of it. */
  readonly description: Omit<PictureAnalysis['model'], 'grid'>;
  /** The part behind the layer that is filtered, for a picture of the input's size. The caller disposes of it. */
  tail(picture: Pixels): Promise<Tail>;
  /** Its parts from the output to the input, which it can forget. Throws L2cafError `usage` where there are none. */
  parts(): readonly string[];
  /** Itself with the first `count` of these parts drawn anew. The caller disposes of it. */
  without(count: number, seed: number): Promise<StillNetwork>;
  /** Frees what it holds. */
  dispose(): void;
}

/** What may differ from the network's own. */
export interface StillChoices {
  /** The layer whose output is filtered. */
  readonly layer?: string | undefined;
  readonly size?: PictureSize | undefined;
  /** Take what its classes are told from, the pooled last feature map, as an embedding in place of the scores. */
  readonly asEmbedding?: boolean | undefined;
}

/**
 * What an open network is to the analysis of pictures.
 *
 * @throws L2cafError `usage` for a size that it does not take, a layer other than that with which it was opened, an embedding
 *   where it has none, or a network of several frames
 */
export function stillNetwork(model: OpenStill, choices: StillChoices): StillNetwork {
  if ('classifier' in model) return ofClassifier(model, choices);
  return isHead(model) ? ofHead(model, choices) : ofImported(model, choices);
}

function isHead(model: OpenStillHead | OpenImported): model is OpenStillHead {
  return 'manifest' in model.network;
}

const SIZE_MULTIPLE_PX = 32;

/** @throws L2cafError `usage` for a size that no network of this project takes */
export function checkSize({ width, height }: PictureSize): void {
  const fits = (side: number): boolean => side > 0 && side % SIZE_MULTIPLE_PX === 0;
  if (fits(width) && fits(height)) return;
  throw new L2cafError('usage', `the network cannot take pictures of ${width}x${height}`, {
    hint: `choose a width and a height that are multiples of ${SIZE_MULTIPLE_PX}, such as 224x224`,
  });
}

function ofClassifier({ classifier, network: own, backend }: OpenClassifier, choices: StillChoices): StillNetwork {
  const network = choices.asEmbedding ? withoutClasses(own) : own;
  const { layer = network.defaultLayer, size = network.inputSize } = choices;
  checkSize(size);
  return {
    inputSize: size,
    output:
      network.answer === 'embedding'
        ? { kind: 'embedding', size: network.classes, labelOf: String, indexOf: () => undefined }
        : { kind: 'scores', size: network.classes, labelOf: shortLabel, indexOf: indexAmong(imagenetLabels()) },
    backend: backend.name,
    description: { id: network.id, weightsSha256: classifier.weightsSha256, layer, inputSize: { ...size } },
    tail: async (picture) =>
      onBackend(backend.name, () => {
        const input = network.preprocess(picture);
        try {
          return classifierTail(network, input, layer);
        } finally {
          input.dispose();
        }
      }),
    parts: () => classifier.parts.map(({ name }) => name),
    without: async (count, seed) => {
      const unlearnt = classifier.parts.slice(0, count);
      const forgetful = await classifier.load((weights) => reinitialise(weights, unlearnt, seed));
      return ofClassifier({ classifier, network: forgetful, backend }, choices);
    },
    dispose: () => network.dispose(),
  };
}

function ofHead({ network, backend }: Pick<OpenStillHead, 'network' | 'backend'>, choices: StillChoices): StillNetwork {
  const { spec, inputSize, id } = network;
  const { layer = network.defaultLayer, asEmbedding = false } = choices;
  layerIndex(id, network.layers, layer);
  checkOwnSize(inputSize, choices);
  const { labels, channels, outputs } = spec;
  return {
    inputSize,
    output:
      labels && !asEmbedding
        ? { kind: 'scores', size: outputs, labelOf: (index) => labels[index]!, indexOf: indexAmong(labels) }
        : { kind: 'embedding', size: labels ? channels[1] : outputs, labelOf: String, indexOf: () => undefined },
    backend: backend.name,
    description: { id, weightsSha256: network.sha256, layer, inputSize: { ...inputSize } },
    tail: (picture) => network.tail(picture, layer, asEmbedding),
    parts: () => network.parts,
    without: async (count, seed) => ofHead({ network: await network.without(count, seed), backend }, choices),
    dispose: () => network.dispose(),
  };
}

/** @throws L2cafError `usage` for another size than the one size that a network takes */
function checkOwnSize({ width, height }: PictureSize, { size }: StillChoices): void {
  if (size === undefined || (size.width === width && size.height === height)) return;
  throw new L2cafError('usage', `the network takes pictures of ${width}x${height}`, { hint: 'leave the size out' });
}

function ofImported(
  { network, backend }: Pick<OpenImported, 'network' | 'backend'>,
  choices: StillChoices,
): StillNetwork {
  const { input, id, sha256 } = network;
  const output = network.outputs[0]!;
  checkReadsPictures(network);
  if (choices.asEmbedding && output.kind !== 'embedding') {
    throw new L2cafError('usage', `the outputs of ${id} are no embedding`, {
      hint: 'name the tensor that is with --explain and --kind embedding, or in its card (output)',
    });
  }
  const { layer, layout, format, resize, output: explained } = network.describe() as ImportedWords;
  if (choices.layer !== undefined && choices.layer !== layer) {
    throw new L2cafError('usage', `the network was opened at the layer ${layer}, not ${choices.layer}`, {
      hint: 'name the layer in its card',
    });
  }
  const { width, height } = input.size;
  checkOwnSize(input.size, choices);
  return {
    inputSize: input.size,
    output: {
      ...{ kind: output.kind, size: output.size },
      ...(output.questions && { questions: output.questions }),
      labelOf: (index) => output.labels?.[index] ?? String(index),
      indexOf: indexAmong(output.labels ?? []),
    },
    backend: backend.name,
    description: {
      ...{ id, weightsSha256: sha256, layer, inputSize: { width, height } },
      ...{ format, layout, output: explained },
      ...(resize && { resize }),
    },
    tail: async (picture) => network.tail(await network.features({ ...picture, timestampsSec: [0] })),
    parts: () => unlearningOf(network).parts,
    without: async (count, seed) =>
      ofImported({ network: await unlearningOf(network).without(count, seed), backend }, choices),
    dispose: () => network.dispose(),
  };
}

/** The place of a label: of the one that is the same with all its synonyms, or has it among them, or is its first. */
function indexAmong(labels: readonly string[]): StillOutput['indexOf'] {
  const lower = labels.map((label) => label.toLowerCase());
  return (label) => {
    const wanted = label.toLowerCase();
    const ways: ((own: string) => boolean)[] = [
      (own) => own === wanted,
      (own) => own.split(', ').includes(wanted),
      (own) => own === wanted.split(', ')[0],
    ];
    const found = ways.map((way) => lower.findIndex(way)).find((index) => index >= 0);
    return found;
  };
}

type ImportedWords = Extract<ReturnType<VideoModel['describe']>, { readonly kind: 'imported' }>;

/** @throws L2cafError `usage` for a network of several frames */
export function checkReadsPictures({ input, id }: Pick<VideoModel, 'input' | 'id'>): void {
  if (readsPictures(input)) return;
  const { frames } = input;
  throw new L2cafError('usage', `${id} reads ${frames ?? 'several'} frames of an event, not single pictures`, {
    hint: 'l2caf analyze CLIP --model FILE explains it; a folder of numbered pictures is a clip, too (--fps)',
  });
}
