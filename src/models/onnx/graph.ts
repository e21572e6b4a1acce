/** The graph of an ONNX file: what is computed from what. */
import type { GraphProto, NodeProto, TensorProto } from 'onnx-buf';
import { invalid, type OnnxFile } from './file.ts';

/** Tensors that are one layer together. */
export interface Join {
  /** One for each frame, or each few, in order of time. */
  readonly parts: readonly string[];
  /** Along which they are put one after another. */
  readonly axis: number;
}

/** A graph that can be asked. */
export interface OnnxGraph {
  readonly file: OnnxFile;
  /** In an order in which they can be computed. */
  readonly nodes: readonly NodeProto[];
  /** Place of the node that computes a tensor. */
  readonly producer: ReadonlyMap<string, number>;
  /** What each node reads, inside its loops and branches too. */
  readonly reads: readonly (readonly string[])[];
  readonly constants: ReadonlyMap<string, TensorProto>;
  /** Tensors that do not depend on any input, the constants among them. */
  readonly fixed: ReadonlySet<string>;
  /** Inputs that are to be fed, in order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Layers that lie in several tensors (`copies.ts`), by the name that they have together. */
  readonly joins: ReadonlyMap<string, Join>;
}

/** What to do about a network that was exported as it is trained. */
export const EVAL = 'export it in evaluation mode: model.eval() first';

/** Operators that say that weights or features are kept in whole numbers. */
const QUANTISED = /^(QLinear|Quantize|DynamicQuantize|Dequantize|MatMulInteger|ConvInteger)/;

/**
 * Finds out what is computed from what.
 *
 * @throws L2cafError `model-invalid` when something is read that nobody computes, or goes in a circle, or weights are quantised
 */
export function graphOf(file: OnnxFile): OnnxGraph {
  const { path, graph } = file;
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const { values } of graph.sparseInitializer) if (values) constants.set(values.name, values);
  const inputs = graph.input.map(({ name }) => name).filter((name) => !constants.has(name));
  if (inputs.length === 0) throw invalid(path, 'it has no input');
  if (graph.output.length === 0)
    throw invalid(path, 'it has no output', 'the file is damaged or was edited: export it again');
  const producer = new Map<string, number>();
  const reads = graph.node.map(readsOf);
  const known = new Set<string>(['', ...inputs, ...constants.keys()]);
  for (const [at, node] of graph.node.entries()) {
    if (QUANTISED.test(node.opType)) {
      throw invalid(
        path,
        `it is quantised (${node.opType}): its outputs go in steps, of which no derivative can be taken`,
        'use the network as it was before it was quantised',
      );
    }
    const setting = trainingOf(
      node,
      (name) => constants.get(name) ?? graph.node[producer.get(name) ?? -1]?.attribute[0]?.t,
    );
    if (setting) throw invalid(path, `it was exported as it was trained: ${nameOf(node)} ${setting}`, EVAL);
    const missing = reads[at]!.find((name) => !known.has(name));
    if (missing !== undefined) {
      const hint = 'the file is damaged or was edited: export it again';
      throw invalid(path, `${nameOf(node)} reads ${missing}, which nobody has computed by then`, hint);
    }
    for (const name of node.output) {
      known.add(name);
      if (name !== '') producer.set(name, at);
    }
  }
  return {
    ...{ file, nodes: graph.node, producer, reads, constants, inputs },
    fixed: fixedTensors(graph.node, reads, constants),
    outputs: graph.output.map(({ name }) => name),
    joins: new Map(),
  };
}

/** The tensor of an initialiser, or of a node that is nothing but one. */
export function constantOf({ constants, producer, nodes }: OnnxGraph, name: string): TensorProto | undefined {
  return constants.get(name) ?? constantIn(nodes[producer.get(name) ?? -1]);
}

/** The tensor that a node is, if it is nothing else. */
export function constantIn(node: NodeProto | undefined): TensorProto | undefined {
  return node?.opType === 'Constant' ? node.attribute.find(({ name }) => name === 'value')?.t : undefined;
}

/** The tensors that a layer lies in: itself, or several. */
export function partsOf({ joins }: Pick<OnnxGraph, 'joins'>, layer: string): readonly string[] {
  return joins.get(layer)?.parts ?? [layer];
}

/** What a node does that is only meant for training. */
function trainingOf(
  { opType, attribute, input }: NodeProto,
  constant: (name: string) => TensorProto | undefined,
): string | undefined {
  if (opType === 'BatchNormalization' && attribute.some(({ name, i }) => name === 'training_mode' && i)) {
    return 'takes its statistics from the input';
  }
  const mode = opType === 'Dropout' && input[2] ? constant(input[2]) : undefined;
  return mode?.rawData[0] || mode?.int32Data[0] ? 'drops values by chance' : undefined;
}

/** A node as messages name it. */
export function nameOf({ name, opType, output }: NodeProto): string {
  return `${opType} ${name || output[0]}`;
}

/** What a node reads from outside, in its loops and branches too. */
export function readsOf(node: NodeProto): string[] {
  const inner = node.attribute.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs]);
  return [...new Set([...node.input, ...inner.flatMap(capturedBy)])].filter((name) => name !== '');
}

function capturedBy(graph: GraphProto): string[] {
  const own = new Set([...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]);
  const captured: string[] = [];
  for (const node of graph.node) {
    captured.push(...readsOf(node).filter((name) => !own.has(name)));
    for (const name of node.output) own.add(name);
  }
  return [...captured, ...graph.output.map(({ name }) => name).filter((name) => !own.has(name))];
}

/** Places of the nodes that tensors lead to. */
export function descendants({ nodes, reads }: OnnxGraph, tensors: Iterable<string>): Set<number> {
  const reached = new Set(tensors);
  const places = new Set<number>();
  for (const [at, node] of nodes.entries()) {
    if (!reads[at]!.some((name) => reached.has(name))) continue;
    places.add(at);
    for (const name of node.output) if (name !== '') reached.add(name);
  }
  return places;
}

/** Places of the nodes that tensors are computed by. */
export function ancestors({ nodes, reads }: OnnxGraph, tensors: readonly string[]): Set<number> {
  const wanted = new Set(tensors);
  const places = new Set<number>();
  for (let at = nodes.length - 1; at >= 0; at--) {
    if (!nodes[at]!.output.some((name) => wanted.has(name))) continue;
    places.add(at);
    for (const name of reads[at]!) wanted.add(name);
  }
  return places;
}

/** Tensors that do not depend on any input. */
function fixedTensors(
  nodes: readonly NodeProto[],
  reads: OnnxGraph['reads'],
  constants: OnnxGraph['constants'],
): Set<string> {
  const fixed = new Set(constants.keys());
  for (const [at, node] of nodes.entries()) {
    if (node.opType.startsWith('Random') || !reads[at]!.every((name) => fixed.has(name))) continue;
    for (const name of node.output) fixed.add(name);
  }
  return fixed;
}
