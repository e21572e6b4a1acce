/** The head as training runs it gives what the head gives as the analysis runs it. */

import { beforeAll, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { featureMapShape, type HeadSpec, untrainedHead } from '../../src/models/head.ts';
import { runHead } from '../../src/models/head-network.ts';
import { createRecurrentHead } from '../../src/models/head-tails.ts';
import { createShallowCnn } from '../../src/models/shallow-cnn.ts';
import { TOY_SPEC } from '../training/toy.ts';

beforeAll(() => useBackend('cpu'));

const { pool: _, ...withoutPooling } = TOY_SPEC;

it.each([
  ['with pooling', TOY_SPEC],
  ['without pooling', withoutPooling],
  ['with attention', { ...withoutPooling, attention: { heads: 3, keys: 4 } }],
] as const)('equals the tail of the analysis, %s', (_title, spec: HeadSpec) => {
  const { weights } = untrainedHead(spec, 3);
  const random = createRandom(4);
  const features = tf.tensor4d(
    Float32Array.from({ length: 6 * 4 * 6 * 5 }, () => random.normal()),
    [6, 4, 6, 5],
  );
  const tensors = Object.fromEntries(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const { embeddings, logits, maps } = runHead(spec, tensors, features, 3);

  const { height, width, channels } = featureMapShape(spec);
  const cnn = createShallowCnn(spec.shallowCnn, spec.trunkChannels, weights);
  const expectedMaps = cnn.apply(features).dataSync<'float32'>();
  expect(tf.max(tf.abs(tf.sub(tf.reshape(maps, [-1]), tf.tensor1d(expectedMaps)))).dataSync()[0]).toBeLessThan(1e-5);
  const head = createRecurrentHead({ spec, origin: { kind: 'untrained', seed: 3 }, weights });
  const perEvent = 3 * height * width * channels;
  for (const event of [0, 1]) {
    const data = expectedMaps.slice(event * perEvent, (event + 1) * perEvent);
    for (const [output, actual] of [['embedding', embeddings] as const, ['logits', logits!] as const]) {
      const expected = head.tail({ data, shape: [3, height, width, channels] }, output).reference;
      const row = [...tf.slice(actual, [event, 0], [1, expected.length]).dataSync()];
      for (const [i, value] of row.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    }
  }
});
