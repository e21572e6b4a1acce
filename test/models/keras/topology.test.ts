/** Topologies as Keras 2 and 3 write them, and what cannot be read of one. */
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/models/keras/layer-config.ts';
import { readModel } from '../../../src/models/keras/topology.ts';

const layer = (className: string, name: string, rest: JsonObject = {}): JsonObject => ({
  ...{ class_name: className, config: { name } },
  ...rest,
});
const input = layer('InputLayer', 'x', { config: { name: 'x', batch_shape: [null, 3] } });
const functional = (layers: readonly JsonObject[], rest: JsonObject = {}): JsonObject => ({
  class_name: 'Functional',
  config: {
    name: 'net',
    layers: [input, ...layers],
    input_layers: [['x', 0, 0]],
    output_layers: [['y', 0, 0]],
    ...rest,
  },
});
const ref = (name: string, call = 0, output = 0) => ({ layer: name, call, output });
const tensor = (...history: readonly Json[]): JsonObject => ({
  class_name: '__keras_tensor__',
  config: { keras_history: history },
});
/** The calls of the layer y. */
const callsOf = (nodes: Json, className = 'Dense', others: readonly JsonObject[] = []) =>
  readModel(functional([...others, layer(className, 'y', { inbound_nodes: nodes })])).layers.at(-1)!.calls;

describe('a topology', () => {
  it('is a graph of layers, as text too', () => {
    const model = functional([layer('Dense', 'y', { inbound_nodes: [[['x', 0, 0, {}]]] })]);
    const expected = {
      ...{ name: 'net', isTrained: true, inputs: ['x'], outputs: [ref('y')] },
      layers: [
        { name: 'x', className: 'InputLayer', config: { name: 'x', batch_shape: [null, 3] }, calls: [] },
        { name: 'y', className: 'Dense', config: { name: 'y' }, calls: [{ inputs: [ref('x')], options: {} }] },
      ],
    };
    expect(readModel(model)).toEqual(expected);
    expect(readModel(JSON.stringify(model))).toEqual(expected);
    expect(readModel(functional([layer('Dense', 'y')], { trainable: false })).isTrained).toBe(false);
    const { name: _, ...nameless } = model['config'] as JsonObject;
    expect(readModel({ class_name: 'Model', config: nameless }).name).toBe('model');
    const several = functional([layer('Dense', 'y')], {
      output_layers: { a: ['y', 0, 1], b: ['y', 1, 0] },
      input_layers: ['x', 0, 0],
    });
    expect(readModel(several)).toMatchObject({ inputs: ['x'], outputs: [ref('y', 0, 1), ref('y', 1)] });
  });

  it('may be layers one after another, with or without an input', () => {
    const [a, b] = [layer('Dense', 'a'), { class_name: 'Dense', name: 'b', config: {} }];
    const sequential = (layers: readonly JsonObject[], rest: JsonObject = {}) =>
      readModel({ class_name: 'Sequential', config: { layers, ...rest } });
    expect(sequential([input, a, b])).toMatchObject({
      ...{ name: 'sequential', inputs: ['x'], outputs: [ref('b')] },
      layers: [
        { calls: [] },
        { name: 'a', calls: [{ inputs: [ref('x')] }] },
        { name: 'b', calls: [{ inputs: [ref('a')] }] },
      ],
    });
    const shapeOf = (first: JsonObject, rest: JsonObject = {}) =>
      sequential([{ ...a, config: { name: 'a', ...first } }], rest).layers[0];
    const shaped = (shape: Json) => ({
      name: 'input',
      className: 'InputLayer',
      config: { name: 'input', batch_shape: shape },
      calls: [],
    });
    expect(shapeOf({ batch_input_shape: [null, 1] }, { build_input_shape: [null, 3] })).toEqual(shaped([null, 1]));
    expect(shapeOf({ batch_shape: [null, 2] })).toEqual(shaped([null, 2]));
    expect(shapeOf({}, { build_input_shape: [null, 3], build_config: { input_shape: [null, 4] } })).toEqual(
      shaped([null, 3]),
    );
    expect(shapeOf({}, { build_config: { input_shape: [null, 4] } })).toEqual(shaped([null, 4]));
    expect(shapeOf({})).toEqual(shaped([]));
    expect(readModel({ class_name: 'Sequential', config: [input, a] as Json }).outputs).toEqual([ref('a')]); // of old files
  });
});

