/** Attention pooling, against cases whose answer is known beforehand. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { attend, attentionShapes, attentionWeights, placeCode, placeTensor } from '../../src/models/attention.ts';
import { useBackend } from '../../src/models/backend.ts';

beforeAll(() => useBackend('cpu'));

const GRID = { height: 2, width: 3 };
/** Two cells' worth of channels: `[1, h·w, 2]`. */
const CELLS = [1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60];

/** What one head reads, all weights zero but those given. */
function read(weights: Readonly<Record<string, number[]>>): number[] {
  const shapes = new Map(attentionShapes({ heads: 1, keys: 1 }, 2, 1));
  return tf.tidy(() => {
    const own = attentionWeights((name) => {
      const shape = shapes.get(name) as [number, number];
      return weights[name] ? tf.tensor2d(weights[name], shape) : tf.zeros<tf.Rank.R2>(shape);
    });
    const reads = attend(own, tf.tensor3d(CELLS, [1, 6, 2]), tf.tensor2d([[1]]), placeTensor(GRID));
    return [...reads.dataSync()];
  });
}

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 4) as number);
/** Weights of the places, whose cosines are at most 0.1, of which only the first, the same everywhere, or the one from left to right counts. */
const constant = (value: number): number[] => [10 * value, ...new Array<number>(15).fill(0)];
const across = (value: number): number[] => [0, 10 * value, ...new Array<number>(14).fill(0)];

describe('attention pooling', () => {
  it('reads the mean of the cells where it scores all alike', () => {
    expect(read({})).toEqual(close([3.5, 35]));
    const queried = { 'attention/query_kernel': [2], 'attention/score_kernel': [5] }; // the state alone chooses no cell
    expect(read(queried)).toEqual(close([3.5, 35]));
  });

  it('weighs cells by the softmax of their scores', () => {
    const scored = read({ 'attention/feature_kernel': [0.5, 0], 'attention/score_kernel': [3] });
    const scores = [1, 2, 3, 4, 5, 6].map((feature) => Math.exp(3 * Math.tanh(0.5 * feature)));
    const total = scores.reduce((sum, score) => sum + score, 0);
    const expected = scores.reduce((sum, score, i) => sum + (score / total) * (i + 1), 0);
    expect(scored).toEqual(close([expected, 10 * expected]));
  });

  it('knows the places of cells', () => {
    const leftmost = read({ 'attention/place_kernel': across(10), 'attention/score_kernel': [100] });
    expect(leftmost).toEqual(close([(1 + 4) / 2, (10 + 40) / 2]));
    // Values of the left are more than those of the right.
    const factor = Math.cos(Math.PI / 6) / 2;
    const expected = [(1 + 4) * (1 + factor), 2 + 5, (3 + 6) * (1 - factor)].reduce((sum, value) => sum + value / 6, 0);
    expect(read({ 'attention/value_kernel': across(0.5).flatMap((value) => [value, 0]) })).toEqual(
      close([expected, 35]),
    );
  });

  it('has values without biases, as one cosine is the same everywhere', () => {
    expect(read({ 'attention/value_kernel': constant(1).flatMap((value) => [value, value]) })).toEqual(close([7, 70]));
  });
});

it('tells places by the share of the side, so that grids of two sizes mean the same', () => {
  const [coarse, fine] = [placeCode({ height: 1, width: 1 }), placeCode({ height: 3, width: 3 })];
  expect([...fine.slice(4 * 16, 5 * 16)]).toEqual(close([...coarse])); // the middle
});
