/** Layers of Keras one by one: what is said of options that cannot be run, and how options are read. */
import { describe, expect, it } from 'vitest';
import { folderNames, type JsonObject, LayerConfig, type Shape } from '../../../src/models/keras/layer-config.ts';
import { isKnownClass } from '../../../src/models/keras/layers.ts';
import { made, slice } from './made-layers.ts';

describe('is refused', () => {
  const [pair, grid] = [[2], [2, 3]];
  it.each<[string, JsonObject, readonly Shape[], string]>([
    ['Add', {}, [pair], 'needs two inputs or more'],
    ['Add', {}, [grid, [3, 2]], 'cannot combine [2, 3] and [3, 2]'],
    ['Add', {}, [grid, pair], 'cannot combine [2, 3] and [2]'],
    ['CustomScaleLayer', { scale: 1 }, [pair, pair, pair], 'has 3 inputs, not two'],
    ['CustomScaleLayer', {}, [pair, pair], 'needs a number as scale, not null'],
    ['Concatenate', { axis: 3 }, [grid, grid], 'cannot concatenate [2, 3] and [2, 3]'],
    ['Concatenate', { axis: 0 }, [grid, grid], 'cannot concatenate [2, 3] and [2, 3]'],
    ['Concatenate', {}, [grid, [3, 3]], 'cannot concatenate [2, 3] and [3, 3]'],
    ['Dot', { axes: 1 }, [pair], 'has 1 inputs, not two'],
    ['Dot', { axes: 1, normalize: true }, [pair, pair], 'normalises what it multiplies, which is not supported'],
    ['Dot', { axes: [2, 1] }, [grid, [2, 3]], 'cannot multiply [2, 3] and [2, 3] along [2, 1]'],
    ['Dot', { axes: [3, 3] }, [grid, grid], 'cannot multiply [2, 3] and [2, 3] along [3, 3]'],
    ['Dot', { axes: 'x' }, [pair, pair], 'needs a list of whole numbers as axes, not "x"'],
    ['Normalize', { order: 1 }, [pair], 'normalises in another way than to length 1'],
    ['Normalize', { epsilon: 1 }, [pair], 'normalises in another way than to length 1'],
    ['Split', { axis: 2, indices_or_sections: 2 }, [grid], 'cannot part 3 values as 2'],
    ['Split', { axis: 2, indices_or_sections: [1] }, [grid], 'cannot part 3 values as [1]'],
    ['Matmul', {}, [pair, pair], 'cannot multiply [2] and [2]'],
    ['Matmul', {}, [grid, grid], 'cannot multiply [2, 3] and [2, 3]'],
    ['Matmul', {}, [grid], 'cannot multiply [2, 3]'],
    [
      'Matmul',
      {},
      [
        [2, 1, 3],
        [1, 3, 1],
      ],
      'cannot multiply [2, 1, 3] and [1, 3, 1]',
    ],
    [
      'TFOpLambda',
      { function: 'math.erf' },
      [pair],
      'is the function "math.erf" of TensorFlow, which is not supported',
    ],
    ['TFOpLambda', {}, [pair], 'is the function undefined of TensorFlow, which is not supported'],
    ['Stack', { axis: 1 }, [pair, [3]], 'cannot stack [2] and [3]'],
    ['Squeeze', { axis: 1 }, [pair], 'drops an axis of more than one value'],
    ['Squeeze', {}, [[1]], 'works over the batch'],
    ['Mean', {}, [pair], 'works over the batch'],
    ['Mean', { axis: 1, keepdims: 1 }, [pair], 'needs true or false as keepdims, not 1'],
    ['Transpose', { axes: [1, 0] }, [pair], 'moves the axis of the batch'],
    ['Transpose', { axes: [0, 1] }, [grid], 'cannot order 2 axes as [1]'],
    ['Transpose', { axes: [0, 1, 1] }, [grid], 'cannot order 2 axes as [1, 1]'],
    ['GetItem', { key: [0] }, [grid], 'takes some of the batch'],
    ['GetItem', { key: [slice(1), 0] }, [grid], 'takes some of the batch'],
    ['GetItem', { key: [slice(null, null, 2)] }, [grid], 'takes some of the batch'],
    ['GetItem', { key: [slice(null), 0, 0, 0] }, [grid], 'takes some of the batch'],
    ['GetItem', { key: 5 }, [grid], 'takes some of the batch'],
    ['GetItem', { key: [slice(null), slice(2)] }, [grid], 'takes nothing of its input'],
    ['GetItem', { key: [slice(null), slice(1, 1)] }, [grid], 'takes nothing of its input'],
    ['GetItem', { key: [slice(null), 2] }, [grid], 'takes place 2 of 2'],
    ['GetItem', { key: [slice(null), -3] }, [grid], 'takes place -3 of 2'],
    [
      'GetItem',
      { key: [slice(null), slice(null, null, 0)] },
      [grid],
      `takes ${JSON.stringify(slice(null, null, 0))} of its input`,
    ],
    [
      'GetItem',
      { key: [slice(null), slice(0.5)] },
      [grid],
      `takes ${JSON.stringify(slice(0.5))} of its input, which is not supported`,
    ],
    [
      'GetItem',
      { key: [slice(null), slice(1, null, -1)] },
      [grid],
      'takes a part of its input backwards, which is not supported',
    ],
    ['Reshape', { target_shape: [4, -1] }, [[2, 3]], 'cannot make [4, -1] of [2, 3]'],
    ['Reshape', { target_shape: [5] }, [[2, 3]], 'cannot make [5] of [2, 3]'],
    ['LayerNormalization', { rms_scaling: true }, [pair], 'uses rms_scaling, which is not supported'],
    ['LayerNormalization', { axis: 3 }, [grid], 'works along axes that it lacks'],
    ['LayerNormalization', { axis: 0 }, [grid], 'works along axes that it lacks'],
    ['LayerNormalization', { epsilon: 'x' }, [grid], 'needs a number as epsilon, not "x"'],
    ['GroupNormalization', { groups: 2 }, [[3]], 'parts 3 channels into 2 groups'],
    ['GroupNormalization', { groups: 1, axis: [1, 2] }, [grid], 'works along several axes, which is not supported'],
    ['Rescaling', { scale: 'x' }, [pair], 'needs a number or one per channel as scale'],
    ['Rescaling', { scale: 1, offset: [1, 'x'] }, [pair], 'needs a number or one per channel as offset'],
    [
      'MultiHeadAttention',
      { num_heads: 1, key_dim: 1, use_gate: true },
      [grid, grid],
      'has gates or a sliding window, which is not supported',
    ],
    [
      'MultiHeadAttention',
      { num_heads: 1, key_dim: 1, sliding_window: 3 },
      [grid, grid],
      'has gates or a sliding window, which is not supported',
    ],
    [
      'MultiHeadAttention',
      { num_heads: 0, key_dim: 1 },
      [grid, grid],
      'needs a whole number from 1 on as num_heads, not 0',
    ],
    ['MultiHeadAttention', { attention_axes: [2] }, [grid, grid], 'attends among channels, which is not supported'],
    [
      'MultiHeadAttention',
      { attention_axes: [1] },
      [
        [2, 3, 4],
        [2, 2, 4],
      ],
      'cannot combine [2, 3, 4] and [2, 2, 4]',
    ],
    ['Attention', { score_mode: 'concat' }, [grid, grid], 'has score_mode "concat", which is not supported (dot are)'],
    ['Attention', {}, [grid], 'takes two or three sequences [t, d], not [2, 3]'],
    ['Attention', {}, [grid, pair], 'takes two or three sequences [t, d], not [2, 3] and [2]'],
    ['Attention', {}, [grid, grid, [4, 3]], 'has keys [4, 3] for values [2, 3]'],
    [
      'Einsum',
      { subscripts: 'abc,abd->acd' },
      [grid, [3, 3]],
      'computes "abc,abd->acd" of [2, 3] and [3, 3], which is not supported',
    ],
    ['Einsum', { subscripts: 'ab,ac->abc' }, [pair], 'computes "ab,ac->abc" of [2], which is not supported'],
    [
      'Einsum',
      { subscripts: 'bac,bcd->abd' },
      [
        [2, 3],
        [4, 1],
      ],
      'computes "bac,bcd->abd" of [2, 3] and [4, 1], which is not supported',
    ],
    [
      'EinsumDense',
      { equation: 'ab,bc->ca', output_shape: 1 },
      [pair],
      'computes "ab,bc->ca", which is not supported for inputs of 2 axes',
    ],
    [
      'EinsumDense',
      { equation: 'abc,cd->abd', output_shape: 1 },
      [pair],
      'computes "abc,cd->abd", which is not supported for inputs of 2 axes',
    ],
    [
      'EinsumDense',
      { equation: 'ab,bc->ac', output_shape: 1, bias_axes: 'd' },
      [pair],
      'has a bias along "d", which its output lacks',
    ],
    [
      'EinsumDense',
      { equation: 'ab,bc->ac', output_shape: null },
      [pair],
      'does not say how long its axis c is, for inputs [2]',
    ],
    ['Activation', { activation: 'mystery' }, [pair], 'has the activation "mystery", which is not supported'],
    [
      'Activation',
      { activation: { class_name: 'PReLU', config: { name: 'p' } } },
      [pair],
      'has the activation {"class_name":"PReLU","config":{"name":"p"}}, which is not supported',
    ],
    ['Softmax', { axis: 2 }, [pair], 'works along axis 2, which its input lacks'],
    ['Softmax', { axis: 0 }, [pair], 'works along axis 0, which its input lacks'],
    ['Bidirectional', {}, [grid], 'lacks its layer'],
    ['RNN', { cell: { class_name: 'StackedRNNCells', config: { cells: [] } } }, [grid], 'lacks its cells'],
    ['RNN', { cell: { class_name: 'MyCell', config: {} } }, [grid], 'is a cell of a class that is not supported'],
    ['LSTM', { units: 1, time_major: true }, [grid], 'has time before the batch, which is not supported'],
    ['LSTM', { units: 1 }, [pair], 'needs an input along time'],
    ['LSTM', { units: 2 }, [grid, [3], [3]], 'begins with [3] and [3], but has [2] and [2]'],
    ['LSTM', { units: 0 }, [grid], 'needs a whole number from 1 on as units, not 0'],
    ['ZeroPadding2D', { padding: [1, 2, 3] }, [[2, 3, 1]], 'needs whole numbers as padding, not [1,2,3]'],
    [
      'Reshape',
      { target_shape: [2 ** 15, 2 ** 15] },
      [[2 ** 30]],
      'makes 1073741824 values of one event, which is too many',
    ],
    ['Lambda', {}, [pair], 'is code, which a model file is not allowed to run'],
    ['Hashing', {}, [pair], 'is of a class that is not supported: Hashing'],
    ['constructor', {}, [pair], 'is of a class that is not supported: constructor'],
  ])('%s %j of %j', (of, config, shapes, why) => {
    expect(() => made(of, config, shapes)).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: expect.stringMatching(/^the layer \w+/) }),
    );
    const error = (() => {
      try {
        made(of, config, shapes);
      } catch (cause) {
        return cause as Error;
      }
      return new Error('it was made');
    })();
    expect(error.message.replace(/^the layer (.*? in )?\w+ name /, '')).toBe(why);
  });

  it('with what can be done about it', () => {
    const hintOf = (of: string, config: JsonObject = {}): string | undefined => {
      try {
        made(of, config, [[2]]);
      } catch (error) {
        return (error as { hint?: string }).hint;
      }
      return 'it was made';
    };
    expect(hintOf('Lambda')).toBe(
      'say in its card what it does: "lambdas": { "name": { "scale": 0.00784, "offset": -1 } }, or a layer in its place (docs/keras.md)',
    );
    expect(hintOf('Hashing')).toBe(
      'export the network to ONNX, or say in its card which layer stands for it: "lambdas": { "name": { "layer": "CenterCrop", "height": 66, "width": 200 } } (docs/keras.md)',
    );
    expect(hintOf('EinsumDense', { equation: 'x' })).toBe('export the network to ONNX');
    expect(hintOf('Squeeze', {})).toBeUndefined();
  });
});

