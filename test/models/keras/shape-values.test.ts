/** Layers of Keras that move, pool and repeat values or run along time, one by one: what they make of small inputs, by hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../src/models/backend.ts';
import { type Case, GRID, holds, made } from './made-layers.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

/** Two by three places of one channel. */
const PLACES = [[2, 3, 1], GRID[1]] as const;
const ROW = [
  [4, 1],
  [1, 5, 2, 3],
] as const;

const SHAPES: readonly Case[] = [
  { of: 'Dropout', inputs: [GRID], shape: [2, 3], values: GRID[1] },
  { of: 'Flatten', inputs: [GRID], shape: [6], values: GRID[1] },
  { of: 'Reshape', config: { target_shape: [3, -1] }, inputs: [GRID], shape: [3, 2], values: GRID[1] },
  { of: 'Reshape', config: { newshape: [-1, 3, 2] }, inputs: [GRID], shape: [3, 2], values: GRID[1] },
  { of: 'Reshape', config: { newshape: [1, -1] }, inputs: [GRID], shape: [6], values: GRID[1] },
  { of: 'Permute', config: { dims: [2, 1] }, inputs: [GRID], shape: [3, 2], values: [1, 4, 2, 5, 3, 6] },
  { of: 'RepeatVector', config: { n: 2 }, inputs: [[[2], [1, 2]]], shape: [2, 2], values: [1, 2, 1, 2] },
  { of: 'ZeroPadding1D', inputs: [[[1, 1], [7]]], shape: [3, 1], values: [0, 7, 0] },
  { of: 'ZeroPadding1D', config: { padding: [2, 0] }, inputs: [[[1, 1], [7]]], shape: [3, 1], values: [0, 0, 7] },
  { of: 'ZeroPadding2D', config: { padding: [0, 1] }, inputs: [[[1, 1, 1], [7]]], shape: [1, 3, 1], values: [0, 7, 0] },
  {
    of: 'ZeroPadding2D',
    config: {
      padding: [
        [1, 0],
        [0, 2],
      ],
    },
    inputs: [[[1, 1, 1], [7]]],
    shape: [2, 3, 1],
    values: [0, 0, 0, 7, 0, 0],
  },
  { of: 'Cropping1D', config: { cropping: [1, 2] }, inputs: [ROW], shape: [1, 1], values: [5] },
  {
    of: 'Cropping2D',
    config: {
      cropping: [
        [1, 0],
        [0, 1],
      ],
    },
    inputs: [PLACES],
    shape: [1, 2, 1],
    values: [4, 5],
  },
  { of: 'Cropping1D', inputs: [ROW], shape: [2, 1], values: [5, 2] },
  {
    of: 'UpSampling1D',
    inputs: [
      [
        [2, 1],
        [1, 2],
      ],
    ],
    shape: [4, 1],
    values: [1, 1, 2, 2],
  },
  {
    of: 'UpSampling2D',
    config: { size: [1, 2] },
    inputs: [
      [
        [1, 2, 1],
        [1, 2],
      ],
    ],
    shape: [1, 4, 1],
    values: [1, 1, 2, 2],
  },
  {
    of: 'UpSampling2D',
    config: { size: [1, 2], interpolation: 'bilinear' },
    inputs: [
      [
        [1, 2, 1],
        [1, 2],
      ],
    ],
    shape: [1, 4, 1],
    values: [1, 1.25, 1.75, 2],
  },
  {
    of: 'UpSampling3D',
    config: { size: [1, 1, 2] },
    inputs: [
      [
        [1, 1, 2, 1],
        [1, 2],
      ],
    ],
    shape: [1, 1, 4, 1],
    values: [1, 1, 2, 2],
  },
  {
    of: 'Resizing',
    config: { height: 1, width: 4 },
    inputs: [
      [
        [1, 2, 1],
        [1, 2],
      ],
    ],
    shape: [1, 4, 1],
    values: [1, 1.25, 1.75, 2],
  },
  // Of two rows the middle one and a half columns; floor: a column
  {
    of: 'Resizing',
    config: { height: 2, width: 1, crop_to_aspect_ratio: true },
    inputs: [PLACES],
    shape: [2, 1, 1],
    values: [2, 5],
  },
  { of: 'CenterCrop', config: { height: 1, width: 1 }, inputs: [PLACES], shape: [1, 1, 1], values: [2] },
  {
    of: 'CenterCrop',
    config: { height: 4, width: 2 },
    inputs: [
      [
        [2, 1, 1],
        [1, 3],
      ],
    ],
    shape: [4, 2, 1],
    values: [1, 1, 1.5, 1.5, 2.5, 2.5, 3, 3],
  },
  {
    of: 'Pipeline',
    config: {
      layers: [
        { class_name: 'Rescaling', config: { name: 'r', scale: 2 } },
        { class_name: 'Flatten', config: { name: 'f' } },
      ],
    },
    inputs: [GRID],
    shape: [6],
    values: [2, 4, 6, 8, 10, 12],
  },
  { of: 'Pipeline', config: { layers: [] }, inputs: [GRID], shape: [2, 3], values: GRID[1] },
];

