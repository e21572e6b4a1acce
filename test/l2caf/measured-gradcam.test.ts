/** Grad-CAM by evaluations alone is Grad-CAM by gradients. */
import { beforeAll, describe, expect, it } from 'vitest';
import { gradCam } from '../../src/l2caf/gradcam.ts';
import { measuredGradCam } from '../../src/l2caf/measured-gradcam.ts';
import { findAttention } from '../../src/l2caf/method.ts';
import type { FeatureTail, MapTail } from '../../src/l2caf/tail.ts';
import { useBackend } from '../../src/models/backend.ts';
import { evaluating } from './evaluating.ts';
import { toyLinearTail, toyRecurrent } from './toys.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

const TAILS: readonly (readonly [string, () => FeatureTail])[] = [
  ['linear', toyLinearTail],
  ['recurrent', () => toyRecurrent().tail],
];

describe.each(TAILS)('of a %s tail', (_, make) => {
  it.each([
    ['relu', { kind: 'embedding' }],
    ['abs', { kind: 'embedding' }],
    ['relu', { kind: 'class', index: 1 }],
    ['abs', { kind: 'class', index: 2 }],
  ] as const)('%s, %j', async (variant, target) => {
    const tail = make();
    const golden = gradCam(tail, target, variant);
    const maps = await measuredGradCam(evaluating(tail), target, variant);
    expect(maps).toHaveLength(tail.slots);
    for (const [slot, { values, height, width }] of maps.entries()) {
      expect({ height, width }).toEqual(tail.grid);
      const expected = golden[slot]!.values;
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const [cell, value] of values.entries())
        expect(Math.abs(value - expected[cell]!)).toBeLessThan(2e-3 * largest);
    }
    tail.dispose();
  });

  it('of some slots, and through the one door', async () => {
    const tail = make();
    const last = tail.slots - 1;
    const [golden] = gradCam(tail, { kind: 'embedding' }, 'abs', [last]);
    const [map, ...others] = await measuredGradCam(evaluating(tail), { kind: 'embedding' }, 'abs', [last]);
    expect(others).toEqual([]);
    const norm = Math.hypot(...golden!.values);
    const { filters, reason } = await findAttention(evaluating(tail), 'gradcam-abs', { slots: [last] });
    expect(reason).toContain('measured');
    for (const [cell, value] of filters[0]!.values.entries()) {
      expect(value).toBeCloseTo(golden!.values[cell]! / norm, 2);
      expect(map!.values[cell]! / norm).toBeCloseTo(value, 2);
    }
    tail.dispose();
  });

  it('refuses a class that there is not', async () => {
    const tail = make();
    await expect(measuredGradCam(evaluating(tail), { kind: 'class', index: 99 })).rejects.toMatchObject({
      code: 'usage',
    });
    tail.dispose();
  });
});

it('is zero where the map is', async () => {
  const tail = toyLinearTail();
  const dark: MapTail = { ...evaluating(tail), mapOf: (slot) => new Float32Array(tail.mapOf(slot).length) };
  const [map] = await measuredGradCam(dark, { kind: 'embedding' }, 'abs');
  expect(Math.max(...map!.values)).toBe(0);
  tail.dispose();
});
