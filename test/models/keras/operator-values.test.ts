/** Functions that Keras writes as layers, one by one: what they make of small inputs, by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { useBackend } from '../../../src/models/backend.ts';
import type { JsonObject } from '../../../src/models/keras/layer-config.ts';
import { A, B, type Case, ELLIPSIS, GRID, holds, made, slice } from './made-layers.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

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

describe('operators', () => holds(OPERATORS));
describe('slices', () => holds(SLICES));
describe('functions of TensorFlow', () => holds(TENSORFLOW));

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
