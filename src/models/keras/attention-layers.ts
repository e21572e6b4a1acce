/** Attention among the steps of sequences `[t, d]`, and products of two tensors. */
import * as tf from '../../base/tensorflow.ts';
import { type Layer, type LayerMaker, trained, type WeightSpec } from './layer.ts';
import { type LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';

/** The layers of this file. */
export const ATTENTION_LAYERS: Readonly<Record<string, LayerMaker>> = {
  MultiHeadAttention: (config, inputs) => {
    const [[steps, width], [, depth], [, keyDepth]] = queryValueKey(config, inputs);
    if (config.flag('use_gate', false) || config.get('sliding_window') !== undefined) {
      throw config.refused('has gates or a sliding window, which is not supported');
    }
    const axes = config.get('attention_axes') ?? 1;
    if (![1, -2].includes(Number(axes))) throw config.refused('attends along another axis than that of the steps');
    const heads = config.count('num_heads');
    const keyWidth = config.count('key_dim');
    const valueWidth = config.count('value_dim', keyWidth);
    const out = config.get('output_shape') === undefined ? width : config.counts('output_shape', 1)[0]!;
    const hasBias = config.flag('use_bias', true);
    const product = (folder: string, kernel: Shape, bias: Shape): WeightSpec[] =>
      [trained('kernel', ...kernel), ...(hasBias ? [trained('bias', ...bias)] : [])].map((spec) => ({
        ...spec,
        folder,
      }));
    const perProduct = hasBias ? 2 : 1;
    /** `[n, t, d]` → `[n, t, …]` by the product of a number. */
    const projected = (x: tf.Tensor, weights: readonly tf.Tensor[], which: number, length: number): tf.Tensor => {
      const [kernel, bias] = weights.slice(which * perProduct, (which + 1) * perProduct);
      const [batch, rows, columns] = x.shape as [number, number, number];
      const matrix = tf.reshape(kernel!, [columns, length]) as tf.Tensor2D;
      const result = tf.matMul(tf.reshape(x, [batch * rows, columns]) as tf.Tensor2D, matrix);
      return tf.reshape(hasBias ? tf.add(result, tf.reshape(bias!, [length])) : result, [batch, rows, length]);
    };
    /** `[n, t, heads · d]` → `[n, heads, t, d]` */
    const parted = (x: tf.Tensor): tf.Tensor =>
      tf.transpose(tf.reshape(x, [x.shape[0]!, x.shape[1]!, heads, -1]), [0, 2, 1, 3]);
    return {
      shape: [steps, out],
      weights: [
        ...product('query_dense', [width, heads, keyWidth], [heads, keyWidth]),
        ...product('key_dense', [keyDepth, heads, keyWidth], [heads, keyWidth]),
        ...product('value_dense', [depth, heads, valueWidth], [heads, valueWidth]),
        ...product('output_dense', [heads, valueWidth, out], [out]),
      ],
      apply: ([query, value, key = value], weights) => {
        const q = parted(projected(query!, weights, 0, heads * keyWidth));
        const k = parted(projected(key!, weights, 1, heads * keyWidth));
        const v = parted(projected(value!, weights, 2, heads * valueWidth));
        const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(keyWidth));
        const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
        return projected(tf.reshape(mixed, [mixed.shape[0]!, mixed.shape[1]!, heads * valueWidth]), weights, 3, out);
      },
    };
  },
  Attention: (config, inputs) => {
    config.oneOf('score_mode', ['dot'], 'dot');
    const weights = config.flag('use_scale', false) ? [trained('scale')] : [];
    return attention(config, inputs, weights, (query, key, [scale]) => {
      const scores = tf.matMul(query, key, false, true);
      return scale === undefined ? scores : tf.mul(scores, scale);
    });
  },
  AdditiveAttention: (config, inputs) => {
    const [[, width]] = queryValueKey(config, inputs);
    const weights = config.flag('use_scale', true) ? [trained('scale', width)] : [];
    return attention(config, inputs, weights, (query, key, [scale]) => {
      const sums = tf.tanh(tf.add(tf.expandDims(query, 2), tf.expandDims(key, 1)));
      return tf.sum(scale === undefined ? sums : tf.mul(sums, scale), -1);
    });
  },
  Dot: (config, inputs) => {
    const [a, b] = inputs;
    if (inputs.length !== 2) throw config.refused(`has ${inputs.length} inputs, not two`);
    if (config.flag('normalize', false)) throw config.refused('normalises what it multiplies, which is not supported');
    const given =
      typeof config.get('axes') === 'number' ? [config.number('axes'), config.number('axes')] : config.integers('axes');
    const [axisA, axisB] = [a!, b!].map((shape, i) => (given[i]! < 0 ? shape.length + given[i]! : given[i]! - 1));
    const [restA, restB] = [a!.filter((_, axis) => axis !== axisA), b!.filter((_, axis) => axis !== axisB)];
    if (a![axisA!] === undefined || a![axisA!] !== b![axisB!]) {
      throw config.refused(`cannot multiply ${shapeText(a!)} and ${shapeText(b!)} along ${shapeText(given)}`);
    }
    const shape = restA.length + restB.length === 0 ? [1] : [...restA, ...restB];
    const matrix = (x: tf.Tensor, rest: Shape, axis: number): tf.Tensor3D => {
      const others = rest.map((_, i) => 1 + (i < axis ? i : i + 1));
      return tf.reshape(tf.transpose(x, [0, ...others, axis + 1]), [x.shape[0]!, sizeOf(rest), -1]);
    };
    return {
      shape,
      weights: [],
      apply: ([x, y]) => {
        const result = tf.matMul(matrix(x!, restA, axisA!), matrix(y!, restB, axisB!), false, true);
        return tf.reshape(result, [x!.shape[0]!, ...shape]);
      },
    };
  },
};

/** A mean of values, weighted by the softmax of scores. */
function attention(
  config: LayerConfig,
  inputs: readonly Shape[],
  weights: readonly WeightSpec[],
  score: (query: tf.Tensor, key: tf.Tensor, weights: readonly tf.Tensor[]) => tf.Tensor,
): Layer {
  const [[steps], [, depth]] = queryValueKey(config, inputs);
  return {
    shape: [steps, depth],
    weights,
    apply: ([query, value, key = value], own) => tf.matMul(tf.softmax(score(query!, key!, own)), value!),
  };
}

type Sequence = readonly [steps: number, width: number];

/** Shapes of the queries, the values, and the keys, which are the values where there are no others. */
function queryValueKey(config: LayerConfig, inputs: readonly Shape[]): [Sequence, Sequence, Sequence] {
  const [query, value, key = value] = inputs;
  if (inputs.length < 2 || inputs.length > 3 || inputs.some((shape) => shape.length !== 2)) {
    throw config.refused(`takes two or three sequences [t, d], not ${inputs.map(shapeText).join(' and ')}`);
  }
  if (key![0] !== value![0]) throw config.refused(`has keys ${shapeText(key!)} for values ${shapeText(value!)}`);
  return [query, value, key] as unknown as [Sequence, Sequence, Sequence];
}
