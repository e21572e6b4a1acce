import * as tfl from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { tailFromLayersModel } from '../../src/l2caf/layers-tail.ts';
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

  it.each([
    ['nowhere', /no layer nowhere/],
    ['scores', /not a feature map/],
    ['left', /does not separate/],
  ])('refuses to cut at %s, and leaks nothing', (layer, message) => {
    const before = tf.memory().numTensors;
    expect(() => tailFromLayersModel(model, layer, input)).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});
