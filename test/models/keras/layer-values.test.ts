/** Layers of Keras that merge, normalise and attend, one by one: what they make of small inputs, by hand. */
import { beforeAll, describe } from 'vitest';
import { useBackend } from '../../../src/models/backend.ts';
import { A, B, type Case, GRID, holds } from './made-layers.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

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

describe('merges', () => holds(MERGES));
describe('normalisations', () => holds(NORMALISATIONS));
describe('attention', () => holds(ATTENTION));
