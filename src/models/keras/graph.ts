/**
 * A network as one graph of layers with the shapes of an event's frames: networks within networks are unfolded, and what
 * `TimeDistributed` wraps is a layer that is applied along time, so that a network can be cut inside either.
 */
import { L2cafError } from '../../base/errors.ts';
import * as tf from '../../base/tensorflow.ts';
import type { Layer, WeightSpec } from './layer.ts';
import { folderNames, isObject, type JsonObject, LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';
import { makeLayer } from './layers.ts';
import { innerLayer } from './recurrent-layers.ts';
import {
  type CallInput,
  type Constant,
  isModelClass,
  type LayerSpec,
  type ModelSpec,
  modelOf,
  type TensorRef,
} from './topology.ts';

/** A tensor of the network, and the layer that makes it. */
export interface Node {
  /** Unique: the layer's name, after those of the networks it is in; of a later call of the layer with `:1`, `:2`, … */
  readonly name: string;
  readonly className: string;
  /** Without the batch. */
  readonly shape: Shape;
  readonly inputs: readonly (Node | number)[];
  /** None for the network's input. */
  readonly layer?: Layer;
  /** Axes after the batch that the layer is applied along. */
  readonly lead: number;
  /** Key of its weights; calls of one layer share them. */
  readonly weights: string;
  /** The layer without the softmax that it ends in. */
  readonly beforeSoftmax?: Layer;
}

/** A layer's weights, and where files have them. */
export interface WeightSlot {
  readonly key: string;
  readonly title: string;
  /** In the order of the layer's; `trained` is false for all where the layer is frozen. */
  readonly specs: readonly WeightSpec[];
  /** The layer of the outermost network that it belongs to. */
  readonly topLayer: string;
  /** The folder that a .keras file has its weights in: names, and `undefined` for a network's list of layers. */
  readonly folder: readonly (string | undefined)[];
}

/** A network for frames of one shape. */
export interface Graph {
  readonly input: Node;
  readonly outputs: readonly Node[];
  /** Every node after those it reads. */
  readonly nodes: readonly Node[];
  /** In the order of the file's layers. */
  readonly slots: readonly WeightSlot[];
}

/** A Lambda layer in words: `scale · x + offset`. */
export interface Scaling {
  readonly scale: number;
  readonly offset: number;
}

/** A Lambda layer as one that Keras has, with that layer's options: `{ layer: 'Resizing', height: 66, width: 200 }`. */
export interface StandIn {
  readonly layer: string;
  readonly [option: string]: unknown;
}

/** What one of a network's inputs is given: pictures where there are no values. */
export interface GivenInput {
  readonly name: string;
  /** Without the batch. */
  readonly shape: Shape;
  readonly values?: readonly number[];
}

/** How a network is unfolded. */
export interface GraphOptions {
  readonly kerasMajor: number;
  /** What Lambda layers do, by their names. */
  readonly lambdas: Readonly<Record<string, Scaling | StandIn>>;
}

const MOST_NODES = 20_000;
const DEEPEST = 16;

/**
 * Unfolds a network.
 *
 * @param given one for each of its inputs, one of them pictures
 * @throws L2cafError `model-invalid` when a layer is not supported or does not fit the shape of its input
 */
export function unfold(model: ModelSpec, given: readonly GivenInput[], options: GraphOptions): Graph {
  const unfolding = new Unfolding(options);
  const inputs = given.map(({ name, shape, values }): Node => {
    if (values !== undefined) return unfolding.constant(name, shape, values);
    const node: Node = { name, className: 'InputLayer', shape, inputs: [], lead: 0, weights: name };
    unfolding.nodes.push(node);
    return node;
  });
  const outputs = unfolding.model(model, inputs, OUTERMOST);
  if (outputs.length === 0) throw new L2cafError('model-invalid', 'the network has no output');
  const { nodes, slots } = unfolding;
  const inOrder = keysOf(model).flatMap((key) => slots.get(key) ?? []);
  return { input: inputs.find(({ layer }) => layer === undefined)!, outputs, nodes, slots: inOrder };
}

/** Keys of weights in the order of the file's layers. */
function keysOf(model: ModelSpec, prefix = ''): string[] {
  return model.layers.flatMap(({ name, className, config }) => {
    const wrapped = unwrapped(className, config);
    if (!isModelClass(wrapped.className)) return [`${prefix}${name}`];
    return keysOf(modelOf(wrapped.className, wrapped.config), `${prefix}${name}/`);
  });
}

/** What stands within `TimeDistributed`. */
function unwrapped(className: string, config: JsonObject): { readonly className: string; readonly config: JsonObject } {
  const { layer } = config;
  if (className !== 'TimeDistributed' || !isObject(layer) || !isObject(layer['config'])) return { className, config };
  return unwrapped(String(layer['class_name']), layer['config']);
}

/** Where a network stands within others. */
interface Place {
  readonly prefix: string;
  readonly lead: number;
  readonly depth: number;
  readonly isTrained: boolean;
  readonly topLayer?: string;
  readonly folder: readonly (string | undefined)[];
  /** Of the call of the network it is in. */
  readonly suffix: string;
}

const OUTERMOST: Place = { prefix: '', lead: 0, depth: 0, isTrained: true, folder: [], suffix: '' };

/** What a layer is called with, once its tensors are known. */
type Read = Node | Constant | number;

function isNode(one: Read): one is Node {
  return typeof one === 'object' && 'lead' in one;
}

function isRef(one: CallInput): one is TensorRef {
  return typeof one === 'object' && 'layer' in one;
}

class Unfolding {
  readonly nodes: Node[] = [];
  readonly slots = new Map<string, WeightSlot>();
  readonly #options: GraphOptions;

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  /** The output nodes of a network for its inputs. */
  model(model: ModelSpec, inputs: readonly Node[], place: Place): Node[] {
    if (place.depth > DEEPEST)
      throw new L2cafError('model-invalid', 'the network has networks within networks without end');
    if (inputs.length !== model.inputs.length) {
      throw new L2cafError(
        'model-invalid',
        `${model.name} has ${model.inputs.length} inputs, and is called with ${inputs.length}`,
      );
    }
    const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
    const folders = foldersOf(model.layers);
    const known = new Map<string, readonly Node[]>(model.inputs.map((name, i) => [`${name} 0`, [inputs[i]!]]));
    const underWay = new Set<string>();
    const outputsOf = ({ layer, call }: TensorRef): readonly Node[] => {
      const key = `${layer} ${call}`;
      const found = known.get(key);
      if (found !== undefined) return found;
      const spec = byName.get(layer);
      const given = spec?.calls[call];
      if (spec === undefined || given === undefined || underWay.has(key)) {
        const why = underWay.has(key) ? 'reads its own output' : 'is read, but is not there';
        throw new L2cafError('model-invalid', `the layer ${layer} of ${model.name} ${why}`);
      }
      underWay.add(key);
      const read = given.inputs.map((one) => (isRef(one) ? visit(one) : one));
      underWay.delete(key);
      const here: Place = {
        ...place,
        isTrained: place.isTrained && model.isTrained,
        topLayer: place.topLayer ?? layer,
        folder: [...place.folder, undefined, folders.get(layer)!],
        suffix: call === 0 ? place.suffix : `${place.suffix}:${call}`,
      };
      const nodes = this.#call(spec.className, { ...spec.config, ...given.options }, spec.name, read, here);
      known.set(key, nodes);
      return nodes;
    };
    const visit = (ref: TensorRef): Node => {
      const node = outputsOf(ref)[ref.output];
      if (node !== undefined) return node;
      throw new L2cafError('model-invalid', `the layer ${ref.layer} of ${model.name} has no output ${ref.output}`);
    };
    return model.outputs.map(visit);
  }

  /** Numbers that are the same for every event. */
  constant(name: string, shape: Shape, values: readonly number[]): Node {
    const apply = (): tf.Tensor => tf.tensor(Float32Array.from(values), [1, ...shape]);
    const layer: Layer = { shape, weights: [], apply };
    const node: Node = { name, className: 'Constant', shape, inputs: [], layer, lead: 0, weights: name };
    this.nodes.push(node);
    return node;
  }

  /** One call of a layer, or of a network: all that it gives. */
  #call(className: string, settings: JsonObject, name: string, inputs: readonly Read[], place: Place): readonly Node[] {
    const config = new LayerConfig(`${className} ${place.prefix}${name}`, settings, this.#options.kerasMajor);
    refuseTypes(config);
    const isTrained = place.isTrained && config.flag('trainable', true);
    if (isModelClass(className)) {
      const nodes = inputs.filter(isNode);
      const within: Place = { ...place, isTrained, prefix: `${place.prefix}${name}/`, depth: place.depth + 1 };
      return this.model(modelOf(className, settings), nodes, within);
    }
    if (className === 'TimeDistributed') {
      const inner = innerLayer(config, 'layer');
      const within: Place = { ...place, isTrained, lead: place.lead + 1, folder: [...place.folder, 'layer'] };
      const value = config.get('layer') as { config: JsonObject };
      return this.#call(inner.className, value.config, name, inputs, within);
    }
    return this.#layer(className, config, name, inputs, { ...place, isTrained });
  }

  #layer(className: string, config: LayerConfig, name: string, read: readonly Read[], place: Place): readonly Node[] {
    if (this.nodes.length >= MOST_NODES)
      throw new L2cafError('model-invalid', `the network has more than ${MOST_NODES} layers`);
    const { lead } = place;
    const key = `${place.prefix}${name}`;
    const [front = [], ...leads] = read.filter(isNode).map(({ shape }) => shape.slice(0, lead));
    if (front.length !== lead || leads.some((other) => shapeText(other) !== shapeText(front))) {
      throw config.refused('is applied along time, but its input has none');
    }
    const axes = Math.max(...read.filter(isNode).map(({ shape }) => shape.length - lead));
    const inputs = read.map((one, i) => {
      if (typeof one === 'number' || isNode(one)) return one;
      return this.#spread(`${key}${place.suffix}/constant ${i}`, one, front, axes, config);
    });
    const each = inputs.map((one) => (typeof one === 'number' ? [] : one.shape.slice(lead)));
    const [own, settings] = className === 'Lambda' ? this.#lambda(name, config) : [className, config];
    const layer = makeLayer(own, settings, each);
    this.#remember(key, layer, config, place);
    const beforeSoftmax = withoutSoftmax(own, settings, each);
    const nodes = [layer, ...(layer.more ?? [])].map(
      (one, i): Node => ({
        name: `${key}${place.suffix}${i === 0 ? '' : `[${i}]`}`,
        className,
        shape: [...front, ...one.shape],
        inputs,
        layer: one,
        lead,
        weights: key,
        ...(i === 0 && beforeSoftmax && { beforeSoftmax }),
      }),
    );
    this.nodes.push(...nodes);
    return nodes;
  }

  /** A constant of the file beside tensors of some axes: the same for each step of what is applied along time. */
  #spread(name: string, { shape, values }: Constant, front: Shape, axes: number, config: LayerConfig): Node {
    const [batch, ...rest] = shape.length > axes ? shape : [1, ...shape];
    if (batch !== 1 || rest.length > axes) throw config.refused(`cannot combine a constant ${shapeText(shape)}`);
    const own = [...Array.from({ length: axes - rest.length }, () => 1), ...rest];
    const steps = sizeOf(front);
    return this.constant(name, [...front, ...own], Array.from({ length: steps }, () => values).flat());
  }

  #lambda(name: string, config: LayerConfig): [string, LayerConfig] {
    const known = Object.hasOwn(this.#options.lambdas, name) ? this.#options.lambdas[name] : undefined;
    if (known === undefined) return ['Lambda', config];
    if ('layer' in known) {
      const { layer, ...options } = known as StandIn;
      return [layer, new LayerConfig(`${config.title} (as ${layer})`, options as JsonObject, config.kerasMajor)];
    }
    return ['Rescaling', config.with({ ...known })];
  }

  #remember(key: string, layer: Layer, { title }: LayerConfig, { isTrained, topLayer, folder }: Place): void {
    const specs = layer.weights.map((spec) => ({ ...spec, trained: spec.trained && isTrained }));
    const before = this.slots.get(key);
    if (before === undefined) this.slots.set(key, { key, title, specs, topLayer: topLayer!, folder });
    else if (JSON.stringify(before.specs) !== JSON.stringify(specs)) {
      throw new L2cafError('model-invalid', `the layer ${title} is called with inputs of different shapes`);
    }
  }
}