describe('a call', () => {
  it('is written by Keras 2 as lists', () => {
    expect(callsOf([['x', 0, 0, {}]])).toEqual([{ inputs: [ref('x')], options: {} }]);
    expect(
      callsOf(
        [
          [
            ['x', 1, 2, {}],
            ['x', 0, 0, {}],
          ],
        ],
        'Add',
      ),
    ).toEqual([{ inputs: [ref('x', 1, 2), ref('x')], options: {} }]);
    expect(callsOf([[['x', 0, 0]], [['x', 1, 0]]])).toHaveLength(2);
    expect(
      callsOf([[['x', 0, 0, { y: ['x', 0, 1], axis: 2, training: true, name: 'n', keepdims: false }]]], 'TFOpLambda'),
    ).toEqual([{ inputs: [ref('x'), ref('x', 0, 1)], options: { axis: 2 } }]);
    expect(callsOf([[['_CONSTANT_VALUE', -1, 5, { y: ['x', 0, 0] }]]], 'TFOpLambda')).toEqual([
      { inputs: [5, ref('x')], options: {} },
    ]);
    expect(callsOf([])).toEqual([]);
    expect(callsOf(null)).toEqual([]);
  });

  it('is written by Keras 3 as arguments', () => {
    expect(callsOf([{ args: [tensor('x', 0, 0)], kwargs: { training: false, mask: null } }])).toEqual([
      { inputs: [ref('x')], options: {} },
    ]);
    expect(callsOf([{ args: [[tensor('x', 0, 0), tensor('x', 1, 0)], null], kwargs: {} }], 'Add')[0]!.inputs).toEqual([
      ref('x'),
      ref('x', 1),
    ]);
    expect(
      callsOf([
        {
          kwargs: { key: tensor('x', 0, 2), query: tensor('x', 0, 0), value: tensor('x', 0, 1), use_causal_mask: true },
        },
      ]),
    ).toEqual([{ inputs: [ref('x'), ref('x', 0, 1), ref('x', 0, 2)], options: { use_causal_mask: true } }]);
    expect(callsOf([{ args: [tensor('x', 0, 0), [1, null]] }], 'GetItem')).toEqual([
      { inputs: [ref('x')], options: { key: [1, null] } },
    ]);
    expect(callsOf([{ args: [tensor('x', 0, 0), 3] }], 'Take')).toEqual([
      { inputs: [ref('x')], options: { indices: 3 } },
    ]);
    expect(callsOf([{ args: [tensor('x', 0, 0)] }], 'GetItem')).toEqual([
      { inputs: [ref('x')], options: { key: null } },
    ]);
    expect(callsOf([{ args: [2, tensor('x', 0, 0)] }], 'Multiply')[0]!.inputs).toEqual([2, ref('x')]);
  });

  it.each([
    [5, 5],
    [[1, 2], { shape: [2], values: [1, 2] }],
    [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
    ],
  ])('may have the constant %j', (value, expected) => {
    for (const kind of ['__tensor__', '__numpy__'])
      expect(callsOf([{ args: [{ class_name: kind, config: { value } }] }])[0]!.inputs).toEqual([expected]);
  });

  it('loses the masks of masked steps: events have all their steps', () => {
    const mask = layer('Any', 'm', { inbound_nodes: [{ args: [tensor('x', 0, 0)] }] });
    const of = (name: string) =>
      callsOf([{ args: [tensor('x', 0, 0)], kwargs: { mask: tensor(name, 0, 0) } }], 'LSTM', [mask]);
    expect(of('m')).toEqual([{ inputs: [ref('x')], options: {} }]);
    expect(() => of('x')).toThrow('the layer y is called with mask, which is not supported');
  });
});

