/** Functions that Keras writes into files as if they were layers: arithmetic, means, slices. Axes count the batch as 0. */
import * as tf from '../../base/tensorflow.ts';
import { axisOf } from './axes.ts';
import { type Layer, type LayerMaker, onlyInput } from './layer.ts';
import { isObject, type Json, type LayerConfig, type Shape, shapeText, sizeOf } from './layer-config.ts';

type Unary = (x: tf.Tensor) => tf.Tensor;
type Reduction = (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor;

/** Functions of one tensor, element by element. */
const ELEMENTWISE: Readonly<Record<string, Unary>> = {
  Absolute: tf.abs,
  Abs: tf.abs,
  Negative: tf.neg,
  Square: tf.square,
  Sqrt: tf.sqrt,
  Exp: tf.exp,
  Log: tf.log,
  Log1p: tf.log1p,
  Expm1: tf.expm1,
  Rsqrt: tf.rsqrt,
  Reciprocal: tf.reciprocal,
  Sin: tf.sin,
  Cos: tf.cos,
};

/** Functions that are an activation, by its name. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  Relu: 'relu',
  Relu6: 'relu6',
  Elu: 'elu',
  Selu: 'selu',
  Sigmoid: 'sigmoid',
  Tanh: 'tanh',
  Silu: 'silu',
  Softplus: 'softplus',
  Softsign: 'softsign',
  HardSigmoid: 'hard_sigmoid',
  HardSilu: 'hard_silu',
  LogSigmoid: 'log_sigmoid',
};

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  Mean: tf.mean,
  Sum: tf.sum,
  Max: tf.max,
  Min: tf.min,
  Var: (x, axes, keep) => {
    const { variance } = tf.moments(x, axes, true);
    return keep ? variance : tf.squeeze(variance, axes);
  },
  Std: (x, axes, keep) => {
    const deviation = tf.sqrt(tf.maximum(tf.moments(x, axes, true).variance, 1e-12)); // at 0 it has no slope
    return keep ? deviation : tf.squeeze(deviation, axes);
  },
};

/** TensorFlow's functions in files of Keras 2, as the operators above or layers. */
const OF_TENSORFLOW: Readonly<Record<string, string>> = {
  '__operators__.add': 'Add',
  'math.add': 'Add',
  'math.subtract': 'Subtract',
  'math.multiply': 'Multiply',
  'math.divide': 'Divide',
  'math.truediv': 'TrueDivide',
  'math.maximum': 'Maximum',
  'math.minimum': 'Minimum',
  'math.pow': 'Power',
  'math.abs': 'Absolute',
  'math.negative': 'Negative',
  'math.square': 'Square',
  'math.sqrt': 'Sqrt',
  'math.rsqrt': 'Rsqrt',
  'math.sin': 'Sin',
  'math.cos': 'Cos',
  'math.log1p': 'Log1p',
  'math.exp': 'Exp',
  'math.reduce_mean': 'Mean',
  'math.reduce_sum': 'Sum',
  'math.reduce_max': 'Max',
  'math.reduce_min': 'Min',
  'math.reduce_variance': 'Var',
  'math.reduce_std': 'Std',
  'math.log': 'Log',
  'nn.elu': 'Elu',
  'nn.selu': 'Selu',
  'nn.tanh': 'Tanh',
  'nn.sigmoid': 'Sigmoid',
  'nn.softmax': 'Softmax',
  'nn.softplus': 'Softplus',
  'nn.swish': 'Silu',
  'math.l2_normalize': 'UnitNormalization',
  'linalg.matmul': 'Matmul',
  expand_dims: 'ExpandDims',
  concat: 'Concatenate',
  stack: 'Stack',
  unstack: 'Unstack',
  pad: 'Pad',
  'compat.v1.pad': 'Pad',
  reverse: 'Flip',
  roll: 'Roll',
  tile: 'Tile',
  zeros_like: 'ZerosLike',
  ones_like: 'OnesLike',
  reshape: 'Reshape',
  transpose: 'Transpose',
  'compat.v1.transpose': 'Transpose',
  'image.resize': 'Resizing',
  squeeze: 'Squeeze',
  'math.sigmoid': 'Sigmoid',
  'math.tanh': 'Tanh',
  'nn.relu': 'Relu',
  'nn.relu6': 'Relu6',
  'nn.silu': 'Silu',
  cast: 'Identity',
};

/** Those of the operators that change each number by itself. */
export const ELEMENTWISE_OPERATORS: readonly string[] = [
  ...Object.keys(ELEMENTWISE),
  ...Object.keys(ACTIVATIONS),
  'Gelu',
  'Cast',
];

/** The layers of this file. */
export const OPERATORS: Readonly<Record<string, LayerMaker>> = {
  ...mapped(
    ELEMENTWISE,
    (apply): LayerMaker =>
      (config, inputs) => {
        return { shape: onlyInput(config, inputs), weights: [], apply: ([x]) => apply(x!) };
      },
  ),
  ...mapped(
    ACTIVATIONS,
    (activation): LayerMaker =>
      (config, inputs, make) => {
        return make('Activation', config.with({ activation }), inputs);
      },
  ),
  ...mapped(
    REDUCTIONS,
    (reduce): LayerMaker =>
      (config, inputs) =>
        reduced(config, inputs, reduce),
  ),
  Gelu: (config, inputs, make) =>
    make('Activation', config.with({ activation: config.flag('approximate', true) ? 'gelu_new' : 'gelu' }), inputs),
  Cast: (config, inputs, make) => make('Identity', config, inputs),
  LeakyRelu: (config, inputs, make) => make('LeakyReLU', config, inputs),
  MaxPool: (config, inputs, make) =>
    make(`MaxPooling${onlyInput(config, inputs, 2, 3, 4).length - 1}D`, config, inputs),
  AveragePool: (config, inputs, make) =>
    make(`AveragePooling${onlyInput(config, inputs, 2, 3, 4).length - 1}D`, config, inputs),
  Clip: (config, inputs) => {
    const [least, most] = [config.number('x_min'), config.number('x_max')];
    return { shape: onlyInput(config, inputs), weights: [], apply: ([x]) => tf.clipByValue(x!, least, most) };
  },
  Normalize: (config, inputs, make) => {
    if (config.number('order', 2) !== 2 || config.get('epsilon') !== undefined) {
      throw config.refused('normalises in another way than to length 1');
    }
    return make('UnitNormalization', config, inputs);
  },
  Split: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axis = axisOf(config, config.number('axis', 0), input.length);
    const length = input[axis - 1]!;
    const given = config.get('indices_or_sections');
    const parts = typeof given === 'number' ? given : Number.NaN;
    if (!Number.isSafeInteger(length / parts))
      throw config.refused(`cannot part ${length} values as ${JSON.stringify(given)}`);
    const shape = input.with(axis - 1, length / parts);
    const [first, ...more] = Array.from({ length: parts }, (_, i): Omit<Layer, 'more'> => {
      return { shape, weights: [], apply: ([x]) => tf.split(x!, parts, axis)[i]! };
    });
    return { ...first!, more };
  },
  Matmul: (config, inputs) => {
    const [a = [], b = []] = inputs;
    const [rows, length] = a.slice(-2);
    const [others, columns] = b.slice(-2);
    const isProduct =
      inputs.length === 2 &&
      a.length >= 2 &&
      length === others &&
      shapeText(a.slice(0, -2)) === shapeText(b.slice(0, -2));
    if (!isProduct) throw config.refused(`cannot multiply ${inputs.map(shapeText).join(' and ')}`);
    return { shape: [...a.slice(0, -2), rows!, columns!], weights: [], apply: ([x, y]) => tf.matMul(x!, y!) };
  },
  TFOpLambda: (config, inputs, make) => {
    const name = config.get('function');
    if (typeof name === 'string' && Object.hasOwn(OF_TENSORFLOW, name)) {
      return make(OF_TENSORFLOW[name]!, inKerasWords(config), inputs);
    }
    throw config.refused(`is the function ${JSON.stringify(name)} of TensorFlow, which is not supported`);
  },
  /** How Keras 2 writes a slice. */
  SlicingOpLambda: (config, inputs, make) => {
    const given = config.get('slice_spec');
    const key = (Array.isArray(given) ? given : [given ?? null]).map((one: Json): Json => {
      return isObject(one) && 'stop' in one ? { class_name: '__slice__', config: one } : one;
    });
    return make('GetItem', config.with({ key }), inputs);
  },
  Stack: (config, inputs) => {
    const [first = []] = inputs;
    if (inputs.some((shape) => shapeText(shape) !== shapeText(first))) {
      throw config.refused(`cannot stack ${inputs.map(shapeText).join(' and ')}`);
    }
    const axis = axisOf(config, config.number('axis', 0), first.length + 1);
    return {
      shape: first.toSpliced(axis - 1, 0, inputs.length),
      weights: [],
      apply: (values) => tf.stack([...values], axis),
    };
  },
  ExpandDims: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axis = axisOf(config, config.number('axis'), input.length + 1);
    return reshaped(input.toSpliced(axis - 1, 0, 1));
  },
  Squeeze: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const axes = axesOf(config, input);
    if (axes.some((axis) => input[axis - 1] !== 1)) throw config.refused('drops an axis of more than one value');
    return reshaped(input.filter((_, i) => !axes.includes(i + 1)));
  },
  Transpose: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const [batch, ...axes] = config.integers('axes');
    if (batch !== 0) throw config.refused('moves the axis of the batch');
    const isOrder = axes.length === input.length && input.every((_, i) => axes.includes(i + 1));
    if (!isOrder) throw config.refused(`cannot order ${input.length} axes as ${shapeText(axes)}`);
    return { shape: axes.map((axis) => input[axis - 1]!), weights: [], apply: ([x]) => tf.transpose(x!, [0, ...axes]) };
  },
  GetItem: (config, inputs) => {
    const input = onlyInput(config, inputs);
    const key = config.get('key');
    const given: readonly Json[] = Array.isArray(key) && !key.every((one) => isEllipsis(one)) ? key : [key ?? null];
    const gap = given.findIndex(isEllipsis);
    const missing = Array.from({ length: input.length + 2 - given.length }, (): Json => WHOLE);
    const whole = gap < 0 ? given : given.toSpliced(gap, 1, ...missing);
    const [batch = WHOLE, ...rest] = whole;
    if (whole.length > input.length + 1 || !isWhole(batch)) throw config.refused('takes some of the batch');
    const ranges = input.map((length, axis) => rangeOf(config, rest[axis] ?? WHOLE, length));
    const lengths = ranges.map(({ from, to, step }) => Math.max(0, Math.ceil((to - from) / step)));
    const shape = lengths.filter((_, axis) => !ranges[axis]!.isOne);
    if (lengths.includes(0)) throw config.refused('takes nothing of its input');
    return {
      shape,
      weights: [],
      ...(ranges.some(({ step }) => step !== 1) && { noGradient: true }),
      ...(ranges[0]!.isOne && shapeText(shape) === shapeText(input.slice(1)) && { takes: ranges[0]!.from }),
      apply: ([x]) => {
        const slices = ranges.reduce((part, { from, step }, axis) => {
          if (step === 1) return tf.slice(part, [0, ...at(axis, from)], [-1, ...at(axis, lengths[axis]!, part)]);
          const places = Array.from({ length: lengths[axis]! }, (_, i) => from + i * step);
          return tf.gather(part, tf.tensor1d(places, 'int32'), axis + 1);
        }, x!);
        return tf.reshape(slices, [x!.shape[0]!, ...shape]);
      },
    };
  },
};

