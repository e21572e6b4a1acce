/**
 * What directly behind a layer is affine in it (METHOD §4, "collapsed tail"): convolutions, pooling, batch norms, products
 * with weights. Found by walking the graph over operators that are known to be; that they are is checked by evaluation
 * where it is used (`front.ts`).
 */
import { type NodeProto, TensorProto_DataType } from 'onnx-buf';
import { readsOf } from './graph.ts';

/** The nodes behind a layer, in two parts. */
export interface AffineSplit {
  /** Nodes whose results are affine in the layer, as far as the rest needs them, and what was written for them. */
  readonly front: readonly NodeProto[];
  /** Results of the front, or the layer itself, that the rest reads, or that are outputs. */
  readonly frontier: readonly string[];
  /** The other nodes that lead to the outputs. */
  readonly rest: readonly NodeProto[];
}

/** Nodes that stand in the place of one, where what it reads is affine, and nothing otherwise. */
export type Rewriting = (node: NodeProto, isAffine: (name: string) => boolean) => readonly NodeProto[] | undefined;

const SHAPES = ['Shape', 'Size'];

/** Splits the nodes behind a layer, which are in an order in which they can be computed. */
export function affineSplit(
  nodes: readonly NodeProto[],
  layer: string,
  outputs: readonly string[],
  rewrite: Rewriting = () => undefined,
): AffineSplit {
  const dependence = new Map<string, 'affine' | 'other'>([[layer, 'affine']]);
  const isAffine = (name: string): boolean => dependence.get(name) === 'affine';
  const all: NodeProto[] = [];
  for (const node of nodes) {
    const written = rewrite(node, isAffine);
    for (const each of written ?? [node]) {
      // Filters change no shapes.
      const varies = !SHAPES.includes(each.opType) && readsOf(each).some((name) => dependence.has(name));
      if (varies || written) all.push(each);
      if (!varies) continue;
      const kind = keepsAffine(each, dependence) ? 'affine' : 'other';
      for (const name of each.output) if (name !== '') dependence.set(name, kind);
    }
  }
  const rest = leadingTo(all, outputs, isAffine);
  const read = new Set([...outputs, ...rest.flatMap(readsOf)]);
  const frontier = [...dependence.keys()].filter((name) => isAffine(name) && read.has(name));
  return { front: leadingTo(all, frontier, (name) => name === layer), frontier, rest };
}

/** The nodes that tensors are computed by, as far as they are not given. */
export function leadingTo(
  nodes: readonly NodeProto[],
  tensors: readonly string[],
  isGiven: (name: string) => boolean,
): NodeProto[] {
  const wanted = new Set(tensors.filter((name) => !isGiven(name)));
  const found: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => wanted.has(name))) continue;
    found.push(node);
    for (const name of readsOf(node)) if (!isGiven(name)) wanted.add(name);
  }
  return found.reverse();
}

/** Operators that are linear in the inputs at these places together, whatever is at others. */
const LINEAR: Readonly<Record<string, readonly number[] | 'all'>> = {
  ...{ Identity: [0], Dropout: [0], Flatten: [0], Squeeze: [0], Unsqueeze: [0], Reshape: [0], Transpose: [0] },
  ...{ Slice: [0], Split: [0], Gather: [0], GatherElements: [0], GatherND: [0], Expand: [0], Tile: [0], Pad: [0, 2] },
  ...{ DepthToSpace: [0], SpaceToDepth: [0], Trilu: [0], CumSum: [0], Neg: [0], ReverseSequence: [0] },
  ...{ Concat: 'all', Add: 'all', Sub: 'all', Sum: 'all', Mean: 'all', Where: [1, 2] },
  ...{ ScatterND: [0, 2], ScatterElements: [0, 2] },
  ...{ AveragePool: [0], GlobalAveragePool: [0], ReduceMean: [0], ReduceSum: [0], Resize: [0], Upsample: [0] },
  ...{ Conv: [0], ConvTranspose: [0], BatchNormalization: [0], Div: [0], Cast: [0] },
};

/** Operators that multiply one input by another: linear in one of them. */
const PRODUCTS = ['Mul', 'MatMul', 'Einsum', 'Gemm'];

const REAL = [
  TensorProto_DataType.FLOAT,
  TensorProto_DataType.FLOAT16,
  TensorProto_DataType.BFLOAT16,
  TensorProto_DataType.DOUBLE,
];

/** Whether what a node gives is affine, given that something that it reads depends on the layer. */
function keepsAffine(node: NodeProto, dependence: ReadonlyMap<string, 'affine' | 'other'>): boolean {
  const { opType, domain, input, attribute } = node;
  if ((domain && domain !== 'ai.onnx') || attribute.some(({ g, graphs }) => g || graphs.length > 0)) return false;
  const dependent = [...input.keys()].filter((at) => dependence.has(input[at]!));
  if (!dependent.every((at) => dependence.get(input[at]!) === 'affine')) return false;
  if (opType === 'Cast') {
    const to = attribute.find(({ name }) => name === 'to')?.i ?? 0n;
    return REAL.includes(Number(to));
  }
  if (PRODUCTS.includes(opType)) {
    // What Gemm adds may be affine as well.
    return dependent.filter((at) => opType !== 'Gemm' || at < 2).length <= 1;
  }
  const places = LINEAR[opType];
  return places === 'all' || (places !== undefined && dependent.every((at) => places.includes(at)));
}
