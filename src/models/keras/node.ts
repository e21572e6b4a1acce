/** A tensor of an unfolded network, and how its layer is applied. */
import { product } from '../../base/matrix.ts';
import * as tf from '../../base/tensorflow.ts';
import type { Layer } from './layer.ts';
import type { Shape } from './layer-config.ts';
import type { Constant } from './topology.ts';

/** A tensor of the network, and the layer that makes it. */
export interface Node {
  /** Unique: the layer's name, after those of the networks it is in; of a later call of the layer with `:1`, `:2`, … */
  readonly name: string;
  readonly className: string;
  /** Without the batch. */
  readonly shape: Shape;
  readonly inputs: readonly (Node | number)[];
  /** None for the network's input. */
  readonly layer?: Layer;
  /** Axes after the batch that the layer is applied along. */
  readonly lead: number;
  /** Key of its weights; calls of one layer share them. */
  readonly weights: string;
  /** The layer without the softmax that it ends in. */
  readonly beforeSoftmax?: Layer;
}

/** What a layer is called with, once its tensors are known. */
export type Read = Node | Constant | number;

/** Whether it is a tensor that the network computes. */
export function isNode(one: Read): one is Node {
  return typeof one === 'object' && 'lead' in one;
}

/** A node's output from its inputs `[n, …]`; call inside `tf.tidy`. */
export function applyNode(
  { layer, lead, inputs: read }: Pick<Node, 'layer' | 'lead' | 'inputs'>,
  inputs: readonly tf.Tensor[],
  weights: readonly tf.Tensor[],
): tf.Tensor {
  const given = inputs.map((x, i) => (lead === 0 || typeof read[i] === 'number' ? x : merged(x, lead)));
  const result = layer!.apply(given, weights);
  if (lead === 0) return result;
  const example = inputs[read.findIndex((one) => typeof one !== 'number')]!;
  return tf.reshape(result, [...example.shape.slice(0, lead + 1), ...result.shape.slice(1)]);
}

/** `[n, t, …]` → `[n·t, …]` */
function merged(x: tf.Tensor, lead: number): tf.Tensor {
  const rows = product(x.shape.slice(0, lead + 1));
  return tf.reshape(x, [rows, ...x.shape.slice(lead + 1)]);
}