/** Options of a function of TensorFlow by the names that Keras has for them. */
function inKerasWords(config: LayerConfig): LayerConfig {
  const [shape, axes, size, method] = ['shape', 'perm', 'size', 'method'].map((key) => config.get(key));
  const [widths, repeats] = ['paddings', 'multiples'].map((key) => config.get(key));
  const mode = config.get('mode');
  const [height = null, width = null] = Array.isArray(size) ? (size as Json[]) : [];
  return config.with({
    ...(shape !== undefined && { newshape: shape }),
    ...(axes !== undefined && { axes }),
    ...(size !== undefined && { height, width }),
    ...(method !== undefined && { interpolation: method }),
    ...(widths !== undefined && { pad_width: widths }),
    ...(repeats !== undefined && { repeats }),
    ...(typeof mode === 'string' && { mode: mode.toLowerCase() }),
  });
}

/** A value for one axis, beside nothing of the others, or all of them. */
function at(axis: number, value: number, all?: tf.Tensor): number[] {
  const count = axis + 1;
  return all === undefined
    ? Array.from({ length: count }, (_, i) => (i === axis ? value : 0))
    : all.shape.slice(1).map((length, i) => (i === axis ? value : length));
}

const WHOLE: Json = { class_name: '__slice__', config: { start: null, stop: null, step: null } };

