import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { isFeatureTail } from '../../../src/l2caf/tail.ts';
import { useBackend } from '../../../src/models/backend.ts';
import { KerasNetwork } from '../../../src/models/keras/keras-network.ts';
import { LayerConfig } from '../../../src/models/keras/layer-config.ts';
import { makeLayer } from '../../../src/models/keras/layers.ts';
import {
  asH5,
  asModelJson,
  CASES,
  caseOf,
  FIXTURES,
  type FixtureCase,
  framesFor,
  inKeras2Words,
  optionsOf,
} from './fixtures.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

/** What a network makes of its fixture's frames. */
async function outputsOf(path: string, fixture: FixtureCase): Promise<number[][]> {
  const options = optionsOf(fixture);
  const network = await KerasNetwork.open(path, options);
  const names = network.outputs.filter(({ name }) => name !== 'outputs').map(({ name }) => name);
  network.dispose();
  const raw = await KerasNetwork.open(path, {
    ...options,
    outputs: names.map((name) => ({ name, kind: 'numbers' })),
  });
  try {
    const maps = await raw.features(framesFor(fixture));
    return names.map((name) => {
      const tail = raw.tail(maps, name);
      try {
        return [...tail.reference];
      } finally {
        tail.dispose();
      }
    });
  } finally {
    raw.dispose();
  }
}

function close(values: readonly number[]) {
  const largest = Math.max(...values.map(Math.abs));
  return values.map((value) => expect.closeTo(value, 4 - Math.ceil(Math.log10(Math.max(largest, 1)))));
}

describe.each(CASES)('the network $name', (fixture) => {
  it('gives what Keras gives, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const outputs = await outputsOf(await asModelJson(fixture), fixture);
    expect(outputs).toEqual(fixture.outputs.map(close));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is the same from an .h5 file', async () => {
    expect(await outputsOf(await asH5(fixture), fixture)).toEqual(fixture.outputs.map(close));
  });

  it('has rows that do not influence each other, and slopes that agree', async () => {
    const network = await KerasNetwork.open(await asModelJson(fixture), optionsOf(fixture));
    const tail = network.tail(await network.features(framesFor(fixture)));
    const { height, width } = tail.grid;
    const cells = height * width;
    const rows = 2 * tail.slots;
    const slots = Array.from({ length: rows }, (_, row) => row % tail.slots);
    const filters = Float32Array.from({ length: rows * cells }, (_, i) => 0.3 + 0.9 * Math.sin(i * 1.7) ** 2);
    const together = await tail.evaluate(filters, slots);
    for (const [row, slot] of slots.entries()) {
      const alone = await tail.evaluate(filters.slice(row * cells, (row + 1) * cells), [slot]);
      expect([...together.slice(row * tail.outputSize, (row + 1) * tail.outputSize)]).toEqual(close([...alone]));
    }
    const maps = slots.map((slot, row) => {
      const map = tail.mapOf(slot);
      const channels = map.length / cells;
      return map.map((value, i) => value * filters[row * cells + Math.floor(i / channels)]!);
    });
    const channels = maps[0]!.length / cells;
    const flat = new Float32Array(rows * cells * channels);
    for (const [row, map] of maps.entries()) flat.set(map, row * map.length);
    expect([...(await tail.evaluateMaps(flat, slots))]).toEqual(close([...together]));
    if (isFeatureTail(tail)) {
      const sum = (x: tf.Tensor): tf.Scalar => tf.sum(tail.filtered(x as tf.Tensor3D, [0]));
      const start = Float32Array.from(filters.slice(0, cells));
      const gradient = tf.tidy(() =>
        tf
          .grad(sum)(tf.tensor3d(start, [1, height, width]))
          .dataSync(),
      );
      const direction = Float32Array.from(start, (_, i) => Math.cos(3 * i));
      const at = async (step: number): Promise<number> =>
        (
          await tail.evaluate(
            start.map((value, i) => value + step * direction[i]!),
            [0],
          )
        ).reduce((a, b) => a + b);
      const slope = ((await at(1e-3)) - (await at(-1e-3))) / 2e-3;
      const along = Array.from(gradient).reduce((total, value, i) => total + value * direction[i]!, 0);
      const scale = Math.hypot(...gradient) * Math.hypot(...direction);
      expect(Math.abs(slope - along)).toBeLessThan(0.02 * Math.max(scale, 0.1));
    }
    tail.dispose();
    network.dispose();
  });
});

it('a threshold has slopes', () => {
  const layer = makeLayer('ThresholdedReLU', new LayerConfig('threshold', { theta: 0.5 }, 2), [[3]]);
  const x = tf.tensor2d([0.4, 0.5, 0.6], [1, 3]);
  const apply = (values: tf.Tensor): tf.Tensor => layer.apply([values], []);
  expect([...apply(x).dataSync()]).toEqual([0, 0, 0.6].map((value) => expect.closeTo(value, 6)));
  expect([...tf.grad(apply)(x).dataSync()]).toEqual([0, 0, 1]);
});

