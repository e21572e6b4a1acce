/**
 * What an ONNX network learnt, in parts from the output to the input, and the network without some of it: their weights drawn
 * anew, of the same mean and spread (cascading re-initialisation, METHOD §6).
 */
import { createHash } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, type NodeProto, type TensorProto, TensorProto_DataLocation } from 'onnx-buf';
import { fromFloat16, toFloat16 } from '../float16.ts';
import { grouped, redrawn, type WeightPart } from '../reinitialise.ts';
import { cutAt } from './cut.ts';
import { externalBytes, isExternal, type OnnxFile } from './file.ts';
import { ancestors, constantIn, constantOf, graphOf, type OnnxGraph } from './graph.ts';

/** Parts behind the filtered layer, and those before it; from the output to the input. */
export interface WeightParts {
  readonly behind: readonly WeightPart[];
  readonly before: readonly WeightPart[];
}

/** Finds the weights that lead to an output, by their nodes. */
export function weightPartsOf(graph: OnnxGraph, layer: string, output: string): WeightParts {
  const isBehind = new Set(cutAt(graph, layer, [output]).places);
  const places = [...ancestors(graph, [output])].sort((a, b) => b - a);
  const taken = new Set<string>();
  const [behind, before]: [WeightPart[], WeightPart[]] = [[], []];
  for (const places_ of [places.filter((at) => isBehind.has(at)), places.filter((at) => !isBehind.has(at))]) {
    for (const at of places_) {
      const node = graph.nodes[at]!;
      if (node.output.some((name) => graph.fixed.has(name))) continue; // part of the weights of what reads it
      const weights = weightsOf(graph, node).filter((name) => !taken.has(name));
      for (const name of weights) taken.add(name);
      if (weights.length > 0) (isBehind.has(at) ? behind : before).push({ name: wordsOf(node), weights });
    }
  }
  return { behind: grouped(behind), before: grouped(before) };
}

/** Inputs of operators that hold real numbers and nothing learnt (or, of batch norms, what must stay above 0). */
const NOT_LEARNT: Readonly<Record<string, readonly number[]>> = {
  Resize: [1, 2],
  Upsample: [1],
  Clip: [1, 2],
  Pad: [2],
  Where: [0, 1, 2],
  BatchNormalization: [3, 4],
};

/** Names of the constants that a node's weights are made of. */
function weightsOf(graph: OnnxGraph, { opType, input }: NodeProto): string[] {
  const left = NOT_LEARNT[opType] ?? [];
  const found = new Set<string>();
  const follow = (name: string): void => {
    if (!graph.fixed.has(name)) return;
    if (constantOf(graph, name)) {
      const values = valuesOf(graph.file, constantOf(graph, name)!);
      if (values !== undefined && isLearnt(values)) found.add(name);
      return;
    }
    const at = graph.producer.get(name);
    if (at !== undefined) for (const read of graph.reads[at]!) follow(read);
  };
  for (const [i, name] of input.entries()) if (name !== '' && !left.includes(i)) follow(name);
  return [...found];
}

/** Whether numbers are such as are learnt: several, and not all the same. */
function isLearnt(values: Float32Array): boolean {
  return values.length > 1 && values.every(Number.isFinite) && values.some((value) => value !== values[0]);
}

const [FLOAT, FLOAT16, DOUBLE] = [1, 10, 11];

/** Real numbers of a tensor; undefined when it has others. */
function valuesOf(file: OnnxFile, tensor: TensorProto): Float32Array | undefined {
  const { dataType, floatData, doubleData, int32Data } = tensor;
  const raw = isExternal(tensor) ? externalBytes(file, tensor) : Uint8Array.from(tensor.rawData);
  const isRaw = raw.length > 0;
  if (dataType === FLOAT) return isRaw ? new Float32Array(raw.buffer) : Float32Array.from(floatData);
  if (dataType === FLOAT16) return fromFloat16(isRaw ? new Uint16Array(raw.buffer) : Uint16Array.from(int32Data));
  if (dataType === DOUBLE) return Float32Array.from(isRaw ? new Float64Array(raw.buffer) : doubleData);
  return undefined;
}

/** As near as a reader needs it: `layer4.0/conv2`, without the operator and what all names begin with. */
function wordsOf({ name, opType, output }: NodeProto): string {
  const parts = (name || output[0]!).split('/').filter((part) => part !== '');
  const own = parts.length > 1 && parts.at(-1)!.startsWith(opType) ? parts.slice(0, -1) : parts;
  return own.slice(-2).join('/');
}

/**
 * The same graph with the weights of parts drawn anew. What a weight becomes depends on the seed and the parts before it, which
 * are those between it and the output.
 */
export function unlearnt({ file, joins }: OnnxGraph, parts: readonly WeightPart[], seed: number): OnnxGraph {
  const model = fromBinary(ModelProtoSchema, file.bytes); // a copy of its own
  const graph = model.graph!;
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const node of graph.node) {
    const constant = constantIn(node);
    if (constant) tensors.set(node.output[0]!, constant);
  }
  for (const [place, name] of parts.flatMap(({ weights }) => weights).entries()) {
    const tensor = tensors.get(name)!;
    setValues(tensor, redrawn(valuesOf(file, tensor)!, seed, place));
  }
  const bytes = toBinary(ModelProtoSchema, model);
  const sha256 = createHash('sha256').update(file.sha256).update(bytes).digest('hex');
  return { ...graphOf({ ...file, model, graph, bytes, sha256 }), joins };
}

function setValues(tensor: TensorProto, values: Float32Array): void {
  const own =
    tensor.dataType === FLOAT16
      ? toFloat16(values)
      : tensor.dataType === DOUBLE
        ? Float64Array.from(values)
        : Float32Array.from(values);
  Object.assign(tensor, { floatData: [], doubleData: [], int32Data: [], externalData: [] });
  tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
  tensor.rawData = new Uint8Array(own.buffer, own.byteOffset, own.byteLength).slice();
}
