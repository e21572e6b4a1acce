import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { picturesToChannelsLast } from '../../src/models/channels-last.ts';
import { runSteps } from '../../src/models/classification-network.ts';
import { readNpy } from '../../src/models/npy.ts';
import { loadSqueezeNet } from '../../src/models/squeezenet.ts';
import { dataFolder } from '../support/data.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

describe.skipIf(dataFolder === undefined)('SqueezeNet 1.1 (needs shared data)', () => {
  const folder = join(dataFolder ?? '', 'squeezenet1.1');

  it.each([0, 1, 2])('reproduces its published test vector %i, and leaks no tensor', async (vector) => {
    const before = tf.memory().numTensors;
    const network = await loadSqueezeNet(join(folder, 'weights'));
    const input = picturesToChannelsLast(await readNpy(join(folder, 'test_data_set', String(vector), 'input_0.npy')));
    const expected = await readNpy(join(folder, 'test_data_set', String(vector), 'output_0.npy'));
    const scores = tf.tidy(() => {
      const x = tf.tensor4d(input.data, input.shape as [number, number, number, number]);
      return tf.mean(runSteps(network.steps, x), [1, 2]).dataSync();
    });
    const largest = Math.max(...expected.data);
    const error = Math.max(...scores.map((score, i) => Math.abs(score - expected.data[i]!)));
    expect(error / largest).toBeLessThan(1e-4);
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('readNpy', () => {
  const npy = (header: string, numbers: number[]): Buffer => {
    const text = header.padEnd(117, ' ');
    const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length + 1, 0]);
    return Buffer.concat([head, Buffer.from(`${text}\n`, 'latin1'), new Uint8Array(Float32Array.from(numbers).buffer)]);
  };
  const write = async (bytes: Uint8Array): Promise<string> => {
    const path = join(await mkdtemp(join(tmpdir(), 'l2caf-npy-')), 'x.npy');
    await writeFile(path, bytes);
    return path;
  };

  it('reads shapes of any rank', async () => {
    const path = await write(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", [1, 2, 3, 4, 5, 6]));
    expect(await readNpy(path)).toEqual({ shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    const vector = await write(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", [7, 8]));
    expect((await readNpy(vector)).shape).toEqual([2]);
  });

  it.each([
    ['another type', npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", [1, 2]), 'it holds <f8'],
    ['column order', npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", [1, 2]), 'column order'],
    ['a truncated file', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", [1, 2]), 'truncated'],
    ['something else', Buffer.from('hello, this is no array'), 'not a .npy file'],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(readNpy(await write(bytes))).rejects.toThrow(message);
  });
});