it('classes are known by their other names', () => {
  for (const name of [
    'MaxPool2D',
    'BatchNormalizationV2',
    'Convolution2D',
    'GRUV2',
    'GlobalAvgPool2D',
    'Dense',
    'SyncBatchNormalization',
  ])
    expect(isKnownClass(name)).toBe(true);
  for (const name of ['Lambda', 'toString', '', 'dense']) expect(isKnownClass(name)).toBe(false);
});

it('options are read with their types, and may be put in the place of others', () => {
  const config = new LayerConfig('Dense d', { units: 3, rate: 0.5, on: false, none: null, list: [1, 2] }, 3);
  expect([config.count('units'), config.number('rate'), config.flag('on', true), config.get('none')]).toEqual([
    3,
    0.5,
    false,
    undefined,
  ]);
  expect([config.isNull('none'), config.isNull('units'), config.isNull('absent'), config.get('toString')]).toEqual([
    true,
    false,
    false,
    undefined,
  ]);
  expect([config.counts('units', 2), config.counts('list', 2), config.counts('absent', 2, 4)]).toEqual([
    [3, 3],
    [1, 2],
    [4, 4],
  ]);
  expect([config.listOf('units'), config.listOf('list'), config.integers('list')]).toEqual([[3], [1, 2], [1, 2]]);
  expect(config.with({ units: 4 }).count('units')).toBe(4);
  expect(config.with({ units: 4 }).number('rate')).toBe(0.5);
  for (const [read, why] of [
    [() => config.count('rate'), 'needs a whole number from 1 on as rate, not 0.5'],
    [() => config.count('units', 1, 4), 'needs a whole number from 4 on as units, not 3'],
    [() => config.counts('list', 3), 'needs 3 whole numbers from 1 on as list, not [1,2]'],
    [() => config.counts('list', 2, 1, 2), 'needs 2 whole numbers from 2 on as list, not [1,2]'],
    [() => config.integers('rate'), 'needs a list of whole numbers as rate, not 0.5'],
    [() => config.flag('units', true), 'needs true or false as units, not 3'],
    [() => config.oneOf('units', ['a', 'b']), 'has units 3, which is not supported (a, b are)'],
    [() => config.number('absent'), 'needs a number as absent, not null'],
    [() => config.with({ rate: Number.POSITIVE_INFINITY }).number('rate'), 'needs a number as rate, not null'],
  ] as const)
    expect(read).toThrow(`the layer Dense d ${why}`);
});

it('layers have the folders that Keras gives them', () => {
  expect(folderNames(['Dense', 'Conv2D', 'Dense', 'MultiHeadAttention', 'LSTM', 'Dense', '>My Layer'])).toEqual([
    ...['dense', 'conv2d', 'dense_1', 'multi_head_attention', 'lstm', 'dense_2', 'my_layer'],
  ]);
});
