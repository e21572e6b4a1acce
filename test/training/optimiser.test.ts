/** AdamW against values computed by hand. */
import { describe, expect, it } from 'vitest';
import { adamWStep, clipGradients, initialState, learningRateAt } from '../../src/training/optimiser.ts';

const options = { learningRate: 0.1, weightDecay: 0.5, warmUpSteps: 4, steps: 14 };

describe('learningRateAt', () => {
  it('rises linearly, then falls with half a cosine', () => {
    expect([0, 1, 3].map((step) => learningRateAt(step, options))).toEqual([0.025, 0.05, 0.1]);
    expect(learningRateAt(4, options)).toBeCloseTo(0.1, 12);
    expect(learningRateAt(9, options)).toBeCloseTo(0.05, 12);
    expect(learningRateAt(14, options)).toBeCloseTo(0, 12);
  });
});

describe('clipGradients', () => {
  it('scales all gradients together, only if they are too long', () => {
    const gradients = new Map([
      ['a', Float32Array.of(3)],
      ['b', Float32Array.of(0, 4)],
    ]);
    expect(clipGradients(gradients, 10)).toBe(5);
    expect(gradients.get('a')).toEqual(Float32Array.of(3));
    expect(clipGradients(gradients, 1)).toBe(5);
    expect(gradients.get('a')![0]).toBeCloseTo(0.6, 6);
    expect(gradients.get('b')![1]).toBeCloseTo(0.8, 6);
  });
});

describe('adamWStep', () => {
  it('moves by the learning rate against the sign of the first gradient, and decays kernels but no biases', () => {
    const weights = new Map([
      ['x/kernel', Float32Array.of(1, 1)],
      ['x/bias', Float32Array.of(1)],
    ]);
    const gradients = new Map([
      ['x/kernel', Float32Array.of(4, -0.01)],
      ['x/bias', Float32Array.of(2)],
    ]);
    const state = initialState(weights);
    adamWStep(weights, gradients, state, 0, { ...options, warmUpSteps: 0 });
    // 1·(1 − 0.1·0.5) ∓ 0.1
    expect(weights.get('x/kernel')![0]).toBeCloseTo(0.85, 5);
    expect(weights.get('x/kernel')![1]).toBeCloseTo(1.05, 5);
    expect(weights.get('x/bias')![0]).toBeCloseTo(0.9, 5);
  });
  it('moves weights whose names begin so by a rate of their own', () => {
    const weights = new Map(['conv5_a/kernel', 'cnn1/kernel'].map((name) => [name, Float32Array.of(1)]));
    const gradients = new Map([...weights.keys()].map((name) => [name, Float32Array.of(2)]));
    const own = { ...options, warmUpSteps: 0, weightDecay: 0, ownRates: { conv5_: 0.01 } };
    adamWStep(weights, gradients, initialState(weights), 0, own);
    expect(weights.get('conv5_a/kernel')![0]).toBeCloseTo(0.99, 5);
    expect(weights.get('cnn1/kernel')![0]).toBeCloseTo(0.9, 5);
  });
  it('remembers earlier gradients', () => {
    const weights = new Map([['bias', Float32Array.of(0)]]);
    const state = initialState(weights);
    const constant = { learningRate: 1, weightDecay: 0, warmUpSteps: 10, steps: 10 };
    adamWStep(weights, new Map([['bias', Float32Array.of(1)]]), state, 8, constant);
    // m = 0.1, v = 0.001; corrected by 1 − 0.9⁹ and 1 − 0.999⁹; rate 0.9
    const expected = (-0.9 * (0.1 / (1 - 0.9 ** 9))) / Math.sqrt(0.001 / (1 - 0.999 ** 9));
    expect(weights.get('bias')![0]).toBeCloseTo(expected, 5);
  });
});
