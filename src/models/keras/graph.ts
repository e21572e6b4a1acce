/**
 * A network as one graph of layers with the shapes of an event's frames: networks within networks are unfolded, and what
 * `TimeDistributed` wraps is a layer that is applied along time, so that a network can be cut inside either.
 */
import { L2cafError } from '../../base/errors.ts';
import * as tf from '../../base/tensorflow.ts';
import { activationName } from './activations.ts';
import { placeAlong } from './axes.ts';
import {
  type AxisOrder,
  AxisOrders,
  channelsToLast,
  inFileOrder,
  inverse,
  isChannelsFirst,
  keepsAxes,
  movesChannels,
} from './axis-orders.ts';
import { refoldedBy } from './batch-folds.ts';
import { alongFrames } from './frame-copies.ts';
import { type Layer, untrained, type WeightSpec } from './layer.ts';
import { folderNames, isObject, type JsonObject, LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';
import { isKnownClass, makeLayer } from './layers.ts';
import { isNode, type Node, type Read } from './node.ts';
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
import type { GivenInput, Graph, GraphOptions, StandIn, WeightSlot } from './unfolded.ts';

const MOST_NODES = 20_000;
const DEEPEST = 16;

/**
 * Unfolds a network.
 *
 * @param given one for each of its inputs, one of them pictures
 * @throws L2cafError `model-invalid` when a layer is not supported or does not fit the shape of its input, `usage` where lambdas
 *   are of others than those that are not known
 */
export function unfold(model: ModelSpec, given: readonly GivenInput[], options: GraphOptions): Graph {
  const unfolding = new Unfolding(options);
  const { nodes, orders, slots } = unfolding;
  const pictures = ({ name, shape, order, frame }: GivenInput): Node => {
    const called = frame === undefined ? name : 'frames of all inputs';
    const before = nodes.find(({ layer }) => layer === undefined);
    const node = before ?? { name: called, className: 'InputLayer', shape, inputs: [], lead: 0, weights: called };
    if (node !== before) nodes.push(node);
    const asInFile = order === undefined ? node : orders.inOrder(node, order);
    if (frame === undefined) return asInFile;
    const layer = placeAlong(asInFile.shape, 1, frame);
    const taken: Node = {
      name,
      className: 'GetItem',
      shape: layer.shape,
      inputs: [asInFile],
      layer,
      lead: 0,
      weights: name,
    };
    nodes.push(taken);
    return taken;
  };
  const inputs = given.map((one) => {
    return one.values === undefined ? pictures(one) : unfolding.constant(one.name, one.shape, one.values);
  });
  const outputs = unfolding.model(model, inputs, OUTERMOST).map((node) => orders.sourceOf(node));
  const wrong = Object.keys(options.lambdas).find((name) => !unfolding.explained.has(name));
  if (wrong !== undefined) {
    throw new L2cafError(
      'usage',
      `the card says what the layer ${wrong} does, but there is none of that name that is not known`,
      {
        hint: `leave it out of "lambdas"${unfolding.explained.size > 0 ? `, which may be of ${[...unfolding.explained].join(', ')}` : ''}`,
      },
    );
  }
  if (outputs.length === 0) throw new L2cafError('model-invalid', 'the network has no output');
  const inOrder = keysOf(model).flatMap((key) => slots.get(key) ?? []);
  const input = nodes.find(({ layer }) => layer === undefined)!;
  return { input, ...alongFrames({ input, nodes, outputs }), slots: inOrder };
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
  /** Whether training divides the layer's weights by their norm, for which files hold another weight. */
  readonly isSpectral?: true;
}

/** A layer around another whose weights are normalised in training: files have them as they are used. */
const SPECTRAL: readonly string[] = ['SpectralNormalization', 'Addons>SpectralNormalization'];

const OUTERMOST: Place = { prefix: '', lead: 0, depth: 0, isTrained: true, folder: [], suffix: '' };

function isRef(one: CallInput): one is TensorRef {
  return typeof one === 'object' && 'layer' in one;
}

class Unfolding {
  readonly nodes: Node[] = [];
  readonly orders = new AxisOrders(this.nodes);
  readonly slots = new Map<string, WeightSlot>();
  /** Layers of which the card may say what they do. */
  readonly explained = new Set<string>();
  readonly #folded = new Map<Node, number>();
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
      return this.#call(inner.className, inner.values, name, inputs, within);
    }
    if (SPECTRAL.includes(className)) {
      const inner = innerLayer(config, 'layer');
      const within: Place = { ...place, isTrained, folder: [...place.folder, 'layer'], isSpectral: true };
      return this.#call(inner.className, inner.values, name, inputs, within);
    }
    return this.#layer(className, config, name, inputs, { ...place, isTrained });
  }

  #layer(className: string, config: LayerConfig, name: string, read: readonly Read[], place: Place): readonly Node[] {
    if (this.nodes.length >= MOST_NODES)
      throw new L2cafError('model-invalid', `the network has more than ${MOST_NODES} layers`);
    const [ownClass, said] = isKnownClass(className) ? [className, config] : this.#lambda(className, name, config);
    const refolded = refoldedBy(ownClass, said, read, place.lead, this.#foldedIn(read, config));
    const { className: own, folds, settings } = refolded;
    const lead = place.lead + refolded.lead;
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
    const called = `${key}${place.suffix}`;
    const [only] = inputs;
    const moved = typeof only === 'object' ? movesChannels(own, settings, only.shape.length, lead) : undefined;
    if (moved !== undefined) return this.#folding(folds, [this.orders.inOrder(only as Node, moved, called)]);
    const { layer, beforeSoftmax, given, back } = this.#made(own, settings, inputs, lead);
    this.#remember(key, layer, config, place);
    const nodes = [layer, ...(layer.more ?? [])].map(
      (one, i): Node => ({
        name: `${called}${i === 0 ? '' : `[${i}]`}`,
        className: own === 'Identity' ? own : className,
        shape: [...front, ...one.shape],
        inputs: given,
        layer: one,
        lead,
        weights: key,
        ...(i === 0 && beforeSoftmax && { beforeSoftmax }),
      }),
    );
    this.nodes.push(...nodes);
    const asInFile = nodes.map((node) => this.orders.inOrder(node, back(node.shape.length)));
    return this.#folding(folds, asInFile);
  }

  /** Nodes whose first axes the file has in the batch. */
  #folding(folds: number, nodes: readonly Node[]): readonly Node[] {
    if (folds > 0) for (const node of nodes) this.#folded.set(node, folds);
    return nodes;
  }

  /** How many axes of what a layer reads the file has in the batch. */
  #foldedIn(read: readonly Read[], config: LayerConfig): number {
    const all = read.filter(isNode).map((node) => this.#folded.get(node) ?? 0);
    if (new Set(all).size > 1) throw config.refused('combines frames that were made a batch with what was not');
    return all[0] ?? 0;
  }

  /** A layer for inputs of some order of axes, with those in the order that it takes, and the order of what it makes. */
  #made(className: string, config: LayerConfig, inputs: readonly (Node | number)[], lead: number) {
    const made = (settings: LayerConfig, given: readonly (Node | number)[]) => {
      const each = given.map((one) => (typeof one === 'number' ? [] : one.shape.slice(lead)));
      return {
        layer: makeLayer(className, settings, each),
        beforeSoftmax: withoutSoftmax(className, settings, each),
        given,
        back: (axes: number): AxisOrder => Array.from({ length: axes }, (_, axis) => axis),
      };
    };
    if (isChannelsFirst(config)) {
      if (['softmax', 'log_softmax'].includes(String(activationName(config)))) {
        throw config.refused('has its channels first, and a softmax over its columns', 'export the network to ONNX');
      }
      const before = (axes: number): number => lead + (className.startsWith('ConvLSTM') && axes === lead + 4 ? 1 : 0);
      const toLast = (axes: number): AxisOrder => channelsToLast(axes, before(axes));
      const given = inputs.map((one) =>
        typeof one === 'number' ? one : this.orders.inOrder(one, toLast(one.shape.length)),
      );
      const last = made(config.with({ data_format: 'channels_last' }), given);
      return { ...last, back: (axes: number) => (axes < lead + 2 ? last.back(axes) : inverse(toLast(axes))) };
    }
    const plain = made(config, inputs);
    const order = this.orders.orderOf(inputs, lead);
    if (order === undefined || !keepsAxes(className, plain.layer)) return plain;
    const own = order.slice(lead).map((axis) => axis - lead);
    const back = inverse(order);
    return {
      layer: inFileOrder(plain.layer, own),
      beforeSoftmax: plain.beforeSoftmax && inFileOrder(plain.beforeSoftmax, own),
      given: inputs.map((one) => (typeof one === 'number' ? one : this.orders.inOrder(one, back))),
      back: () => order,
    };
  }

  /** A constant of the file beside tensors of some axes: the same for each step of what is applied along time. */
  #spread(name: string, { shape, values }: Constant, front: Shape, axes: number, config: LayerConfig): Node {
    const [batch, ...rest] = shape.length > axes ? shape : [1, ...shape];
    if (batch !== 1 || rest.length > axes) throw config.refused(`cannot combine a constant ${shapeText(shape)}`);
    const own = [...Array.from({ length: axes - rest.length }, () => 1), ...rest];
    const steps = sizeOf(front);
    return this.constant(name, [...front, ...own], Array.from({ length: steps }, () => values).flat());
  }

  /** What the card says that a layer is which is not known, as code is not. */
  #lambda(className: string, name: string, config: LayerConfig): [string, LayerConfig] {
    const known = Object.hasOwn(this.#options.lambdas, name) ? this.#options.lambdas[name] : undefined;
    this.explained.add(name);
    if (known === undefined) return [className, config];
    if ('layer' in known) {
      const { layer, ...options } = known as StandIn;
      return [layer, new LayerConfig(`${config.title} (as ${layer})`, options as JsonObject, config.kerasMajor)];
    }
    return ['Rescaling', config.with({ ...known })];
  }

  #remember(key: string, layer: Layer, { title }: LayerConfig, place: Place): void {
    const { isTrained, topLayer, folder, isSpectral } = place;
    const norm = untrained('vector_u', 1, layer.weights[0]?.shape.at(-1) ?? 0);
    const all: readonly WeightSpec[] = isSpectral ? [...layer.weights, { ...norm, isIdle: true }] : layer.weights;
    const specs = all.map((spec) => ({ ...spec, trained: spec.trained && isTrained }));
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
