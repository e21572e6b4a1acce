/**
 * An ONNX graph in two parts at a layer: what comes before it, and its tail. The first part is the file's own bytes, to
 * which a few are added that name more outputs; the second is a graph of its own, whose inputs are the layer and what else
 * it reads of the first part (a second stream, a residual path, a shape): the boundary.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { L2cafError } from '../../base/errors.ts';
import { elementType, integerTensor, nodeOf, valueInfo } from './builder.ts';
import { externalBytes, isExternal, type OnnxFile } from './file.ts';
import { ancestors, descendants, type OnnxGraph } from './graph.ts';
import { isFloating, type OnnxTensor } from './runtime.ts';

/** What lies behind a layer. */
export interface TailCut {
  readonly layer: string;
  readonly outputs: readonly string[];
  /** Places of its nodes. */
  readonly places: readonly number[];
  /** What else it reads of what comes before the layer, inputs of the network included. */
  readonly boundary: readonly string[];
  /** What else it needs that depends on no input. */
  readonly constants: readonly string[];
}

/**
 * What lies between a layer and outputs.
 *
 * @throws L2cafError `usage` when there is no such tensor, or it does not lie between an input and the first output
 */
export function cutAt(graph: OnnxGraph, layer: string, outputs: readonly string[]): TailCut {
  const { producer, reads, fixed } = graph;
  const name = tensorNamed(graph, layer);
  if (name === undefined) {
    throw new L2cafError('usage', `the network has no tensor or node named ${layer}`, {
      hint: 'l2caf models inspect lists them',
    });
  }
  const behind = descendants(graph, [name]);
  const [first] = outputs;
  const leads = behind.has(producer.get(first!) ?? -1);
  if (!leads) throw new L2cafError('usage', `the layer ${layer} does not lead to ${first}`, { hint: LIST });
  if (fixed.has(name)) throw new L2cafError('usage', `the layer ${layer} does not depend on the input`, { hint: LIST });
  const before = ancestors(graph, outputs);
  const places = [...behind].filter((at) => before.has(at)).sort((a, b) => a - b);
  const own = new Set([name, ...places.flatMap((at) => graph.nodes[at]!.output)]);
  const others = [...new Set([...places.flatMap((at) => reads[at]!), ...outputs])].filter((read) => !own.has(read));
  return {
    ...{ layer: name, outputs, places },
    boundary: others.filter((read) => !fixed.has(read)),
    constants: others.filter((read) => fixed.has(read)),
  };
}

const LIST = 'l2caf models inspect lists the layers at which the network can be cut';

/** The tensor of a name, or the first output of the node of that name. */
export function tensorNamed({ nodes, producer, inputs, constants }: OnnxGraph, name: string): string | undefined {
  if (producer.has(name) || inputs.includes(name) || constants.has(name)) return name;
  return nodes.find((node) => node.name === name)?.output[0];
}

/** The file with more outputs: protobuf joins what is written one after another. */
export function withOutputs({ bytes, graph }: OnnxFile, names: readonly string[]): Uint8Array {
  const present = new Set(graph.output.map(({ name }) => name));
  const output = names.filter((name) => !present.has(name)).map((name) => create(ValueInfoProtoSchema, { name }));
  const suffix = toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: create(GraphProtoSchema, { output }) }));
  const all = new Uint8Array(bytes.length + suffix.length);
  all.set(bytes);
  all.set(suffix, bytes.length);
  return all;
}

/** How many events go through a tail together. */
export interface TailOptions {
  /** What is known of tensors from one run: the type of the inputs, the shape of what is reshaped. */
  readonly seen: ReadonlyMap<string, OnnxTensor>;
  /** Whether to rewrite what the export fixed to one event. */
  readonly batched: boolean;
}

/** Names that the tail's own additions have. */
const PREFIX = 'l2caf/';

