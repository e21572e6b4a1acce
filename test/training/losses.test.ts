/** The losses against hand-computed values; `test/golden` compares them with pytorch-metric-learning. */

import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { Mining } from '../../src/training/choices.ts';
import { agreementLoss, crossEntropyLoss, nPairLoss, relationLoss, tripletLoss } from '../../src/training/losses.ts';

beforeAll(() => useBackend('cpu'));

/** Unit vectors in the plane at these angles, degrees. */
function circle(...degrees: number[]): tf.Tensor2D {
  return tf.tensor2d(degrees.map((d) => [Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)]));
}

/** Distance of two points on the unit circle. */
function chord(degrees: number): number {
  return 2 * Math.sin((degrees * Math.PI) / 360);
}

describe('agreementLoss', () => {
  it('asks of the nearest view of all others whether it is of the same event', () => {
    // Views at 0° and 60°, others at 180° and 240°: cosines 0.5, −1, −0.5 from the first.
    const loss = agreementLoss(circle(0, 180), circle(60, 240)).dataSync()[0]!;
    const [own, ...others] = [0.5, -1, -0.5].map((cosine) => Math.exp(cosine / 0.2));
    const first = -Math.log(own! / (own! + others[0]! + others[1]!));
    const second = -Math.log(own! / (own! + Math.exp(-0.5 / 0.2) + Math.exp(-1 / 0.2)));
    expect(loss).toBeCloseTo((first + second) / 2, 5);
  });
  it('does not depend on lengths, and falls as views come together', () => {
    const apart = agreementLoss(circle(0, 90), circle(60, 150)).dataSync()[0]!;
    expect(agreementLoss(tf.mul(circle(0, 90), 3), circle(60, 150)).dataSync()[0]!).toBeCloseTo(apart, 5);
    expect(agreementLoss(circle(0, 90), circle(10, 100)).dataSync()[0]!).toBeLessThan(apart);
  });
});

describe('tripletLoss', () => {
  // Anchor and positive 60° apart, the negative 20° beyond the positive.
  const batch = { labels: [0, 0, 1], groups: [0, 0, 0] };
  const lossOf = (mining: Mining, margin: number): number =>
    tripletLoss(circle(0, 60, 80), batch, { mining, margin }).dataSync()[0]!;

  it('averages over all triplets with a positive loss', () => {
    const first = chord(60) - chord(80) + 0.5;
    const second = chord(60) - chord(20) + 0.5;
    expect(lossOf('all', 0.5)).toBeCloseTo((first + second) / 2, 5);
    expect(lossOf('all', 0.1)).toBeCloseTo(chord(60) - chord(20) + 0.1, 5);
  });
  it('keeps semi-hard triplets only', () => {
    expect(lossOf('semi-hard', 0.5)).toBeCloseTo(chord(60) - chord(80) + 0.5, 5);
    expect(lossOf('semi-hard', 0.1)).toBe(0);
  });
  it('takes the farthest positive and the nearest negative', () => {
    const hard = tripletLoss(
      circle(0, 30, 60, 80),
      { labels: [0, 0, 0, 1], groups: [0, 0, 0, 0] },
      { mining: 'batch-hard', margin: 0 },
    ).dataSync()[0]!;
    // Anchors at 30° and 60°; at 0° the farthest positive is nearer than the negative.
    expect(hard).toBeCloseTo(chord(60) - chord(20), 5);
  });
  it('compares events of one group only, and gives 0 with a zero gradient where there is nothing to compare', () => {
    const apart = { labels: [0, 0, 1], groups: [0, 0, 1] };
    for (const mining of ['all', 'semi-hard', 'batch-hard'] as const) {
      const { value, grad } = tf.valueAndGrad((x) => tripletLoss(x as tf.Tensor2D, apart, { mining, margin: 0.2 }))(
        circle(0, 60, 80),
      );
      expect(value.dataSync()[0]).toBe(0);
      expect([...grad.dataSync()].every((g) => g === 0)).toBe(true);
    }
  });
  it('has finite gradients when embeddings coincide or vanish', () => {
    const gradient = tf.grad((x) => tripletLoss(x as tf.Tensor2D, batch, { mining: 'all', margin: 0.2 }));
    for (const x of [circle(10, 10, 10), tf.zeros([3, 2])]) {
      expect([...gradient(x).dataSync()].every(Number.isFinite)).toBe(true);
    }
  });
});

describe('other losses', () => {
  it('N-pair: log(1 + Σ exp(a·p_j − a·p_i))', () => {
    const anchors = tf.tensor2d([
      [1, 0],
      [0, 2],
    ]);
    const positives = tf.tensor2d([
      [3, 1],
      [0, 1],
    ]);
    const expected = (Math.log(1 + Math.exp(0 - 3)) + Math.log(1 + Math.exp(2 - 2))) / 2;
    expect(nPairLoss(anchors, positives).dataSync()[0]).toBeCloseTo(expected, 6);
  });
  it('cross-entropy: mean of −log p(label)', () => {
    const logits = tf.tensor2d([
      [0, Math.log(3)],
      [5, 5],
    ]);
    expect(crossEntropyLoss(logits, [1, 0]).dataSync()[0]).toBeCloseTo((-Math.log(0.75) - Math.log(0.5)) / 2, 6);
  });
});

describe('relationLoss', () => {
  const lossOf = (embeddings: tf.Tensor2D, teachers: tf.Tensor2D): number =>
    relationLoss(embeddings, teachers).dataSync()[0]!;
  it('is zero when all distances agree up to their mean, whatever the length of the vectors', () => {
    expect(lossOf(circle(0, 20, 50), tf.mul(3, circle(100, 120, 150)))).toBeCloseTo(0, 6);
  });
  it('is the Huber loss of the relative distances', () => {
    const relative = (...chords: number[]): number[] =>
      chords.map((value) => (3 * value) / chords.reduce((sum, other) => sum + other, 0));
    const [own, teacher] = [relative(chord(20), chord(60), chord(40)), relative(chord(30), chord(60), chord(30))];
    const expected = own.reduce((sum, value, i) => sum + (0.5 * (value - teacher[i]!) ** 2) / 3, 0);
    expect(lossOf(circle(0, 20, 60), circle(0, 30, 60))).toBeCloseTo(expected, 6);
  });
  it('has finite gradients when embeddings coincide, and is 0 for a single event', () => {
    const gradient = tf.grad((x) => relationLoss(x as tf.Tensor2D, circle(0, 30, 60)));
    for (const x of [circle(10, 10, 10), tf.zeros([3, 2])]) {
      expect([...gradient(x).dataSync()].every(Number.isFinite)).toBe(true);
    }
    expect(lossOf(circle(1), circle(2))).toBe(0);
  });
});
