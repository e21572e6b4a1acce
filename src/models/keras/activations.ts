/** Keras's activation functions, by the names that files have for them, and the layers that are nothing else. */
import * as tf from '../../base/tensorflow.ts';
import { type Layer, type LayerMaker, type MakeLayer, onlyInput, trained } from './layer.ts';
import { isObject, LayerConfig, type Shape } from './layer-config.ts';

/** A function of a tensor, element by element or along the last axis. */
export type Activation = (x: tf.Tensor) => tf.Tensor;

const identity: Activation = (x) => x;

/** Until Keras 3: `clip(0.2 x + 0.5, 0, 1)`. */
const hardSigmoid2: Activation = (x) => tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1);
/** Since Keras 3: `relu6(x + 3) / 6`. */
const hardSigmoid3: Activation = (x) => tf.div(tf.clipByValue(tf.add(x, 3), 0, 6), 6);
const tanhGelu: Activation = (x) => {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))));
  return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.tanh(inner)));
};

const FUNCTIONS: Readonly<Record<string, Activation>> = {
  linear: identity,
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.clipByValue(x, 0, 6),
  leaky_relu: (x) => tf.leakyRelu(x, 0.2),
  elu: (x) => tf.elu(x),
  selu: (x) => tf.selu(x),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
  gelu_new: tanhGelu,
  sigmoid: (x) => tf.sigmoid(x),
  hard_silu: (x) => tf.mul(x, hardSigmoid3(x)),
  hard_tanh: (x) => tf.clipByValue(x, -1, 1),
  tanh: (x) => tf.tanh(x),
  softplus: (x) => tf.softplus(x),
  log_sigmoid: (x) => tf.neg(tf.softplus(tf.neg(x))),
  squareplus: (x) => tf.div(tf.add(x, tf.sqrt(tf.add(tf.square(x), 4))), 2),
  sparse_plus: (x) => tf.add(tf.div(tf.square(tf.clipByValue(tf.add(x, 1), 0, 2)), 4), tf.relu(tf.sub(x, 1))),
  sparse_sigmoid: (x) => tf.div(tf.clipByValue(tf.add(x, 1), 0, 2), 2),
  tanh_shrink: (x) => tf.sub(x, tf.tanh(x)),
  soft_shrink: (x) => tf.sub(x, tf.clipByValue(x, -0.5, 0.5)),
  hard_shrink: (x) => tf.mul(x, tf.step(tf.sub(tf.abs(x), 0.5))),
  softsign: (x) => tf.div(x, tf.add(tf.abs(x), 1)),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
  mish: (x) => tf.mul(x, tf.tanh(tf.softplus(x))),
  exponential: (x) => tf.exp(x),
  softmax: (x) => tf.softmax(x),
  log_softmax: (x) => tf.logSoftmax(x),
};
/** Other names of the same functions; the last ones are TensorFlow.js's. */
const ALIASES: Readonly<Record<string, string>> = {
  swish: 'silu',
  celu: 'elu', // of alpha 1
  hard_swish: 'hard_silu',
  hardSigmoid: 'hard_sigmoid',
  logSoftmax: 'log_softmax',
  softSign: 'softsign',
};

function usualName(name: string): string {
  return Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
}

/** The name of a layer's activation function, `linear` where it has none, or undefined where it is a layer or unknown. */
export function activationName(config: LayerConfig, key = 'activation'): string | undefined {
  const value = config.get(key) ?? 'linear';
  const name = isObject(value) && value['class_name'] === 'function' ? value['config'] : value;
  return typeof name === 'string' ? usualName(name) : undefined;
}

/**
 * The activation that a layer has under a key: a function, or a layer without weights.
 *
 * @throws L2cafError `model-invalid` for one that is not known
 */
