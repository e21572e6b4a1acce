import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/base/tensorflow.ts';
import { useBackend } from '../../src/models/backend.ts';
import { lstmFromTorch, lstmStep } from '../../src/models/lstm.ts';
import { runStep, stepRecord } from '../../src/models/lstm-steps.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

describe('lstmFromTorch', () => {
  it('transposes the kernels and adds the biases', () => {
    const lstm = lstmFromTorch({
      weightIh: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), // [4·1, 2]
      weightHh: Float32Array.of(1, 2, 3, 4), // [4, 1]
      biasIh: Float32Array.of(1, 1, 1, 1),
      biasHh: Float32Array.of(0, 1, 2, 3),
    });
    expect(lstm).toMatchObject({ inputSize: 2, units: 1 });
    expect([...lstm.inputKernel]).toEqual([1, 3, 5, 7, 2, 4, 6, 8]); // [2, 4·1]
    expect([...lstm.bias]).toEqual([1, 2, 3, 4]);
  });

  it('refuses arrays that do not belong together', () => {
    const four = new Float32Array(4);
    const torch = { weightIh: new Float32Array(8), weightHh: new Float32Array(5), biasIh: four, biasHh: four };
    expect(() => lstmFromTorch(torch)).toThrow(/recurrentKernel has 5 values/);
  });
});

describe('one step', () => {
  // Gates before activation: i = 0, f = ln 3, g = 1, o = −ln 3; previous cell 2, hidden state without effect.
  const gates = [0, Math.log(3), 1, -Math.log(3)];
  const cell = 0.75 * 2 + 0.5 * Math.tanh(1);

  it('follows the equations, in tensors', () => {
    const next = tf.tidy(() => {
      const state = lstmStep(tf.tensor2d([gates]), tf.tensor2d([[2]]));
      return [state.cell.dataSync()[0], state.hidden.dataSync()[0]];
    });
    expect(next).toEqual([expect.closeTo(cell, 5), expect.closeTo(0.25 * Math.tanh(cell), 5)]);
  });

  it('follows the equations, in double precision', () => {
    const record = stepRecord(1);
    record.gates.set(gates);
    runStep(record, { hidden: Float64Array.of(1), cell: Float64Array.of(2) }, new Float64Array(4));
    expect([record.cell[0], record.hidden[0]]).toEqual([
      expect.closeTo(cell, 12),
      expect.closeTo(0.25 * Math.tanh(cell), 12),
    ]);
  });
});
