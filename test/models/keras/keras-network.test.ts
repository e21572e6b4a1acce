import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { solveFilters } from '../../../src/l2caf/solve.ts';
import { isFeatureTail } from '../../../src/l2caf/tail.ts';
import { useBackend } from '../../../src/models/backend.ts';
import { KerasNetwork, type KerasOptions } from '../../../src/models/keras/keras-network.ts';
import { preprocessed } from '../../../src/models/preprocessing.ts';
import type { VideoModel } from '../../../src/models/video-model.ts';
import { asModelJson, caseOf, FIXTURES, type FixtureCase, framesFor, optionsOf, temporaryFolder } from './fixtures.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

async function withNetwork<T>(
  path: string,
  options: KerasOptions,
  work: (network: KerasNetwork) => Promise<T>,
): Promise<T> {
  const network = await KerasNetwork.open(path, options);
  try {
    return await work(network);
  } finally {
    network.dispose();
  }
}

async function referenceOf(
  network: Pick<VideoModel, 'features' | 'tail'>,
  fixture: FixtureCase,
  output?: string,
): Promise<number[]> {
  const tail = network.tail(await network.features(framesFor(fixture)), output);
  tail.dispose();
  return [...tail.reference];
}

describe('files that Keras itself wrote', () => {
  const fixture = caseOf('td-lstm');
  const expected = fixture.outputs[0]!.map((value) => expect.closeTo(value, 4));

  it('gives what Keras gives from a .keras file', async () => {
    await withNetwork(join(FIXTURES, 'td-lstm.keras'), {}, async (network) => {
      expect(await referenceOf(network, fixture)).toEqual(expected);
      expect(network.describe()).toMatchObject({ kind: 'imported', format: 'keras', layout: 'b t h w c' });
      expect(network.input).toEqual({ frames: 3, size: { height: 8, width: 10 } });
    });
  });

  it('gives the same from an .h5 file', async () => {
    const path = join(await temporaryFolder(), 'td-lstm.h5');
    await writeFile(path, gunzipSync(await readFile(join(FIXTURES, 'td-lstm.h5.gz'))));
    await withNetwork(path, {}, async (network) => {
      expect(await referenceOf(network, fixture)).toEqual(expected);
      expect(network.describe().format).toBe('keras-h5');
    });
  });
});