export function activationOf(
  config: LayerConfig,
  shape: Shape,
  make: MakeLayer,
  key = 'activation',
  fallback = 'linear',
): Activation {
  const value = config.get(key) ?? fallback;
  const name = typeof value === 'string' ? usualName(value) : activationName(config, key);
  if (name === 'hard_sigmoid') return config.kerasMajor >= 3 ? hardSigmoid3 : hardSigmoid2;
  if (name !== undefined && Object.hasOwn(FUNCTIONS, name)) return FUNCTIONS[name]!;
  if (isObject(value) && typeof value['class_name'] === 'string' && isObject(value['config'])) {
    const title = `${value['class_name']} in ${config.title}`;
    const layer = make(value['class_name'], new LayerConfig(title, value['config'], config.kerasMajor), [shape]);
    if (layer.weights.length === 0) return (x) => layer.apply([x], []);
  }
  throw config.refused(`has the ${key} ${JSON.stringify(value)}, which is not supported`, 'export the network to ONNX');
}

/** Layers that are an activation. */
export const ACTIVATION_LAYERS: Readonly<Record<string, LayerMaker>> = {
  Activation: (config, inputs, make) => {
    const shape = onlyInput(config, inputs);
    const activation = activationOf(config, shape, make);
    return elementwise(shape, activation);
  },
  ReLU: (config, inputs) => {
    const most = config.get('max_value') === undefined ? Number.POSITIVE_INFINITY : config.number('max_value');
    const slope = config.number('negative_slope', 0);
    const threshold = config.number('threshold', 0);
    return elementwise(onlyInput(config, inputs), (x) => clippedRelu(x, most, slope, threshold));
  },
  LeakyReLU: (config, inputs) => {
    const slope = config.number('negative_slope', config.number('alpha', 0.3));
    return elementwise(onlyInput(config, inputs), (x) => tf.leakyRelu(x, slope));
  },
  ELU: (config, inputs) => {
    const alpha = config.number('alpha', 1);
    const negative: Activation = (x) => tf.mul(alpha, tf.sub(tf.exp(tf.minimum(x, 0)), 1));
    return elementwise(onlyInput(config, inputs), (x) => tf.add(tf.relu(x), negative(x)));
  },
  PReLU: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const sharedAxes = config.get('shared_axes') === undefined ? [] : config.integers('shared_axes');
    const slopes = shape.map((length, axis) => (sharedAxes.includes(axis + 1) ? 1 : length));
    return {
      shape,
      weights: [trained('alpha', ...slopes)],
      apply: ([x], [alpha]) => tf.sub(tf.relu(x!), tf.mul(alpha!, tf.relu(tf.neg(x!)))),
    };
  },
  ThresholdedReLU: (config, inputs) => {
    const theta = config.number('theta', 1);
    return elementwise(onlyInput(config, inputs), (x) => tf.mul(x, tf.step(tf.sub(x, theta))));
  },
  Softmax: (config, inputs) => {
    const shape = onlyInput(config, inputs);
    const given = config.number('axis', -1);
    const axis = given < 0 ? shape.length + 1 + given : given;
    if (axis === shape.length) return elementwise(shape, (x) => tf.softmax(x));
    if (!(axis >= 1 && axis < shape.length)) throw config.refused(`works along axis ${given}, which its input lacks`);
    const order = [0, ...shape.map((_, i) => i + 1)].with(axis, shape.length).with(shape.length, axis); // its own inverse
    return elementwise(shape, (x) => tf.transpose(tf.softmax(tf.transpose(x, order)), order));
  },
};

function elementwise(shape: Shape, apply: Activation): Layer {
  return { shape, weights: [], apply: ([x]) => apply(x!) };
}

/** Keras's ReLU: `x` from the threshold up to the most, `slope · (x − threshold)` below it. */
function clippedRelu(x: tf.Tensor, most: number, slope: number, threshold: number): tf.Tensor {
  const positive = threshold === 0 ? tf.relu(x) : tf.mul(x, tf.cast(tf.greaterEqual(x, threshold), 'float32'));
  const clipped = Number.isFinite(most) ? tf.minimum(positive, most) : positive;
  return slope === 0 ? clipped : tf.sub(clipped, tf.mul(slope, tf.relu(tf.sub(threshold, x))));
}
