/**
 * Attention rollout (Abnar & Zuidema 2020, https://arxiv.org/abs/2005.00928, Sec. 3): how much of each place of the picture
 * reaches the last tokens through the softmax attention of all layers, were each half its attention and half its residual path.
 * Knows nothing of what is explained. The attention matrices are found in the graph, not in names.
 */
import { product } from '../../base/matrix.ts';
import type { Layout, LayoutSizes } from '../layout.ts';
import { tensorNamed } from './cut.ts';
import { ancestors, type OnnxGraph } from './graph.ts';
import { floatsOf, type OnnxTensor } from './runtime.ts';

/** Operators that leave a matrix what it is: scaling, masking, another type or shape. */
const PASSING: ReadonlySet<string> = new Set([
  ...['Mul', 'Div', 'Add', 'Where', 'Cast', 'Identity', 'Dropout', 'Reshape'],
]);
const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Einsum', 'FusedMatMul']);

/** Names of what comes out of softmaxes between two products, in the order in which they are computed. */
export function attentionTensors(graph: OnnxGraph, output: string): string[] {
  const { nodes, reads } = graph;
  /** Tensors that are a product, but for what leaves it what it is. */
  const products = new Set<string>();
  for (const { opType, input, output: made } of nodes) {
    const isProduct = PRODUCTS.has(opType) || (PASSING.has(opType) && input.some((name) => products.has(name)));
    if (isProduct) for (const name of made) products.add(name);
  }
  /** Tensors of which a product is made, likewise. */
  const factors = new Set<string>();
  for (const [at, { opType, output: made }] of [...nodes.entries()].reverse()) {
    const leads = PRODUCTS.has(opType) || (PASSING.has(opType) && made.some((name) => factors.has(name)));
    if (leads) for (const name of reads[at]!) factors.add(name);
  }
  const found = [...ancestors(graph, [output])]
    .sort((a, b) => a - b)
    .flatMap((at) => {
      const { opType, input, output: made } = nodes[at]!;
      const isAttention = opType === 'Softmax' && products.has(input[0]!) && factors.has(made[0]!);
      return isAttention ? [tensorNamed(graph, made[0]!)!] : [];
    });
  return [...new Set(found)];
}

/** Tokens of no place that may come before the others: a class token, registers. */
const MOST_EXTRA = 8;

/** Softmax attention of one layer over the tokens of a picture, or of an event. */
interface Attention {
  /** Per group of tokens (one for each slice, or one of all of them): heads averaged, `[tokens, tokens]`. */
  readonly groups: readonly Float64Array[];
  /** Tokens of no place, which come first. */
  readonly extra: number;
  /** Whether the tokens are those of all slices together. */
  readonly isJoint: boolean;
}

/**
 * The rollout of an event `[t, h, w]`, row by row; undefined where no attention is over the places of the picture. Attention over
 * other things, such as time at one place, counts for nothing.
 *
 * @param tensors attention matrices, in order
 * @param sizes of the filtered layer, whose grid the tokens share
 */
export function attentionRollout(
  tensors: readonly OnnxTensor[],
  layout: Layout,
  sizes: LayoutSizes,
): Float32Array | undefined {
  const all = tensors.flatMap((tensor) => attentionOf(tensor, sizes) ?? []);
  const last = all.at(-1);
  if (last === undefined) return undefined;
  const { extra, isJoint } = last;
  const same = all.filter((each) => each.extra === extra && each.isJoint === isJoint);
  const groups = last.groups.map((_, group) => {
    const layers = same.map((each) => each.groups[group]!);
    return rolledOut(layers, extra).subarray(extra);
  });
  return isJoint ? inOrder(groups[0]!, layout, sizes) : Float32Array.from(groups.flatMap((values) => [...values]));
}

function attentionOf(tensor: OnnxTensor, { t, h, w }: LayoutSizes): Attention | undefined {
  const { dims } = tensor;
  const tokens = dims.at(-1) ?? 0;
  if (dims.length < 3 || dims.at(-2) !== tokens) return undefined;
  const matrices = product(dims.slice(0, -2));
  const [alone, together] = [tokens - h * w, tokens - t * h * w];
  const isJoint = t > 1 && together >= 0 && together <= MOST_EXTRA;
  const extra = isJoint ? together : alone;
  const groups = isJoint ? 1 : t;
  if (extra < 0 || extra > MOST_EXTRA || matrices % groups !== 0) return undefined;
  const values = floatsOf(tensor);
  const [size, heads] = [tokens * tokens, matrices / groups];
  return {
    ...{ extra, isJoint },
    groups: Array.from({ length: groups }, (_, group) => {
      const mean = new Float64Array(size);
      for (let head = 0; head < heads; head++) {
        const first = (group * heads + head) * size;
        for (let i = 0; i < size; i++) mean[i]! += values[first + i]! / heads;
      }
      return mean;
    }),
  };
}

/**
 * The row of the first token of no place (the class token), or the mean over all rows where there is none, of the product over the
 * layers of `½ W + ½ I`, rows normalised.
 */
function rolledOut(layers: readonly Float64Array[], extra: number): Float64Array {
  const tokens = Math.sqrt(layers[0]!.length);
  let row = new Float64Array(tokens).fill(extra > 0 ? 0 : 1 / tokens);
  if (extra > 0) row[0] = 1;
  for (const weights of layers.toReversed()) {
    const next = new Float64Array(tokens);
    for (let i = 0; i < tokens; i++) {
      let sum = 1; // of the residual path
      for (let j = 0; j < tokens; j++) sum += weights[i * tokens + j]!;
      for (let j = 0; j < tokens; j++) next[j]! += (row[i]! * (weights[i * tokens + j]! + Number(i === j))) / sum;
    }
    row = next;
  }
  return row;
}

/** Tokens of all slices, as the layer's axis has them → `[t, h, w]`. */
function inOrder(values: Float64Array, { axes }: Layout, sizes: LayoutSizes): Float32Array {
  const folded = axes.find(({ names }) => names.includes('h') && names.includes('w') && names.includes('t'));
  const names = (folded?.names ?? ['t', 'h', 'w']).filter((name) => name === 't' || name === 'h' || name === 'w');
  const strides = { t: 0, h: 0, w: 0 };
  let stride = 1;
  for (const name of names.toReversed()) {
    strides[name] = stride;
    stride *= sizes[name];
  }
  const result = new Float32Array(values.length);
  let at = 0;
  for (let t = 0; t < sizes.t; t++) {
    for (let h = 0; h < sizes.h; h++) {
      for (let w = 0; w < sizes.w; w++) result[at++] = values[t * strides.t + h * strides.h + w * strides.w]!;
    }
  }
  return result;
}
