/** Where a network's input has its colours: the first convolution that reads it says so. */
import type { NodeProto, TensorProto } from 'onnx-buf';
import { constantOf, type OnnxGraph } from './graph.ts';

/** The axis of the colours, and how many there are. */
export interface ColourAxis {
  readonly axis: number;
  readonly channels: number;
}

/** For every axis of a tensor, the axes of the input that it is made of. */
type Axes = readonly (readonly number[])[];

/** Operators after which the axes are what they were before. */
const KEEPING =
  /^(Cast|Identity|Add|Sub|Mul|Div|Clip|Relu|Sqrt|Pow|Slice|Split|Pad|Dropout|BatchNormalization|Resize)$/;
/** Operators that put axes together; those in front are taken for them, a batch and its frames. */
const FOLDING = /^(Reshape|Flatten)$/;

/**
 * Follows an input through what scales, cuts, turns and folds it to the first convolution, whose kernel counts the colours:
 * they are the axis after the batch there. Undefined where no convolution is found so.
 *
 * @param rank how many axes the input has
 */
export function colourAxisOf(graph: OnnxGraph, input: string, rank: number): ColourAxis | undefined {
  const known = new Map<string, Axes>([[input, Array.from({ length: rank }, (_, i) => [i])]]);
  for (const node of graph.nodes) {
    const axes = known.get(node.input[0] ?? '') ?? known.get(node.input[1] ?? '');
    if (axes === undefined) continue;
    if (node.opType !== 'Conv') {
      const passed = axesAfter(graph, node, axes);
      if (passed) for (const name of node.output) known.set(name, passed);
      continue;
    }
    const kernel = constantOf(graph, node.input[1]!)?.dims.map(Number);
    const own = kernel && folded(axes, kernel.length)?.[1];
    if (own?.length !== 1) continue;
    const groups = Number(attributeOf(node, 'group')?.i ?? 1);
    return { axis: own[0]!, channels: kernel![1]! * groups };
  }
  return undefined;
}

/** The axes of what a node gives, where it is known; `axes` are those of what it reads. */
function axesAfter(graph: OnnxGraph, node: NodeProto, axes: Axes): Axes | undefined {
  const { opType, input } = node;
  if (KEEPING.test(opType) || FOLDING.test(opType)) return axes;
  const wholes = attributeOf(node, 'axes')?.ints ?? integersOf(constantOf(graph, input[1] ?? ''));
  if (opType === 'Transpose') {
    const perm = attributeOf(node, 'perm')?.ints.map(Number) ?? [];
    const turned = folded(axes, perm.length);
    return turned && perm.map((from) => turned[from]!);
  }
  if (opType === 'Gather') {
    const at = constantOf(graph, input[1]!);
    return at?.dims.length === 0 ? without(axes, [attributeOf(node, 'axis')?.i ?? 0n]) : axes;
  }
  if (opType === 'Squeeze' && wholes) return without(axes, wholes);
  if (opType === 'Unsqueeze' && wholes) {
    const rank = axes.length + wholes.length;
    const added = wholes.map((place) => (Number(place) + rank) % rank);
    const rest = axes.values();
    return Array.from({ length: rank }, (_, i) => (added.includes(i) ? [] : rest.next().value!));
  }
  return undefined;
}

function without(axes: Axes, places: readonly bigint[]): Axes {
  const gone = places.map((place) => (Number(place) + axes.length) % axes.length);
  return axes.filter((_, i) => !gone.includes(i));
}

/** As many axes as are said: those in front put together. Undefined where there are fewer. */
function folded(axes: Axes, rank: number): Axes | undefined {
  const front = axes.length - rank + 1;
  return front < 1 ? undefined : [axes.slice(0, front).flat(), ...axes.slice(front)];
}

function attributeOf({ attribute }: NodeProto, name: string): NodeProto['attribute'][number] | undefined {
  return attribute.find((one) => one.name === name);
}

function integersOf(tensor: TensorProto | undefined): readonly bigint[] | undefined {
  if (tensor === undefined) return undefined;
  const { int64Data, rawData } = tensor;
  if (rawData.length === 0) return int64Data;
  const bytes = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: Math.floor(rawData.length / 8) }, (_, i) => bytes.getBigInt64(8 * i, true));
}