/** The tail as an ONNX file. Its inputs and outputs of real numbers are of single precision, whatever the network's. */
export function tailBytes(graph: OnnxGraph, cut: TailCut, { seen, batched }: TailOptions): Uint8Array {
  const { file, nodes } = graph;
  const before: NodeProto[] = [];
  const input: ValueInfoProto[] = [];
  for (const name of [cut.layer, ...cut.boundary]) {
    const tensor = seen.get(name)!;
    const isCast = name === cut.layer && tensor.type !== 'float32';
    input.push(ofRank(isCast ? PREFIX + name : name, isCast ? 'float32' : tensor.type, tensor.dims.length));
    if (isCast) before.push(cast(PREFIX + name, name, tensor.type));
  }
  const kept = cut.places.map((at) => nodes[at]!);
  const { node, initializer } = constantsOf(graph, cut.constants);
  const tail = batched ? kept.map((each) => forAnyBatch(each, seen, initializer)) : kept;
  const after = cut.outputs.map((name) => cast(name, PREFIX + name, 'float32'));
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: file.model.irVersion,
      opsetImport: file.model.opsetImport,
      functions: file.model.functions,
      graph: create(GraphProtoSchema, {
        name: 'tail',
        node: [...before, ...node, ...tail, ...after],
        input,
        initializer,
        output: cut.outputs.map((name) => valueInfo(PREFIX + name, 'float32')),
      }),
    }),
  );
}

/** What the tail's file calls the layer, and an output. */
export function tailNames({ layer }: TailCut, seen: ReadonlyMap<string, OnnxTensor>): { layer: string } {
  return { layer: seen.get(layer)!.type === 'float32' ? layer : PREFIX + layer };
}

/** What the tail's file calls an output. */
export function tailOutput(name: string): string {
  return PREFIX + name;
}

/** The nodes and weights that constants are made of. */
function constantsOf(graph: OnnxGraph, names: readonly string[]): { node: NodeProto[]; initializer: TensorProto[] } {
  const places = ancestors(graph, names);
  const node = [...places].sort((a, b) => a - b).map((at) => graph.nodes[at]!);
  const wanted = new Set([...names, ...[...places].flatMap((at) => graph.reads[at]!)]);
  const initializer = [...graph.constants.values()]
    .filter(({ name }) => wanted.has(name))
    .map((tensor) => inlined(graph.file, tensor));
  return { node, initializer };
}

/** A tensor that needs no file beside it. */
export function inlined(file: OnnxFile, tensor: TensorProto): TensorProto {
  if (!isExternal(tensor)) return tensor;
  const { name, dims, dataType } = tensor;
  return create(TensorProtoSchema, { name, dims, dataType, rawData: externalBytes(file, tensor) });
}

/**
 * A node that was exported for one event, for any number: a Reshape takes the batch as it comes, and states that begin at
 * zero need not be given.
 */
function forAnyBatch(node: NodeProto, seen: ReadonlyMap<string, OnnxTensor>, initializer: TensorProto[]): NodeProto {
  if (node.opType === 'Reshape') {
    const dims = seen.get(node.output[0]!)?.dims;
    if (dims === undefined || dims.length === 0) return node;
    const target = `${PREFIX}shape of ${node.output[0]}`;
    initializer.push(integerTensor(target, [-1, ...dims.slice(1)]));
    return create(NodeProtoSchema, { ...node, input: [node.input[0]!, target] });
  }
  if (['LSTM', 'GRU', 'RNN'].includes(node.opType)) {
    const input = node.input.map((name, i) => (i >= 5 && i <= 6 && isZero(seen.get(name)) ? '' : name));
    return create(NodeProtoSchema, { ...node, input });
  }
  return node;
}

function isZero(tensor: OnnxTensor | undefined): boolean {
  return tensor !== undefined && isFloating(tensor) && tensor.data.every((value) => Number(value) === 0);
}

/** What has to be seen of a run before a tail can be rewritten for any number of events. */
export function rewrittenBy({ nodes }: OnnxGraph, { places }: TailCut): string[] {
  return places.flatMap((at) => {
    const { opType, input, output } = nodes[at]!;
    if (opType === 'Reshape') return [output[0]!];
    return ['LSTM', 'GRU', 'RNN'].includes(opType) ? input.slice(5, 7).filter(Boolean) : [];
  });
}

/** A type and as many free sizes as a tensor has axes. */
function ofRank(name: string, type: string, rank: number): ValueInfoProto {
  return valueInfo(name, type, new Array<undefined>(rank).fill(undefined));
}

function cast(from: string, to: string, type: string): NodeProto {
  return nodeOf('Cast', [from], [to], { to: elementType(to, type) });
}
