/** Layers of Keras one by one: what they make of small inputs, by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { useBackend } from '../../../src/models/backend.ts';
import type { JsonObject, Shape } from '../../../src/models/keras/layer-config.ts';
import { ELLIPSIS, made, slice } from './made-layers.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

type Values = readonly number[];
interface Case {
  readonly of: string;
  readonly config?: JsonObject;
  /** Shapes of the inputs, without the batch of one, and their values. */
  readonly inputs: readonly (readonly [Shape, Values])[];
  readonly weights?: readonly Values[];
  /** Of the output. */
  readonly shape: Shape;
  readonly values: Values;
  readonly keras?: number;
}

/** What a layer makes of values. */
function run({ of, config = {}, inputs, weights = [], keras }: Case): { shape: number[]; values: number[] } {
  return tf.tidy(() => {
    const layer = made(
      of,
      config,
      inputs.map(([shape]) => shape),
      keras,
    );
    const specs = layer.weights.map(({ shape }, i) => tf.tensor([...weights[i]!], [...shape]));
    const result = layer.apply(
      inputs.map(([shape, values]) => tf.tensor([...values], [1, ...shape])),
      specs,
    );
    expect(result.shape).toEqual([1, ...layer.shape]);
    return { shape: [...layer.shape], values: [...result.dataSync()] };
  });
}

const [A, B] = [
  [[2], [6, -3]],
  [[2], [2, 4]],
] as const;
const GRID = [
  [2, 3],
  [1, 2, 3, 4, 5, 6],
] as const;
const MERGES: readonly Case[] = [
  { of: 'Add', inputs: [A, B, B], shape: [2], values: [10, 5] },
  { of: 'Subtract', inputs: [A, B], shape: [2], values: [4, -7] },
  { of: 'Multiply', inputs: [A, B], shape: [2], values: [12, -12] },
  { of: 'Divide', inputs: [A, B], shape: [2], values: [3, -0.75] },
  { of: 'TrueDivide', inputs: [A, B], shape: [2], values: [3, -0.75] },
  { of: 'Power', inputs: [A, [[2], [2, 3]]], shape: [2], values: [36, -27] },
  { of: 'Maximum', inputs: [A, B], shape: [2], values: [6, 4] },
  { of: 'Minimum', inputs: [A, B], shape: [2], values: [2, -3] },
  { of: 'Average', inputs: [A, B, [[2], [1, 2]]], shape: [2], values: [3, 1] },
  { of: 'CustomScaleLayer', config: { scale: 0.5 }, inputs: [A, B], shape: [2], values: [7, -1] },
  {
    of: 'Add',
    inputs: [
      GRID,
      [
        [1, 3],
        [10, 20, 30],
      ],
    ],
    shape: [2, 3],
    values: [11, 22, 33, 14, 25, 36],
  },
  {
    of: 'Concatenate',
    inputs: [
      GRID,
      [
        [2, 1],
        [7, 8],
      ],
    ],
    shape: [2, 4],
    values: [1, 2, 3, 7, 4, 5, 6, 8],
  },
  {
    of: 'Concatenate',
    config: { axis: 1 },
    inputs: [
      GRID,
      [
        [1, 3],
        [7, 8, 9],
      ],
    ],
    shape: [3, 3],
    values: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  },
  {
    of: 'Concatenate',
    config: { axis: -2 },
    inputs: [
      GRID,
      [
        [1, 3],
        [7, 8, 9],
      ],
    ],
    shape: [3, 3],
    values: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  },
  { of: 'Concatenate', inputs: [GRID], shape: [2, 3], values: GRID[1] },
  { of: 'Dot', config: { axes: 1 }, inputs: [A, B], shape: [1], values: [0] },
  {
    of: 'Dot',
    config: { axes: [2, 1] },
    inputs: [
      GRID,
      [
        [3, 1],
        [1, 10, 100],
      ],
    ],
    shape: [2, 1],
    values: [321, 654],
  },
  {
    of: 'Dot',
    config: { axes: [1, -1] },
    inputs: [
      GRID,
      [
        [1, 2],
        [1, 10],
      ],
    ],
    shape: [3, 1],
    values: [41, 52, 63],
  },
  {
    of: 'Dot',
    config: { axes: -1 },
    inputs: [
      GRID,
      [
        [1, 3],
        [1, 0, -1],
      ],
    ],
    shape: [2, 1],
    values: [-2, -2],
  },
];

