/** High dynamic range to the standard one, against numbers of the standards. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { hlgToNits, pqToNits, toneMapping, toStandard } from '../../../src/video/media/tone-mapping.ts';

describe('light', () => {
  it.each([
    [0, 0],
    [0.508078, 100], // ITU-R BT.2408, table 1 and BT.2100
    [0.580689, 203],
    [0.751827, 1000],
    [1, 10_000],
  ])('of the PQ code %d is %d nits', (code, nits) => {
    expect(pqToNits(code) / Math.max(1, nits)).toBeCloseTo(nits > 0 ? 1 : 0, 3);
  });

  it.each([
    [0, 0],
    [0.5, 1000 * (1 / 12) ** 1.2],
    [0.75, 203],
    [1, 1000],
  ])('of a grey of the HLG code %d is %d nits', (code, nits) => {
    for (const value of hlgToNits([code, code, code])) expect(value).toBeCloseTo(nits, nits === 203 ? -0.5 : 0);
  });

  it('of a colour of HLG is bright as its luminance asks', () => {
    const [red, green, blue] = hlgToNits([0.5, 0, 0]);
    expect(red).toBeCloseTo((1000 / 12) * (0.2627 / 12) ** 0.2, 3);
    expect([green, blue]).toEqual([0, 0]);
    const each = [hlgToNits([0, 0.5, 0])[1], hlgToNits([0, 0, 0.5])[2]];
    expect(each[0]).toBeCloseTo((1000 / 12) * (0.678 / 12) ** 0.2, 3);
    expect(each[1]).toBeCloseTo((1000 / 12) * (0.0593 / 12) ** 0.2, 3);
  });
});

describe('the standard range', () => {
  const grey = (nits: number): number => toStandard([nits, nits, nits])[1];

  it('keeps what is darker than the knee, and has room for what is brighter than white', () => {
    expect(toStandard([0, 0, 0])).toEqual([0, 0, 0]);
    expect(grey(0.5 * 203)).toBeCloseTo(0.5 ** (1 / 2.4), 3);
    expect(grey(0.8 * 203)).toBeCloseTo(0.8 ** (1 / 2.4), 3);
    // Light 1: an excess of 1 of 20.63, compressed to 0.8 + 0.2 · (1 + 1/20.63²) / 2
    expect(grey(203)).toBeCloseTo((0.8 + 0.1 * (1 + 1 / ((1000 / 203 - 0.8) / 0.2) ** 2)) ** (1 / 2.4), 3);
    expect(grey(1000)).toBeCloseTo(1, 3);
    expect(grey(5000)).toBeCloseTo(1, 3);
    const steps = [10, 50, 100, 162, 200, 400, 800, 1000].map(grey);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  it('turns the colours of BT.2020 into those of BT.709', () => {
    const [red, green, blue] = toStandard([0.2 * 203, 0.1 * 203, 0.05 * 203]);
    expect(red).toBeCloseTo((1.6605 * 0.2 - 0.5876 * 0.1 - 0.0728 * 0.05) ** (1 / 2.4), 4);
    expect(green).toBeCloseTo((-0.1246 * 0.2 + 1.1329 * 0.1 - 0.0083 * 0.05) ** (1 / 2.4), 4);
    expect(blue).toBeCloseTo((-0.0182 * 0.2 - 0.1006 * 0.1 + 1.1187 * 0.05) ** (1 / 2.4), 4);
    expect(toStandard([100, 0, 0])[1]).toBe(0); // no standard green is so little green
  });
});

describe('the filters', () => {
  it('are none of the standard range, and a table for each curve, written once', async () => {
    expect(await toneMapping({})).toBeUndefined();
    expect(await toneMapping({ color_transfer: 'bt709' })).toBeUndefined();
    const tables: string[] = [];
    for (const [transfer, middle] of [
      ['arib-std-b67', toStandard(hlgToNits([0.5, 0.25, 0.75]))],
      ['smpte2084', toStandard([pqToNits(0.5), pqToNits(0.25), pqToNits(0.75)])],
    ] as const) {
      const mapping = (await toneMapping({ color_transfer: transfer }))!;
      expect(mapping.colour).toEqual({ matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', range: 'tv' });
      const path = /lut3d=file='?([^,']+)'?,/.exec(mapping.filters)![1]!.replaceAll('\\', '');
      tables.push(path);
      expect((await toneMapping({ color_transfer: transfer }))!.filters).toBe(mapping.filters);
      const lines = (await readFile(path, 'utf8')).trim().split('\n');
      const entries = lines.filter((line) => /^[\d.e-]+ [\d.e-]+ [\d.e-]+$/.test(line));
      expect(entries).toHaveLength(33 ** 3);
      // Red is the fastest to change: its half, a quarter of green, three quarters of blue.
      const own = entries[16 + 33 * (8 + 33 * 24)]!.split(' ').map(Number);
      for (const [i, value] of own.entries()) expect(value).toBeCloseTo(middle[i]!, 4);
    }
    expect(new Set(tables).size).toBe(2);
  });
});
