/** A Keras network of the user's as a network to explain: cut at a layer with feature maps, before it the front, after it the tail. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { L2cafError } from '../../base/errors.ts';
import type { FittedSize } from '../../base/fit.ts';
import * as tf from '../../base/tensorflow.ts';
import type { FrameBatch, GridShape, PictureSize } from '../../base/types.ts';
import type { MapTail } from '../../l2caf/tail.ts';
import { currentBackend, onBackend } from '../backend.ts';
import { lastFrameNote, ofLastFrame } from '../each-frame.ts';
import { type Preprocessing, preprocessed } from '../preprocessing.ts';
import { grouped, type WeightPart } from '../reinitialise.ts';
import {
  describedSize,
  type FeatureMaps,
  type ImportedDescription,
  type Licence,
  type ModelOutput,
  type Unlearning,
  type VideoModel,
  type VideoTail,
} from '../video-model.ts';
import { beside, type KerasLayer, lastLayer, layerNamed, layersOf } from './cut-layers.ts';
import { givenInputs, type InputShape, inputShapeOf, placed } from './frames-in.ts';
import { unfold } from './graph.ts';
import { type KerasFile, openKerasFile } from './keras-file.ts';
import { type KerasMaps, kerasTail, nodesIn, planTail, type TailPlan } from './keras-tail.ts';
import { type Shape, sizeOf } from './layer-config.ts';
import { applyNode, type Node } from './node.ts';
import { defaultOutputs, describedOutput, type KerasOutput, outputNodes } from './outputs.ts';
import type { Graph, Scaling, StandIn } from './unfolded.ts';
import { type Forgotten, partsOf, withoutLearnt } from './unlearn.ts';
import { assignWeights, type LoadedWeights } from './weights.ts';

/** What a Keras file does not say of its network. */
export interface KerasOptions {
  /** Default: bytes to 0..1, red first. */
  readonly preprocessing?: Preprocessing;
  /** The layer whose maps are filtered; default the last one that has height and width. */
  readonly layer?: string;
  /** Default: the network's outputs. */
  readonly outputs?: readonly KerasOutput[];
  /** What the first of the network's own outputs is, where `outputs` does not say. */
  readonly first?: Pick<KerasOutput, 'kind' | 'labels' | 'questions'>;
  /** Frames of an event, where the network takes any number. */
  readonly frames?: number;
  /** Of frames, where the network takes any size. */
  readonly size?: PictureSize;
  /** How frames of another shape are brought to its size; default: stretched. */
  readonly fit?: Pick<FittedSize, 'resize' | 'padding'>;
  /** Length of the events that it was trained on, seconds. */
  readonly eventSec?: number;
  /** What Lambda layers do, and layers of classes that are not known, by their names: their code is never run. */
  readonly lambdas?: Readonly<Record<string, Scaling | StandIn>>;
  /** The input of the pictures, where there are several; default the first that has height, width and colours. */
  readonly input?: string;
  /** Its axes, as in a card: where frames are stacked on channels, `b h w (t c)`. */
  readonly layout?: string;
  /** What the other inputs are given, by name: a number for all values, or each. */
  readonly constants?: Readonly<Record<string, number | readonly number[]>>;
  /** What the network is called; default the file's name. */
  readonly id?: string;
  /** Under what it, and what it was trained on, may be used. */
  readonly licences?: readonly Licence[];
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
  /** What a person should know of how it is computed here. */
  readonly notes: readonly string[];
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
      const given = givenInputs(file.model, this.#inputShape, frames, options);
      const graph = unfold(file.model, given, { kerasMajor: file.kerasMajor, lambdas });
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
    const [first, ...others] = defaultOutputs(graph);
    this.#wanted = options.outputs ?? [{ ...first!, ...options.first }, ...others];
    this.outputs = this.#wanted.map((output) => describedOutput(graph, output));
    this.layers = layersOf(graph);
    const ends = this.#wanted.flatMap((output) => outputNodes(graph, output).map(({ node }) => node));
    this.layer =
      options.layer === undefined ? lastLayer(graph, this.layers, ends) : layerNamed(graph, this.layers, options.layer);
    this.grid = this.layer.grid;
    const isShared = (frames ?? EXAMPLE_FRAMES) > 1 && this.layer.shape.length === 3;
    const shared = `the layer ${this.layer.name} does not tell the frames apart: they share one map`;
    const notes = new Set(graph.nodes.flatMap(({ layer }) => layer?.note ?? []));
    const [{ name, size }] = this.outputs as readonly [ModelOutput];
    const isOfEach =
      size !== outputNodes(graph, this.#wanted[0]!).reduce((sum, { node }) => sum + sizeOf(node.shape), 0);
    this.notes = [
      ...(isOfEach ? [lastFrameNote(name, size)] : []),
      ...beside(graph, this.layer.name, ends),
      ...(isShared ? [shared] : []),
      ...notes,
    ];
    for (const output of this.#wanted) this.#plan(graph, output);
    const { constants, fit } = options;
    const read = { ...this.#inputShape, layout: this.#inputShape.layout.text };
    const how = [...(fit?.resize ? [fit] : []), ...(constants ? [constants] : []), ...(forgotten ? [forgotten] : [])];
    this.sha256 = createHash('sha256')
      .update(JSON.stringify([file.sha256, this.layer.name, this.#wanted, preprocessing, lambdas, read, ...how]))
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
      this.#run(graph, this.#read(frames, graph.input.shape), [cut, ...others]),
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
  tail(maps: FeatureMaps & Partial<KerasMaps>, output?: string): MapTail & VideoTail {
    const wanted = output === undefined ? this.#wanted[0] : this.#wanted.find(({ name }) => name === output);
    if (wanted === undefined) {
      throw new L2cafError('usage', `the network has no output ${output}`, {
        hint: `it has ${this.#wanted.map(({ name }) => name).join(', ')}`,
      });
    }
    const graph = this.#unfolded(maps.frames ?? this.input.frames ?? maps.shape[0]);
    const tail = kerasTail(this.#plan(graph, wanted), maps, (node) => this.#weights.get(node.weights)!);
    const described = describedOutput(graph, wanted);
    return described.size === tail.outputSize ? tail : ofLastFrame(tail, described);
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
  #read({ rgb, shape: [count] }: FrameBatch, shape: Shape): tf.Tensor {
    const values = preprocessed(rgb, this.#options.preprocessing ?? UNCHANGED, this.#inputShape.channels);
    return tf.tensor(placed(values, this.#inputShape, count), [1, ...shape]);
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
