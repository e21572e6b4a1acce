import { describe, expect, it } from 'vitest';
import { presetTable } from '../../src/l2caf/presets.ts';

describe('presetTable', () => {
  it('lists what differs, and marks what a source leaves open', () => {
    const table = new Map(presetTable().map(({ setting, values }) => [setting, values]));
    expect(table.get('start')).toEqual({ paper: 'U[0, 1]', tf1: 'N(0, 1)', 'tf1-fast': 'N(0, 1)', pytorch: 'ones' });
    expect(table.get('tolerance')).toEqual({
      paper: '0.00001',
      tf1: '0.000001',
      'tf1-fast': '0.0001',
      pytorch: '0.000001',
    });
    expect(table.get('learning rate')?.paper).toBe('0.1 (ours)');
    expect(table.has('checked every')).toBe(false); // all agree on 50
  });
});