/** Numbers of one byte or of a size that is not computed with here are refused; half ones are computed as whole ones. */
function refuseTypes(config: LayerConfig): void {
  const value = config.get('dtype') ?? 'float32';
  const policy = isObject(value) && isObject(value['config']) ? value['config'] : undefined;
  const name = policy === undefined ? value : policy['name'];
  const known = ['float32', 'float16', 'bfloat16', 'float64', 'mixed_float16', 'mixed_bfloat16', 'uint8', 'int32'];
  if (typeof name === 'string' && known.includes(name)) return;
  throw config.refused(`has the dtype ${JSON.stringify(name)}, which is not supported`, 'save the network in float32');
}

/** The same layer up to its softmax; undefined when it has none. */
function withoutSoftmax(className: string, config: LayerConfig, inputs: readonly Shape[]): Layer | undefined {
  if (className === 'Softmax') return makeLayer('Identity', config, inputs);
  const activation = config.get('activation');
  const name = isObject(activation)
    ? activation['class_name'] === 'function'
      ? activation['config']
      : activation['class_name']
    : activation;
  if (!['softmax', 'Softmax', 'log_softmax'].includes(String(name))) return undefined;
  return makeLayer(className, config.with({ activation: 'linear' }), inputs);
}

/** The folders of layers in a .keras file. */
function foldersOf(layers: readonly LayerSpec[]): ReadonlyMap<string, string> {
  const folders = folderNames(layers.map(({ className }) => className));
  return new Map(layers.map(({ name }, i) => [name, folders[i]!]));
}

/** A node's output from its inputs `[n, …]`; call inside `tf.tidy`. */
export function applyNode(
  { layer, lead, inputs: read }: Pick<Node, 'layer' | 'lead' | 'inputs'>,
  inputs: readonly tf.Tensor[],
  weights: readonly tf.Tensor[],
): tf.Tensor {
  const given = inputs.map((x, i) => (lead === 0 || typeof read[i] === 'number' ? x : merged(x, lead)));
  const result = layer!.apply(given, weights);
  if (lead === 0) return result;
  const example = inputs[read.findIndex((one) => typeof one !== 'number')]!;
  return tf.reshape(result, [...example.shape.slice(0, lead + 1), ...result.shape.slice(1)]);
}

/** `[n, t, …]` → `[n·t, …]` */
function merged(x: tf.Tensor, lead: number): tf.Tensor {
  const rows = x.shape.slice(0, lead + 1).reduce((product, length) => product * length, 1);
  return tf.reshape(x, [rows, ...x.shape.slice(lead + 1)]);
}
