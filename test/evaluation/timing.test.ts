/** Seconds per map: which rows a network gets, and that a trunk that runs in every iteration is paid for in every iteration. */
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import * as tf from '../../src/base/tensorflow.ts';
import { measureTimes, type TimedNetwork } from '../../src/evaluation/timing.ts';
import { useBackend } from '../../src/models/backend.ts';
import type { LayeredNetwork } from '../../src/models/classification-network.ts';
import { classifierTail } from '../../src/models/classifier-tail.ts';

const TRUNK_SEC = 0.03;
const options = { repeats: 1, vanillaIterations: 2, presets: ['tf1-fast'], seed: 0 } as const;

beforeAll(async () => {
  await useBackend('wasm');
});

/** Three classes of four cells, behind a trunk that runs elsewhere and takes its time. */
function network(changes: Partial<TimedNetwork> = {}): TimedNetwork {
  const random = createRandom(0);
  const numbers = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
  const layered: LayeredNetwork = {
    ...{ id: 'toy', defaultLayer: 'last', classes: 3 },
    steps: [{ name: 'last', apply: (x) => tf.clone(x) }],
    dense: { kernel: numbers(15), bias: numbers(3) },
  };
  const maps = numbers(20);
  const fast = async () => {
    await wait(1000 * TRUNK_SEC);
    const input = tf.tensor4d(maps, [1, 2, 2, 5]);
    const tail = classifierTail(layered, input);
    input.dispose();
    return tail;
  };
  return { name: 'toy', objectives: ['class'], fast, ...changes };
}

it('gives descents with vanilla endpoints where the trunk runs outside of TensorFlow.js', async () => {
  const { rows, notes } = await measureTimes([network()], options);
  expect(rows.map(({ name }) => name)).toEqual([
    'fast, class, Grad-CAM',
    'fast, class, CAM',
    'fast, class, auto (closed-form)',
    'fast, class, tf1-fast descent',
    'vanilla, class, tf1-fast descent',
  ]);
  const [fast, vanilla] = rows.slice(3).map(({ figures }) => figures);
  const iterations = fast!['iterations']!.value;
  expect(iterations).toBeGreaterThan(1);
  expect(vanilla!['iterations']!.value).toBe(iterations);
  expect(vanilla!['seconds']!.value).toBeGreaterThan(0.9 * TRUNK_SEC * (iterations + 1));
  expect(vanilla!['seconds']!.value).toBeGreaterThan(fast!['seconds']!.value);
  expect(notes!.at(-1)).toMatch(/one run of the trunk and one fast iteration for each/);
});

it('gives no descents of a network without gradients', async () => {
  const without: TimedNetwork['fast'] = async () => {
    const { filtered: _, ...rest } = await network().fast();
    return rest;
  };
  const { rows } = await measureTimes([network({ fast: without })], options);
  expect(rows.map(({ name }) => name).filter((name) => name.includes('descent'))).toEqual([]);
});
