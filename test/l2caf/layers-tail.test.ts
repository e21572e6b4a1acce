import * as tfl from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { type LayersSymbol, tailFromLayersModel } from '../../src/l2caf/layers-tail.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import { useBackend } from '../../src/models/backend.ts';
import { normals } from './toys.ts';

let model: tfl.LayersModel;
let input: tf.Tensor4D;

beforeAll(async () => {
  await useBackend('wasm');
  model = branchingModel();
  input = tf.tensor4d(normals(192, 1, 4), [1, 8, 8, 3]);
});

afterAll(() => {
  model.dispose();
  input.dispose();
});

/** conv → relu → two branches that are added → global average pool → dense. */
function branchingModel(): tfl.LayersModel {
  let seed = 1;
  const kernelInitializer = () => tfl.initializers.glorotNormal({ seed: seed++ });
  const conv = (filters: number, name: string) =>
    tfl.layers.conv2d({
      filters,
      kernelSize: 3,
      padding: 'same',
      strides: name === 'first' ? 2 : 1,
      name,
      kernelInitializer: kernelInitializer(),
    });
  const start = tfl.input({ shape: [8, 8, 3] });
  const map = tfl.layers.reLU({ name: 'map' }).apply(conv(6, 'first').apply(start)) as tfl.SymbolicTensor;
  const sum = tfl.layers.add({ name: 'sum' }).apply([conv(6, 'left').apply(map) as tfl.SymbolicTensor, map]);
  const pooled = tfl.layers.globalAveragePooling2d({}).apply(sum);
  const end = tfl.layers.dense({ units: 20, name: 'scores', kernelInitializer: kernelInitializer() }).apply(pooled);
  return tfl.model({ inputs: start, outputs: end as tfl.SymbolicTensor });
}

/** How many times the first layer is run. */
function countOf(run: () => unknown): number {
  const spy = vi.spyOn(model.getLayer('first'), 'apply');
  run();
  const { length } = spy.mock.calls;
  spy.mockRestore();
  return length;
}

