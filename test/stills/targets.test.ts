import { beforeAll, expect, it } from 'vitest';
import type { FeatureTail } from '../../src/l2caf/tail.ts';
import { useBackend } from '../../src/models/backend.ts';
import { rankClasses, resolveTargets } from '../../src/stills/targets.ts';

beforeAll(async () => {
  await useBackend('wasm');
});

/** With the probabilities 0.2, 0.7 and 0.1. */
const reference = Float32Array.of(0.2, 0.7, 0.1).map(Math.log);

it('ranks classes from the most probable to the least, and takes the targets from there', () => {
  const ranked = rankClasses({ reference } as FeatureTail);
  expect(ranked.map(({ index }) => index)).toEqual([1, 0, 2]);
  expect(ranked.map(({ probability }) => probability)).toEqual([0.7, 0.2, 0.1].map((p) => expect.closeTo(p, 5)));
  expect(ranked[0]!.label).toBe('goldfish');
  expect(
    resolveTargets({ kind: 'top', count: 2 }, ranked).map((target) => target.kind === 'class' && target.index),
  ).toEqual([1, 0]);
});
