import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { gradCam, targetWeights } from '../../src/l2caf/gradcam.ts';
import { pooledDenseTail } from '../../src/l2caf/linear-tail.ts';
import { useBackend } from '../../src/models/backend.ts';
import { toyRecurrent } from './toys.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

describe('gradCam', () => {
  // Two cells, two channels, two classes: y_k = mean_ij Σ_c A_c W_ck, so α_c = W_ck / 2.
  const tail = () =>
    pooledDenseTail({
      grid: { height: 1, width: 2 },
      features: Float32Array.of(1, 0, 0, 2),
      kernel: Float32Array.of(4, 0, -2, 6),
      bias: Float32Array.of(0, 0),
    });

  it('weighs channels by the mean gradient of the class and keeps what is positive', () => {
    const toy = tail();
    expect([...gradCam(toy, { kind: 'class', index: 0 })[0]!.values]).toEqual([2, 0]); // 4/2·1 and −2/2·2, cut off
    expect([...gradCam(toy, { kind: 'class', index: 0 }, 'abs')[0]!.values]).toEqual([2, 2]);
    toy.dispose();
  });

  it('takes the sum of the outputs for an embedding', () => {
    const toy = tail();
    expect([...gradCam(toy, { kind: 'embedding' })[0]!.values]).toEqual([2, 4]); // (4+0)/2·1 and (−2+6)/2·2
    toy.dispose();
  });

  it('takes a number to the side on which it is', () => {
    const toy = tail(); // its numbers: (4·½ − 2·1, 6·1) = (0, 6)
    expect([...gradCam(toy, { kind: 'output', index: 1 })[0]!.values]).toEqual([0, 6]);
    expect([
      ...targetWeights({ kind: 'output', index: 0 }, { outputSize: 2, reference: Float32Array.of(-1, 0) }),
    ]).toEqual([-1, 0].map((value) => expect.closeTo(value)));
    toy.dispose();
  });

  it('differentiates one frame of an event at a time, in one batch as alone, and leaks nothing', () => {
    const { head, tail: toy } = toyRecurrent();
    toy.features(0); // makes the tensors that it keeps
    const before = tf.memory().numTensors;
    const together = gradCam(toy, { kind: 'embedding' }, 'abs');
    expect(together).toHaveLength(3);
    for (const slot of [0, 1, 2]) {
      const alone = gradCam(toy, { kind: 'embedding' }, 'abs', [slot])[0]!.values;
      expect([...together[slot]!.values]).toEqual([...alone].map((x) => expect.closeTo(x, 6)));
      expect(Math.max(...alone)).toBeGreaterThan(0);
    }
    expect(tf.memory().numTensors).toBe(before);
    toy.dispose();
    head.dispose();
  });

  it('refuses a class that does not exist', () => {
    const toy = tail();
    expect(() => gradCam(toy, { kind: 'class', index: 2 })).toThrow(/no class 2/);
    toy.dispose();
  });
});