const OPERATORS: readonly Case[] = [
  ...(
    [
      ['Absolute', [6, 3]],
      ['Negative', [-6, 3]],
      ['Square', [36, 9]],
      ['Exp', [Math.exp(6), Math.exp(-3)]],
      ['Expm1', [Math.expm1(6), Math.expm1(-3)]],
      ['Reciprocal', [1 / 6, -1 / 3]],
      ['Sin', [Math.sin(6), Math.sin(-3)]],
      ['Cos', [Math.cos(6), Math.cos(-3)]],
      ['Relu', [6, 0]],
      ['Relu6', [6, 0]],
      ['Elu', [6, Math.expm1(-3)]],
      ['Sigmoid', [1 / (1 + Math.exp(-6)), 1 / (1 + Math.exp(3))]],
      ['Tanh', [Math.tanh(6), Math.tanh(-3)]],
      ['Silu', [6 / (1 + Math.exp(-6)), -3 / (1 + Math.exp(3))]],
      ['Softplus', [Math.log1p(Math.exp(6)), Math.log1p(Math.exp(-3))]],
      ['Softsign', [6 / 7, -3 / 4]],
      ['HardSigmoid', [1, 0]],
      ['HardSilu', [6, 0]],
      ['LogSigmoid', [-Math.log1p(Math.exp(-6)), -Math.log1p(Math.exp(3))]],
      ['Cast', [6, -3]],
      ['LeakyRelu', [6, -0.6]],
    ] as const
  ).map(
    ([of, values]): Case => ({
      of,
      config: of === 'LeakyRelu' ? { negative_slope: 0.2 } : {},
      inputs: [A],
      shape: [2],
      values,
    }),
  ),
  { of: 'Sqrt', inputs: [[[2], [4, 9]]], shape: [2], values: [2, 3] },
  { of: 'Rsqrt', inputs: [[[2], [4, 16]]], shape: [2], values: [0.5, 0.25] },
  { of: 'Log', inputs: [[[2], [1, Math.E]]], shape: [2], values: [0, 1] },
  { of: 'Log1p', inputs: [[[2], [0, 1]]], shape: [2], values: [0, Math.LN2] },
  { of: 'Selu', inputs: [[[1], [2]]], shape: [1], values: [2 * 1.0507009873554805] },
  // Φ(1) and the tanh that stands for it
  { of: 'Gelu', config: { approximate: false }, inputs: [[[1], [1]]], shape: [1], values: [0.8413447] },
  { of: 'Gelu', inputs: [[[1], [1]]], shape: [1], values: [0.841192] },
  { of: 'Activation', config: { activation: 'gelu_new' }, inputs: [[[1], [-1]]], shape: [1], values: [-0.158808] },
  // Of Keras 2 a line of slope 0.2, of Keras 3 one of a sixth.
  { of: 'HardSigmoid', inputs: [[[3], [1, 2.6, -9]]], shape: [3], values: [0.7, 1, 0], keras: 2 },
  { of: 'HardSigmoid', inputs: [[[3], [1, 2.6, -9]]], shape: [3], values: [4 / 6, 5.6 / 6, 0], keras: 3 },
  { of: 'Clip', config: { x_min: -1, x_max: 4 }, inputs: [A], shape: [2], values: [4, -1] },
  { of: 'Mean', config: { axis: 2 }, inputs: [GRID], shape: [2], values: [2, 5] },
  { of: 'Mean', config: { axis: [1, -1] }, inputs: [GRID], shape: [], values: [3.5] },
  { of: 'Sum', config: { axis: 1, keepdims: true }, inputs: [GRID], shape: [1, 3], values: [5, 7, 9] },
  { of: 'Max', config: { axis: -1 }, inputs: [GRID], shape: [2], values: [3, 6] },
  { of: 'Min', config: { axis: [1] }, inputs: [GRID], shape: [3], values: [1, 2, 3] },
  { of: 'Var', config: { axis: 2 }, inputs: [GRID], shape: [2], values: [2 / 3, 2 / 3] },
  { of: 'Var', config: { axis: 1, keepdims: true }, inputs: [GRID], shape: [1, 3], values: [2.25, 2.25, 2.25] },
  { of: 'Std', config: { axis: 1 }, inputs: [GRID], shape: [3], values: [1.5, 1.5, 1.5] },
  {
    of: 'Std',
    config: { axis: 1, keepdims: true },
    inputs: [
      [
        [2, 1],
        [3, 3],
      ],
    ],
    shape: [1, 1],
    values: [1e-6],
  },
  { of: 'Split', config: { axis: 2, indices_or_sections: 3 }, inputs: [GRID], shape: [2, 1], values: [1, 4] },
  {
    of: 'Matmul',
    inputs: [
      GRID,
      [
        [3, 1],
        [1, 10, 100],
      ],
    ],
    shape: [2, 1],
    values: [321, 654],
  },
  {
    of: 'Matmul',
    inputs: [
      [
        [2, 1, 1],
        [2, 3],
      ],
      [
        [2, 1, 1],
        [5, 7],
      ],
    ],
    shape: [2, 1, 1],
    values: [10, 21],
  },
  { of: 'Stack', config: { axis: 1 }, inputs: [A, B], shape: [2, 2], values: [6, -3, 2, 4] },
  { of: 'Stack', config: { axis: -1 }, inputs: [A, B], shape: [2, 2], values: [6, 2, -3, 4] },
  { of: 'ExpandDims', config: { axis: 1 }, inputs: [A], shape: [1, 2], values: [6, -3] },
  { of: 'ExpandDims', config: { axis: -1 }, inputs: [A], shape: [2, 1], values: [6, -3] },
  {
    of: 'Squeeze',
    config: { axis: [1, 3] },
    inputs: [
      [
        [1, 2, 1],
        [6, -3],
      ],
    ],
    shape: [2],
    values: [6, -3],
  },
  { of: 'Transpose', config: { axes: [0, 2, 1] }, inputs: [GRID], shape: [3, 2], values: [1, 4, 2, 5, 3, 6] },
  {
    of: 'MaxPool',
    config: { pool_size: 2, strides: 2, padding: 'valid' },
    inputs: [
      [
        [4, 1],
        [1, 5, 2, 3],
      ],
    ],
    shape: [2, 1],
    values: [5, 3],
  },
  {
    of: 'AveragePool',
    config: { pool_size: [2, 2], strides: 2, padding: 'valid' },
    inputs: [
      [
        [2, 2, 1],
        [1, 5, 2, 4],
      ],
    ],
    shape: [1, 1, 1],
    values: [3],
  },
  { of: 'Normalize', inputs: [[[2], [3, -4]]], shape: [2], values: [0.6, -0.8] },
];