describe('is refused', () => {
  const y = (nodes: Json, className = 'Dense') => functional([layer(className, 'y', { inbound_nodes: nodes })]);
  it.each<[string, Json | undefined, string?]>([
    ['it has no class_name', undefined],
    ['it has no class_name', {}],
    ['it has no class_name', []],
    [
      'the network is of a class of its own, Mine',
      { class_name: 'Mine', config: {} },
      'build it of layers (Functional, Sequential) and save it again, or export it to ONNX',
    ],
    ['a network has no config', { class_name: 'Functional' }],
    ['layers is not a list', { class_name: 'Functional', config: {} }],
    ['a layer is not an object', { class_name: 'Functional', config: { layers: [1] } }],
    ['it has no layers', { class_name: 'Sequential', config: { layers: [] } }],
    [
      'the config of a layer is not an object',
      { class_name: 'Sequential', config: { layers: [{ class_name: 'Dense', config: 5 }] } },
    ],
    ['a layer has no class_name or no name', functional([{ class_name: 'Dense', config: {} }])],
    ['a layer has no class_name or no name', functional([{ config: { name: 'y' } }])],
    ['a layer has no class_name or no name', functional([layer('Dense', '')])],
    ['two layers are called x', functional([layer('Dense', 'x')])],
    ['the inbound_nodes of y is not a list', y('x')],
    ['the inbound_nodes of y is not a list', y(['x'])],
    ['an input of y is not a list', y([[5]])],
    ['the inputs of y cannot be read', y([[['x', -1, 0]]])],
    ['the inputs of y cannot be read', y([[['x', 0, 0.5]]])],
    ['the inputs of y cannot be read', y([[[1, 0, 0]]])],
    ['the inputs of y cannot be read', y([{ args: [tensor('x', 0)] }])],
    ['the arguments of y is not a list', y([{ args: 1 }])],
    ['an input of y is not a list', y([{ args: [{ class_name: '__keras_tensor__', config: {} }] }])],
    ['the layer y is called with "x", which is not a tensor', y([{ args: ['x'] }])],
    [
      `the layer y is called with ${JSON.stringify('z'.repeat(99)).slice(0, 80)}, which is not a tensor`,
      y([{ args: ['z'.repeat(99)] }]),
    ],
    [
      'the layer y is called with speed, which is not supported',
      y([{ args: [tensor('x', 0, 0)], kwargs: { speed: 3 } }]),
    ],
    [
      'the layer y is called with a constant that is not an array of numbers',
      y([{ args: [{ class_name: '__tensor__', config: { value: [[1], [2, 3]] } }] }]),
    ],
    [
      'the layer y is called with a constant that is not an array of numbers',
      y([{ args: [{ class_name: '__tensor__', config: { value: ['a'] } }] }]),
    ],
    [
      'the layer y is called with a constant that is not an array of numbers',
      y([{ args: [{ class_name: '__tensor__', config: { value: [] } }] }]),
    ],
    [
      'the layer y is called with training=True: it normalises by the event itself',
      y([{ args: [tensor('x', 0, 0)], kwargs: { training: true } }], 'BatchNormalization'),
      'call it without, and save the network again',
    ],
    ['input_layers or output_layers is not a list', functional([], { input_layers: 5 })],
    ['the inputs of the model cannot be read', functional([], { output_layers: [['x']] })],
  ])('%s', (why, topology, hint) => {
    const error: unknown = (() => {
      try {
        return readModel(topology);
      } catch (cause) {
        return cause;
      }
    })();
    expect(error).toMatchObject({
      code: 'model-invalid',
      message: `the topology of the network cannot be used: ${why}`,
    });
    expect((error as { hint?: string }).hint).toBe(hint);
  });

  it('what is not JSON', () => {
    expect(() => readModel('{')).toThrow(
      expect.objectContaining({ code: 'model-invalid', message: 'the topology is not JSON' }),
    );
  });
});
