import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { solveFilters } from '../../src/l2caf/solve.ts';
import { correlation } from '../../src/l2caf/starts.ts';
import { useBackend } from '../../src/models/backend.ts';
import { classifierTail, vanillaTail } from '../../src/models/classifier-tail.ts';
import { tinyClassifier, tinyPicture } from '../support/tiny-classifier.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

/** A filter with every sign and size. */
function someFilter(): tf.Tensor3D {
  return tf.tensor3d(
    Float32Array.from({ length: 16 }, (_, i) => Math.sin(3 * i)),
    [1, 4, 4],
  );
}

describe('classifierTail', () => {
  it('collapses to one matrix after the last layer: same outputs as through the channels, and no tensor is left', async () => {
    const before = tf.memory().numTensors;
    const network = await tinyClassifier().load();
    const input = tinyPicture(network);
    const tail = classifierTail(network, input);
    const filter = someFilter();
    const [collapsed, through] = tf.tidy(() => [
      tail.filtered(filter, [0]).dataSync<'float32'>(),
      tail.outputsOf(tf.mul(tf.expandDims(tail.features(0)), tf.expandDims(filter, 3)), [0]).dataSync<'float32'>(),
    ]);
    const { matrix, bias } = tail.linear!(0);
    const values = filter.dataSync<'float32'>();
    for (let k = 0; k < tail.outputSize; k++) {
      const exact = values.reduce((sum, value, cell) => sum + value * matrix[16 * k + cell]!, bias[k]!);
      expect(collapsed[k]).toBeCloseTo(exact, 5);
      expect(through[k]).toBeCloseTo(exact, 5);
    }
    tf.dispose([filter, input]);
    tail.dispose();
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('centres scores that come without a dense layer, and says the same in every form', async () => {
    const { dense: _, ...network } = await tinyClassifier().load();
    const pooled = { ...network, classes: 12 };
    const input = tinyPicture(pooled);
    const tail = classifierTail(pooled, input);
    expect(tail.reference.reduce((sum, score) => sum + score, 0)).toBeCloseTo(0, 4);
    const { matrix } = tail.linear!(0);
    for (const [k, score] of tail.reference.entries()) {
      expect(matrix.slice(16 * k, 16 * k + 16).reduce((sum, value) => sum + value, 0)).toBeCloseTo(score, 4);
    }
    tail.dispose();
    input.dispose();
    network.dispose();
  });

  it.each(['last', 'first'])('finds the same filter with vanilla endpoints, cut after the %s layer', async (layer) => {
    const network = await tinyClassifier().load();
    const input = tinyPicture(network);
    const options = { objective: { kind: 'class', index: 2 }, solver: 'gd', descent: { maxIterations: 150 } } as const;
    const [fast, vanilla] = await Promise.all(
      [classifierTail, vanillaTail].map(async (make) => {
        const tail = make(network, input, layer);
        const { filters } = await solveFilters(tail, options);
        tail.dispose();
        return filters[0]!;
      }),
    );
    expect(vanilla!.loss).toBeCloseTo(fast!.loss, 4);
    expect(correlation(vanilla!.values, fast!.values)).toBeGreaterThan(0.9999);
    input.dispose();
    network.dispose();
  });

  it('names the layers there are', async () => {
    const network = await tinyClassifier().load();
    const input = tinyPicture(network);
    expect(() => classifierTail(network, input, 'conv99')).toThrow('tiny has no layer named conv99');
    input.dispose();
    network.dispose();
  });
});
