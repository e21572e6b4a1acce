/** Activations of Keras, one by one: what they make of a few numbers, by hand. */
import { beforeAll, describe } from 'vitest';
import { useBackend } from '../../../src/models/backend.ts';
import { type Case, holds } from './made-layers.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

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

describe('activations', () => holds(ACTIVATIONS));
describe('layers that are an activation', () => holds(ACTIVATION_LAYERS));
