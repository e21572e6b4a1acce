/** Layers of several inputs, and the arithmetic that Keras 3 writes as layers. */
import * as tf from '../../base/tensorflow.ts';
import type { LayerMaker } from './layer.ts';
import { type LayerConfig, type Shape, shapeText } from './layer-config.ts';

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** The layers of this file. */
export const MERGE_LAYERS: Readonly<Record<string, LayerMaker>> = {
  Add: (config, inputs) => combined(config, inputs, tf.add),
  Subtract: (config, inputs) => combined(config, inputs, tf.sub),
  Multiply: (config, inputs) => combined(config, inputs, tf.mul),
  Divide: (config, inputs) => combined(config, inputs, tf.div),
  TrueDivide: (config, inputs) => combined(config, inputs, tf.div),
  Power: (config, inputs) => combined(config, inputs, tf.pow),
  Maximum: (config, inputs) => combined(config, inputs, tf.maximum),
  Minimum: (config, inputs) => combined(config, inputs, tf.minimum),
  Average: (config, inputs) => {
    const sum = combined(config, inputs, tf.add);
    return { ...sum, apply: (values) => tf.div(sum.apply(values, []), values.length) };
  },
  /** Of the InceptionResNetV2 of `keras.applications`. */
  CustomScaleLayer: (config, inputs) => {
    const scale = config.number('scale');
    if (inputs.length !== 2) throw config.refused(`has ${inputs.length} inputs, not two`);
    return combined(config, inputs, (a, b) => tf.add(a, tf.mul(b, scale)));
  },
  Concatenate: (config, inputs) => {
    const [first = []] = inputs;
    const given = config.number('axis', -1);
    const axis = given < 0 ? first.length + given : given - 1; // without the batch
    const rest = (shape: Shape): string => shapeText(shape.map((length, i) => (i === axis ? 0 : length)));
    if (!(axis in first) || inputs.some((shape) => rest(shape) !== rest(first))) {
      throw config.refused(`cannot concatenate ${inputs.map(shapeText).join(' and ')}`);
    }
    const length = inputs.reduce((sum, shape) => sum + shape[axis]!, 0);
    return {
      shape: first.map((own, i) => (i === axis ? length : own)),
      weights: [],
      apply: (values) => (values.length === 1 ? values[0]! : tf.concat([...values], axis + 1)),
    };
  },
};

/** Values of shapes that fit, one after another. */
function combined(config: LayerConfig, inputs: readonly Shape[], combine: Binary): ReturnType<LayerMaker> {
  if (inputs.length < 2) throw config.refused('needs two inputs or more');
  const shape = inputs.reduce((a, b) => broadcast(config, a, b));
  return { shape, weights: [], apply: (values) => values.reduce((a, b) => combine(a, b)) };
}

function broadcast(config: LayerConfig, a: Shape, b: Shape): Shape {
  if (a.length === 0) return b; // a number
  if (b.length === 0) return a;
  const fits = a.length === b.length && a.every((length, axis) => length === b[axis] || length === 1 || b[axis] === 1);
  if (!fits) throw config.refused(`cannot combine ${shapeText(a)} and ${shapeText(b)}`);
  return a.map((length, axis) => Math.max(length, b[axis]!));
}