describe('unlearning', () => {
  it('draws weights anew from the output down, keeps the maps before them, and leaks no tensor', async () => {
    const fixture = caseOf('td-lstm');
    const before = tf.memory().numTensors;
    await withNetwork(join(FIXTURES, 'td-lstm.keras'), {}, async (network) => {
      const [maps, reference] = [await network.features(framesFor(fixture)), await referenceOf(network, fixture)];
      const { parts, behind, without } = network.unlearning();
      expect(parts.at(-1)).toBe('time_distributed');
      expect(behind).toBe(parts.length - 1);
      for (const count of [1, behind, parts.length]) {
        const forgetful = await without(count, 0);
        const own = await forgetful.features(framesFor(fixture));
        expect(own.data.every((value, i) => value === maps.data[i])).toBe(count <= behind);
        const moved = await referenceOf(forgetful, fixture);
        expect(moved).not.toEqual(reference);
        expect(moved.every(Number.isFinite)).toBe(true);
        expect(forgetful.sha256).not.toBe(network.sha256);
        forgetful.dispose();
      }
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('where a network is cut', () => {
  it('is inside TimeDistributed, at the last layer with height and width', async () => {
    await withNetwork(await asModelJson(caseOf('td-lstm')), {}, async ({ layer, layers, grid }) => {
      expect(layer).toEqual({
        name: 'time_distributed',
        className: 'Conv2D',
        layout: 'b t h w c',
        shape: [3, 3, 4, 4],
        grid: { height: 3, width: 4 },
      });
      expect(grid).toEqual({ height: 3, width: 4 });
      expect(layers).toHaveLength(1);
    });
  });

  it('may be inside a network inside TimeDistributed, by the end of its name', async () => {
    await withNetwork(await asModelJson(caseOf('nested')), { layer: 'norm' }, async (network) => {
      expect(network.layer).toMatchObject({ name: 'each/norm', shape: [3, 6, 8, 4] });
      expect(network.layers.map(({ name }) => name)).toEqual(['each/second', 'each/leaky', 'each/norm', 'each/first']);
      expect(await referenceOf(network, caseOf('nested'))).toHaveLength(2);
    });
  });

  it('leaves the paths around the layer as they are', async () => {
    const fixture = caseOf('residual');
    const options = { layer: 'separable_conv2d', outputs: [{ name: 'dense_1' }] };
    await withNetwork(await asModelJson(fixture), options, async (network) => {
      const maps = await network.features(framesFor(fixture));
      expect([...maps.others.keys()]).toEqual(['re_lu', 'average_pooling2d']);
      expect(await referenceOf(network, fixture)).toEqual(fixture.outputs[1]!.map((value) => expect.closeTo(value, 4)));
      const { data, shape } = maps;
      expect(() => network.tail({ data, shape })).toThrow(/come without/);
    });
  });

  it('tells frames apart, unless another is asked for: one map of an event after a ConvLSTM', async () => {
    const path = await asModelJson(caseOf('convlstm'));
    await withNetwork(path, {}, async ({ layer, notes }) => {
      expect([layer.layout, notes]).toEqual(['b t h w c', []]);
    });
    await withNetwork(path, { layer: 'conv_lstm2d_1' }, async (network) => {
      const { shape } = await network.features(framesFor(caseOf('convlstm')));
      expect(network.layer.layout).toBe('b h w c');
      expect(shape).toEqual([1, 3, 4, 2]);
      expect(network.notes).toEqual(['the layer conv_lstm2d_1 does not tell the frames apart: they share one map']);
    });
  });

  it('explains what is said of the last frame, where each frame has its scores', async () => {
    const fixture = caseOf('each-frame');
    await withNetwork(await asModelJson(fixture), {}, async (network) => {
      const tail = network.tail(await network.features(framesFor(fixture)));
      const probabilities = tail.probabilitiesSoFar!();
      tail.dispose();
      expect([network.outputs[0]!.size, tail.outputSize, tail.reference.length]).toEqual([3, 3, 3]);
      expect(probabilities.flat()).toEqual(fixture.outputs[0]!.map((value) => expect.closeTo(value, 4)));
      expect(network.notes).toEqual([
        'the output time_distributed_2 has 3 values for each frame: those of the last are explained',
      ]);
    });
    await withNetwork(await asModelJson(fixture), { first: { kind: 'numbers' } }, async ({ outputs }) => {
      expect(outputs[0]!.size).toBe(9);
    });
  });

  it('explains a single number', async () => {
    const fixture = caseOf('with-speed');
    await withNetwork(await asModelJson(fixture), optionsOf(fixture), async (network) => {
      const tail = network.tail(await network.features(framesFor(fixture)), 'steering');
      const { outputSize } = tail;
      const { filters, options } = await solveFilters(tail);
      tail.dispose();
      expect([outputSize, filters.length, options.solver]).toEqual([1, 1, 'gauss-newton']);
      expect(filters[0]!.loss).toBeLessThan(1e-4); // there are as many ways to keep one number as cells
    });
  });

  it.each(['frame-by-frame', 'frame-by-frame-backwards'])(
    'cuts at all calls of a layer where it is called for one frame after another: %s',
    async (name) => {
      const fixture = caseOf(name);
      await withNetwork(await asModelJson(fixture), {}, async (network) => {
        expect(network.layer).toMatchObject({ name: 'cnn/conv2d', layout: 'b t h w c', shape: [3, 6, 8, 4] });
        expect(network.layers.map(({ name }) => name)).toEqual(['cnn/conv2d']);
        expect(network.notes).toEqual([]);
        const whole = framesFor(fixture);
        const size = whole.rgb.length / 3;
        const rgb = whole.rgb.slice();
        rgb.fill(0, size, 2 * size); // the second frame
        const [maps, changed] = [await network.features(whole), await network.features({ ...whole, rgb })];
        const mapOf = ({ data }: typeof maps, k: number): number[] => [
          ...data.slice((k * data.length) / 3, ((k + 1) * data.length) / 3),
        ];
        const isSame = [0, 1, 2].map((k) => mapOf(maps, k).join() === mapOf(changed, k).join());
        expect(isSame).toEqual([true, false, true]);
      });
    },
  );

  it('is refused where the calls for one frame after another are not told apart', async () => {
    const fixture = caseOf('frame-by-frame');
    const path = await asModelJson(fixture, (json) => {
      const text = JSON.stringify(json).replaceAll(
        '"config":{"start":null,"stop":null,"step":null}},0]',
        '"config":{"start":null,"stop":null,"step":null}},1]',
      );
      return JSON.parse(text) as unknown;
    });
    await expect(KerasNetwork.open(path, {})).rejects.toMatchObject({
      code: 'usage',
      message: 'the layer cnn/conv2d is called 3 times, for one frame after another',
    });
  });

  it('takes an input for each frame where their order is said', async () => {
    const fixture = caseOf('each-input');
    const path = await asModelJson(fixture);
    await expect(KerasNetwork.open(path, {})).rejects.toMatchObject({
      code: 'usage',
      message: 'the network has an input for each picture: before, now',
      hint: expect.stringContaining('in the order before, now: --input-layout "b t h w c"'),
    });
    await withNetwork(path, optionsOf(fixture), async ({ input, layer }) => {
      expect([input.frames, layer.name, layer.shape]).toEqual([2, 'cnn/conv2d', [2, 6, 8, 4]]);
    });
  });

  it('says what of the picture its maps do not show', async () => {
    const path = await asModelJson(caseOf('residual'));
    await withNetwork(path, { layer: 'separable_conv2d' }, async ({ notes }) => {
      expect(notes).toEqual([
        'beside the layer separable_conv2d the output has the picture through re_lu, average_pooling2d: maps do not show that part',
      ]);
    });
  });

  it('has frames that are stacked on channels where that is said', async () => {
    const path = await asModelJson(caseOf('stacked'));
    await expect(KerasNetwork.open(path, {})).rejects.toMatchObject({
      code: 'usage',
      message: 'the network reads pictures of 6 channels, not of 3 or 1',
      hint: expect.stringContaining('--input-layout "b h w (t c)"'),
    });
    await withNetwork(path, { layout: 'b h w (t c)' }, async ({ input, notes }) => {
      expect(input.frames).toBe(2); // of three colours
      expect(notes).toEqual(['the layer conv2d does not tell the frames apart: they share one map']);
    });
    await withNetwork(path, { layout: 'b h w (t c)', frames: 6 }, async ({ input }) => expect(input.frames).toBe(6));
    await expect(KerasNetwork.open(path, { layout: 'b h w (t c)', frames: 4 })).rejects.toThrow(
      /not those of 4 frames/,
    );
    await expect(KerasNetwork.open(path, { layout: 'b t h w c' })).rejects.toThrow(/does not fit "b t h w c"/);
  });

  it.each([
    ['nowhere', /cannot be cut at nowhere: it is not there/],
    ['last', /cannot be cut at last: it makes \[4\]/],
  ])('is not at %s', async (layer, message) => {
    const path = await asModelJson(caseOf('td-lstm'));
    await expect(KerasNetwork.open(path, { layer })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
    });
  });
});

describe('outputs', () => {
  it('are scores before the softmax, and numbers after it', async () => {
    const fixture = caseOf('residual');
    const outputs = [{ name: 'dense' }, { name: 'probabilities', layers: ['dense'], kind: 'numbers' }] as const;
    await withNetwork(await asModelJson(fixture), { outputs }, async (network) => {
      expect(network.outputs.map(({ kind }) => kind)).toEqual(['scores', 'numbers']);
      const scores = await referenceOf(network, fixture);
      const softmax = tf.tidy(() => [...tf.softmax(tf.tensor1d(scores)).dataSync()]);
      expect(softmax).toEqual(fixture.outputs[0]!.map((value) => expect.closeTo(value, 5)));
      expect(await referenceOf(network, fixture, 'probabilities')).toEqual(
        softmax.map((value) => expect.closeTo(value, 5)),
      );
    });
  });

  it('may be any layer, or several in a row, with labels', async () => {
    const outputs = [{ name: 'both', layers: ['numbers', 'embedding'], labels: [...'abcdefgh'] }];
    await withNetwork(await asModelJson(caseOf('td-lstm')), { outputs }, async (network) => {
      expect(network.outputs).toEqual([{ name: 'both', kind: 'numbers', size: 8, labels: [...'abcdefgh'] }]);
      expect((await referenceOf(network, caseOf('td-lstm'))).slice(0, 2)).toEqual(
        caseOf('td-lstm').outputs[0]!.map((value) => expect.closeTo(value, 4)),
      );
    });
  });

  it.each([
    [{ outputs: [{ name: 'elsewhere' }] }, 'usage', /no layer elsewhere/],
    [{ outputs: [{ name: 'numbers', labels: ['one'] }] }, 'usage', /is 2 numbers, but has 1 labels/],
    [{ outputs: [{ name: 'time_distributed' }] }, 'model-invalid', /does not depend on the layer/],
  ])('are refused where they do not fit: %o', async (options, code, message) => {
    const path = await asModelJson(caseOf('td-lstm'));
    await expect(KerasNetwork.open(path, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe('the layer that is taken', () => {
  it('is the last beside which nothing else of the picture leads to the outputs', async () => {
    await withNetwork(await asModelJson(caseOf('two-maps')), {}, async (network) => {
      expect(network.layers.map(({ name }) => name)).toEqual(['features/conv2d_1', 'features/conv2d']);
      expect(network.layer.name).toBe('features/conv2d');
    });
  });

  it('has more than one row', async () => {
    const { topology, ...fixture } = caseOf('conv2d-groups');
    const flat = JSON.stringify(topology).replace('[null,8,10,3]', '[null,5,10,3]');
    const layers = JSON.parse(flat) as { config: { layers: { class_name: string; name: string }[] } };
    const dense = layers.config.layers.findLast(({ class_name }) => class_name === 'Dense')!.name;
    const weights = fixture.weights.map((one) => {
      const isWide = one.layer === dense && one.shape.length === 2;
      return isWide ? { ...one, shape: [36, 3], float16: Buffer.alloc(36 * 3 * 2).toString('base64') } : one;
    });
    const small = { ...fixture, weights, input: [5, 10, 3], topology: JSON.parse(flat) as FixtureCase['topology'] };
    await withNetwork(await asModelJson(small), {}, async (network) => {
      expect(network.layers.map(({ grid }) => grid.height)).toEqual([1, 3]);
      expect(network.layer.grid).toEqual({ height: 3, width: 8 });
    });
  });
});

describe('a stateful layer', () => {
  it('begins each event without a state, and says so', async () => {
    const fixture = caseOf('td-lstm');
    const text = JSON.stringify(fixture.topology).replace('"stateful":false', '"stateful":true');
    const stateful = { ...fixture, topology: JSON.parse(text) as FixtureCase['topology'] };
    await withNetwork(await asModelJson(stateful), {}, async (network) => {
      expect(network.notes).toEqual(['the layer LSTM sequence is stateful: here each event begins without a state']);
      const expected = fixture.outputs[0]!.map((value) => expect.closeTo(value, 4));
      expect(await referenceOf(network, fixture)).toEqual(expected);
      expect(await referenceOf(network, fixture)).toEqual(expected);
    });
  });
});

describe('frames', () => {
  const anySize = (fixture: FixtureCase): FixtureCase => ({
    ...fixture,
    topology: JSON.parse(
      JSON.stringify(fixture.topology).replaceAll(
        '"batch_shape":[null,3,8,10,3]',
        '"batch_shape":[null,null,null,null,3]',
      ),
    ) as FixtureCase['topology'],
  });

  it('may be any number where the network takes any', async () => {
    const fixture = caseOf('td-lstm');
    const size = { height: 8, width: 10 };
    await withNetwork(await asModelJson(anySize(fixture)), { size }, async (network) => {
      expect(network.input).toEqual({ size });
      expect(await referenceOf(network, fixture)).toEqual(fixture.outputs[0]!.map((value) => expect.closeTo(value, 4)));
      const { rgb, timestampsSec } = framesFor({ input: [5, 8, 10, 3] });
      const maps = await network.features({ rgb, shape: [5, 8, 10, 3], timestampsSec });
      expect(maps.shape).toEqual([5, 3, 4, 4]);
      const tail = network.tail(maps);
      expect(tail.slots).toBe(5);
      tail.dispose();
    });
  });

  it('have a size that must be told where the network takes any', async () => {
    const path = await asModelJson(anySize(caseOf('td-lstm')));
    await expect(KerasNetwork.open(path)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/any size/),
    });
  });

  it('must be those that the network takes', async () => {
    await withNetwork(await asModelJson(caseOf('td-lstm')), {}, async (network) => {
      const { rgb } = framesFor(caseOf('td-lstm'));
      const wrong = (shape: [number, number, number, 3]) => network.features({ rgb, shape, timestampsSec: [] });
      await expect(wrong([3, 10, 8, 3])).rejects.toMatchObject({ code: 'shape-mismatch' });
      await expect(wrong([2, 8, 10, 3])).rejects.toThrow(/expects 3 frames, got 2/);
      expect(() => network.tail({ data: new Float32Array(4), shape: [1, 2, 2, 1] })).toThrow(/makes maps of/);
    });
    const path = await asModelJson(caseOf('td-lstm'));
    await expect(KerasNetwork.open(path, { frames: 5 })).rejects.toThrow(/number 3 only, not 5/);
  });

  it('are prepared as they are said to be', () => {
    const how = { bgr: true, range: [-1, 1], mean: [0.5, 0, 0], std: [2, 1, 1] } as const;
    const values = preprocessed(Uint8Array.of(0, 51, 255, 255, 0, 0), how);
    expect([...values]).toEqual([0.25, -0.6, -1, -0.75, -1, 1].map((value) => expect.closeTo(value, 6)));
  });
});

describe('the tail of an event', () => {
  it('is solved, and leaks nothing', async () => {
    const path = await asModelJson(caseOf('gru'));
    const before = tf.memory().numTensors;
    await withNetwork(path, {}, async (network) => {
      const tail = network.tail(await network.features(framesFor(caseOf('gru'))));
      const { filters } = await solveFilters(tail);
      expect(filters).toHaveLength(3);
      const ones = await tail.evaluate(new Float32Array(36).fill(1 / Math.sqrt(12)), [0, 1, 2]);
      for (const [slot, { loss }] of filters.entries()) {
        const row = ones.slice(slot * tail.outputSize, (slot + 1) * tail.outputSize);
        expect(loss).toBeLessThan(row.reduce((sum, value, i) => sum + (value - tail.reference[i]!) ** 2, 0));
      }
      tail.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(['gru', 'td-lstm'])('does without frames, whose maps are emptied, and leaks nothing (%s)', async (name) => {
    const before = tf.memory().numTensors;
    await withNetwork(await asModelJson(caseOf(name)), {}, async (network) => {
      const tail = network.tail(await network.features(framesFor(caseOf(name))));
      const { slots, outputSize, grid } = tail;
      expect(tail.subsets!.absent).toBe('emptied');
      const outputs = await tail.subsets!.evaluate(Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1));
      const close = (values: ArrayLike<number>): number[] =>
        Array.from(values, (value) => expect.closeTo(value, 4) as number);
      const row = (i: number): number[] => [...outputs.slice(i * outputSize, (i + 1) * outputSize)];
      expect(row(0)).toEqual(close(tail.reference));
      for (let slot = 0; slot < slots; slot++) {
        expect(row(slot + 1)).toEqual(close(await tail.evaluate(new Float32Array(grid.height * grid.width), [slot])));
      }
      expect(row(4)).not.toEqual(close(tail.reference));
      tail.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keeps its features for who asks again, whoever tidies up', async () => {
    const before = tf.memory().numTensors;
    await withNetwork(await asModelJson(caseOf('gru')), {}, async (network) => {
      const tail = network.tail(await network.features(framesFor(caseOf('gru'))));
      if (!isFeatureTail(tail)) throw new Error('it has gradients');
      const asked = (): Float32Array => tf.tidy(() => tail.features(1).dataSync<'float32'>());
      expect(asked()).toEqual(asked());
      tail.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has no gradients where the backends have none', async () => {
    const tails = ['depthwise-dilated', 'gru'].map(async (name) =>
      withNetwork(
        await asModelJson(caseOf(name)),
        name === 'gru' ? {} : { layer: 'depthwise_conv2d' },
        async (network) => {
          const tail = network.tail(await network.features(framesFor(caseOf(name))));
          tail.dispose();
          return isFeatureTail(tail);
        },
      ),
    );
    expect(await Promise.all(tails)).toEqual([false, true]);
  });
});
