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
import type { Layout, LayoutSizes } from '../layout.ts';
import { elementType, integerTensor, nodeOf, valueInfo } from './builder.ts';
import { externalBytes, isExternal, type OnnxFile, opsetOf } from './file.ts';
import { ancestors, descendants, type Join, type OnnxGraph, partsOf, readsOf } from './graph.ts';
import { maskedLayer, maskRank } from './masked.ts';
import { isFloating, type OnnxTensor } from './runtime.ts';

/** What lies behind a layer. */
export interface TailCut {
  readonly layer: string;
  readonly outputs: readonly string[];
  /** Places of its nodes. */
  readonly places: readonly number[];
  /** The node that takes apart again what of several tensors was made one layer. */
  readonly split?: NodeProto;
  /** What else it reads of what comes before the layer, inputs of the network included. */
  readonly boundary: readonly string[];
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
  const parts = partsOf(graph, name);
  const behind = descendants(graph, parts);
  const [first] = outputs;
  const leads = behind.has(producer.get(first!) ?? -1);
  if (!leads) throw new L2cafError('usage', `the layer ${layer} does not lead to ${first}`, { hint: LIST });
  if (parts.some((part) => fixed.has(part)))
    throw new L2cafError('usage', `the layer ${layer} does not depend on the input`, { hint: LIST });
  const mixed = parts.find((part) => behind.has(producer.get(part) ?? -1));
  if (mixed !== undefined) {
    throw new L2cafError('usage', `${mixed} is computed of another tensor of the same layer`, { hint: LIST });
  }
  const before = ancestors(graph, outputs);
  const places = [...behind].filter((at) => before.has(at)).sort((a, b) => a - b);
  const own = new Set([...parts, ...places.flatMap((at) => graph.nodes[at]!.output)]);
  const others = [...new Set([...places.flatMap((at) => reads[at]!), ...outputs])].filter((read) => !own.has(read));
  const boundary = others.filter((read) => !fixed.has(read));
  const join = graph.joins.get(name);
  return { layer: name, outputs, places, boundary, ...(join && { split: splitNode(graph, name, join) }) };
}

/** The parts of a layer, of the same size each. */
function splitNode({ file }: OnnxGraph, layer: string, { parts, axis }: Join): NodeProto {
  const isTold = opsetOf(file) >= 18; // how many; before that it follows from the names
  return nodeOf('Split', [layer], parts, { axis, ...(isTold && { num_outputs: parts.length }) });
}

/** The nodes behind a layer. */
export function nodesBehind(graph: OnnxGraph, { places, split }: TailCut): NodeProto[] {
  return [...(split ? [split] : []), ...places.map((at) => graph.nodes[at]!)];
}

const LIST = 'l2caf models inspect lists the layers at which the network can be cut';

/** The layer or tensor of a name, or the first output of the node of that name; of one part of a layer, the whole. */
export function tensorNamed(
  { nodes, producer, inputs, constants, joins }: OnnxGraph,
  name: string,
): string | undefined {
  if (joins.has(name)) return name;
  const isTensor = producer.has(name) || inputs.includes(name) || constants.has(name);
  const tensor = isTensor ? name : nodes.find((node) => node.name === name)?.output[0];
  if (tensor === undefined) return undefined;
  return [...joins].find(([, { parts }]) => parts.includes(tensor))?.[0] ?? tensor;
}

/** The file with more outputs: tensors, or layers of several. */
export function withOutputs({ file, joins }: Pick<OnnxGraph, 'file' | 'joins'>, names: readonly string[]): Uint8Array {
  const nodes = names.flatMap((name) => {
    const join = joins.get(name);
    return join ? [nodeOf('Concat', join.parts, [name], { axis: join.axis })] : [];
  });
  return extended(file, nodes, names);
}

/** The file with more nodes and outputs: protobuf joins what is written one after another. */
export function extended({ bytes, graph }: OnnxFile, node: NodeProto[], outputs: readonly string[]): Uint8Array {
  const present = new Set(graph.output.map(({ name }) => name));
  const output = outputs.filter((name) => !present.has(name)).map((name) => create(ValueInfoProtoSchema, { name }));
  const suffix = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { graph: create(GraphProtoSchema, { node, output }) }),
  );
  const all = new Uint8Array(bytes.length + suffix.length);
  all.set(bytes);
  all.set(suffix, bytes.length);
  return all;
}

/** What a part of a network is fed and gives, beside the nodes that are left as they are. */
export interface GraphPart {
  readonly inputs: readonly ValueInfoProto[];
  readonly nodes: readonly NodeProto[];
  /** Constants that the network itself has not. */
  readonly constants: readonly TensorProto[];
  /** Tensors that it gives, under the name of {@link partOutput}, in single precision whatever the network's. */
  readonly outputs: readonly string[];
}

/** Names that the parts' own additions have. */
const PREFIX = 'l2caf/';
/** What parts call the layer without a filter. */
export const LAYER = `${PREFIX}layer`;
/** What parts call the filters. */
export const MASK = `${PREFIX}mask`;

/** What a part calls an output. */
export function partOutput(name: string): string {
  return PREFIX + name;
}