const SLICES: readonly Case[] = (
  [
    [{ key: [slice(null), slice(1)] }, [1, 3], [4, 5, 6]],
    [{ key: [slice(null), slice(null), slice(1, 3)] }, [2, 2], [2, 3, 5, 6]],
    [{ key: [slice(null), slice(null), slice(-2, -1)] }, [2, 1], [2, 5]],
    [{ key: [slice(null), slice(null), slice(-9, 99)] }, [2, 3], [1, 2, 3, 4, 5, 6]],
    [{ key: [slice(null), slice(null), slice(0, null, 2)] }, [2, 2], [1, 3, 4, 6]],
    [{ key: [slice(null), slice(null), slice(null, null, -1)] }, [2, 3], [3, 2, 1, 6, 5, 4]],
    [{ key: [slice(null), slice(null), slice(null, null, -2)] }, [2, 2], [3, 1, 6, 4]],
    [{ key: [slice(null, null, 1), 1] }, [3], [4, 5, 6]],
    [{ key: [slice(null), -2, -1] }, [], [3]],
    [{ key: [ELLIPSIS, 0] }, [2], [1, 4]],
    [{ key: [ELLIPSIS, 1, slice(1)] }, [2], [5, 6]],
    [{ key: [slice(null), 0, ELLIPSIS] }, [3], [1, 2, 3]],
    [{ key: [slice(null)] }, [2, 3], [1, 2, 3, 4, 5, 6]],
    [{ key: ELLIPSIS }, [2, 3], [1, 2, 3, 4, 5, 6]],
  ] as const
).map(([config, shape, values]): Case => ({ of: 'GetItem', config, inputs: [GRID], shape, values }));