function isEllipsis(one: Json): boolean {
  return isObject(one) && one['class_name'] === '__ellipsis__';
}

function isWhole(one: Json): boolean {
  const { start, stop, step } = (isObject(one) && isObject(one['config']) ? one['config'] : {}) as Record<string, Json>;
  return isObject(one) && start === null && stop === null && (step === null || step === 1);
}

/** What a key takes of an axis. */
function rangeOf(config: LayerConfig, key: Json, length: number) {
  const counted = (value: Json | undefined, absent: number): number => {
    if (value === null || value === undefined) return absent;
    if (!Number.isSafeInteger(value))
      throw config.refused(`takes ${JSON.stringify(key)} of its input, which is not supported`);
    return Math.min(length, Math.max(0, (value as number) < 0 ? length + (value as number) : (value as number)));
  };
  if (typeof key === 'number') {
    const from = key < 0 ? length + key : key;
    if (!Number.isSafeInteger(key) || from < 0 || from >= length)
      throw config.refused(`takes place ${key} of ${length}`);
    return { from, to: from + 1, step: 1, isOne: true };
  }
  const {
    start,
    stop,
    step = null,
  } = (isObject(key) && isObject(key['config']) ? key['config'] : {}) as Record<string, Json>;
  const stride = step === null ? 1 : step;
  if (!Number.isSafeInteger(stride) || (stride as number) === 0)
    throw config.refused(`takes ${JSON.stringify(key)} of its input`);
  if ((stride as number) > 0)
    return { from: counted(start, 0), to: counted(stop, length), step: stride as number, isOne: false };
  if (start !== null || stop !== null)
    throw config.refused('takes a part of its input backwards, which is not supported');
  return { from: length - 1, to: -1, step: stride as number, isOne: false };
}

