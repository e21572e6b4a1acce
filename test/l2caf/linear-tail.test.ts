import { beforeAll, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import { useBackend } from '../../src/models/backend.ts';

beforeAll(async () => {
  await useBackend('cpu');
});

/** Two cells of two channels, three outputs. */
const PARTS = {
  grid: { height: 1, width: 2 },
  features: Float32Array.of(1, 2, 3, 4),
  kernel: Float32Array.of(1, 0, 2, 0, 1, -2),
  bias: Float32Array.of(10, 20, 30),
};

it('is pooling and a dense layer, by hand, in every form', async () => {
  const tail = pooledDenseTail(PARTS);
  // Per cell: (1, 2, 2 − 4) / 2 and (3, 4, 6 − 8) / 2.
  expect([...tail.reference]).toEqual([12, 23, 28]);
  expect(tail.linear!(0)).toEqual({
    matrix: Float64Array.of(0.5, 1.5, 1, 2, -1, -1),
    bias: Float64Array.of(10, 20, 30),
  });
  expect([...(await tail.evaluate(Float32Array.of(2, 0, 0, -2), [0, 0]))]).toEqual([11, 22, 28, 7, 16, 32]);
  expect([...(await tail.evaluateMaps(Float32Array.of(2, 4, 0, 0), [0]))]).toEqual([11, 22, 28]);
  expect([...tail.mapOf(0)]).toEqual([1, 2, 3, 4]);
  expect(tail).toMatchObject({ slots: 1, grid: PARTS.grid, outputSize: 3 });
  tail.dispose();
});

it('refuses a layer that does not fit its channels, and keeps nothing', () => {
  const before = tf.memory().numTensors;
  expect(() => pooledDenseTail({ ...PARTS, kernel: new Float32Array(9) })).toThrow(
    expect.objectContaining({
      code: 'shape-mismatch',
      message: 'a dense layer of 9 weights and 3 outputs cannot follow 2 channels',
    }),
  );
  expect(tf.memory().numTensors).toBe(before);
});

it('has the mean loss of its outputs where a preset takes the mean', async () => {
  const tail = pooledDenseTail(PARTS);
  const [sum] = (await solveFilters(tail)).filters;
  const [mean] = (await solveFilters(tail, { preset: 'tf1' })).filters;
  expect(mean!.loss).toBeCloseTo(sum!.loss / 3, 9);
  expect(mean!.values).toEqual(sum!.values);
  tail.dispose();
});