describe('files of Keras', () => {
  it.each(['attention', 'states'])(
    'have the weights of each part of a layer in a folder of its own: %s',
    async (name) => {
      const fixture = caseOf(name);
      expect(await outputsOf(join(FIXTURES, `${name}.keras`), fixture)).toEqual(fixture.outputs.map(close));
    },
  );

  it('may have their weights in half precision', async () => {
    const fixture = caseOf('td-lstm');
    expect(await outputsOf(join(FIXTURES, 'td-lstm-half.keras'), fixture)).toEqual(fixture.outputs.map(close));
  });
});

describe('the words of Keras 2', () => {
  it.each(CASES.filter(({ name }) => ['residual', 'td-lstm', 'nested', 'bidirectional', 'gru'].includes(name)))(
    'make the same network $name',
    async (fixture) => {
      const path = await asH5({ ...fixture, topology: inKeras2Words(fixture.topology) as FixtureCase['topology'] });
      expect(await outputsOf(path, fixture)).toEqual(fixture.outputs.map(close));
    },
  );

  it('have arithmetic as functions of TensorFlow, and states among the inputs', async () => {
    const start = {
      class_name: 'InputLayer',
      config: { name: 'frames', batch_input_shape: [null, 2, 4, 5, 3] },
      inbound_nodes: [],
    };
    const of = (name: string, className: string, config: object, ...inbound: unknown[]) => ({
      ...{ class_name: className, name, config: { name, dtype: 'float32', ...config }, inbound_nodes: inbound },
    });
    const arithmetic = (name: string, ...inbound: unknown[]) =>
      of(`tf.${name}`, 'TFOpLambda', { function: name }, ...inbound);
    const lstm = { units: 1, return_state: true, return_sequences: true };
    const layers = [
      start,
      arithmetic('math.truediv', ['frames', 0, 0, { y: 0.5, name: null }]),
      arithmetic('math.subtract', ['_CONSTANT_VALUE', -1, 1, { y: ['tf.math.truediv', 0, 0], name: null }]),
      of('flat', 'TimeDistributed', { layer: { class_name: 'Flatten', config: { name: 'f' } } }, [
        ['tf.math.subtract', 0, 0, {}],
      ]),
      of('first', 'LSTM', lstm, [['flat', 0, 0, {}]]),
      of('second', 'LSTM', { units: 1 }, [
        ['first', 0, 0, {}],
        ['first', 0, 1, {}],
        ['first', 0, 2, {}],
      ]),
      arithmetic('math.reduce_mean', ['flat', 0, 0, { axis: [1, 2], keepdims: false }]),
      arithmetic('__operators__.add', ['second', 0, 0, { y: ['again', 0, 0], name: null }]),
      of('again', 'Reshape', { target_shape: [1] }, [['tf.math.reduce_mean', 0, 0, {}]]),
    ];
    const output = ['tf.__operators__.add', 0, 0];
    const topology = {
      class_name: 'Functional',
      config: { name: 'old', layers, input_layers: [['frames', 0, 0]], output_layers: [output] },
    };
    const weights = ['first', 'second'].flatMap((layer) =>
      [[layer === 'first' ? 60 : 1, 4], [1, 4], [4]].map((shape, i) => ({
        ...{ layer, name: `${layer}/${['kernel', 'recurrent_kernel', 'bias'][i]}`, shape },
        data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => 0.02 * ((at % 7) - 3) + 0.1 * i),
      })),
    );
    const fixture = { name: 'old', input: [2, 4, 5, 3], topology, weights: [], outputs: [] } as unknown as FixtureCase;
    const path = await asH5(fixture, () => ({ config: JSON.stringify(topology), version: '2.11.0', weights }));
    const network = await KerasNetwork.open(path, { layer: 'tf.math.subtract' });
    try {
      const frames = framesFor(fixture);
      const tail = network.tail(await network.features(frames));
      tail.dispose();
      const x = Array.from(frames.rgb, (byte) => 1 - byte / 255 / 0.5);
      const steps = [x.slice(0, 60), x.slice(60)];
      const dataOf = (name: string): Float32Array => weights.find((one) => one.name === name)!.data;
      const run = (layer: string, inputs: number[][], state: [number, number]): [number[], number, number] => {
        const [kernel, recurrent, bias] = ['kernel', 'recurrent_kernel', 'bias'].map((name) =>
          dataOf(`${layer}/${name}`),
        );
        let [h, c] = state;
        const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
        const all = inputs.map((input) => {
          const gates = [0, 1, 2, 3].map((gate) =>
            input.reduce((sum, value, i) => sum + value * kernel![4 * i + gate]!, bias![gate]! + h * recurrent![gate]!),
          );
          c = sigmoid(gates[1]!) * c + sigmoid(gates[0]!) * Math.tanh(gates[2]!);
          h = sigmoid(gates[3]!) * Math.tanh(c);
          return h;
        });
        return [all, h, c];
      };
      const [sequence, h, c] = run('first', steps, [0, 0]);
      const [, last] = run(
        'second',
        sequence.map((value) => [value]),
        [h, c],
      );
      const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
      expect(tail.reference[0]).toBeCloseTo(last + mean, 5);
    } finally {
      network.dispose();
    }
  });
});