const ARRAYS: readonly Case[] = [
  {
    of: 'Pad',
    config: {
      pad_width: [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
      constant_values: 9,
    },
    inputs: [GRID],
    shape: [3, 4],
    values: [9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9],
  },
  { of: 'Flip', config: { axis: 2 }, inputs: [GRID], shape: [2, 3], values: [3, 2, 1, 6, 5, 4] },
  { of: 'Flip', config: { axis: [1, -1] }, inputs: [GRID], shape: [2, 3], values: [6, 5, 4, 3, 2, 1] },
  { of: 'Roll', config: { axis: 2, shift: 1 }, inputs: [GRID], shape: [2, 3], values: [3, 1, 2, 6, 4, 5] },
  { of: 'Roll', config: { axis: 2, shift: -4 }, inputs: [GRID], shape: [2, 3], values: [2, 3, 1, 5, 6, 4] },
  { of: 'Roll', config: { axis: 1, shift: 2 }, inputs: [GRID], shape: [2, 3], values: GRID[1] },
  {
    of: 'Tile',
    config: { repeats: [2, 1] },
    inputs: [GRID],
    shape: [4, 3],
    values: [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6],
  },
  { of: 'Tile', config: { repeats: 2 }, inputs: [GRID], shape: [2, 6], values: [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6] },
  {
    of: 'Repeat',
    config: { axis: 1, repeats: 2 },
    inputs: [GRID],
    shape: [4, 3],
    values: [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6],
  },
  { of: 'Repeat', config: { axis: -1, repeats: 2 }, inputs: [[[2], [1, 2]]], shape: [4], values: [1, 1, 2, 2] },
  { of: 'Take', config: { axis: 2, indices: [2, 0, -2] }, inputs: [GRID], shape: [2, 3], values: [3, 1, 2, 6, 4, 5] },
  { of: 'Take', config: { axis: 1, indices: -1 }, inputs: [GRID], shape: [3], values: [4, 5, 6] },
  { of: 'Unstack', config: { axis: 1 }, inputs: [GRID], shape: [3], values: [1, 2, 3] },
  { of: 'Swapaxes', config: { axis1: 1, axis2: -1 }, inputs: [GRID], shape: [3, 2], values: [1, 4, 2, 5, 3, 6] },
  { of: 'Moveaxis', config: { source: 1, destination: -1 }, inputs: [GRID], shape: [3, 2], values: [1, 4, 2, 5, 3, 6] },
  {
    of: 'Moveaxis',
    config: { source: [3], destination: [1] },
    inputs: [[[1, 2, 3], GRID[1]]],
    shape: [3, 1, 2],
    values: [1, 4, 2, 5, 3, 6],
  },
];

const POOLS: readonly Case[] = [
  { of: 'MaxPooling1D', inputs: [ROW], shape: [2, 1], values: [5, 3] },
  { of: 'MaxPooling1D', config: { pool_size: 3, strides: 1 }, inputs: [ROW], shape: [2, 1], values: [5, 5] },
  {
    of: 'AveragePooling1D',
    config: { pool_size: 3, strides: 3, padding: 'same' },
    inputs: [ROW],
    shape: [2, 1],
    values: [3, 2.5],
  },
  { of: 'MaxPooling2D', config: { pool_size: [2, 1] }, inputs: [PLACES], shape: [1, 3, 1], values: [4, 5, 6] },
  { of: 'AveragePooling2D', config: { pool_size: [1, 3] }, inputs: [PLACES], shape: [2, 1, 1], values: [2, 5] },
  {
    of: 'MaxPooling3D',
    config: { pool_size: [2, 1, 3] },
    inputs: [
      [
        [2, 1, 3, 1],
        [-1, -2, -3, -4, -5, -6],
      ],
    ],
    shape: [1, 1, 1, 1],
    values: [-1],
  },
  {
    of: 'AveragePooling3D',
    config: { pool_size: [2, 1, 3] },
    inputs: [[[2, 1, 3, 1], GRID[1]]],
    shape: [1, 1, 1, 1],
    values: [3.5],
  },
  { of: 'GlobalMaxPooling1D', inputs: [[[3, 2], GRID[1]]], shape: [2], values: [5, 6] },
  { of: 'GlobalAveragePooling2D', config: { keepdims: true }, inputs: [PLACES], shape: [1, 1, 1], values: [3.5] },
  { of: 'GlobalAveragePooling3D', inputs: [[[1, 1, 3, 2], GRID[1]]], shape: [2], values: [3, 4] },
  { of: 'AdaptiveAveragePooling1D', config: { output_size: 3 }, inputs: [ROW], shape: [3, 1], values: [3, 3.5, 2.5] },
  { of: 'AdaptiveMaxPooling2D', config: { output_size: [1, 2] }, inputs: [PLACES], shape: [1, 2, 1], values: [5, 6] },
];

// A cell that adds half of its last output to each number: 1, then 2.5 of 1, 2.
const STEPS = [
  [3, 1],
  [1, 2, 4],
] as const;
const rnn = { units: 1, use_bias: false, activation: 'linear' };
const of = (className: string, config: object) =>
  ({ class_name: className, config: { name: 'inner', ...config } }) as never;
const W = [[1], [0.5]] as const;
const TIME: readonly Case[] = [
  { of: 'SimpleRNN', config: rnn, inputs: [STEPS], weights: W, shape: [1], values: [5.25] },
  {
    of: 'SimpleRNN',
    config: { ...rnn, return_sequences: true },
    inputs: [STEPS],
    weights: W,
    shape: [3, 1],
    values: [1, 2.5, 5.25],
  },
  { of: 'SimpleRNN', config: { ...rnn, go_backwards: true }, inputs: [STEPS], weights: W, shape: [1], values: [3] },
  {
    of: 'SimpleRNN',
    config: { ...rnn, use_bias: true },
    inputs: [STEPS],
    weights: [...W, [2]],
    shape: [1],
    values: [8.75],
  },
  { of: 'SimpleRNN', config: rnn, inputs: [STEPS, [[1], [8]]], weights: W, shape: [1], values: [6.25] },
  { of: 'RNN', config: { cell: of('SimpleRNNCell', rnn) }, inputs: [STEPS], weights: W, shape: [1], values: [5.25] },
  {
    of: 'RNN',
    config: { cell: of('StackedRNNCells', { cells: [of('SimpleRNNCell', rnn), of('SimpleRNNCell', rnn)] }) },
    inputs: [STEPS],
    weights: [[1], [0.5], [2], [0]],
    shape: [1],
    values: [10.5],
  },
  ...(
    [
      [{}, [2], [5.25, 3]],
      [{ merge_mode: 'sum' }, [1], [8.25]],
      [{ merge_mode: 'mul' }, [1], [15.75]],
      [{ merge_mode: 'ave' }, [1], [4.125]],
      [{ merge_mode: null }, [1], [5.25]],
    ] as const
  ).map(
    ([config, shape, values]): Case => ({
      of: 'Bidirectional',
      config: { layer: of('SimpleRNN', rnn), ...config },
      inputs: [STEPS],
      weights: [...W, ...W],
      shape,
      values,
    }),
  ),
  {
    of: 'Bidirectional',
    config: { layer: of('SimpleRNN', { ...rnn, return_sequences: true }) },
    inputs: [STEPS],
    weights: [...W, ...W],
    shape: [3, 2],
    values: [1, 3, 2.5, 4, 5.25, 4],
  },
  {
    of: 'Bidirectional',
    config: { layer: of('SimpleRNN', rnn), backward_layer: of('SimpleRNN', { ...rnn, go_backwards: true }) },
    inputs: [STEPS],
    weights: [...W, ...W],
    shape: [2],
    values: [5.25, 3],
  },
  // All gates open: what is remembered is the sum of what came.
  {
    of: 'LSTM',
    config: { units: 1, activation: 'linear', recurrent_activation: 'linear' },
    inputs: [STEPS],
    weights: [
      [0, 0, 1, 0],
      [0, 0, 0, 0],
      [1, 1, 0, 1],
    ],
    shape: [1],
    values: [7],
  },
  {
    of: 'LSTM',
    config: { units: 1, activation: 'linear', recurrent_activation: 'linear' },
    inputs: [STEPS],
    weights: [
      [0, 0, 1, 0],
      [0, 0, 0, 0],
      [2, 0.5, 0, 3],
    ],
    shape: [1],
    values: [3 * (8 + 0.5 * (4 + 0.5 * 2))],
  },
  // A quarter of what was, and three quarters of what comes with half of what is recalled.
  {
    of: 'GRU',
    config: { units: 1, activation: 'linear', recurrent_activation: 'linear' },
    inputs: [
      [
        [2, 1],
        [4, 8],
      ],
    ],
    weights: [
      [0, 0, 1],
      [0, 0, 1],
      [0.25, 0.5, 0],
    ],
    shape: [1],
    values: [0.25 * 3 + 0.75 * (8 + 0.5 * 3)],
  },
  {
    of: 'GRU',
    config: { units: 1, activation: 'linear', recurrent_activation: 'linear', reset_after: true },
    inputs: [
      [
        [2, 1],
        [4, 8],
      ],
    ],
    weights: [
      [0, 0, 1],
      [0, 0, 1],
      [0.25, 0.5, 0, 0, 0, 2],
    ],
    shape: [1],
    values: [0.25 * 3.75 + 0.75 * (8 + 0.5 * (3.75 + 2))],
  },
  {
    of: 'GRU',
    config: { units: 1, activation: 'linear', recurrent_activation: 'linear', use_bias: false },
    inputs: [[[1, 1], [4]]],
    weights: [
      [0.125, 0, 1],
      [0, 0, 1],
    ],
    shape: [1],
    values: [2],
  },
];

describe('layers that move values', () => holds(SHAPES));
describe('functions that move values', () => holds(ARRAYS));
describe('pooling', () => holds(POOLS));
describe('layers along time', () => holds(TIME));

it('say what they do otherwise than Keras', () => {
  expect(made('Masking', {}, [[2, 3]]).note).toBe(
    'the layer Masking name leaves out steps of which all values are 0: here none is',
  );
  expect(made('LSTM', { units: 1, stateful: true }, [[2, 3]]).note).toBe(
    'the layer LSTM name is stateful: here each event begins without a state',
  );
  expect(made('LSTM', { units: 1 }, [[2, 3]])).not.toHaveProperty('note');
  expect(made('Dropout', {}, [[2]]).isIdentity).toBe(true);
  expect(made('LSTM', { units: 4, return_state: true }, [[2, 3]]).more!.map(({ shape }) => shape)).toEqual([[4], [4]]);
  expect(
    made('Bidirectional', { merge_mode: null, layer: of('LSTM', { units: 4, return_state: true }) }, [[2, 3]]).more,
  ).toHaveLength(5);
});

it.each([
  ['Pipeline', {}, [[2]], 'lacks its layers'],
  ['Pipeline', { layers: [of('Dense', { units: 1 })] }, [[2]], 'has layers with weights'],
  ['Reshape', { newshape: [2, 3] }, [[6]], 'makes another batch of its input'],
  ['Reshape', { newshape: [-1, -1] }, [[6]], 'makes another batch of its input'],
  ['Permute', { dims: [1] }, [[2, 3]], 'cannot order 2 axes as [1]'],
  ['Permute', { dims: [1, 1] }, [[2, 3]], 'cannot order 2 axes as [1, 1]'],
  ['Resizing', { height: 1, width: 1, antialias: true }, [[2, 3, 1]], 'asks for antialias, which is not supported'],
  [
    'Resizing',
    { height: 1, width: 1, pad_to_aspect_ratio: true },
    [[2, 3, 1]],
    'asks for pad_to_aspect_ratio, which is not supported',
  ],
  [
    'Resizing',
    { height: 1, width: 1, interpolation: 'bicubic' },
    [[2, 3, 1]],
    'has interpolation "bicubic", which is not supported (nearest, bilinear are)',
  ],
  ['Cropping1D', { cropping: [[1, -1]] }, [[4, 1]], 'needs whole numbers as cropping, not [[1,-1]]'],
  [
    'Pad',
    {
      pad_width: [
        [1, 0],
        [0, 0],
      ],
    },
    [[2]],
    'works over the batch',
  ],
  ['Pad', { pad_width: [[0, 0]] }, [[2]], 'needs two whole numbers for each of 2 axes as pad_width, not [[0,0]]'],
  [
    'Pad',
    {
      pad_width: [
        [0, 0],
        [0, -1],
      ],
    },
    [[2]],
    'needs two whole numbers for each of 2 axes as pad_width, not [[0,0],[0,-1]]',
  ],
  ['Pad', { mode: 'reflect' }, [[2]], 'has mode "reflect", which is not supported (constant are)'],
  ['Roll', { axis: 1, shift: 0.5 }, [[2]], 'moves its input by no whole number'],
  ['Tile', { repeats: [2, 1] }, [[2]], 'works over the batch'],
  ['Tile', { repeats: [1, 1, 1] }, [[2]], 'works over the batch'],
  ['Tile', { repeats: 0 }, [[2]], 'repeats its input no whole number of times'],
  ['Take', { axis: 1, indices: [2] }, [[2]], 'takes places of 2 that are not there'],
  ['Take', { axis: 1, indices: [-3] }, [[2]], 'takes places of 2 that are not there'],
  ['ConvLSTM2D', { filters: 1, kernel_size: 1 }, [[2, 3]], 'takes 3 axes behind that of time, not 1'],
  ['LSTM', { units: 1 }, [[2, 3, 4]], 'takes vectors along time, not 2 axes'],
] as const)('%s %j of %j is refused', (className, config, shapes, why) => {
  expect(() => made(className, config as never, shapes)).toThrow(`the layer ${className} name ${why}`);
});
