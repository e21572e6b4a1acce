/**
 * The head: the part of the event network that is trained, from the trunk's features to the embedding. Shallow CNN →
 * (pooling or attention) → LSTM over the frames → dense embedding. Here as plain numbers; `event-network.ts` runs it.
 */
import { createHash } from 'node:crypto';
import { product } from '../base/matrix.ts';
import { createRandom } from '../base/random.ts';
import type { GridShape, PictureSize } from '../base/types.ts';
import { type AttentionSpec, attentionShapes } from './attention.ts';
import type { Familiarity } from './familiarity.ts';
import type { Question } from './questions.ts';
import type { NamedArray } from './safetensors.ts';
import { type ShallowCnnSpec, shallowCnnGrid, shallowCnnShapes } from './shallow-cnn.ts';
import type { Licence, ModelInput, ModelOutput } from './video-model.ts';

/** The architecture of a head, and what it expects in front of it. */
export interface HeadSpec {
  /** Id of the pre-trained trunk and the stage after which it is trimmed, or a network file's name and its layer. */
  readonly trunk: string;
  readonly stage: string;
  /** Grid and channels of the trunk's features. */
  readonly trunkGrid: GridShape;
  readonly trunkChannels: number;
  /** Size to which frames are resized, pixels. */
  readonly inputSize: PictureSize;
  /** Length of the events that it was trained on, their median, seconds; absent where it is not known. */
  readonly eventSec?: number;
  readonly shallowCnn: ShallowCnnSpec;
  /** Feature maps are averaged down to this grid before the LSTM; absent: they are not. */
  readonly pool?: GridShape;
  /** The LSTM's state chooses what is read of them, in place of pooling and flattening. */
  readonly attention?: AttentionSpec;
  readonly lstmUnits: number;
  readonly embeddingSize: number;
  /** Classes of the classifier on the raw embedding, in the order of its logits; absent: there is none. */
  readonly labels?: readonly string[];
  /** What they answer, where not all of them exclude each other. */
  readonly questions?: readonly Question[];
}

/** Where a head's weights come from. An untrained head is random, and says so wherever it is used. */
export type HeadOrigin =
  | { readonly kind: 'untrained'; readonly seed: number }
  | { readonly kind: 'trained'; readonly id: string };

/** What a head is called. */
export function headName(origin: HeadOrigin): string {
  return origin.kind === 'trained' ? origin.id : `untrained-${origin.seed}`;
}

/** What is known of a trained head beside its weights. */
export interface HeadFacts {
  /** Of the weights and the data that they were trained on, as far as they are known. */
  readonly licences: readonly Licence[];
  /** How far events may be from those that it was trained on. */
  readonly familiarity?: Familiarity;
}

/** A head: architecture and weights (names in {@link headShapes}). */
export interface Head {
  readonly spec: HeadSpec;
  readonly origin: HeadOrigin;
  /** Absent where nothing is known, as of random weights. */
  readonly facts?: HeadFacts;
  readonly weights: ReadonlyMap<string, NamedArray>;
}

/** Grid and channels of the feature maps that the filters act on. */
export function featureMapShape({ shallowCnn, trunkGrid, trunkChannels }: HeadSpec): GridShape & { channels: number } {
  return { ...shallowCnnGrid(shallowCnn, trunkGrid), channels: shallowCnn.at(-1)?.channels ?? trunkChannels };
}

/** What a network with such a head reads. */
export function inputOf({ inputSize, eventSec }: HeadSpec): ModelInput {
  return { size: inputSize, ...(eventSec !== undefined && { eventSec }) };
}

/** What can be explained of a network with such a head. */
export function eventOutputs({ embeddingSize, labels, questions }: HeadSpec): ModelOutput[] {
  return [
    { name: 'embedding', kind: 'embedding', size: embeddingSize },
    ...(labels
      ? [{ name: 'logits', kind: 'scores', size: labels.length, labels, ...(questions && { questions }) } as const]
      : []),
  ];
}

/** Shapes of all weights by name. LSTM gates are in the order input, forget, cell, output. */
export function headShapes(spec: HeadSpec): Map<string, readonly number[]> {
  const { height, width, channels } = featureMapShape(spec);
  const { attention, lstmUnits } = spec;
  const cells = spec.pool ? spec.pool.height * spec.pool.width : height * width;
  return new Map<string, readonly number[]>([
    ...shallowCnnShapes(spec.shallowCnn, spec.trunkChannels),
    ...(attention ? attentionShapes(attention, channels, lstmUnits) : []),
    ['lstm/input_kernel', [(attention?.heads ?? cells) * channels, 4 * lstmUnits]],
    ['lstm/recurrent_kernel', [lstmUnits, 4 * lstmUnits]],
    ['lstm/bias', [4 * lstmUnits]],
    ['embedding/kernel', [lstmUnits, spec.embeddingSize]],
    ['embedding/bias', [spec.embeddingSize]],
    ...classifierShapes(spec),
  ]);
}

function classifierShapes({ labels, embeddingSize }: HeadSpec): [string, readonly number[]][] {
  if (labels === undefined) return [];
  return [
    ['logits/kernel', [embeddingSize, labels.length]],
    ['logits/bias', [labels.length]],
  ];
}

/**
 * An untrained head: He-normal convolutions, attention uniform by its inputs, Glorot-uniform LSTM and embedding, forget bias 1, all from the seed. Its
 * attention shows what random weights respond to: what training starts from, and what trained heads are compared with.
 */
export function untrainedHead(spec: HeadSpec, seed: number): Head {
  const weights = new Map<string, NamedArray>();
  for (const [index, [name, shape]] of [...headShapes(spec)].entries()) {
    const random = createRandom(seed, index);
    const count = product(shape);
    const inputs = count / shape.at(-1)!;
    const uniform = (limit: number) => () => (2 * random.uniform() - 1) * limit;
    const draw = name.startsWith('cnn')
      ? () => random.normal() * Math.sqrt(2 / inputs)
      : uniform(name.startsWith('attention') ? 1 / Math.sqrt(inputs) : Math.sqrt(6 / (inputs + shape.at(-1)!)));
    const data = shape.length === 1 ? new Float32Array(count) : Float32Array.from({ length: count }, draw);
    if (name === 'lstm/bias') data.fill(1, spec.lstmUnits, 2 * spec.lstmUnits);
    weights.set(name, { shape, data });
  }
  return { spec, origin: { kind: 'untrained', seed }, weights };
}

const weightHashes = new WeakMap<Head['weights'], string>();

/** SHA-256 over all weights, in hexadecimal: tells two heads apart. Computed once per set of weights. */
export function headSha256({ weights }: Pick<Head, 'weights'>): string {
  const known = weightHashes.get(weights);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const [name, { data }] of weights)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const sha256 = hash.digest('hex');
  weightHashes.set(weights, sha256);
  return sha256;
}