/** A part as an ONNX file; weights and other constants of the network that it reads are copied. */
export function partBytes(graph: OnnxGraph, { inputs, nodes, constants, outputs }: GraphPart): Uint8Array {
  const { file, fixed } = graph;
  const own = new Set([...constants.map(({ name }) => name), ...inputs.map(({ name }) => name)]);
  for (const name of nodes.flatMap(({ output }) => output)) own.add(name);
  const read = new Set([...nodes.flatMap(readsOf), ...outputs].filter((name) => !own.has(name) && fixed.has(name)));
  const { node, initializer } = constantsOf(graph, [...read]);
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: file.model.irVersion,
      opsetImport: file.model.opsetImport,
      functions: file.model.functions,
      graph: create(GraphProtoSchema, {
        name: 'part',
        node: [...node, ...nodes, ...outputs.map((name) => cast(name, partOutput(name), 'float32'))],
        input: [...inputs],
        initializer: [...initializer, ...constants],
        output: outputs.map((name) => valueInfo(partOutput(name), 'float32')),
      }),
    }),
  );
}

/** How a tail takes its layer, and how many events at once. */
export interface TailOptions {
  /** What is known of tensors from one run: the type of the inputs, the shape of what is reshaped. */
  readonly seen: ReadonlyMap<string, OnnxTensor>;
  readonly layout: Layout;
  readonly sizes: LayoutSizes;
  /** How to rewrite what the export fixed to one event; `one`: not at all. */
  readonly batching: Batching;
}

/** The tail as an ONNX file: the layer, masks and the boundary → the outputs. */
export function tailBytes(graph: OnnxGraph, cut: TailCut, options: TailOptions): Uint8Array {
  const { seen, batching } = options;
  const head = filteredLayer(cut, options);
  const kept = nodesBehind(graph, cut);
  const rewritten = batching === 'one' ? { nodes: kept, constants: [] } : batched(kept, seen, batching);
  return partBytes(graph, {
    inputs: [...head.inputs, ...cut.boundary.map((name) => inputLike(name, seen.get(name)!))],
    nodes: [...head.nodes, ...rewritten.nodes],
    constants: [...head.constants, ...rewritten.constants],
    outputs: cut.outputs,
  });
}

/** Where filters come in: the layer and masks, in single precision, are fed; their product is the network's layer. */
export function filteredLayer(
  { layer }: TailCut,
  { seen, layout, sizes }: Pick<TailOptions, 'seen' | 'layout' | 'sizes'>,
): Pick<GraphPart, 'inputs' | 'nodes' | 'constants'> {
  const { type, dims } = seen.get(layer)!;
  const isCast = type !== 'float32';
  const to = isCast ? `${PREFIX}filtered` : layer;
  const { nodes, constants } = maskedLayer({ from: LAYER, mask: MASK, to }, layout, sizes);
  return {
    inputs: [ofRank(LAYER, 'float32', dims.length), ofRank(MASK, 'float32', maskRank(layout, sizes))],
    nodes: [...nodes, ...(isCast ? [cast(to, layer, type)] : [])],
    constants,
  };
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
 * For how many events nodes are written: for one; for any number, as exporters fold them (Reshape takes the batch as it
 * comes); or that and a new first axis, which a network of one event gives to its frames, taken for that of events.
 */
export type Batching = 'one' | 'reshaped' | 'unfolded';

/** Ways to take several events at once, likeliest first: which is right is to be tried. */
export const BATCHINGS: readonly Batching[] = ['reshaped', 'unfolded'];

/** Nodes of one event, for any number or for one with all shapes written down; states that begin at zero need not be given. */
export function batched(
  nodes: readonly NodeProto[],
  seen: ReadonlyMap<string, OnnxTensor>,
  batching: Batching,
): Pick<GraphPart, 'nodes' | 'constants'> {
  const constants: TensorProto[] = [];
  const rewritten = nodes.map((node) => {
    if (node.opType === 'Reshape' || (node.opType === 'Unsqueeze' && batching === 'unfolded')) {
      const dims = seen.get(node.output[0]!)?.dims;
      if (dims === undefined || dims.length === 0) return node;
      const target = `${PREFIX}shape of ${node.output[0]}`;
      constants.push(integerTensor(target, batching === 'one' ? dims : [-1, ...dims.slice(1)]));
      return nodeOf('Reshape', [node.input[0]!, target], node.output);
    }
    if (RECURRENT.includes(node.opType)) {
      const input = node.input.map((name, i) => (i >= 5 && i <= 6 && isZero(seen.get(name)) ? '' : name));
      return create(NodeProtoSchema, { ...node, input });
    }
    return node;
  });
  return { nodes: rewritten, constants };
}

const RECURRENT = ['LSTM', 'GRU', 'RNN'];

function isZero(tensor: OnnxTensor | undefined): boolean {
  return tensor !== undefined && isFloating(tensor) && tensor.data.every((value) => Number(value) === 0);
}

/** The states that a recurrent node begins with. */
export function initialStates({ opType, input }: NodeProto): string[] {
  return RECURRENT.includes(opType) ? input.slice(5, 7).filter(Boolean) : [];
}

/** What has to be seen of a run before a tail can be rewritten for any number of events. */
export function rewrittenBy({ nodes }: OnnxGraph, { places }: TailCut): string[] {
  return places.flatMap((at) => {
    const node = nodes[at]!;
    if (['Reshape', 'Unsqueeze'].includes(node.opType)) return [node.output[0]!];
    return RECURRENT.includes(node.opType) ? [node.input[0]!, ...initialStates(node)] : [];
  });
}

/** An input of a tensor's type and rank. */
export function inputLike(name: string, { type, dims }: OnnxTensor): ValueInfoProto {
  return ofRank(name, type, dims.length);
}

/** An input of a type, with as many free sizes as it has axes. */
export function ofRank(name: string, type: string, rank: number): ValueInfoProto {
  return valueInfo(name, type, new Array<undefined>(rank).fill(undefined));
}

function cast(from: string, to: string, type: string): NodeProto {
  return nodeOf('Cast', [from], [to], { to: elementType(to, type) });
}
