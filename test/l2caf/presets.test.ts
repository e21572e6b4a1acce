import { describe, expect, it } from 'vitest';
import { PRESET_NAMES, presetTable } from '../../src/l2caf/presets.ts';

describe('presetTable', () => {
  it('lists what differs, and marks what a source leaves open', () => {
    expect(presetTable().map(({ setting, values }) => [setting, ...PRESET_NAMES.map((name) => values[name])])).toEqual([
      ['class-oblivious loss', 'sum of squares', 'mean of squares', 'mean of squares (ours)', 'mean of squares'],
      ['optimiser', 'Adam, ε 1e-8 (ours)', 'Adam, ε 1e-8', 'Adam, ε 1e-8', 'SGD, no momentum'],
      ['learning rate', '0.1 (ours)', '0.5', '0.5', '0.5'],
      ['schedule', 'linear to 0.00001 (ours)', 'linear to 0', 'linear to 0', 'linear to 0.00001'],
      ['max iterations', '1000 (ours)', '1000', '1000', '1000'],
      ['start', 'U[0, 1]', 'N(0, 1)', 'N(0, 1)', 'ones'],
      ['tolerance', '0.00001', '0.000001', '0.0001', '0.000001'],
    ]); // all are checked every 50 iterations
  });
});
