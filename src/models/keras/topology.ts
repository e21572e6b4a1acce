/**
 * What a Keras file says of a network's build, whoever wrote it: Keras 2 and 3 and TensorFlow.js have different words for the
 * same graph. Nothing is computed here, and no weights are read.
 */
import { L2cafError } from '../../base/errors.ts';
import { isObject, type Json, type JsonObject } from './layer-config.ts';

/** One output of one call of a layer. */
export interface TensorRef {
  readonly layer: string;
  readonly call: number;
}

/** What a layer is called with: tensors, and numbers among them where Keras 3 writes arithmetic as layers. */
export type CallInput = TensorRef | number;

/** A layer as its file has it. */
export interface LayerSpec {
  readonly name: string;
  readonly className: string;
  readonly config: JsonObject;
  /** What it is called with, call by call; none for an input. */
  readonly calls: readonly (readonly CallInput[])[];
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
    throw invalid(`the network is of a class of its own, ${className}`, 'save it as a Functional or Sequential model');
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
    specs.push({ ...named(layer), calls: before === undefined ? [] : [[{ layer: before.name, call: 0 }]] });
  }
  checkNames(specs);
  return { layers: specs, inputs: [specs[0]!.name], outputs: [{ layer: specs.at(-1)!.name, call: 0 }] };
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
  const specs = layers.map((layer) => {
    const spec = named(layer);
    return { ...spec, calls: isInput(layer) ? [] : callsOf(layer['inbound_nodes'], spec.name) };
  });
  checkNames(specs);
  return {
    layers: specs,
    inputs: refsIn(model['input_layers']).map(({ layer }) => layer),
    outputs: refsIn(model['output_layers']),
  };
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
function callsOf(nodes: Json | undefined, layer: string): CallInput[][] {
  return list(nodes ?? [], `the inbound_nodes of ${layer}`).map((node) =>
    isObject(node) ? inputsOfKeras3(node, layer) : inputsOfKeras2(list(node, `the inbound_nodes of ${layer}`), layer),
  );
}

/** `[[name, call, output, keywords], …]`, or one of these without the list around. */
function inputsOfKeras2(node: readonly Json[], layer: string): CallInput[] {
  const entries = typeof node[0] === 'string' ? [node] : node.map((one) => list(one, `an input of ${layer}`));
  for (const [, , , keywords] of entries) refuseKeywords(isObject(keywords) ? keywords : {}, layer);
  return entries.map((entry) => refOf(entry, layer));
}

/** `{args: […], kwargs: {…}}`, in which tensors are objects that name where they come from. */
function inputsOfKeras3(node: JsonObject, layer: string): CallInput[] {
  refuseKeywords(isObject(node['kwargs']) ? node['kwargs'] : {}, layer);
  return list(node['args'] ?? [], `the arguments of ${layer}`).flatMap((argument) => inputsIn(argument, layer));
}

function inputsIn(argument: Json, layer: string): CallInput[] {
  if (typeof argument === 'number') return [argument];
  if (Array.isArray(argument)) return argument.flatMap((one: Json) => inputsIn(one, layer));
  const config = isObject(argument) && argument['class_name'] === '__keras_tensor__' ? argument['config'] : undefined;
  if (isObject(config)) return [refOf(list(config['keras_history'], `an input of ${layer}`), layer)];
  if (argument === null) return [];
  throw invalid(`the layer ${layer} is called with ${JSON.stringify(argument).slice(0, 80)}, which is not a tensor`);
}

function refOf([name, call, output]: readonly Json[], layer: string): TensorRef {
  if (typeof name !== 'string' || !Number.isSafeInteger(call)) throw invalid(`the inputs of ${layer} cannot be read`);
  if (name === '_CONSTANT_VALUE') throw invalid(`the layer ${layer} is called with a constant`);
  if (output !== 0)
    throw invalid(`the layer ${layer} reads output ${String(output)} of ${name}; only the first is known`);
  return { layer: name, call: call as number };
}

/** Keywords may ask for what is done anyway, but not name further tensors. */
function refuseKeywords(keywords: JsonObject, layer: string): void {
  for (const [key, value] of Object.entries(keywords)) {
    if (value === null || key === 'training' || value === false) continue;
    throw invalid(`the layer ${layer} is called with ${key}, which is not supported`);
  }
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
