/** Attention among the steps of sequences `[t, d]`, and products of two tensors. */
import * as tf from '../../base/tensorflow.ts';
import { axisOf } from './axes.ts';
import { type Layer, type LayerMaker, type MakeLayer, trained, type WeightSpec } from './layer.ts';
import { type LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';

/** The layers of this file. */
export const ATTENTION_LAYERS: Readonly<Record<string, LayerMaker>> = {
  MultiHeadAttention: (config, inputs, make) => {
    const along = attendedAxes(config, inputs);
    if (along !== undefined) return alongAxes(config, inputs, make, along);
    const [[steps, width], [, depth], [, keyDepth]] = queryValueKey(config, inputs);
    if (config.flag('use_gate', false) || config.get('sliding_window') !== undefined) {
      throw config.refused('has gates or a sliding window, which is not supported');
    }
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
        const mixed = tf.transpose(tf.matMul(tf.softmax(masked(config, scores)), v), [0, 2, 1, 3]);
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

/** Scores `[…, queries, keys]`, of which each query sees those of its own step and before, where that is asked for. */
function masked(config: LayerConfig, scores: tf.Tensor): tf.Tensor {
  const isCausal = config.flag('use_causal_mask', config.flag('causal', false));
  if (!isCausal) return scores;
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  const hidden = Float32Array.from({ length: queries * keys }, (_, i) => (i % keys > Math.floor(i / keys) ? -1e9 : 0));
  return tf.add(scores, tf.tensor2d(hidden, [queries, keys]));
}

/** The axes of inputs `[…, d]` that attention is among, from 1 as the batch is 0; undefined of sequences. */
function attendedAxes(config: LayerConfig, inputs: readonly Shape[]): number[] | undefined {
  const { length } = inputs[0] ?? [];
  const given = config.get('attention_axes');
  const usual = Array.from({ length: length - 1 }, (_, i) => i + 1);
  const axes =
    given === undefined ? usual : config.listOf('attention_axes').map((axis) => axisOf(config, axis, length));
  if (axes.includes(length)) throw config.refused('attends among channels, which is not supported');
  return length > 2 ? axes.sort((a, b) => a - b) : undefined;
}

/** Attention among some axes of inputs of the same others: as among the steps of sequences, one for each place along the others. */
function alongAxes(config: LayerConfig, inputs: readonly Shape[], make: MakeLayer, axes: readonly number[]): Layer {
  const [query] = inputs as readonly [Shape];
  const rest = query.slice(0, -1).flatMap((_, i) => (axes.includes(i + 1) ? [] : [i + 1]));
  const order = [0, ...rest, ...axes, query.length];
  const lengthOf = (shape: Shape, of: readonly number[]): number => sizeOf(of.map((axis) => shape[axis - 1]!));
  const fits = inputs.every(
    (shape) => shape.length === query.length && rest.every((axis) => shape[axis - 1] === query[axis - 1]),
  );
  if (!fits) throw config.refused(`cannot combine ${inputs.map(shapeText).join(' and ')}`);
  const sequences = inputs.map((shape) => [lengthOf(shape, axes), shape.at(-1)!]);
  const layer = make('MultiHeadAttention', config.with({ attention_axes: [1] }), sequences);
  const width = layer.shape.at(-1)!;
  const ordered = [...rest, ...axes].map((axis) => query[axis - 1]!);
  return {
    ...layer,
    shape: [...query.slice(0, -1), width],
    apply: (values, weights) => {
      const given = values.map((x, i) => tf.reshape(tf.transpose(x, order), [-1, ...sequences[i]!]));
      const made = tf.reshape(layer.apply(given, weights), [values[0]!.shape[0]!, ...ordered, width]);
      return tf.transpose(
        made,
        order.map((_, axis) => order.indexOf(axis)),
      );
    },
  };
}

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
    apply: ([query, value, key = value], own) =>
      tf.matMul(tf.softmax(masked(config, score(query!, key!, own))), value!),
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
