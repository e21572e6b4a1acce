import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { findAttention, opposingShare } from '../../src/l2caf/method.ts';
import type { FeatureTail } from '../../src/l2caf/tail.ts';
import { useBackend } from '../../src/models/backend.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

/** A 1×2 map with one channel per cell; class k scores cell k, so what is right is known. */
const tail = (): FeatureTail =>
  pooledDenseTail({
    grid: { height: 1, width: 2 },
    features: Float32Array.of(2, 0, 0, 4), // [1, 2, 2]
    kernel: Float32Array.of(1, -1, -1, 1), // [c, k]
    bias: Float32Array.of(0, 0),
  });

describe('findAttention', () => {
  it.each(['l2caf', 'gradcam', 'gradcam-abs'] as const)(
    '%s: a unit-norm map with the loss it has as a filter',
    async (method) => {
      const before = tf.memory().numTensors;
      const network = tail();
      const objective = { kind: 'class', index: 1 } as const;
      const { filters, options } = await findAttention(network, method, { objective });
      const { values, loss } = filters[0]!;
      expect(options).toMatchObject({ method, objective: 'class' });
      expect(Math.hypot(...values)).toBeCloseTo(1, 5);
      expect(Math.abs(values[1]!)).toBeGreaterThan(Math.abs(values[0]!));
      // Pooled maps are (f0, 2 f1); logits (f0 − 2 f1, 2 f1 − f0); Eq. 2 for class 1: −(2 f1 − f0) + (f0 − 2 f1).
      expect(loss).toBeCloseTo(2 * (values[0]! - 2 * values[1]!), 5);
      network.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('L2-CAF is never beaten on its own objective', async () => {
    const network = tail();
    const losses = await Promise.all(
      (['l2caf', 'gradcam', 'gradcam-abs'] as const).map(
        async (method) => (await findAttention(network, method)).filters[0]!.loss,
      ),
    );
    expect(losses[0]).toBeLessThanOrEqual(Math.min(losses[1]!, losses[2]!) + 1e-6);
    network.dispose();
  });

  it('says which objectives Grad-CAM does not have', async () => {
    const network = tail();
    const objective = { kind: 'similarity', other: Float32Array.of(1, 0) } as const;
    await expect(findAttention(network, 'gradcam', { objective })).rejects.toThrow(
      'no form for the similarity objective',
    );
    network.dispose();
  });
});

describe('opposingShare', () => {
  it('is the share of negative energy', () => {
    expect(opposingShare(Float32Array.of(3, -4))).toBeCloseTo(16 / 25, 6);
    expect(opposingShare(Float32Array.of(0, 0))).toBe(0);
  });
});
