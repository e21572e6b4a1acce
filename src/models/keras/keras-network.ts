/** A Keras network of the user's as a network to explain: cut at a layer with feature maps, before it the front, after it the tail. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { L2cafError } from '../../base/errors.ts';
import type { FittedSize } from '../../base/fit.ts';
import * as tf from '../../base/tensorflow.ts';
import type { FrameBatch, GridShape, PictureSize } from '../../base/types.ts';
import type { MapTail } from '../../l2caf/tail.ts';
import { currentBackend, onBackend } from '../backend.ts';
import { greyed, type Preprocessing, preprocessed } from '../preprocessing.ts';
import { grouped, type WeightPart } from '../reinitialise.ts';
import {
  describedSize,
  type FeatureMaps,
  type ImportedDescription,
  type Licence,
  type ModelOutput,
  type Unlearning,
  type VideoModel,
} from '../video-model.ts';
import { applyNode, type Graph, type Node, type Scaling, unfold } from './graph.ts';
import { type KerasFile, openKerasFile } from './keras-file.ts';
import { type KerasMaps, kerasTail, nodesIn, type OutputNode, planTail, type TailPlan } from './keras-tail.ts';
import { isObject, type Shape, shapeText, sizeOf } from './layer-config.ts';
import type { ModelSpec } from './topology.ts';
import { type Forgotten, partsOf, withoutLearnt } from './unlearn.ts';
import { assignWeights, type LoadedWeights } from './weights.ts';

/** What is to be explained of a Keras network. */
export interface KerasOutput {
  /** A layer, unless `layers` says which. */
  readonly name: string;
  /** Layers whose outputs stand one after another. */
  readonly layers?: readonly string[];
  /** Default: `scores` of a layer that ends in a softmax, else `numbers`. Scores are explained before the softmax. */
  readonly kind?: ModelOutput['kind'];
  readonly labels?: readonly string[];
}

/** What a Keras file does not say of its network. */
export interface KerasOptions {
  /** Default: bytes to 0..1, red first. */
  readonly preprocessing?: Preprocessing;
  /** The layer whose maps are filtered; default the last one that has height and width. */
  readonly layer?: string;
  /** Default: the network's outputs. */
  readonly outputs?: readonly KerasOutput[];
  /** What the first of the network's own outputs is, where `outputs` does not say. */
  readonly first?: Pick<KerasOutput, 'kind' | 'labels'>;
  /** Frames of an event, where the network takes any number. */
  readonly frames?: number;
  /** Of frames, where the network takes any size. */
  readonly size?: PictureSize;
  /** How frames of another shape are brought to its size; default: stretched. */
  readonly fit?: Pick<FittedSize, 'resize' | 'padding'>;
  /** Length of the events that it was trained on, seconds. */
  readonly eventSec?: number;
  /** What Lambda layers do, by their names: their code is never run. */
  readonly lambdas?: Readonly<Record<string, Scaling>>;
  /** What the network is called; default the file's name. */
  readonly id?: string;
  /** Under what it, and what it was trained on, may be used. */
  readonly licences?: readonly Licence[];
}

/** A layer at which a network can be cut. */
export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  /** In einops' notation. */
  readonly layout: 'b h w c' | 'b t h w c';
  /** Axis lengths after the batch. */
  readonly shape: readonly number[];
  readonly grid: GridShape;
}

const UNCHANGED: Preprocessing = { bgr: false, range: [0, 1], mean: [0, 0, 0], std: [1, 1, 1] };
/** The number of frames that shapes are told for where a network takes any. */
const EXAMPLE_FRAMES = 8;

/** A Keras network that is ready to run. Dispose of it when done, after its tails. */
export class KerasNetwork implements VideoModel {
  readonly id: string;
  readonly sha256: string;
  readonly input: VideoModel['input'];
  readonly outputs: readonly ModelOutput[];
  readonly grid: GridShape;
  /** The layer whose maps are filtered. */
  readonly layer: KerasLayer;
  /** All layers at which it can be cut, last first. */
  readonly layers: readonly KerasLayer[];
  readonly #format: KerasFile['format'];
  readonly #inputShape: InputShape;
  readonly #options: KerasOptions;
  readonly #weights: LoadedWeights;
  readonly #unfolded: (frames: number) => Graph;
  readonly #wanted: readonly KerasOutput[];
  readonly #path: string;
  readonly #backend = currentBackend();

