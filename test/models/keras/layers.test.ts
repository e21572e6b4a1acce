import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../../src/base/tensorflow.ts';
import { isFeatureTail } from '../../../src/l2caf/tail.ts';
import { useBackend } from '../../../src/models/backend.ts';
import { KerasNetwork } from '../../../src/models/keras/keras-network.ts';
import { asH5, asModelJson, CASES, type FixtureCase, framesFor, inKeras2Words } from './fixtures.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

/** What a network makes of its fixture's frames. */
async function outputsOf(path: string, fixture: FixtureCase): Promise<number[][]> {
  const network = await KerasNetwork.open(path);
  const names = network.outputs.filter(({ name }) => name !== 'outputs').map(({ name }) => name);
  network.dispose();
  const raw = await KerasNetwork.open(path, { outputs: names.map((name) => ({ name, kind: 'numbers' })) });
  try {
    const maps = await raw.features(framesFor(fixture));
    return names.map((name) => {
      const tail = raw.tail(maps, name);
      try {
        return [...tail.reference];
      } finally {
        tail.dispose();
      }
    });
  } finally {
    raw.dispose();
  }
}

function close(values: readonly number[]) {
  const largest = Math.max(...values.map(Math.abs));
  return values.map((value) => expect.closeTo(value, 4 - Math.ceil(Math.log10(Math.max(largest, 1)))));
}

describe.each(CASES)('the network $name', (fixture) => {
  it('gives what Keras gives, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const outputs = await outputsOf(await asModelJson(fixture), fixture);
    expect(outputs).toEqual(fixture.outputs.map(close));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is the same from an .h5 file', async () => {
    expect(await outputsOf(await asH5(fixture), fixture)).toEqual(fixture.outputs.map(close));
  });

  it('has rows that do not influence each other, and slopes that agree', async () => {
    const network = await KerasNetwork.open(await asModelJson(fixture));
    const tail = network.tail(await network.features(framesFor(fixture)));
    const { height, width } = tail.grid;
    const cells = height * width;
    const rows = 2 * tail.slots;
    const slots = Array.from({ length: rows }, (_, row) => row % tail.slots);
    const filters = Float32Array.from({ length: rows * cells }, (_, i) => 0.3 + 0.9 * Math.sin(i * 1.7) ** 2);
    const together = await tail.evaluate(filters, slots);
    for (const [row, slot] of slots.entries()) {
      const alone = await tail.evaluate(filters.slice(row * cells, (row + 1) * cells), [slot]);
      expect([...together.slice(row * tail.outputSize, (row + 1) * tail.outputSize)]).toEqual(close([...alone]));
    }
    const maps = slots.map((slot, row) => {
      const map = tail.mapOf(slot);
      const channels = map.length / cells;
      return map.map((value, i) => value * filters[row * cells + Math.floor(i / channels)]!);
    });
    const channels = maps[0]!.length / cells;
    const flat = new Float32Array(rows * cells * channels);
    for (const [row, map] of maps.entries()) flat.set(map, row * map.length);
    expect([...(await tail.evaluateMaps(flat, slots))]).toEqual(close([...together]));
    if (isFeatureTail(tail)) {
      const sum = (x: tf.Tensor): tf.Scalar => tf.sum(tail.filtered(x as tf.Tensor3D, [0]));
      const start = Float32Array.from(filters.slice(0, cells));
      const gradient = tf.tidy(() =>
        tf
          .grad(sum)(tf.tensor3d(start, [1, height, width]))
          .dataSync(),
      );
      const direction = Float32Array.from(start, (_, i) => Math.cos(3 * i));
      const at = async (step: number): Promise<number> =>
        (
          await tail.evaluate(
            start.map((value, i) => value + step * direction[i]!),
            [0],
          )
        ).reduce((a, b) => a + b);
      const slope = ((await at(1e-3)) - (await at(-1e-3))) / 2e-3;
      const along = Array.from(gradient).reduce((total, value, i) => total + value * direction[i]!, 0);
      const scale = Math.hypot(...gradient) * Math.hypot(...direction);
      expect(Math.abs(slope - along)).toBeLessThan(0.02 * Math.max(scale, 0.1));
    }
    tail.dispose();
    network.dispose();
  });
});

describe('the words of Keras 2', () => {
  it.each(CASES.filter(({ name }) => ['residual', 'td-lstm', 'nested', 'bidirectional', 'gru'].includes(name)))(
    'make the same network $name',
    async (fixture) => {
      const path = await asH5({ ...fixture, topology: inKeras2Words(fixture.topology) as FixtureCase['topology'] });
      expect(await outputsOf(path, fixture)).toEqual(fixture.outputs.map(close));
    },
  );
});
