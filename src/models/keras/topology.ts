/**
 * What a Keras file says of a network's build, whoever wrote it: Keras 2 and 3 and TensorFlow.js have different words for the
 * same graph. Nothing is computed here, and no weights are read.
 */
import { L2cafError } from '../../base/errors.ts';
import { isObject, type Json, type JsonObject, sizeOf } from './layer-config.ts';

/** One output of one call of a layer. */
export interface TensorRef {
  readonly layer: string;
  readonly call: number;
  /** From 0. */
  readonly output: number;
}

/** Numbers that stand in the file. */
export interface Constant {
  /** As in the file, with the batch where it has that axis. */
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** What a layer is called with: tensors, and numbers among them where arithmetic is written as layers. */
export type CallInput = TensorRef | Constant | number;

/** One call of a layer. */
export interface Call {
  readonly inputs: readonly CallInput[];
  /** What else it is called with, which adds to the layer's options. */
  readonly options?: JsonObject;
}

/** A layer as its file has it. */
export interface LayerSpec {
  readonly name: string;
  readonly className: string;
  readonly config: JsonObject;
  /** What it is called with, call by call; none for an input. */
  readonly calls: readonly Call[];
}

/** A network, or a network within one. */
export interface ModelSpec {
  readonly name: string;
  readonly layers: readonly LayerSpec[];
  /** Layers that stand for its inputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly TensorRef[];
  readonly isTrained: boolean;
}

/** Whether a class is a network of layers. */
export function isModelClass(className: string): boolean {
  return ['Sequential', 'Functional', 'Model'].includes(className);
}

/**
 * Reads a network of layers.
 *
 * @throws L2cafError `model-invalid` when it is none, or is built of more than layers
 */
export function readModel(topology: Json | undefined): ModelSpec {
  const value = typeof topology === 'string' ? parsed(topology) : topology;
  if (!isObject(value) || typeof value['class_name'] !== 'string') throw invalid('it has no class_name');
  const { class_name: className, config } = value;
  if (!isModelClass(className)) {
    throw invalid(
      `the network is of a class of its own, ${className}`,
      'build it of layers (Functional, Sequential) and save it again, or export it to ONNX',
    );
  }
  return modelOf(className, (Array.isArray(config) ? { layers: config } : config) as JsonObject);
}

/** A network within a network. */
export function modelOf(className: string, config: Json | undefined): ModelSpec {
  if (!isObject(config)) throw invalid('a network has no config');
  const layers = list(config['layers'], 'layers').map((layer) => asObject(layer, 'a layer'));
  const name = typeof config['name'] === 'string' ? config['name'] : className.toLowerCase();
  const isTrained = config['trainable'] !== false;
  const isSequential = className === 'Sequential';
  return { name, isTrained, ...(isSequential ? sequential(layers, config) : functional(layers, config)) };
}

type Graph = Omit<ModelSpec, 'name' | 'isTrained'>;

/** Layers one after another, the first of which is or has the input's shape. */
function sequential(layers: readonly JsonObject[], model: JsonObject): Graph {
  const specs: LayerSpec[] = [];
  const [first] = layers;
  if (first === undefined) throw invalid('it has no layers');
  if (!isInput(first)) specs.push(inputFor(asObject(first['config'], 'the config of a layer'), model));
  for (const layer of layers) {
    const before = specs.at(-1);
    specs.push({ ...named(layer), calls: before === undefined ? [] : [{ inputs: [firstOf(before.name)] }] });
  }
  checkNames(specs);
  return { layers: specs, inputs: [specs[0]!.name], outputs: [firstOf(specs.at(-1)!.name)] };
}

function firstOf(layer: string): TensorRef {
  return { layer, call: 0, output: 0 };
}

/** The input that a first layer stands for; its shape may be the model's. */
function inputFor(config: JsonObject, model: JsonObject): LayerSpec {
  const build = model['build_config'];
  const shape =
    config['batch_input_shape'] ??
    config['batch_shape'] ??
    model['build_input_shape'] ??
    (isObject(build) ? build['input_shape'] : undefined) ??
    [];
  return { name: 'input', className: 'InputLayer', config: { name: 'input', batch_shape: shape }, calls: [] };
}

function functional(layers: readonly JsonObject[], model: JsonObject): Graph {
  const masks = new Set(layers.filter(isMask).map(({ config }) => (config as JsonObject)['name'] ?? null));
  const specs = layers.map((layer) => {
    const spec = named(layer);
    return { ...spec, calls: isInput(layer) ? [] : callsOf(withoutMasks(layer['inbound_nodes'], masks), spec) };
  });
  checkNames(specs);
  return {
    layers: specs,
    inputs: refsIn(model['input_layers']).map(({ layer }) => layer),
    outputs: refsIn(model['output_layers']),
  };
}

/** Which steps a `Masking` layer lets through, as Keras 3 writes it: any of a step's values is another than the one that it masks. */
function isMask({ class_name: className, config }: JsonObject): boolean {
  return className === 'Any' && isObject(config) && typeof config['name'] === 'string';
}

/** Calls without the masks among their keywords: events have all their steps. */
function withoutMasks(nodes: Json | undefined, masks: ReadonlySet<Json>): Json | undefined {
  if (masks.size === 0 || !Array.isArray(nodes)) return nodes;
  return (nodes as readonly Json[]).map((node): Json => {
    const { mask, ...kwargs } = isObject(node) && isObject(node['kwargs']) ? node['kwargs'] : {};
    const tensor = isObject(mask) && isObject(mask['config']) ? mask['config']['keras_history'] : undefined;
    return Array.isArray(tensor) && masks.has(tensor[0] as Json) ? { ...(node as JsonObject), kwargs } : node;
  });
}

function isInput(layer: JsonObject): boolean {
  return layer['class_name'] === 'InputLayer';
}

function named(layer: JsonObject): Omit<LayerSpec, 'calls'> {
  const { class_name: className, config = {}, name } = layer;
  const settings = asObject(config, 'the config of a layer');
  const own = settings['name'] ?? name;
  if (typeof className !== 'string' || typeof own !== 'string' || own === '') {
    throw invalid('a layer has no class_name or no name');
  }
  return { className, config: settings, name: own };
}

function checkNames(layers: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of layers) {
    if (seen.has(name)) throw invalid(`two layers are called ${name}`);
    seen.add(name);
  }
}

/** What a layer is called with, in the words of Keras 2 or 3. */
function callsOf(nodes: Json | undefined, { name, className }: { name: string; className: string }): Call[] {
  const what = `the inbound_nodes of ${name}`;
  return list(nodes ?? [], what).map((node) =>
    isObject(node) ? callOfKeras3(node, name, className) : callOfKeras2(list(node, what), name),
  );
}

/**
 * `[[name, call, output, keywords], …]`, or one of these without the list around. Arithmetic that begins with a number has
 * `['_CONSTANT_VALUE', -1, number, keywords]`.
 */
function callOfKeras2(node: readonly Json[], layer: string): Call {
  const entries = typeof node[0] === 'string' ? [node] : node.map((one) => list(one, `an input of ${layer}`));
  const inputs = entries.flatMap((entry) => {
    return entry[0] === '_CONSTANT_VALUE' ? inputsIn(entry[2] ?? null, layer) : [refOf(entry, layer)];
  });
  return withKeywords(
    { inputs },
    entries.map(([, , , keywords]) => keywords),
    layer,
  );
}

/** `{args: […], kwargs: {…}}`, in which tensors are objects that name where they come from. */
function callOfKeras3(node: JsonObject, layer: string, className: string): Call {
  const args = list(node['args'] ?? [], `the arguments of ${layer}`);
  const chosen = { GetItem: 'key', Take: 'indices' }[className];
  const [tensors, options] = chosen === undefined ? [args, {}] : [args.slice(0, 1), { [chosen]: args[1] ?? null }];
  const { kwargs } = node;
  if (className === 'BatchNormalization' && isObject(kwargs) && kwargs['training'] === true) {
    throw invalid(
      `the layer ${layer} is called with training=True: it normalises by the event itself`,
      'call it without, and save the network again',
    );
  }
  return withKeywords({ inputs: tensors.flatMap((one) => inputsIn(one, layer)), options }, [kwargs], layer);
}

function inputsIn(argument: Json, layer: string): CallInput[] {
  if (typeof argument === 'number') return [argument];
  if (argument === null) return [];
  if (isKeras2Ref(argument)) return [refOf(argument, layer)];
  if (Array.isArray(argument)) return argument.flatMap((one: Json) => inputsIn(one, layer));
  const { class_name: kind, config } = isObject(argument) ? argument : {};
  if (kind === '__keras_tensor__' && isObject(config)) {
    return [refOf(list(config['keras_history'], `an input of ${layer}`), layer)];
  }
  if ((kind === '__tensor__' || kind === '__numpy__') && isObject(config)) return [constantOf(config['value'], layer)];
  throw invalid(`the layer ${layer} is called with ${JSON.stringify(argument).slice(0, 80)}, which is not a tensor`);
}

function isKeras2Ref(value: Json): value is readonly Json[] {
  return Array.isArray(value) && typeof value[0] === 'string' && value.slice(1, 3).every(Number.isSafeInteger);
}

/** Numbers in lists of lists. */
function constantOf(value: Json | undefined, layer: string): Constant | number {
  if (typeof value === 'number') return value;
  const shape: number[] = [];
  for (let at: Json | undefined = value; Array.isArray(at); at = at[0] as Json | undefined) shape.push(at.length);
  const values = Array.isArray(value) ? (value.flat(shape.length - 1) as Json[]) : [];
  const isWhole =
    values.length > 0 && values.length === sizeOf(shape) && values.every((one) => typeof one === 'number');
  if (!isWhole) throw invalid(`the layer ${layer} is called with a constant that is not an array of numbers`);
  return { shape, values: values as number[] };
}

function refOf([name, call, output]: readonly Json[], layer: string): TensorRef {
  const isRef = typeof name === 'string' && isIndex(call) && isIndex(output);
  if (!isRef) throw invalid(`the inputs of ${layer} cannot be read`);
  return { layer: name, call, output };
}

function isIndex(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Keywords that hold tensors, in the order in which layers take them. */
const TENSOR_KEYWORDS = ['inputs', 'x', 'x1', 'query', 'value', 'y', 'x2', 'key', 'initial_state'];
/** Keywords that add to the options of what is called, which knows them. */
const OPTION_KEYWORDS = [
  ...['axis', 'keepdims', 'size', 'method', 'shape', 'perm', 'slice_spec', 'use_causal_mask', 'indices', 'num'],
  ...['paddings', 'mode', 'constant_values', 'multiples', 'shift'],
];
/** Keywords that change nothing here. */
const IDLE_KEYWORDS = ['training', 'name', 'dtype'];

/** Keywords may name further tensors and known options, or ask for what is done anyway. */
function withKeywords(call: Call, keywords: readonly (Json | undefined)[], layer: string): Call {
  const said = keywords.flatMap((one) => (isObject(one) ? Object.entries(one) : []));
  const known = said.filter(([key, value]) => value !== null && value !== false && !IDLE_KEYWORDS.includes(key));
  const isTensor = ([key]: readonly [string, Json]): boolean => TENSOR_KEYWORDS.includes(key);
  const options = known.filter((one) => !isTensor(one));
  const unknown = options.find(([key]) => !OPTION_KEYWORDS.includes(key));
  if (unknown) throw invalid(`the layer ${layer} is called with ${unknown[0]}, which is not supported`);
  const tensors = known
    .filter(isTensor)
    .sort(([a], [b]) => TENSOR_KEYWORDS.indexOf(a) - TENSOR_KEYWORDS.indexOf(b))
    .flatMap(([, value]) => inputsIn(value, layer));
  return { inputs: [...call.inputs, ...tensors], options: { ...call.options, ...Object.fromEntries(options) } };
}

/** All `[name, call, output]` in lists and objects of them. */
function refsIn(value: Json | undefined): TensorRef[] {
  if (isObject(value)) return Object.values(value).flatMap(refsIn);
  const entries = list(value, 'input_layers or output_layers');
  return typeof entries[0] === 'string' ? [refOf(entries, 'the model')] : entries.flatMap(refsIn);
}

function list(value: Json | undefined, what: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  throw invalid(`${what} is not a list`);
}

function asObject(value: Json | undefined, what: string): JsonObject {
  if (isObject(value)) return value;
  throw invalid(`${what} is not an object`);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new L2cafError('model-invalid', 'the topology is not JSON', { cause });
  }
}

function invalid(why: string, hint?: string): L2cafError {
  return new L2cafError('model-invalid', `the topology of the network cannot be used: ${why}`, {
    ...(hint && { hint }),
  });
}