const TENSORFLOW: readonly Case[] = [
  ...(
    [
      ['__operators__.add', [8, 1]],
      ['math.subtract', [4, -7]],
      ['math.multiply', [12, -12]],
      ['math.truediv', [3, -0.75]],
      ['math.divide', [3, -0.75]],
      ['math.maximum', [6, 4]],
      ['math.minimum', [2, -3]],
    ] as const
  ).map(
    ([name, values]): Case => ({ of: 'TFOpLambda', config: { function: name }, inputs: [A, B], shape: [2], values }),
  ),
  ...(
    [
      ['math.abs', [6, 3]],
      ['math.negative', [-6, 3]],
      ['math.square', [36, 9]],
      ['nn.relu', [6, 0]],
      ['nn.relu6', [6, 0]],
      ['nn.tanh', [Math.tanh(6), Math.tanh(-3)]],
      ['nn.swish', [6 / (1 + Math.exp(-6)), -3 / (1 + Math.exp(3))]],
      ['math.l2_normalize', [6 / Math.sqrt(45), -3 / Math.sqrt(45)]],
      ['cast', [6, -3]],
      ['zeros_like', [0, 0]],
      ['ones_like', [1, 1]],
    ] as const
  ).map(([name, values]): Case => ({ of: 'TFOpLambda', config: { function: name }, inputs: [A], shape: [2], values })),
  { of: 'TFOpLambda', config: { function: 'math.reduce_mean', axis: [2] }, inputs: [GRID], shape: [2], values: [2, 5] },
  {
    of: 'TFOpLambda',
    config: { function: 'math.reduce_sum', axis: 1, keepdims: true },
    inputs: [GRID],
    shape: [1, 3],
    values: [5, 7, 9],
  },
  {
    of: 'TFOpLambda',
    config: { function: 'reshape', shape: [-1, 3, 2] },
    inputs: [GRID],
    shape: [3, 2],
    values: GRID[1],
  },
  {
    of: 'TFOpLambda',
    config: { function: 'transpose', perm: [0, 2, 1] },
    inputs: [GRID],
    shape: [3, 2],
    values: [1, 4, 2, 5, 3, 6],
  },
  { of: 'TFOpLambda', config: { function: 'concat', axis: -1 }, inputs: [A, B], shape: [4], values: [6, -3, 2, 4] },
  { of: 'TFOpLambda', config: { function: 'expand_dims', axis: 1 }, inputs: [A], shape: [1, 2], values: [6, -3] },
  {
    of: 'TFOpLambda',
    config: {
      function: 'pad',
      paddings: [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
      mode: 'CONSTANT',
    },
    inputs: [GRID],
    shape: [3, 4],
    values: [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0],
  },
  {
    of: 'TFOpLambda',
    config: { function: 'tile', multiples: [1, 1, 2] },
    inputs: [GRID],
    shape: [2, 6],
    values: [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6],
  },
  {
    of: 'TFOpLambda',
    config: { function: 'image.resize', size: [2, 2], method: 'nearest' },
    inputs: [[[1, 1, 1], [5]]],
    shape: [2, 2, 1],
    values: [5, 5, 5, 5],
  },
  {
    of: 'SlicingOpLambda',
    config: {
      slice_spec: [
        { start: null, stop: null, step: null },
        { start: 1, stop: null, step: null },
      ],
    },
    inputs: [GRID],
    shape: [1, 3],
    values: [4, 5, 6],
  },
  {
    of: 'SlicingOpLambda',
    config: { slice_spec: [{ start: null, stop: null, step: null }, 0] },
    inputs: [GRID],
    shape: [3],
    values: [1, 2, 3],
  },
];

const NORMALISATIONS: readonly Case[] = [
  {
    of: 'BatchNormalization',
    config: { epsilon: 0 },
    inputs: [A],
    weights: [
      [2, 3],
      [10, 20],
      [1, 0],
      [4, 9],
    ],
    shape: [2],
    values: [15, 17],
  },
  {
    of: 'BatchNormalization',
    config: { epsilon: 0, scale: false },
    inputs: [A],
    weights: [
      [10, 20],
      [1, 0],
      [4, 9],
    ],
    shape: [2],
    values: [12.5, 19],
  },
  {
    of: 'BatchNormalization',
    config: { epsilon: 1, center: false },
    inputs: [A],
    weights: [
      [2, 3],
      [1, 0],
      [3, 8],
    ],
    shape: [2],
    values: [5, -3],
  },
  {
    of: 'LayerNormalization',
    config: { epsilon: 0 },
    inputs: [[[2], [1, 3]]],
    weights: [
      [2, 3],
      [10, 20],
    ],
    shape: [2],
    values: [8, 23],
  },
  {
    of: 'LayerNormalization',
    config: { epsilon: 3, axis: 1, scale: false, center: false },
    inputs: [
      [
        [2, 1],
        [1, 3],
      ],
    ],
    shape: [2, 1],
    values: [-0.5, 0.5],
  },
  {
    of: 'RMSNormalization',
    config: { epsilon: 0 },
    inputs: [[[2], [1, 7]]],
    weights: [[10, 20]],
    shape: [2],
    values: [2, 28],
  },
  {
    of: 'GroupNormalization',
    config: { groups: 1, epsilon: 0 },
    inputs: [[[2], [1, 3]]],
    weights: [
      [2, 3],
      [10, 20],
    ],
    shape: [2],
    values: [8, 23],
  },
  {
    of: 'GroupNormalization',
    config: { groups: -1, epsilon: 0, scale: false, center: false },
    inputs: [
      [
        [2, 2],
        [1, 10, 3, 30],
      ],
    ],
    shape: [2, 2],
    values: [-1, -1, 1, 1],
  },
  { of: 'Rescaling', config: { scale: 0.5, offset: 1 }, inputs: [A], shape: [2], values: [4, -0.5] },
  { of: 'Rescaling', config: { scale: [1, 2], offset: [[10, 20]] }, inputs: [A], shape: [2], values: [16, 14] },
  { of: 'Normalization', config: { mean: 2, variance: 4 }, inputs: [A], shape: [2], values: [2, -2.5] },
  { of: 'Normalization', config: { mean: [[2, 1]], variance: [[4, 16]] }, inputs: [A], shape: [2], values: [2, -1] },
  { of: 'Normalization', config: { mean: 2, variance: 4, invert: true }, inputs: [A], shape: [2], values: [14, -4] },
  { of: 'Normalization', inputs: [A], weights: [[2, 1], [4, 16], [7]], shape: [2], values: [2, -1] },
  { of: 'LayerScale', inputs: [A], weights: [[2, 3]], shape: [2], values: [12, -9] },
];

// Queries 0 and 1 of one number each; keys and values 0 and 1: weights of softmax over 0 and q.
const SEQUENCE = [
  [2, 1],
  [0, 1],
] as const;
const half = 1 / (1 + Math.exp(-1));
const ATTENTION: readonly Case[] = [
  { of: 'Attention', inputs: [SEQUENCE, SEQUENCE], shape: [2, 1], values: [0.5, half] },
  {
    of: 'Attention',
    config: { use_scale: true },
    inputs: [SEQUENCE, SEQUENCE],
    weights: [[2]],
    shape: [2, 1],
    values: [0.5, 1 / (1 + Math.exp(-2))],
  },
  { of: 'Attention', config: { causal: true }, inputs: [SEQUENCE, SEQUENCE], shape: [2, 1], values: [0, half] },
  {
    of: 'Attention',
    config: { use_causal_mask: true },
    inputs: [SEQUENCE, SEQUENCE],
    shape: [2, 1],
    values: [0, half],
  },
  {
    of: 'Attention',
    inputs: [
      SEQUENCE,
      [
        [2, 2],
        [1, 2, 3, 4],
      ],
      SEQUENCE,
    ],
    shape: [2, 2],
    values: [2, 3, 1 + 2 * half, 2 + 2 * half],
  },
  {
    of: 'AdditiveAttention',
    config: { use_scale: false },
    inputs: [[[1, 1], [0]], SEQUENCE],
    shape: [1, 1],
    values: [1 / (1 + Math.exp(-Math.tanh(1)))],
  },
  {
    of: 'AdditiveAttention',
    inputs: [[[1, 1], [0]], SEQUENCE],
    weights: [[3]],
    shape: [1, 1],
    values: [1 / (1 + Math.exp(-3 * Math.tanh(1)))],
  },
  {
    of: 'MultiHeadAttention',
    config: { num_heads: 1, key_dim: 1, use_bias: false },
    inputs: [SEQUENCE, SEQUENCE],
    weights: [[1], [1], [2], [3]],
    shape: [2, 1],
    values: [3, 6 * half],
  },
  {
    of: 'MultiHeadAttention',
    config: { num_heads: 1, key_dim: 1 },
    inputs: [SEQUENCE, SEQUENCE],
    weights: [[1], [0], [1], [0], [2], [1], [3], [5]],
    shape: [2, 1],
    values: [11, 8 + 6 * half],
  },
  {
    of: 'MultiHeadAttention',
    config: { num_heads: 1, key_dim: 1, value_dim: 2, output_shape: [1], use_bias: false },
    inputs: [SEQUENCE, SEQUENCE],
    weights: [[1], [1], [2, 1], [3, 4]],
    shape: [2, 1],
    values: [5, 10 * half],
  },
  {
    of: 'Einsum',
    config: { subscripts: 'abc,acd->abd' },
    inputs: [
      GRID,
      [
        [3, 1],
        [1, 10, 100],
      ],
    ],
    shape: [2, 1],
    values: [321, 654],
  },
  {
    of: 'EinsumDense',
    config: { equation: 'ab,bc->ac', output_shape: 1, bias_axes: 'c', activation: 'relu' },
    inputs: [A],
    weights: [[1, 1], [-1]],
    shape: [1],
    values: [2],
  },
  {
    of: 'EinsumDense',
    config: { equation: '...b,bc->...c', output_shape: [null, 1] },
    inputs: [GRID],
    weights: [[1, 10, 100]],
    shape: [2, 1],
    values: [321, 654],
  },
];

/** What each activation makes of −2, 0.25 and 3. */
const ACTIVATIONS: readonly Case[] = Object.entries({
  linear: [-2, 0.25, 3],
  relu: [0, 0.25, 3],
  leaky_relu: [-0.4, 0.25, 3],
  elu: [Math.expm1(-2), 0.25, 3],
  celu: [Math.expm1(-2), 0.25, 3],
  selu: [1.0507009873554805 * 1.6732632423543772 * Math.expm1(-2), 0.25 * 1.0507009873554805, 3 * 1.0507009873554805],
  swish: [-2, 0.25, 3].map((x) => x / (1 + Math.exp(-x))),
  hard_swish: [-2 / 6, (0.25 * 3.25) / 6, 3],
  hard_silu: [-2 / 6, (0.25 * 3.25) / 6, 3],
  hard_tanh: [-1, 0.25, 1],
  hardSigmoid: [1 / 6, 3.25 / 6, 1],
  softplus: [-2, 0.25, 3].map((x) => Math.log1p(Math.exp(x))),
  log_sigmoid: [-2, 0.25, 3].map((x) => -Math.log1p(Math.exp(-x))),
  squareplus: [-2, 0.25, 3].map((x) => (x + Math.sqrt(x * x + 4)) / 2),
  sparse_plus: [0, 1.25 ** 2 / 4, 3],
  sparse_sigmoid: [0, 0.625, 1],
  tanh_shrink: [-2, 0.25, 3].map((x) => x - Math.tanh(x)),
  soft_shrink: [-1.5, 0, 2.5],
  hard_shrink: [-2, 0, 3],
  softSign: [-2 / 3, 0.2, 0.75],
  mish: [-2, 0.25, 3].map((x) => x * Math.tanh(Math.log1p(Math.exp(x)))),
  exponential: [-2, 0.25, 3].map(Math.exp),
  softmax: [-2, 0.25, 3].map((x) => Math.exp(x) / (Math.exp(-2) + Math.exp(0.25) + Math.exp(3))),
  logSoftmax: [-2, 0.25, 3].map((x) => x - Math.log(Math.exp(-2) + Math.exp(0.25) + Math.exp(3))),
}).map(
  ([activation, values]): Case => ({
    of: 'Activation',
    config: { activation },
    inputs: [[[3], [-2, 0.25, 3]]],
    shape: [3],
    values,
  }),
);

const ACTIVATION_LAYERS: readonly Case[] = [
  { of: 'ReLU', inputs: [[[3], [-2, 0.25, 3]]], shape: [3], values: [0, 0.25, 3] },
  {
    of: 'ReLU',
    config: { max_value: 2, negative_slope: 0.5, threshold: 1 },
    inputs: [[[4], [-2, 0.5, 1, 3]]],
    shape: [4],
    values: [-1.5, -0.25, 1, 2],
  },
  { of: 'LeakyReLU', inputs: [[[2], [-2, 3]]], shape: [2], values: [-0.6, 3] },
  { of: 'LeakyReLU', config: { alpha: 0.1 }, inputs: [[[2], [-2, 3]]], shape: [2], values: [-0.2, 3] },
  { of: 'ELU', config: { alpha: 2 }, inputs: [[[2], [-2, 3]]], shape: [2], values: [2 * Math.expm1(-2), 3] },
  { of: 'PReLU', inputs: [[[2], [-2, -3]]], weights: [[0.5, 0.1]], shape: [2], values: [-1, -0.3] },
  {
    of: 'PReLU',
    config: { shared_axes: [1] },
    inputs: [
      [
        [2, 2],
        [-1, -2, -3, 4],
      ],
    ],
    weights: [[0.5, 0.1]],
    shape: [2, 2],
    values: [-0.5, -0.2, -1.5, 4],
  },
  { of: 'Softmax', inputs: [[[2], [0, Math.log(3)]]], shape: [2], values: [0.25, 0.75] },
  {
    of: 'Softmax',
    config: { axis: 1 },
    inputs: [
      [
        [2, 2],
        [0, 0, Math.log(3), 0],
      ],
    ],
    shape: [2, 2],
    values: [0.25, 0.5, 0.75, 0.5],
  },
  {
    of: 'Activation',
    config: { activation: { class_name: 'function', config: 'relu' } },
    inputs: [[[2], [-2, 3]]],
    shape: [2],
    values: [0, 3],
  },
  {
    of: 'Activation',
    config: { activation: { class_name: 'LeakyReLU', config: { name: 'l', negative_slope: 0.5 } } },
    inputs: [[[2], [-2, 3]]],
    shape: [2],
    values: [-1, 3],
  },
  { of: 'Activation', inputs: [[[2], [-2, 3]]], shape: [2], values: [-2, 3] },
];

const show = ({
  of,
  config = {},
  inputs,
}: Pick<Case, 'of' | 'config'> & { readonly inputs: readonly unknown[] }): string =>
  `${of} ${JSON.stringify(config)} of ${JSON.stringify(inputs)}`;

describe.each([
  ['activations', ACTIVATIONS],
  ['layers that are an activation', ACTIVATION_LAYERS],
  ['merges', MERGES],
  ['operators', OPERATORS],
  ['slices', SLICES],
  ['functions of TensorFlow', TENSORFLOW],
  ['normalisations', NORMALISATIONS],
  ['attention', ATTENTION],
])('%s', (_, cases) => {
  it.each(cases.map((one) => [show(one), one] as const))('%s', (_name, one) => {
    const { shape, values } = run(one);
    expect(shape).toEqual(one.shape);
    expect(values).toEqual(one.values.map((value) => expect.closeTo(value, Math.abs(value) > 100 ? 2 : 4)));
  });
});

it('the parts of a split, and what a place along time takes, are known', () => {
  const split = made('Split', { axis: 1, indices_or_sections: 2 }, [[2, 3]]);
  expect(split.more).toHaveLength(1);
  const second = tf.tidy(() => [...split.more![0]!.apply([tf.tensor([1, 2, 3, 4, 5, 6], [1, 2, 3])], []).dataSync()]);
  expect(second).toEqual([4, 5, 6]);
  const takes = (key: JsonObject['key']) => made('GetItem', { key: key! }, [[4, 3]]);
  expect(takes([slice(null), 2]).takes).toBe(2);
  expect(takes([slice(null), -1, ELLIPSIS]).takes).toBe(3);
  for (const key of [
    [slice(null), slice(1)],
    [slice(null), slice(null), 1],
    [slice(null), 1, slice(1)],
  ])
    expect(takes(key)).not.toHaveProperty('takes');
  expect(takes([slice(null), slice(0, null, 2)]).noGradient).toBe(true);
  expect(takes([slice(null), slice(1)])).not.toHaveProperty('noGradient');
});