  private constructor(path: string, file: KerasFile, options: KerasOptions, forgotten?: Forgotten) {
    this.#path = path;
    const { preprocessing = UNCHANGED, lambdas = {} } = options;
    this.#options = options;
    this.#inputShape = inputShapeOf(file.model, options);
    const graphs = new Map<number, Graph>();
    this.#unfolded = (frames) => {
      const before = graphs.get(frames);
      if (before !== undefined) return before;
      const graph = unfold(file.model, shapeFor(this.#inputShape, frames), { kerasMajor: file.kerasMajor, lambdas });
      graphs.set(frames, graph);
      return graph;
    };
    const graph = this.#unfolded(this.#inputShape.frames ?? EXAMPLE_FRAMES);
    const { frames, height, width } = this.#inputShape;
    this.id = options.id ?? basename(path);
    this.#format = file.format;
    const { eventSec } = options;
    this.input = {
      size: { height, width, ...options.fit },
      ...(frames !== undefined && { frames }),
      ...(eventSec !== undefined && { eventSec }),
    };
    this.layers = layersOf(graph);
    this.layer = options.layer === undefined ? lastLayer(this.layers) : layerNamed(graph, this.layers, options.layer);
    this.grid = this.layer.grid;
    const [first, ...others] = defaultOutputs(graph);
    this.#wanted = options.outputs ?? [{ ...first!, ...options.first }, ...others];
    this.outputs = this.#wanted.map((output) => describedOutput(graph, output));
    for (const output of this.#wanted) this.#plan(graph, output);
    const how = [...(options.fit?.resize ? [options.fit] : []), ...(forgotten ? [forgotten] : [])];
    this.sha256 = createHash('sha256')
      .update(
        JSON.stringify([file.sha256, this.layer.name, this.#wanted, preprocessing, lambdas, this.#inputShape, ...how]),
      )
      .digest('hex');
    const learnt = assignWeights(graph, file.weights);
    this.#weights = forgotten ? withoutLearnt(graph, learnt, forgotten) : learnt;
  }

  /**
   * Opens a .h5, .keras or TensorFlow.js model.json. Its frames run on the backend that is current now; its tails, on which
   * filters iterate, on the one that is current then.
   *
   * @throws L2cafError `input-not-found`, `input-unreadable`; `package-missing`; `model-invalid` when the network cannot be
   *   run or cut here, `weights-invalid` when its weights do not fit it; `usage` when an option is needed, or names what is
   *   not there
   */
  static open(path: string, options: KerasOptions = {}): Promise<KerasNetwork> {
    return KerasNetwork.#open(path, options);
  }

  static async #open(path: string, options: KerasOptions, forgotten?: Forgotten): Promise<KerasNetwork> {
    const file = await openKerasFile(path);
    try {
      return new KerasNetwork(path, file, options, forgotten);
    } finally {
      file.close();
    }
  }

  async features(frames: FrameBatch): Promise<KerasMaps> {
    const { input } = this;
    const [count, height, width] = frames.shape;
    if (height !== input.size.height || width !== input.size.width) {
      const expected = `${input.size.width}x${input.size.height}`;
      throw new L2cafError('shape-mismatch', `the network expects frames of ${expected}, got ${width}x${height}`);
    }
    if (count !== (input.frames ?? count)) {
      throw new L2cafError('shape-mismatch', `the network expects ${input.frames} frames, got ${count}`);
    }
    const graph = this.#unfolded(count);
    const cut = this.#cut(graph);
    const others = new Set(this.#wanted.flatMap((output) => [...this.#plan(graph, output).others]));
    const values = onBackend(this.#backend, () =>
      this.#run(graph, this.#read(frames.rgb, graph.input.shape), [cut, ...others]),
    );
    try {
      const [data, ...rest] = await Promise.all(values.map((value) => value.data<'float32'>()));
      if (!data!.every(Number.isFinite)) {
        throw new L2cafError('diverged', `the network makes maps that are not numbers at ${cut.name}`, {
          hint: 'do the frames have the range that it was trained with? Are its weights whole?',
        });
      }
      const [rows, columns, channels] = cut.shape.slice(-3) as [number, number, number];
      return {
        data: data!,
        shape: [cut.shape.length === 4 ? cut.shape[0]! : 1, rows, columns, channels],
        frames: count,
        others: new Map([...others].map(({ name }, i) => [name, rest[i]!])),
      };
    } finally {
      tf.dispose(values);
    }
  }

  /** As {@link VideoModel.tail}; also in tensors, where the backends know the gradients of all its layers. */
  tail(maps: FeatureMaps & Partial<KerasMaps>, output?: string): MapTail {
    const wanted = output === undefined ? this.#wanted[0] : this.#wanted.find(({ name }) => name === output);
    if (wanted === undefined) {
      throw new L2cafError('usage', `the network has no output ${output}`, {
        hint: `it has ${this.#wanted.map(({ name }) => name).join(', ')}`,
      });
    }
    const graph = this.#unfolded(maps.frames ?? this.input.frames ?? maps.shape[0]);
    return kerasTail(this.#plan(graph, wanted), maps, (node) => this.#weights.get(node.weights)!);
  }

  /** See {@link VideoModel.unlearning}. Statistics of batch norms are kept. */
  unlearning(): Unlearning {
    const graph = this.#unfolded(this.#inputShape.frames ?? EXAMPLE_FRAMES);
    const { nodes, outputs } = this.#plan(graph, this.#wanted[0]!);
    const behind = new Set<Node>(nodes);
    const needed = needs(graph, new Set(outputs.map(({ node }) => node)));
    const of = (own: readonly Node[]): WeightPart[] => grouped(partsOf(own.toReversed()));
    const parts = [
      of(needed.filter((node) => behind.has(node))),
      of(needed.filter((node) => !behind.has(node))),
    ] as const;
    const all = parts.flat();
    return {
      parts: all.map(({ name }) => name),
      behind: parts[0].length,
      without: (count, seed) => {
        const keys = [...new Set(all.slice(0, count).flatMap(({ weights }) => weights))];
        return KerasNetwork.#open(this.#path, { ...this.#options, layer: this.layer.name }, { keys, seed });
      },
    };
  }

  describe(): ImportedDescription {
    const { id, sha256, layer, grid } = this;
    return {
      kind: 'imported',
      id,
      sha256,
      format: this.#format,
      layer: layer.name,
      layout: layer.layout,
      output: this.outputs[0]!.name,
      ...describedSize(this.input.size),
      grid,
      ...(this.#options.licences && { licences: this.#options.licences }),
    };
  }

  /** Frees its weights. */
  dispose(): void {
    tf.dispose([...this.#weights.values()].flat());
  }

  #cut({ nodes }: Graph): Node {
    return nodes.find(({ name }) => name === this.layer.name)!;
  }

  #plan(graph: Graph, output: KerasOutput): TailPlan {
    return planTail(graph.nodes, this.#cut(graph), outputNodes(graph, output));
  }

  /** What the network reads of an event, `[1, …]`. */
  #read(rgb: Uint8Array, shape: Shape): tf.Tensor {
    const { preprocessing = UNCHANGED } = this.#options;
    const values = this.#inputShape.channels === 1 ? greyed(rgb, preprocessing) : preprocessed(rgb, preprocessing);
    return tf.tensor(values, [1, ...shape]);
  }

  /** Values of nodes for an input, which is freed, as is all that is made along the way. The caller disposes of the result. */
  #run({ nodes, input }: Graph, value: tf.Tensor, wanted: readonly Node[]): tf.Tensor[] {
    const order = needs({ nodes }, new Set(wanted));
    const readers = new Map<Node, number>(wanted.map((node) => [node, 1]));
    for (const one of order.flatMap(nodesIn)) readers.set(one, (readers.get(one) ?? 0) + 1);
    const known = new Map<Node, tf.Tensor>([[input, value]]);
    try {
      for (const node of order) {
        if (node === input) continue;
        const inputs = node.inputs.map((one) => (typeof one === 'number' ? one : known.get(one)!));
        const weights = this.#weights.get(node.weights)!;
        const result = tf.tidy(() => {
          const tensors = inputs.map((one) => (typeof one === 'number' ? tf.scalar(one) : one));
          return tf.clone(applyNode(node, tensors, weights)); // a layer may give its input back
        });
        known.set(node, result);
        for (const one of nodesIn(node)) {
          const left = readers.get(one)! - 1;
          readers.set(one, left);
          if (left > 0) continue;
          known.get(one)!.dispose();
          known.delete(one);
        }
      }
      return wanted.map((node) => tf.clone(known.get(node)!));
    } finally {
      tf.dispose([...known.values()]);
    }
  }
}

/** What some nodes are computed from, and they, in order. */
function needs({ nodes }: Pick<Graph, 'nodes'>, wanted: ReadonlySet<Node>): Node[] {
  const needed = new Set<Node>(wanted);
  for (const node of nodes.toReversed()) if (needed.has(node)) for (const one of nodesIn(node)) needed.add(one);
  return nodes.filter((node) => needed.has(node));
}

/** What a network reads: pictures, or frames of an event. */
interface InputShape extends PictureSize {
  readonly isVideo: boolean;
  /** Undefined where it takes any number. */
  readonly frames: number | undefined;
  readonly channels: 1 | 3;
}

/** @throws L2cafError `model-invalid` when it does not read pictures, `usage` when it must be told which */
function inputShapeOf({ layers, inputs }: ModelSpec, { frames, size }: KerasOptions): InputShape {
  const config = layers.find(({ name }) => name === inputs[0])?.config ?? {};
  const given = config['batch_shape'] ?? config['batch_input_shape'] ?? config['batchInputShape'];
  const ofSequence = Array.isArray(given) ? given : isObject(given) ? Object.values(given)[0] : undefined;
  const shape = (Array.isArray(ofSequence) ? ofSequence.slice(1) : []) as (number | null)[];
  const isVideo = shape.length === 4;
  const [height, width, channels] = shape.slice(-3);
  if ((shape.length !== 3 && !isVideo) || (channels !== 1 && channels !== 3)) {
    throw new L2cafError(
      'model-invalid',
      `the network reads ${shapeText(shape)}, not pictures [h, w, 3] or frames [t, h, w, 3]`,
      {
        hint: 'pictures must have 1 or 3 channels, and those last',
      },
    );
  }
  const pick = (name: string, own: number | null | undefined, asked: number | undefined): number => {
    if (Number.isSafeInteger(own) && own! > 0 && (asked === undefined || asked === own)) return own!;
    if (own === null && asked !== undefined && Number.isSafeInteger(asked) && asked > 0) return asked;
    if (own === null) throw new L2cafError('usage', `the network takes frames of any size: say which ${name}`);
    throw new L2cafError(
      asked === undefined ? 'model-invalid' : 'usage',
      `the network takes frames of ${name} ${own} only, not ${asked}`,
    );
  };
  const anyNumber = isVideo && shape[0] === null && frames === undefined;
  return {
    isVideo,
    channels,
    frames: anyNumber ? undefined : isVideo ? pick('number', shape[0], frames) : pick('number', 1, frames),
    height: pick('height', height, size?.height),
    width: pick('width', width, size?.width),
  };
}

function shapeFor({ isVideo, height, width, channels }: InputShape, frames: number): Shape {
  return isVideo ? [frames, height, width, channels] : [height, width, channels];
}

/** Classes that make other axes of height and width. */
const NO_MAPS: ReadonlySet<string> = new Set(['Flatten', 'Reshape', 'Permute', 'RepeatVector']);

/** Layers whose outputs have height and width, last first; those that pass their input on are left out. */
function layersOf({ nodes, input }: Graph): KerasLayer[] {
  const maps = new Set<Node>([input]);
  for (const node of nodes) {
    const isMap = node.shape.length >= 3 && !NO_MAPS.has(node.className) && nodesIn(node).some((one) => maps.has(one));
    if (isMap) maps.add(node);
  }
  maps.delete(input);
  return [...maps]
    .filter(({ layer }) => !layer!.isIdentity)
    .map(described)
    .reverse();
}

function described({ name, className, shape }: Node): KerasLayer {
  const [height, width] = shape.slice(-3) as [number, number];
  return { name, className, layout: shape.length === 4 ? 'b t h w c' : 'b h w c', shape, grid: { height, width } };
}

/** The last one with more than one cell. */
function lastLayer(layers: readonly KerasLayer[]): KerasLayer {
  const found = layers.find(({ grid }) => grid.height * grid.width > 1);
  if (found !== undefined) return found;
  throw new L2cafError('model-invalid', 'the network has no layer with height and width at which it could be cut');
}

/** A layer by its whole name, or by the end of it where that is enough. */
function layerNamed({ nodes }: Graph, layers: readonly KerasLayer[], asked: string): KerasLayer {
  const node = nodeNamed(nodes, asked);
  if (node !== undefined && node.layer !== undefined && node.shape.length >= 3 && node.shape.length <= 4) {
    return layers.find(({ name }) => name === node.name) ?? described(node);
  }
  const why =
    node === undefined ? 'it is not there' : `it makes ${shapeText(node.shape)}, which has no height and width`;
  throw new L2cafError('usage', `the network cannot be cut at ${asked}: ${why}`, {
    hint: `layers with height and width: ${layers
      .slice(0, 8)
      .map(({ name }) => name)
      .join(', ')}`,
  });
}

function nodeNamed(nodes: readonly Node[], asked: string): Node | undefined {
  const exact = nodes.find(({ name }) => name === asked);
  const ends = nodes.filter(({ name }) => name.endsWith(`/${asked}`));
  return exact ?? (ends.length === 1 ? ends[0] : undefined);
}

/** The network's outputs; several single numbers also as one. */
function defaultOutputs({ outputs }: Graph): KerasOutput[] {
  const each = [...new Set(outputs)].map(({ name }) => ({ name }));
  const areNumbers = outputs.length > 1 && outputs.every(({ shape }) => sizeOf(shape) === 1);
  const names = each.map(({ name }) => name);
  return areNumbers ? [{ name: 'outputs', layers: names, labels: names }, ...each] : each;
}

/** @throws L2cafError `usage` when a layer is not there */
function outputNodes({ nodes }: Graph, { name, layers = [name], kind }: KerasOutput): OutputNode[] {
  return layers.map((asked) => {
    const node = nodeNamed(nodes, asked);
    if (node?.layer === undefined)
      throw new L2cafError('usage', `the network has no layer ${asked} whose output could be explained`);
    const isScores = kind === undefined || kind === 'scores';
    return { node, layer: (isScores ? node.beforeSoftmax : undefined) ?? node.layer };
  });
}

function describedOutput(graph: Graph, output: KerasOutput): ModelOutput {
  const { name, labels } = output;
  const nodes = outputNodes(graph, output);
  const size = nodes.reduce((sum, { node }) => sum + sizeOf(node.shape), 0);
  if (labels !== undefined && labels.length !== size) {
    throw new L2cafError('usage', `the output ${name} is ${size} numbers, but has ${labels.length} labels`);
  }
  const areScores = nodes.every(({ node }) => node.beforeSoftmax !== undefined);
  return { name, kind: output.kind ?? (areScores ? 'scores' : 'numbers'), size, ...(labels && { labels }) };
}