function reduced(config: LayerConfig, inputs: readonly Shape[], reduce: Reduction): Layer {
  const input = onlyInput(config, inputs);
  const axes = axesOf(config, input);
  const keep = config.flag('keepdims', false);
  const shape = keep
    ? input.map((length, i) => (axes.includes(i + 1) ? 1 : length))
    : input.filter((_, i) => !axes.includes(i + 1));
  return { shape, weights: [], apply: ([x]) => reduce(x!, axes, keep) };
}

function reshaped(shape: Shape): Layer {
  return { shape, weights: [], apply: ([x]) => tf.reshape(x!, [x!.shape[0]!, ...shape]) };
}

/** Axes that are said. */
function axesOf(config: LayerConfig, input: Shape): number[] {
  const given = config.get('axis');
  if (given === undefined) throw config.refused('works over the batch');
  return config.listOf('axis').map((axis) => axisOf(config, axis, input.length));
}

function mapped<T, U>(of: Readonly<Record<string, T>>, make: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]));
}

/** The shape that a target makes of an input, -1 standing for what is left. */
export function targetShape(config: LayerConfig, input: Shape, target: Shape): Shape {
  const known = sizeOf(target.filter((length) => length !== -1));
  const shape = target.map((length) => (length === -1 ? sizeOf(input) / known : length));
  if (sizeOf(shape) === sizeOf(input) && shape.every((length) => Number.isSafeInteger(length) && length > 0))
    return shape;
  throw config.refused(`cannot make ${shapeText(target)} of ${shapeText(input)}`);
}