describe('tailFromLayersModel', () => {
  it('gives the output of the network when nothing is filtered', () => {
    const tail = tailFromLayersModel(model, 'map', input);
    const expected = tf.tidy(() => (model.predict(input) as tf.Tensor).dataSync());
    expect(tail.grid).toEqual({ height: 4, width: 4 });
    expect([...tail.reference]).toEqual([...expected].map((x) => expect.closeTo(x, 5)));
    const ones = tf.tidy(() => tail.filtered(tf.ones([2, 4, 4]), [0, 0]).arraySync());
    for (const row of ones) expect(row).toEqual([...expected].map((x) => expect.closeTo(x, 5)));
    tail.dispose();
  });

  it('is the same problem with vanilla as with fast endpoints', async () => {
    const options = { solver: 'gd', descent: { maxIterations: 20 } } as const;
    const [fast, vanilla] = (['fast', 'vanilla'] as const).map((ends) =>
      tailFromLayersModel(model, 'map', input, ends),
    );
    expect(countOf(() => fast!.evaluate(new Float32Array(16), [0]))).toBe(0); // the first layers are not run again
    expect(countOf(() => vanilla!.evaluate(new Float32Array(16), [0]))).toBe(1);
    expect(countOf(() => tailFromLayersModel(model, 'map', input).dispose())).toBe(1);
    const [a, b] = [await solveFilters(fast!, options), await solveFilters(vanilla!, options)];
    expect([...a.filters[0]!.values]).toEqual([...b.filters[0]!.values].map((x) => expect.closeTo(x, 4)));
    fast!.dispose();
    vanilla!.dispose();
  });

  it('is solved by Gauss–Newton without more help, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const tail = tailFromLayersModel(model, 'map', input);
    const { filters, options } = await solveFilters(tail);
    const descent = await solveFilters(tail, { solver: 'gd' });
    expect(options.solver).toBe('gauss-newton');
    expect(filters[0]!.loss).toBeLessThanOrEqual(descent.filters[0]!.loss * (1 + 1e-4));
    tail.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has its features in tensors, and answers for others in their place', async () => {
    const tail = tailFromLayersModel(model, 'map', input);
    const features = tail.features(0);
    expect(features.shape).toEqual([4, 4, 6]);
    expect(tail.mapOf(0)).toEqual(features.dataSync());
    const twice = Float32Array.from([...tail.mapOf(0), ...tail.mapOf(0).map((value) => 2 * value)]);
    const outputs = await tail.evaluateMaps(twice, [0, 0]);
    expect([...outputs.subarray(0, 20)]).toEqual([...tail.reference].map((x) => expect.closeTo(x, 4)));
    const filtered = await tail.evaluate(new Float32Array(16).fill(2), [0]);
    expect([...outputs.subarray(20)]).toEqual([...filtered].map((x) => expect.closeTo(x, 4)));
    tail.dispose();
  });

  it('takes the output of a layer that has several', () => {
    const symbol = (id: number, rank: number, rest: Partial<LayersSymbol> = {}): LayersSymbol => ({
      ...{ id, rank, name: `tensor${id}`, inputs: [], sourceLayer: { apply: (x) => tf.clone(x as tf.Tensor) } },
      ...rest,
    });
    const start = symbol(0, 4);
    const map = symbol(1, 4, { inputs: [start] });
    const parts = {
      apply: (x: tf.Tensor | tf.Tensor[]) => [tf.mean(x as tf.Tensor, [1, 2]), tf.max(x as tf.Tensor, [1, 2])],
    };
    const most = symbol(2, 2, { inputs: [map], sourceLayer: parts, outputTensorIndex: 1 });
    const first = symbol(3, 2, { inputs: [map], sourceLayer: parts });
    const network = (end: LayersSymbol) => ({
      inputs: [start],
      outputs: [end],
      layers: [{ name: 'map', output: map }],
    });
    const picture = tf.tensor4d([1, 2, 3, 6], [1, 2, 2, 1]);
    for (const [end, expected] of [
      [most, 6],
      [first, 3],
    ] as const) {
      const tail = tailFromLayersModel(network(end), 'map', picture);
      expect([...tail.reference]).toEqual([expected]);
      tail.dispose();
    }
    picture.dispose();
  });

  it.each([
    [{ inputs: 2 }, 'it must have one input and one output'],
    [{ outputs: 2 }, 'it must have one input and one output'],
    [{ rank: 3 }, 'the output of map is not a feature map [n, h, w, c]'],
    [{ several: true }, 'the output of map is not a feature map [n, h, w, c]'],
    [{ answer: 4 }, 'its output is not [n, d]'],
  ])('refuses a network of another form: %j', (form, reason) => {
    const { inputs = 1, outputs = 1, rank = 4, several = false, answer = 2 } = form as Record<string, number>;
    const symbol = (of: number): LayersSymbol => ({
      ...{ id: of, name: 'tensor', rank: of, inputs: [], sourceLayer: { apply: (x) => x } },
    });
    const network = {
      inputs: Array.from({ length: inputs }, () => symbol(4)),
      outputs: Array.from({ length: outputs }, () => symbol(answer)),
      layers: [
        { name: 'map', output: several ? [symbol(rank), symbol(rank)] : symbol(rank) },
        ...Array.from({ length: 9 }, (_, i) => ({ name: `other${i}`, output: symbol(4) })),
        { name: 'flat', output: symbol(2) },
      ],
    };
    expect(() => tailFromLayersModel(network, 'map', input)).toThrow(
      expect.objectContaining({
        ...{ code: 'model-invalid', message: `cannot cut the model at map: ${reason}` },
        hint: `layers with feature maps: ${[1, 2, 3, 4, 5, 6, 7, 8].map((i) => `other${i}`).join(', ')}`,
      }),
    );
  });

  it.each([
    ['nowhere', /no layer nowhere/],
    ['scores', /not a feature map/],
    ['left', /does not separate/],
  ])('refuses to cut at %s, and leaks nothing', (layer, message) => {
    const before = tf.memory().numTensors;
    expect(() => tailFromLayersModel(model, layer, input)).toThrow(
      expect.objectContaining({
        ...{ code: 'model-invalid', message: expect.stringMatching(message) },
        hint: expect.stringMatching(/(layers with feature maps: .*first, map, left, sum$)|cut after a layer/),
      }),
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
