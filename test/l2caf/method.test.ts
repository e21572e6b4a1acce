import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { findAttention, fusedMapOf, opposingShare } from '../../src/l2caf/method.ts';
import type { FeatureTail, Tail } from '../../src/l2caf/tail.ts';
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
    for (const [method, name] of [
      ['gradcam', 'Grad-CAM'],
      ['cam', 'cam'],
    ] as const)
      await expect(findAttention(network, method, { objective })).rejects.toMatchObject({
        ...{ code: 'usage', message: `${name} has no form for the similarity objective`, hint: 'use the method l2caf' },
      });
    network.dispose();
  });
});

describe('the methods of other networks', () => {
  /** A network of two slots that shows no features; its number is what the filter lets through of 3 and 4. */
  const plain: Tail = {
    ...{ slots: 2, grid: { height: 1, width: 2 }, outputSize: 1, reference: Float32Array.of(7) },
    evaluate: async (filters, slots) =>
      Float32Array.from(slots, (_, row) => 3 * filters[2 * row]! + 4 * filters[2 * row + 1]!),
    dispose: () => {},
  };
  const attentive: Tail = { ...plain, rollout: async (slot) => Float32Array.of(3 * slot, 4 * slot) };
  const branched: Tail = { ...plain, slots: 1, fused: async (index) => Float32Array.of(0, 0.5 * index) };

  it('rollout is what the network tells of each slot, at unit length, zero where it tells nothing', async () => {
    const found = await findAttention(attentive, 'rollout');
    expect(found).toMatchObject({
      reason: 'attention of all layers multiplied; it is the same whatever is explained',
      options: { method: 'rollout', solver: 'attention', preset: 'paper', objective: 'oblivious', constraint: 'l2' },
    });
    const [none, all] = found.filters;
    expect([...none!.values]).toEqual([0, 0]);
    expect([...all!.values]).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)]);
    // (7 − 0)² and (7 − 1.8 − 3.2)², found in no iterations
    expect(none).toMatchObject({ loss: 49, lossHistory: [49], iterations: 0, status: 'exact' });
    expect(all!.loss).toBeCloseTo(4, 5);
    const [alone, ...others] = (await findAttention(attentive, 'rollout', { slots: [1] })).filters;
    expect([alone!.loss, others.length]).toEqual([all!.loss, 0]);
  });

  it('acol is the fused map of a class', async () => {
    const objective = { kind: 'class', index: 0 } as const;
    const found = await findAttention({ ...branched, fused: async () => Float32Array.of(0, 0.5) }, 'acol', {
      objective,
    });
    expect(found.options).toMatchObject({ method: 'acol', solver: 'dense layers' });
    expect(found.reason).toBe("the larger of two branches' class maps, no optimisation");
    expect([...found.filters[0]!.values]).toEqual([0, 1]);
    expect(found.filters[0]!.loss).toBeCloseTo(-4, 6);
    expect([...(await fusedMapOf(branched, { kind: 'class', index: 3 })).values]).toEqual([0, 1.5]);
  });

  it.each([
    ['rollout', plain, 'oblivious', 'rollout needs softmax attention, which is not found in this network', /use l2caf/],
    ['acol', plain, 'class', 'acol needs a network of two adversarial branches', /--head acol/],
    ['acol', branched, 'oblivious', 'acol explains a class, not all outputs at once', /name a class/],
    ['cam', plain, 'class', 'cam needs feature maps, which this network does not show', /l2caf/],
    ['gradcam-abs', plain, 'class', 'gradcam-abs needs feature maps, which this network does not show', /l2caf/],
  ] as const)('%s is refused: %#', async (method, tail, kind, message, hint) => {
    const objective = kind === 'class' ? ({ kind, index: 0 } as const) : ({ kind } as const);
    await expect(findAttention(tail, method, { objective })).rejects.toMatchObject({
      ...{ code: 'usage', message, hint: expect.stringMatching(hint) },
    });
  });

  it('are told apart by the variant of Grad-CAM, and say what was done', async () => {
    const network = tail();
    const objective = { kind: 'class', index: 1 } as const;
    // Channels weigh −1/2 and 1/2: cells −1 and 2.
    const positive = await findAttention(network, 'gradcam', { objective });
    const either = await findAttention(network, 'gradcam-abs', { objective });
    expect([...positive.filters[0]!.values]).toEqual([0, 1]);
    expect(either.filters[0]!.values[0]).toBeCloseTo(1 / Math.sqrt(5), 5);
    expect(either).toMatchObject({ reason: 'one gradient, no optimisation', options: { solver: 'gradient' } });
    const [mean] = (await findAttention(network, 'gradcam', { preset: 'tf1' })).filters;
    const [sum] = (await findAttention(network, 'gradcam')).filters;
    expect(mean!.loss).toBeCloseTo(sum!.loss / 2, 6);
    network.dispose();
  });
});

describe('opposingShare', () => {
  it('is the share of negative energy', () => {
    expect(opposingShare(Float32Array.of(3, -4))).toBeCloseTo(16 / 25, 6);
    expect(opposingShare(Float32Array.of(0, 0))).toBe(0);
  });
});
